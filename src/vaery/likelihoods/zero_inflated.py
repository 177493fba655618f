"""More zeros than any other family would give."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from vaery.core.density import Elementwise, Family
from vaery.core.members import member
from vaery.core.random import Random
from vaery.core.raw import full_precision


class ZeroInflated(Family):
    """Zero with probability π, otherwise a draw from another family (Lambert, 1992).

    Raw numbers: the logit of π, then those of the base. For counts the base's own zeros add to π; for real numbers π is
    a point mass at exactly zero, so ``log_prob(0) = log π`` is a log-probability and the rest a log-density.

    Args:
        base: the other family, a member of ``likelihoods``.
        options: arguments of that family.

    >>> density = ZeroInflated("poisson", mean=4.0)(torch.zeros(2))
    >>> density.log_prob(torch.tensor(0.0)).exp()        # ½ + ½ e⁻⁴
    tensor(0.5092)
    """

    def __init__(self, base: str = "poisson", **options: Any) -> None:
        super().__init__()
        self.base: Family = member("likelihoods", base)(**options)
        self.size = 1 + self.base.size

    def forward(self, raw: Tensor) -> ZeroInflatedDensity:
        return ZeroInflatedDensity(full_precision(raw[..., 0]), self.base(raw[..., 1:]))


class ZeroInflatedDensity(Elementwise):
    """Extra zeros at each position.

    Args:
        logits: log-odds of an extra zero.
        base: what the other draws come from, with the same positions.
    """

    def __init__(self, logits: Tensor, base: Elementwise) -> None:
        self.logits, self.base = logits, base
        self.shape = logits.shape
        self.discrete = base.discrete

    def log_prob(self, value: Tensor) -> Tensor:
        log_extra = F.logsigmoid(self.logits)
        other = F.logsigmoid(-self.logits) + self.base.log_prob(value)
        at_zero = torch.logaddexp(log_extra, other) if self.discrete else log_extra
        return torch.where(value == 0, at_zero, other)

    def sample(self, rng: Random) -> Tensor:
        extra = rng.uniform(tuple(self.shape)) < torch.sigmoid(self.logits)
        drawn = self.base.sample(rng)
        return torch.where(extra, torch.zeros_like(drawn), drawn)

    def mean(self) -> Tensor:
        return torch.sigmoid(-self.logits) * self.base.mean()

    def mode(self) -> Tensor:
        """Zero or the mode of the base, whichever is likelier; for real numbers, zero where π is a half or more."""
        other = self.base.mode()
        zero = torch.zeros_like(other)
        likelier = self.log_prob(zero) >= self.log_prob(other) if self.discrete else self.logits >= 0
        return torch.where(likelier, zero, other)

    def cdf(self, value: Tensor) -> Tensor:
        return torch.sigmoid(-self.logits) * self.base.cdf(value) + torch.sigmoid(self.logits) * (value >= 0)
