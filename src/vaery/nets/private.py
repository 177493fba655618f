"""A latent of a field's own, beside the one that all fields share: for what no other field has to do with."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from vaery.core.gaussian import Gaussian, from_raw


class PrivatePosterior(nn.Module):
    """q(own latent | context, the field's own features): the prior moved and rescaled (Vahdat and Kautz, 2020).

    It starts as the prior, and is the prior in rows where the field is not known: what no one knows of it is drawn as
    the shared latent suggests.

    Args:
        prior: of the same level; context ``[S, B, C]`` → Gaussian.
        field: whose features it reads.
        size: Z, of the latent.
        context: C, of what earlier stops carry.
        features: F, of the field's features.
        width: of the network.
    """

    def __init__(self, prior: nn.Module, field: str, size: int, context: int, features: int, width: int = 128) -> None:
        super().__init__()
        self._prior, self.field = (prior,), field  # in a tuple: its weights are the prior's own
        self.see, self.hear = nn.Linear(features, width), nn.Linear(context, width, bias=False)
        self.out = nn.Linear(width, 2 * size)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, features: Any, context: Tensor) -> Gaussian:
        """``features.own[field]``, ``context [S, B, C]`` → density of ``[S, B, Z]``."""
        prior = self._prior[0](context)
        own = features.own.get(self.field)
        if own is None:
            return prior
        seen, present = own
        change = from_raw(self.out(F.silu(self.see(seen) + self.hear(context))))
        here = present[:, None].to(change.loc.dtype)
        loc = prior.loc + here * prior.log_scale.exp() * change.loc
        return Gaussian(loc, prior.log_scale + here * change.log_scale)
