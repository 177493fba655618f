"""Families of one shape, moved and stretched: a location and a scale at each position."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from torch import Tensor

from vaery.core.density import Elementwise, Family
from vaery.core.raw import bounded, full_precision

WIDEST = 3.0  # the largest log-scale: 20 times the spread of standardised data


class LocationScaleDensity(Elementwise):
    """A shape at each position, whose mean and mode are its location.

    Args:
        loc: locations.
        log_scale: logarithms of the scales, same shape.
    """

    def __init__(self, loc: Tensor, log_scale: Tensor) -> None:
        self.loc, self.log_scale = loc, log_scale
        self.shape = loc.shape

    def standard(self, value: Tensor) -> Tensor:
        """How many scales a value is from the location."""
        return (value - self.loc) * torch.exp(-self.log_scale)

    def placed(self, standard: Tensor) -> Tensor:
        """The inverse of :meth:`standard`."""
        return self.loc + self.log_scale.exp() * standard

    def mean(self) -> Tensor:
        return self.loc

    def mode(self) -> Tensor:
        return self.loc


class LocationScale(Family):
    """Raw numbers: loc, log-scale. Zeros give location 0 and scale 1, for standardised numbers.

    Args:
        floor: the smallest scale. It keeps a density from growing without end on repeated values.
    """

    size = 2
    located = True
    density: ClassVar[type[LocationScaleDensity]]

    def __init__(self, floor: float = math.exp(-5)) -> None:
        super().__init__()
        self.narrowest = math.log(floor)

    def forward(self, raw: Tensor, around: tuple[Tensor, Tensor] | None = None) -> LocationScaleDensity:
        loc, log_scale = full_precision(raw).unbind(-1)
        return self.density(*self.place(loc, log_scale, around))

    def place(self, loc: Tensor, log_scale: Tensor, around: tuple[Tensor, Tensor] | None) -> tuple[Tensor, Tensor]:
        """Locations and bounded log-scales of raw ones, which count from ``around``, if that is said."""
        if around is not None:
            loc, log_scale = around[0] + around[1] * loc, log_scale + around[1].log()
        return loc, bounded(log_scale, self.narrowest, WIDEST)
