"""The point posterior: a plain autoencoder."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from vaery.core.density import Density, keep_known
from vaery.core.random import Random
from vaery.nets.merge import Merge


class Point(nn.Module):
    """All mass at one point, a linear map of the merged features: no noise and no prior term.

    There is no density at a point, so what is called a *bound* elsewhere is none here: it is the log-likelihood at that
    point, and ``log_weight`` adds the prior's density to it. Generating needs a prior that was fitted to the encoded
    rows after training (Ghosh et al., 2020).

    Args:
        size: Z, of the latent.
        context: C, of what earlier stops carry.
        fields: N, how many fields are encoded.
        features: F, of each field's features.
    """

    def __init__(self, size: int, context: int, fields: int = 1, features: int = 1) -> None:
        super().__init__()
        self.merge = Merge(fields, features)
        self.head = nn.Linear(features + context, size)

    def forward(self, features: Any, context: Tensor) -> PointDensity:
        """``features.values [B, N, F]``, ``features.present [B, N]``, ``context [S, B, C]`` → ``[S, B, Z]``."""
        h = self.merge(features.values, features.present)
        return PointDensity(self.head(torch.cat([h.expand(len(context), *h.shape), context], -1)))


class PointDensity(Density):
    """All mass at ``loc [S, B, Z]``: log-probabilities and divergences are zero by convention."""

    def __init__(self, loc: Tensor) -> None:
        self.loc = loc

    def log_prob(self, value: Tensor, known: Tensor | None = None) -> Tensor:
        return torch.zeros(torch.broadcast_shapes(value.shape, self.loc.shape)[:-1], device=value.device)

    def sample(self, rng: Random, value: Tensor | None = None, known: Tensor | None = None) -> Tensor:
        return keep_known(self.loc, value, known, 1)

    def mean(self) -> Tensor:
        return self.loc

    def mode(self) -> Tensor:
        return self.loc

    def kl(self, other: Density) -> Tensor:
        """Zeros ``[S, B, Z]``: a plain autoencoder has no prior term."""
        return torch.zeros_like(self.loc)
