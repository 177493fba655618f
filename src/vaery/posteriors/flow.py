"""The flow posterior: a Gaussian of the features, bent by a normalising flow of the features."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from vaery.core.gaussian import from_raw
from vaery.nets.flow import FlowDensity, SplineFlow
from vaery.nets.merge import Merge


class Flow(nn.Module):
    """q(z | features, context): z = μ + σ · T(noise), with T a coupling spline flow (Rezende and Mohamed, 2015; Durkan
    et al., 2019).

    Starts as the Gaussian posterior. Coupling layers are as quick in both directions, so that the density of any value
    is exact and has a gradient, not only that of the posterior's own draws.

    Args:
        size: Z, of the latent.
        context: C, of what earlier stops carry.
        fields: N, how many fields are encoded.
        features: F, of each field's features.
        transforms: layers of the flow.
        hidden: width of each layer's network, and of what it sees of the features.
    """

    def __init__(
        self, size: int, context: int, fields: int = 1, features: int = 1, transforms: int = 2, hidden: int = 64
    ) -> None:
        super().__init__()
        self.merge = Merge(fields, features)
        self.head = nn.Linear(features + context, 2 * size)
        self.see = nn.Sequential(nn.Linear(features + context, hidden), nn.SiLU())
        self.flow = SplineFlow(size, hidden, transforms, hidden, passes=2)

    def forward(self, features: Any, context: Tensor) -> FlowDensity:
        """``features.values [B, N, F]``, ``features.present [B, N]``, ``context [S, B, C]`` → density of
        ``[S, B, Z]``."""
        h = self.merge(features.values, features.present)
        h = torch.cat([h.expand(len(context), *h.shape), context], -1)
        base = from_raw(self.head(h))
        return FlowDensity(self.flow(self.see(h).to(base.loc.dtype)), base.loc, base.log_scale)
