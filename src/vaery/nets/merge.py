"""Merging the features of any subset of fields into one vector."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Merge(nn.Module):
    """``values [B, N, F]``, ``present [B, N]`` → ``[B, F]``.

    One field passes through untouched. Several are laid side by side, zeros where absent, with their presence.
    """

    def __init__(self, fields: int, width: int) -> None:
        super().__init__()
        self.mix = nn.Sequential(nn.Linear(fields * (width + 1), width), nn.SiLU()) if fields > 1 else None

    def forward(self, values: Tensor, present: Tensor) -> Tensor:
        if self.mix is None:
            return values[:, 0]
        return self.mix(torch.cat([values.flatten(1), present.to(values.dtype)], 1))
