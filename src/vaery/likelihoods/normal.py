"""The normal distribution: one location and one scale."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vaery.core.density import Elementwise, Family
from vaery.core.gaussian import LOG_2PI
from vaery.core.random import Random
from vaery.core.raw import bounded, full_precision

WIDEST = 3.0  # the largest log-scale: 20 standard deviations of standardised data


class Normal(Family):
    """``log p(x) = −½ ((x − loc) / scale)² − log scale − ½ log 2π``, for standardised numbers.

    Raw numbers: loc, log-scale. Zeros give the standard normal.

    Args:
        floor: the smallest scale. It keeps a density from growing without end on repeated values.

    >>> density = Normal()(torch.zeros(3, 2))
    >>> density.log_prob(torch.tensor(0.0))
    tensor([-0.9189, -0.9189, -0.9189])
    """

    size = 2
    located = True

    def __init__(self, floor: float = math.exp(-5)) -> None:
        super().__init__()
        self.narrowest = math.log(floor)

    def forward(self, raw: Tensor, around: tuple[Tensor, Tensor] | None = None) -> NormalDensity:
        loc, log_scale = full_precision(raw).unbind(-1)
        if around is not None:
            loc, log_scale = around[0] + around[1] * loc, log_scale + around[1].log()
        return NormalDensity(loc, bounded(log_scale, self.narrowest, WIDEST))


class NormalDensity(Elementwise):
    """A normal at each position.

    Args:
        loc: means.
        log_scale: logarithms of the standard deviations, same shape.
    """

    def __init__(self, loc: Tensor, log_scale: Tensor) -> None:
        self.loc, self.log_scale = loc, log_scale
        self.shape = loc.shape

    def log_prob(self, value: Tensor) -> Tensor:
        return -0.5 * (self._standard(value).square() + LOG_2PI) - self.log_scale

    def sample(self, rng: Random) -> Tensor:
        return self.loc + self.log_scale.exp() * rng.normal(tuple(self.shape))

    def transport(self, u: Tensor) -> Tensor:
        return self.loc + self.log_scale.exp() * torch.special.ndtri(u)

    def mean(self) -> Tensor:
        return self.loc

    def mode(self) -> Tensor:
        return self.loc

    def cdf(self, value: Tensor) -> Tensor:
        return torch.special.ndtr(self._standard(value))

    def _standard(self, value: Tensor) -> Tensor:
        return (value - self.loc) * torch.exp(-self.log_scale)
