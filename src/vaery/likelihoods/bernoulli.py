"""The Bernoulli distribution: yes or no, and binary or grey pixels."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from vaery.core.density import Codes, Family
from vaery.core.random import Random
from vaery.core.raw import full_precision


class Bernoulli(Family):
    """``log p(x) = x·logit − softplus(logit)``.

    Raw number: the logit of P(x = 1). Values between 0 and 1 (grey pixels) are accepted, as is the habit; the formula
    is then a cross-entropy and not the logarithm of a density (Loaiza-Ganem and Cunningham, 2019).

    >>> density = Bernoulli()(torch.zeros(3, 1))
    >>> density.log_prob(torch.tensor([0.0, 1.0, 0.5]))
    tensor([-0.6931, -0.6931, -0.6931])
    """

    size = 1

    def forward(self, raw: Tensor) -> BernoulliDensity:
        return BernoulliDensity(full_precision(raw).squeeze(-1))


class BernoulliDensity(Codes):
    """A coin at each position.

    Args:
        logits: log-odds of a one.
    """

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits
        self.shape = logits.shape

    def log_probs(self) -> Tensor:
        return F.logsigmoid(torch.stack([-self.logits, self.logits], -1))

    def log_prob(self, value: Tensor) -> Tensor:
        value = value.to(self.logits.dtype)
        if value.shape == self.logits.shape[-value.dim() :] and value.numel() == self.logits.numel():
            return -F.binary_cross_entropy_with_logits(self.logits, value.view_as(self.logits), reduction="none")
        # Many draws of a row: its values are not spread out. In place, since fresh memory costs more than the sum.
        return (value * self.logits).sub_(F.softplus(self.logits))

    def sample(self, rng: Random) -> Tensor:
        return (rng.uniform(tuple(self.shape)) < self.mean()).to(self.logits.dtype)

    def mean(self) -> Tensor:
        return torch.sigmoid(self.logits)
