"""Scales: monotone maps between a column's own numbers and the numbers a network likes."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

KNOTS = 128  # at most this many knots
FEW = 50  # fewer distinct values than this say too little of a shape: a straight line has to do
PER_SEGMENT = 8  # at least this many values between two knots, or the slope is mostly noise
TINY = 1e-290  # values nearer than this are one: their slope would overflow
REACH = 4.0  # this far beyond the last knot the map is linear; further out it is logarithmic

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scale:
    """An increasing, piecewise linear map through knots, exactly invertible. No knots: the identity.

    Beyond the last knot it goes on in a straight line for ``REACH`` units, then as a logarithm with the same slope, so
    that a reading a million times too large is a large number to the network and not an infinite one.

    Attributes:
        raw: the knots in the column's own numbers, ascending.
        scaled: the same knots as the network sees them, ascending.
        below, above: the slopes (scaled / raw) beyond the first and the last knot.
    """

    raw: tuple[float, ...] = ()
    scaled: tuple[float, ...] = ()
    below: float = 1.0
    above: float = 1.0

    def forward(self, x: Floats) -> Floats:
        """Own numbers → scaled."""
        if not self.raw:
            return np.asarray(x, dtype=np.float64)
        z = np.interp(x, self.raw, self.scaled)
        low, high = x < self.raw[0], x > self.raw[-1]
        if low.any():
            z[low] = self.scaled[0] - _tame(self.below * (self.raw[0] - x[low]))
        if high.any():
            z[high] = self.scaled[-1] + _tame(self.above * (x[high] - self.raw[-1]))
        return z

    def inverse(self, z: Floats) -> Floats:
        """Scaled → own numbers."""
        if not self.raw:
            return np.asarray(z, dtype=np.float64)
        x = np.interp(z, self.scaled, self.raw)
        low, high = z < self.scaled[0], z > self.scaled[-1]
        if low.any():
            x[low] = self.raw[0] - _untame(self.scaled[0] - z[low]) / self.below
        if high.any():
            x[high] = self.raw[-1] + _untame(z[high] - self.scaled[-1]) / self.above
        return x

    def log_slope(self, x: Floats, half: float = 0.0) -> Floats:
        """``log (d scaled / d raw)`` at ``x``; with ``half``: of the mean slope from ``x - half`` to ``x + half``."""
        if not self.raw:
            return np.zeros(np.shape(x))
        with np.errstate(divide="ignore"):
            if half:  # not so near that the difference is lost in rounding
                near = np.maximum(max(half, 1e-10 * (self.raw[-1] - self.raw[0])), 1e-9 * np.abs(x))
                return np.log((self.forward(x + near) - self.forward(x - near)) / (2 * near))
            slopes = np.diff(self.scaled) / np.diff(self.raw)
            at = np.searchsorted(self.raw, x, side="right") - 1
            found = slopes[np.clip(at, 0, len(slopes) - 1)]
            low, high = x < self.raw[0], x > self.raw[-1]
            found[low] = self.below * _fade(self.below * (self.raw[0] - x[low]))
            found[high] = self.above * _fade(self.above * (x[high] - self.raw[-1]))
            return np.log(found)


def _tame(distance: Floats) -> Floats:
    """The distance itself up to ``REACH``, its logarithm beyond, with one slope where they meet."""
    return np.where(distance <= REACH, distance, REACH + REACH * np.log(np.maximum(distance, REACH) / REACH))


def _untame(distance: Floats) -> Floats:
    with np.errstate(over="ignore"):
        return np.where(distance <= REACH, distance, REACH * np.exp((np.maximum(distance, REACH) - REACH) / REACH))


def _fade(distance: Floats) -> Floats:
    return np.where(distance <= REACH, 1.0, REACH / np.maximum(distance, REACH))


def standard(x: Floats) -> Scale:
    """Mean zero, standard deviation one: an affine map (over the range of ``x`` and a little beyond)."""
    low, high = float(x.min()), float(x.max())
    size = max(abs(low), abs(high))
    mean = float(np.mean(x / size) * size) if size else 0.0
    spread = float(np.std(x / size) * size) if size else 0.0
    if not high > low or not spread > TINY:
        spread = abs(low) if abs(low) > TINY else 1.0
        low, high = low - spread, low + spread
    return Scale((low, high), ((low - mean) / spread, (high - mean) / spread), 1 / spread, 1 / spread)


def normal_scores(x: Floats) -> Scale:
    """Each value to the normal quantile of its mid-rank (van der Waerden's scores), through at most ``KNOTS`` knots.

    The knots are evenly spaced in the scores, so that tails get their share, and lie on distinct values, so that
    repeated values do not make the map steep. Fewer than ``FEW`` distinct values are standardised instead.

    >>> scale = normal_scores(np.exp(np.random.default_rng(0).normal(size=2000)))
    >>> bool(np.abs(scale.forward(np.array([1.0]))) < 0.1)
    True
    """
    values, counts = np.unique(x, return_counts=True)
    if len(values) < FEW:
        return standard(x)
    upto = np.cumsum(counts)
    rank = (upto - counts / 2) / upto[-1]
    normal = NormalDist()
    ends = normal.inv_cdf(float(rank[0])), normal.inv_cdf(float(rank[-1]))
    target = [normal.cdf(z) for z in np.linspace(ends[0], ends[1], KNOTS)]
    at = np.unique(np.clip(np.searchsorted(rank, target), 0, len(values) - 1))
    kept = _spread(at, upto)
    raw = tuple(float(values[i]) for i in kept)
    scaled = tuple(normal.inv_cdf(float(rank[i])) for i in kept)
    steep = any(b - a < TINY for a, b in pairwise(raw)) or any(b <= a for a, b in pairwise(scaled))
    if len(kept) < 3 or steep:
        return standard(x)
    tail = max(1, len(kept) // 10)
    below = (scaled[tail] - scaled[0]) / (raw[tail] - raw[0])
    above = (scaled[-1] - scaled[-1 - tail]) / (raw[-1] - raw[-1 - tail])
    return Scale(raw, scaled, below, above)


def _spread(at: NDArray[np.intp], upto: NDArray[np.int64]) -> list[int]:
    """The first knot, the last, and between them those with enough values since the knot before."""
    kept, last = [0], len(upto) - 1
    for i in at.tolist():
        if upto[i] - upto[kept[-1]] >= PER_SEGMENT and i < last:
            kept.append(i)
    while len(kept) > 1 and upto[last] - upto[kept[-1]] < PER_SEGMENT:
        kept.pop()
    return [*kept, last]
