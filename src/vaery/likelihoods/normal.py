"""The normal distribution: one location and one scale."""

from __future__ import annotations

import torch
from torch import Tensor

from vaery.core.gaussian import LOG_2PI
from vaery.core.location_scale import LocationScale, LocationScaleDensity
from vaery.core.random import Random


class NormalDensity(LocationScaleDensity):
    """A normal at each position: means, and logarithms of the standard deviations."""

    def log_prob(self, value: Tensor) -> Tensor:
        return -0.5 * (self.standard(value).square() + LOG_2PI) - self.log_scale

    def sample(self, rng: Random) -> Tensor:
        return self.placed(rng.normal(tuple(self.shape)))

    def transport(self, u: Tensor) -> Tensor:
        return self.placed(torch.special.ndtri(u))

    def cdf(self, value: Tensor) -> Tensor:
        return torch.special.ndtr(self.standard(value))


class Normal(LocationScale):
    """``log p(x) = −½ ((x − loc) / scale)² − log scale − ½ log 2π``, for standardised numbers.

    Raw numbers: loc, log-scale. Zeros give the standard normal.

    Args:
        floor: the smallest scale. It keeps a density from growing without end on repeated values.

    >>> density = Normal()(torch.zeros(3, 2))
    >>> density.log_prob(torch.tensor(0.0))
    tensor([-0.9189, -0.9189, -0.9189])
    """

    density = NormalDensity
