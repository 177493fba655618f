"""The product of experts: each field has its say about the latent, and absent fields have none."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from vaery.core.gaussian import Gaussian, from_raw


class Product(nn.Module):
    """q(z | features, context) ∝ N(z; 0, I) Π over present fields N(z; μ_n, σ_n²) (Wu and Goodman, 2018).

    In closed form: precisions add up, means are weighted by them. The first factor is always there; below the top
    level it is a Gaussian of the context that starts at N(0, I).

    Args:
        size: Z, of the latent.
        context: C, of what earlier stops carry.
        fields: N, how many fields are encoded.
        features: F, of each field's features.
    """

    def __init__(self, size: int, context: int, fields: int = 1, features: int = 1) -> None:
        super().__init__()
        self.size = size
        self.experts = nn.ModuleList(nn.Linear(features + context, 2 * size) for _ in range(fields))
        self.base = nn.Linear(context, 2 * size) if context else None
        if self.base is not None:
            nn.init.zeros_(self.base.weight)
            nn.init.zeros_(self.base.bias)

    def forward(self, features: Any, context: Tensor) -> Gaussian:
        """``features.values [B, N, F]``, ``features.present [B, N]``, ``context [S, B, C]`` → density of
        ``[S, B, Z]``."""
        raw = context.new_zeros(*context.shape[:2], 2 * self.size) if self.base is None else self.base(context)
        first = from_raw(raw)
        precision = torch.exp(-2 * first.log_scale)
        weighted = precision * first.loc
        for n, expert in enumerate(self.experts):
            h = features.values[:, n].expand(len(context), -1, -1)
            opinion = from_raw(expert(torch.cat([h, context], -1)))
            here = torch.exp(-2 * opinion.log_scale) * features.present[:, n, None]
            precision, weighted = precision + here, weighted + here * opinion.loc
        return Gaussian(weighted / precision, -0.5 * precision.log())
