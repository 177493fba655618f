"""Estimates with intervals, in closed form."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A number and the interval it lies in."""

    value: float
    low: float
    high: float


def z_of(confidence: float) -> float:
    """The normal quantile that leaves half of the rest on either side.

    >>> round(z_of(0.95), 3)
    1.96
    """
    from scipy.special import ndtri

    return float(ndtri(0.5 + confidence / 2))


def wilson(share: float, n: float, confidence: float) -> Estimate:
    """A share of ``n`` independent trials (Wilson, 1927); ``n`` may be an effective number.

    >>> wilson(0.5, 100, 0.95)
    Estimate(value=0.5, low=0.40383, high=0.59617)
    """
    if n <= 0:
        return Estimate(share, 0.0, 1.0)
    z = z_of(confidence)
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return Estimate(share, max(0.0, middle - half), min(1.0, middle + half))


def clopper_pearson(hits: int, n: int, confidence: float) -> Estimate:
    """A share with an exact interval (Clopper and Pearson, 1934)."""
    from scipy.special import betaincinv

    rest = (1 - confidence) / 2
    low = float(betaincinv(hits, n - hits + 1, rest)) if hits else 0.0
    high = float(betaincinv(hits + 1, n - hits, 1 - rest)) if hits < n else 1.0
    return Estimate(hits / n, low, high)


def excess(a: float, n: float, b: float, m: float, confidence: float) -> Estimate:
    """How much larger share ``a`` of ``n`` is than ``b`` of ``m`` (Newcombe, 1998, from two Wilson intervals)."""
    one, two = wilson(a, n, confidence), wilson(b, m, confidence)
    low = a - b - math.hypot(a - one.low, two.high - b)
    high = a - b + math.hypot(one.high - a, b - two.low)
    return Estimate(a - b, low, high)


def ratio(above: Floats, below: Floats, n: float, confidence: float) -> Estimate:
    """How many times as large as ``below`` ``above`` is, as a rule, from the mean of (a - b) / (a + b) over rows.

    That mean g lies in [-1, 1] whatever the tails, and is zero if a and b may be exchanged; (1 + g) / (1 - g) is the
    ratio it stands for. Two zeros are equal.

    Args:
        above, below: not negative, row by row.
        n: how many independent rows they are worth.
        confidence: of the interval.

    >>> ratio(np.array([1.0, 2.0]), np.array([2.0, 4.0]), 2, 0.95).value
    0.5
    """
    total = above + below
    gap = np.divide(above - below, total, out=np.zeros_like(total), where=total > 0)
    mean, half = float(gap.mean()), z_of(confidence) * math.sqrt(float(np.mean(gap**2)) / max(n, 1.0))
    value, low, high = ((1 + g) / (1 - g) if g < 1 else math.inf for g in (mean, max(-1.0, mean - half), mean + half))
    return Estimate(value, low, high)


def auc(positive: Floats, negative: Floats, confidence: float) -> Estimate:
    """The chance that a positive scores higher than a negative, ties half (DeLong, DeLong and Clarke-Pearson, 1988)."""
    from scipy.stats import rankdata

    n, m = len(positive), len(negative)
    both = rankdata(np.concatenate([positive, negative]))
    over_negative = (both[:n] - rankdata(positive)) / m
    under_positive = 1 - (both[n:] - rankdata(negative)) / n
    value = float(over_negative.mean())
    spread = math.sqrt(_variance(over_negative) / n + _variance(under_positive) / m)
    half = z_of(confidence) * spread
    return Estimate(value, max(0.0, value - half), min(1.0, value + half))


def _variance(x: Floats) -> float:
    return float(x.var(ddof=1)) if len(x) > 1 else 0.25


@dataclass(frozen=True)
class Tail:
    """How many positives score above nearly all negatives.

    Attributes:
        share: of the positives (the true-positive rate).
        false: the share of negatives that do as well.
        p_value: the chance of so many or more if positives and negatives are the same; exact.
    """

    share: Estimate
    false: float
    p_value: float


def tail(positive: Floats, negative: Floats, false: float, confidence: float) -> Tail:
    """The true-positive rate at a false-positive rate of ``false``.

    The threshold comes from the negatives and is uncertain itself. So the interval takes the share (Clopper-Pearson) at
    two thresholds: above the order statistic that is surely high enough, and the one that is surely low enough (each
    end and each threshold with a quarter of the risk); with few negatives none is high enough, and the lower end is 0.
    The p-value is that of a hypergeometric variable: at least x positives above all but k of the m negatives means that
    of the x + k highest of all, k at most are negatives.
    """
    from scipy.stats import binom, hypergeom

    n, m, risk = len(positive), len(negative), (1 - confidence) / 4
    order = np.sort(negative)[::-1]

    def hits(k: int) -> int:
        return int((positive > order[min(k, m - 1)]).sum())

    k = int(false * m)
    sure, loose = int(binom.ppf(risk, m, false)) - 1, int(binom.ppf(1 - risk, m, false))
    low = clopper_pearson(hits(sure), n, 1 - 2 * risk).low if sure >= 0 else 0.0
    high = clopper_pearson(hits(loose), n, 1 - 2 * risk).high
    p_value = float(hypergeom.cdf(k, n + m, m, hits(k) + k)) if hits(k) else 1.0
    return Tail(Estimate(hits(k) / n, low, high), float((negative > order[k]).mean()), p_value)


def exponential_mean(x: Floats, confidence: float) -> Estimate:
    """The mean of exponential variables, with its exact interval (a sum of them is a gamma variable)."""
    from scipy.special import gammaincinv

    total, n, rest = float(x.sum()), len(x), (1 - confidence) / 2
    low, high = (total / float(gammaincinv(n, q)) for q in (1 - rest, rest))
    return Estimate(total / n, low, high)
