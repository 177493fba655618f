"""The Poisson distribution: counts whose variance is their mean."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vaery.core.density import Elementwise, Family, quantile
from vaery.core.random import Random
from vaery.core.raw import bounded, full_precision

LARGEST = 1e12  # counts beyond it are as good as infinite


class Poisson(Family):
    """``log p(k) = k log rate − rate − log k!``, for counts 0, 1, 2, … as they are.

    Raw number: the log-rate, relative to ``mean``.

    Args:
        mean: the rate that zeros give; the counts' mean is a good start.

    >>> density = Poisson(mean=3.0)(torch.zeros(1))
    >>> density.mean()
    tensor(3.)
    """

    size = 1

    def __init__(self, mean: float = 1.0) -> None:
        super().__init__()
        self.start = math.log(mean)

    def forward(self, raw: Tensor) -> PoissonDensity:
        return PoissonDensity(bounded(full_precision(raw).squeeze(-1) + self.start, -15.0, 20.0))


class PoissonDensity(Elementwise):
    """A Poisson at each position.

    Args:
        log_rate: logarithms of the rates.
    """

    discrete = True

    def __init__(self, log_rate: Tensor) -> None:
        self.log_rate = log_rate
        self.shape = log_rate.shape

    def log_prob(self, value: Tensor) -> Tensor:
        """In double precision inside: the terms of a large count are far larger than their sum."""
        k, log_rate = value.double(), self.log_rate.double()
        return (k * log_rate - log_rate.exp() - torch.lgamma(k + 1)).to(self.log_rate.dtype)

    def sample(self, rng: Random) -> Tensor:
        if rng.share_rows:  # rows of different rates must use the same random numbers
            return quantile(self, rng.uniform(tuple(self.shape)))
        return torch.poisson(self.mean().detach(), generator=rng.generator)

    def mean(self) -> Tensor:
        return self.log_rate.exp()

    def mode(self) -> Tensor:
        return self.mean().floor()

    def cdf(self, value: Tensor) -> Tensor:
        k = value.double().floor().clamp(-1, LARGEST)
        rate = self.log_rate.double().exp()
        found = torch.special.gammaincc(k.clamp(min=0) + 1, rate).to(self.log_rate.dtype)
        return torch.where(k < 0, torch.zeros_like(found), found)
