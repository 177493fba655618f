"""The categorical distribution: one of K levels without an order."""

from __future__ import annotations

import torch
from torch import Tensor

from vaery.core.density import Codes, Family, look_up
from vaery.core.random import Random
from vaery.core.raw import full_precision


class Categorical(Family):
    """``log p(k) = raw_k − log Σ_j exp(raw_j)``. Raw numbers: K logits; zeros give equal probabilities.

    Args:
        levels: K. A level that does not exist in one position can be ruled out there by a logit of −1e9.

    >>> density = Categorical(levels=4)(torch.zeros(4))
    >>> density.log_prob(torch.tensor([0.0, 3.0])).exp()
    tensor([0.2500, 0.2500])
    """

    def __init__(self, levels: int) -> None:
        super().__init__()
        self.size = levels

    def forward(self, raw: Tensor) -> CategoricalDensity:
        return CategoricalDensity(full_precision(raw))


class CategoricalDensity(Codes):
    """One of K codes at each position.

    Args:
        logits: unnormalised log-probabilities ``[..., K]``.
    """

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits
        self.shape = logits.shape[:-1]

    def log_probs(self) -> Tensor:
        return torch.log_softmax(self.logits, -1)

    def log_prob(self, value: Tensor) -> Tensor:
        return look_up(self.logits, value) - torch.logsumexp(self.logits, -1)

    def sample(self, rng: Random) -> Tensor:
        return rng.categorical(self.logits).to(self.logits.dtype)
