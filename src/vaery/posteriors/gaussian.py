"""The Gaussian posterior: independent normals whose means and scales are linear in the merged features."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from vaery.core import gaussian
from vaery.nets.merge import Merge


class Gaussian(nn.Module):
    """q(z | features, context) = N(μ, diag σ²) (Kingma and Welling, 2014).

    One linear layer gives μ and log σ together. With one field and no context that is all there is.

    Args:
        size: Z, of the latent.
        context: C, of what earlier stops carry.
        fields: N, how many fields are encoded.
        features: F, of each field's features.

    >>> Gaussian(size=2, context=0, fields=1, features=8)
    Gaussian(
      (merge): Merge()
      (head): Linear(in_features=8, out_features=4, bias=True)
    )
    """

    def __init__(self, size: int, context: int, fields: int = 1, features: int = 1) -> None:
        super().__init__()
        self.merge = Merge(fields, features)
        self.head = nn.Linear(features + context, 2 * size)

    def forward(self, features: Any, context: Tensor) -> gaussian.Gaussian:
        """``features.values [B, N, F]``, ``features.present [B, N]``, ``context [S, B, C]`` → density of
        ``[S, B, Z]``."""
        h = self.merge(features.values, features.present)
        if not context.shape[-1]:  # the same for every draw: computed once
            return gaussian.from_raw(self.head(h).expand(len(context), *h.shape[:-1], -1))
        return gaussian.from_raw(self.head(torch.cat([h.expand(len(context), *h.shape), context], -1)))
