"""The product of experts: each field has its say about the latent, and absent fields have none."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from vaery.core.gaussian import Gaussian
from vaery.nets.experts import Experts, multiplied


class Product(Experts):
    """q(z | features, context) ∝ N(z; 0, I) Π over present fields N(z; μ_n, σ_n²) (Wu and Goodman, 2018).

    In closed form: precisions add up, means are weighted by them. The first factor is always there; below the top
    level it is a Gaussian of the context that starts at N(0, I).

    Args:
        size: Z, of the latent.
        context: C, of what earlier stops carry.
        fields: N, how many fields are encoded.
        features: F, of each field's features.
    """

    def forward(self, features: Any, context: Tensor) -> Gaussian:
        """``features.values [B, N, F]``, ``features.present [B, N]``, ``context [S, B, C]`` → density of
        ``[S, B, Z]``."""
        merged = multiplied(self.first(context), *self.opinions(features, context), features.present[:, None])
        return Gaussian(*(t.squeeze(2) for t in merged))
