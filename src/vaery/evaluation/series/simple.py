"""What anybody would try first: a straight line between known values, the last known value, distances in a channel."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Fill = Callable[[NDArray[np.int64], NDArray[np.int64], Floats], Floats]  # steps, known ones, what these hold → values
AROUND = 25  # steps of a moving median


def straight(x: Floats, series: NDArray[np.int64]) -> Floats:
    """``[R, C]`` gaps filled by straight lines between known values of the same series; ends are carried on.

    >>> straight(np.array([[0.0], [np.nan], [2.0], [np.nan]]), np.zeros(4, int))[:, 0].tolist()
    [0.0, 1.0, 2.0, 2.0]
    """
    return _each(x, series, lambda at, known, values: np.interp(at, known, values))


def carried(x: Floats, series: NDArray[np.int64]) -> Floats:
    """The last known value; before the first one, the first.

    >>> carried(np.array([[np.nan], [1.0], [np.nan], [2.0]]), np.zeros(4, int))[:, 0].tolist()
    [1.0, 1.0, 1.0, 2.0]
    """
    return _each(x, series, lambda at, known, values: values[np.clip(np.searchsorted(known, at, "right") - 1, 0, None)])


def _each(x: Floats, series: NDArray[np.int64], fill: Fill) -> Floats:
    out = x.copy()
    for one in np.unique(series):
        rows = np.flatnonzero(series == one)
        at = np.arange(len(rows))
        for c in range(x.shape[1]):
            known = np.flatnonzero(np.isfinite(x[rows, c]))
            out[rows, c] = fill(at, known, x[rows, c][known]) if len(known) else 0.0  # the mean of the channel
    return out


def off_median(x: Floats, series: NDArray[np.int64]) -> Floats:
    """``[R, C]`` how far values are from the moving median of their series, in median distances of the channel."""
    from scipy.ndimage import median_filter

    filled, away = straight(x, series), np.zeros_like(x)
    for one in np.unique(series):
        rows = series == one
        away[rows] = np.abs(filled[rows] - median_filter(filled[rows], (AROUND, 1), mode="nearest"))
    return _in_median_distances(np.where(np.isfinite(x), away, np.nan))


def jumps(x: Floats, series: NDArray[np.int64]) -> Floats:
    """``[R, C]`` how far values are from the one before, likewise."""
    before = np.vstack([x[:1], x[:-1]])
    same = np.r_[False, np.diff(series) == 0]
    return _in_median_distances(np.where(same[:, None], np.abs(x - before), 0.0))


def _in_median_distances(away: Floats) -> Floats:
    usual = np.nanmedian(away, 0)
    return away / np.where(usual > 0, usual, np.maximum(np.nanmean(away, 0), 1e-12))
