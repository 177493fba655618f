"""Tails: which of the largest values the others do not lead one to expect."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

LEAST = 50  # values under which there is no tail to speak of
SHARE, FEW, MANY = 0.2, 40, 150  # the part of the values that is the tail, and how many these are at least and at most
DOUBT = 1.0  # standard errors that the tail is taken to be heavier than it looks


def beyond(x: NDArray[np.float64], most: int = 20) -> tuple[int, float]:
    """How many of the largest values of ``x`` are too large, and how probable the least of these was at most.

    A generalised Pareto distribution is fitted to the tail of all other values by probability-weighted moments (Hosking
    and Wallis, 1987), its shape taken to be heavier by a standard error. The number is the one that is hardest to
    explain: of all the cuts between the largest values, the one beyond which a value is least probable.

    Args:
        x: at least :data:`LEAST` numbers.
        most: at most so many are looked at.

    >>> beyond(np.r_[np.random.default_rng(0).normal(size=500), 40.0, 50.0])[0]
    2
    """
    ordered = np.sort(_symmetric(x))
    best, chance = 0, 1.0
    for count in range(1, min(most, len(ordered) // 20) + 1):
        p = _chance(ordered[:-count], float(ordered[-count]))
        if p < chance:
            best, chance = count, p
    return best, chance


def _symmetric(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Amounts on the scale of their logarithms, where that is the more symmetric one; ``x`` may be turned around."""
    sign = 1.0 if float(np.median(x)) > 0 else -1.0
    size = sign * x
    if not (size > 0).all():
        return x
    log = np.log(size)
    return sign * log if abs(_skew(log)) < 0.7 * abs(_skew(size)) else x


def _skew(x: NDArray[np.float64]) -> float:
    """Bowley's skewness at the outer tenths: a few outliers do not move it."""
    low, middle, high = np.quantile(x, [0.05, 0.5, 0.95])
    return float((high + low - 2 * middle) / (high - low)) if high > low else 0.0


def _chance(rest: NDArray[np.float64], value: float) -> float:
    """The probability that the largest of as many values as ``rest`` has is ``value`` or more."""
    k = min(int(np.clip(SHARE * len(rest), FEW, MANY)), len(rest) // 2)
    threshold = float(rest[-k - 1])
    excess = rest[-k:] - threshold
    plotting = (np.arange(1, k + 1) - 0.35) / k
    mean, lower = float(excess.mean()), float(((1 - plotting) * excess).mean())
    if mean <= 0 or value <= rest[-1]:
        return 1.0
    shape = 2 - mean / (mean - 2 * lower) if mean > 2 * lower * (1 + 1e-9) else 0.5
    shape = max(0.0, shape + DOUBT * (1 + abs(shape)) / math.sqrt(k))
    scale = mean * (1 - min(shape, 0.9))
    over = (value - threshold) / scale
    survival = math.exp(-over) if shape < 1e-6 else (1 + shape * over) ** (-1 / shape)
    return min(1.0, k * survival)
