"""The Laplace distribution: a peak with exponential tails."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vaery.core.density import Elementwise, Family
from vaery.core.random import Random
from vaery.core.raw import bounded, full_precision

WIDEST = 3.0  # the largest log-scale: 20 times the spread of standardised data
NARROWEST = -5.0


class Laplace(Family):
    """``log p(x) = −|x − loc| / scale − log scale − log 2``, for standardised numbers.

    Its location is learned as a median is, by absolute and not by squared errors, so that single far-off numbers do not
    pull it (Laplace, 1774). Raw numbers: loc, log-scale. Zeros give loc 0 and scale 1.

    Args:
        floor: the smallest scale. It keeps a density from growing without end on repeated values.

    >>> density = Laplace()(torch.zeros(3, 2))
    >>> density.log_prob(torch.tensor(0.0))
    tensor([-0.6931, -0.6931, -0.6931])
    """

    size = 2
    located = True

    def __init__(self, floor: float = math.exp(NARROWEST)) -> None:
        super().__init__()
        self.narrowest = math.log(floor)

    def forward(self, raw: Tensor, around: tuple[Tensor, Tensor] | None = None) -> LaplaceDensity:
        loc, log_scale = full_precision(raw).unbind(-1)
        if around is not None:
            loc, log_scale = around[0] + around[1] * loc, log_scale + around[1].log()
        return LaplaceDensity(loc, bounded(log_scale, self.narrowest, WIDEST))


class LaplaceDensity(Elementwise):
    """A Laplace distribution at each position.

    Args:
        loc: medians.
        log_scale: logarithms of the scales (mean absolute deviations), same shape.
    """

    def __init__(self, loc: Tensor, log_scale: Tensor) -> None:
        self.loc, self.log_scale = loc, log_scale
        self.shape = loc.shape

    def log_prob(self, value: Tensor) -> Tensor:
        return -self._standard(value).abs() - self.log_scale - math.log(2)

    def sample(self, rng: Random) -> Tensor:
        return self.transport(rng.uniform(tuple(self.shape)))

    def transport(self, u: Tensor) -> Tensor:
        """The quantile, in closed form."""
        side = u - 0.5
        return self.loc - self.log_scale.exp() * side.sign() * torch.log1p(-2 * side.abs())

    def mean(self) -> Tensor:
        return self.loc

    def mode(self) -> Tensor:
        return self.loc

    def cdf(self, value: Tensor) -> Tensor:
        x = self._standard(value)
        return 0.5 - 0.5 * x.sign() * torch.expm1(-x.abs())

    def _standard(self, value: Tensor) -> Tensor:
        return (value - self.loc) * torch.exp(-self.log_scale)
