"""The mixture of experts: one field or another says where the latent is."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vaery.core.mixture import GaussianMixture
from vaery.nets.experts import Experts, chosen_evenly


class Mixture(Experts):
    """q(z | features, context) = mean over present fields of N(z; μ_n, σ_n²) (Shi et al., 2019).

    Each field by itself has to tell everything, so that what one field says of another is learned well, and what
    several say together is not used. Where no field is present, it is N(0, I), or a Gaussian of the context.

    Args:
        size: Z, of the latent.
        context: C, of what earlier stops carry.
        fields: N, how many fields are encoded.
        features: F, of each field's features.
    """

    def forward(self, features: Any, context: Tensor) -> GaussianMixture:
        """``features.values [B, N, F]``, ``features.present [B, N]``, ``context [S, B, C]`` → density of
        ``[S, B, Z]``."""
        first, (loc, log_scale) = self.first(context), self.opinions(features, context)
        present = features.present
        allowed = torch.cat([~present.any(1, keepdim=True), present], 1)
        loc = torch.cat([first.loc[:, :, None], loc], 2)
        log_scale = torch.cat([first.log_scale[:, :, None], log_scale], 2)
        return GaussianMixture(loc, log_scale, chosen_evenly(allowed))
