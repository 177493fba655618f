"""The Laplace distribution: a peak with exponential tails."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vaery.core.location_scale import LocationScale, LocationScaleDensity
from vaery.core.random import Random


class LaplaceDensity(LocationScaleDensity):
    """A Laplace distribution at each position: medians, and logarithms of the mean absolute deviations."""

    def log_prob(self, value: Tensor) -> Tensor:
        return -self.standard(value).abs() - self.log_scale - math.log(2)

    def sample(self, rng: Random) -> Tensor:
        return self.transport(rng.uniform(tuple(self.shape)))

    def transport(self, u: Tensor) -> Tensor:
        """The quantile, in closed form."""
        side = u - 0.5
        return self.placed(-side.sign() * torch.log1p(-2 * side.abs()))

    def cdf(self, value: Tensor) -> Tensor:
        x = self.standard(value)
        return 0.5 - 0.5 * x.sign() * torch.expm1(-x.abs())


class Laplace(LocationScale):
    """``log p(x) = −|x − loc| / scale − log scale − log 2``, for standardised numbers.

    Its location is learned as a median is, by absolute and not by squared errors, so that single far-off numbers do not
    pull it (Laplace, 1774). Raw numbers: loc, log-scale. Zeros give loc 0 and scale 1.

    Args:
        floor: the smallest scale. It keeps a density from growing without end on repeated values.

    >>> density = Laplace()(torch.zeros(3, 2))
    >>> density.log_prob(torch.tensor(0.0))
    tensor([-0.6931, -0.6931, -0.6931])
    """

    density = LaplaceDensity
