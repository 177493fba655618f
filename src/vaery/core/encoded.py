"""Encoded rows: what a prior is fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Encoded:
    """Draws of a level, and what the walk had visited before it.

    Attributes:
        z: ``[n, Z]``.
        context: ``[n, C]``; C is 0 at the top of a walk.
    """

    z: Tensor
    context: Tensor

    @classmethod
    def alone(cls, z: Tensor) -> Encoded:
        """Of a level at the top of the walk."""
        return cls(z, z.new_zeros(len(z), 0))

    @classmethod
    def cat(cls, parts: Sequence[Encoded]) -> Encoded:
        return cls(torch.cat([part.z for part in parts]), torch.cat([part.context for part in parts]))

    def __len__(self) -> int:
        return len(self.z)

    def __getitem__(self, rows: Tensor | slice) -> Encoded:
        return Encoded(self.z[rows], self.context[rows])

    def log_prob(self, prior: nn.Module) -> Tensor:
        """``[n]`` how probable a prior finds them, in nats."""
        return prior(self.context[None]).log_prob(self.z[None])[0]
