"""The negative binomial distribution: counts that vary more than a Poisson's."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from vaery.core.density import Elementwise, Family, quantile
from vaery.core.random import Random
from vaery.core.raw import bounded, full_precision

LARGEST = 1e12  # counts beyond it are as good as infinite


class NegativeBinomial(Family):
    """A Poisson whose rate is Gamma-distributed, with mean μ and variance ``μ + α μ²`` (Cameron and Trivedi's NB2).

    ``log p(k) = log Γ(k + r) − log Γ(r) − log k! + r log(r / (r + μ)) + k log(μ / (r + μ))``, ``r = 1/α``, for counts
    0, 1, 2, … as they are. Raw numbers: log-mean, relative to ``mean``, and log-dispersion log α; zeros give α = 1.

    Args:
        mean: the mean that zeros give; the counts' own is a good start.
    """

    size = 2

    def __init__(self, mean: float = 1.0) -> None:
        super().__init__()
        self.start = math.log(mean)

    def forward(self, raw: Tensor) -> NegativeBinomialDensity:
        log_mean, log_dispersion = full_precision(raw).unbind(-1)
        return NegativeBinomialDensity(bounded(log_mean + self.start, -15.0, 20.0), bounded(log_dispersion, -10.0, 5.0))


class NegativeBinomialDensity(Elementwise):
    """A negative binomial at each position.

    Args:
        log_mean: log μ.
        log_dispersion: log α, same shape.
    """

    discrete = True

    def __init__(self, log_mean: Tensor, log_dispersion: Tensor) -> None:
        self.log_mean, self.log_dispersion = log_mean, log_dispersion
        self.shape = log_mean.shape

    def log_prob(self, value: Tensor) -> Tensor:
        """In double precision inside: the terms of a large count are far larger than their sum."""
        k, odds, r = value.double(), self._log_odds(), self._failures()
        ways = torch.lgamma(k + r) - torch.lgamma(r) - torch.lgamma(k + 1)
        return (ways + r * F.logsigmoid(-odds) + k * F.logsigmoid(odds)).to(self.log_mean.dtype)

    def sample(self, rng: Random) -> Tensor:
        if rng.share_rows:  # rows of different means must use the same random numbers
            return quantile(self, rng.uniform(tuple(self.shape)))
        r = self._failures().detach()
        rate = torch._standard_gamma(r, generator=rng.generator) * self._log_odds().detach().exp()
        return torch.poisson(rate, generator=rng.generator).to(self.log_mean.dtype)

    def mean(self) -> Tensor:
        return self.log_mean.exp()

    def mode(self) -> Tensor:
        return (self.mean() * -torch.expm1(self.log_dispersion)).floor().clamp(min=0)

    def cdf(self, value: Tensor) -> Tensor:
        """By SciPy on the CPU, since torch lacks the incomplete beta function: for queries, without a gradient."""
        from scipy.special import betainc

        k = value.detach().double().floor().clamp(-1, LARGEST).cpu()
        r, p = self._failures().detach().cpu().numpy(), torch.sigmoid(-self._log_odds()).detach().cpu().numpy()
        found = torch.as_tensor(betainc(r, k.clamp(min=0).numpy() + 1, p))
        return torch.where(k < 0, torch.zeros_like(found), found).to(self.log_mean)

    def _log_odds(self) -> Tensor:
        """log(μ / r): the log-odds of one more count."""
        return self.log_mean.double() + self.log_dispersion.double()

    def _failures(self) -> Tensor:
        return torch.exp(-self.log_dispersion.double())
