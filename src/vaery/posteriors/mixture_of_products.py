"""The mixture of products of experts: any subset of the fields says where the latent is."""

from __future__ import annotations

import itertools
from typing import Any

import torch
from torch import Tensor

from vaery.core.mixture import GaussianMixture
from vaery.nets.experts import Experts, chosen_evenly, multiplied

MOST = 5  # fields of which all subsets are taken: 31 of them


class MixtureOfProducts(Experts):
    """q(z | features, context) = mean over subsets of the present fields of the product of these (Sutter et al., 2021).

    Each product is as in ``product``, with N(0, I) as its first factor; the empty subset counts only where no field is
    present. Of more than five fields, the subsets are the single fields and all that are present.

    Args:
        size: Z, of the latent.
        context: C, of what earlier stops carry.
        fields: N, how many fields are encoded.
        features: F, of each field's features.
    """

    subsets: Tensor

    def __init__(self, size: int, context: int, fields: int = 1, features: int = 1) -> None:
        super().__init__(size, context, fields, features)
        self.all_of_them = fields <= MOST
        sizes = range(fields + 1) if self.all_of_them else (1, fields)
        subsets = [set(s) for n in sizes for s in itertools.combinations(range(fields), n)]
        table = torch.tensor([[n in s for n in range(fields)] for s in subsets])
        self.register_buffer("subsets", table, persistent=False)

    def forward(self, features: Any, context: Tensor) -> GaussianMixture:
        """``features.values [B, N, F]``, ``features.present [B, N]``, ``context [S, B, C]`` → density of
        ``[S, B, Z]``."""
        present = features.present
        among = present[:, None] & self.subsets  # [B, K, N]
        allowed = (among == self.subsets).all(-1)
        if self.all_of_them:
            allowed &= self.subsets.any(1) == present.any(1, keepdim=True)  # the empty one, or all others
        else:
            allowed[:, -1] = True  # the product of whatever is present
        return GaussianMixture(
            *multiplied(self.first(context), *self.opinions(features, context), among), chosen_evenly(allowed)
        )
