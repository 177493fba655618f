"""Windows: how series are cut into stretches of one length that overlap, and which stretch answers for a row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Cut:
    """W windows of T steps.

    Attributes:
        index: ``[W, T]`` the row of each step; -1 beyond the end of a short series.
        owned: ``[W, T]`` bool: this window answers for that row: the one in whose middle it is. Each row has one.
        span: ``[W, 2]`` where the window begins and ends on the line of all rows, by series and time.
    """

    index: np.ndarray
    owned: np.ndarray
    span: np.ndarray


def cut(order: np.ndarray, series: np.ndarray, window: int, hop: int) -> Cut:
    """Cut rows into windows.

    Args:
        order: ``[R]`` the rows by series and time.
        series: ``[R]`` the series of each row.
        window, hop: T, and from one window to the next. The last one of a series ends with it.

    >>> cut(np.arange(6), np.zeros(6, int), 4, 3).index.tolist()
    [[0, 1, 2, 3], [2, 3, 4, 5]]
    """
    _, first, count = np.unique(series[order], return_index=True, return_counts=True)
    starts, lows, highs, ends = [], [], [], []
    for begin, length in zip(first.tolist(), count.tolist(), strict=True):
        last = max(0, length - window)
        at = np.unique(np.append(np.arange(0, last + 1, hop), last))
        edge = (at[:-1] + at[1:] + window + 1) // 2  # rows up to here are nearer to the earlier of two windows
        starts.append(begin + at)
        lows.append(begin + np.append(0, edge))
        highs.append(begin + np.append(edge, length))
        ends.append(np.minimum(begin + at + window, begin + length))
    if not starts:
        empty = np.zeros((0, window), np.int64)
        return Cut(empty, empty.astype(bool), np.zeros((0, 2), np.int64))
    start, low, high, end = (np.concatenate(x)[:, None] for x in (starts, lows, highs, ends))
    place = start + np.arange(window)
    index = np.where(place < end, order[np.minimum(place, len(order) - 1)], -1)
    return Cut(index, (place >= low) & (place < high), np.concatenate([start, end], 1))


def lay(values: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Rows ``[R, C]`` → windows ``[W, T, C]``; zeros beyond the end of a series."""
    found = values[np.maximum(index, 0)] if len(values) else np.zeros((*index.shape, values.shape[1]), values.dtype)
    found[index < 0] = 0
    return found


def stitch(windows: np.ndarray, found: Cut, rows: int) -> np.ndarray:
    """Windows ``[W, T, …]`` → rows ``[R, …]``, each from the window that answers for it: the inverse of :func:`lay`."""
    out = np.zeros((rows, *windows.shape[2:]), windows.dtype)
    out[found.index[found.owned]] = windows[found.owned]
    return out
