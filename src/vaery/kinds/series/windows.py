"""Windows: how series are cut into stretches of one length that overlap, and which stretch answers for a cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Cut:
    """W windows of T steps, on one line of all R rows by series and time.

    Attributes:
        index: ``[W, T]`` the row of each step; -1 beyond the end of a short series.
        span: ``[W, 2]`` where the window begins and ends on the line.
        order: ``[R]`` the row at each place of the line.
        ends: ``[R, 2]`` where the series of each place begins and ends on the line.
    """

    index: np.ndarray
    span: np.ndarray
    order: np.ndarray
    ends: np.ndarray


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
    starts, ends = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for begin, length in zip(first.tolist(), count.tolist(), strict=True):
        last = max(0, length - window)
        at = begin + np.unique(np.append(np.arange(0, last + 1, hop), last))
        starts.append(at)
        ends.append(np.minimum(at + window, begin + length))
    start, end = np.concatenate(starts)[:, None], np.concatenate(ends)[:, None]
    place = start + np.arange(window)
    index = np.full(place.shape, -1, np.int64)
    index[place < end] = order[place[place < end]]
    whose = np.stack([np.repeat(first, count), np.repeat(first + count, count)], 1)
    return Cut(index, np.concatenate([start, end], 1), order, whose)


def lay(values: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Rows ``[R, C]`` → windows ``[W, T, C]``; zeros beyond the end of a series."""
    found = values[np.maximum(index, 0)] if len(values) else np.zeros((*index.shape, values.shape[1]), values.dtype)
    found[index < 0] = 0
    return found


def stitch(windows: np.ndarray, found: Cut, asked: np.ndarray) -> np.ndarray:
    """Windows ``[W, T, C]`` → rows ``[R, C]``, each cell from the window that answers for it: the inverse of
    :func:`lay`. ``asked [R, C]``: see :func:`answers`."""
    out = np.zeros(asked.shape, windows.dtype)
    which = answers(found, asked[found.order])
    place = np.arange(len(which))[:, None] - found.span[which, 0]
    out[found.order] = windows[which, place, np.arange(asked.shape[1])]
    return out


def answers(found: Cut, known: np.ndarray) -> np.ndarray:
    """``[L, C]`` the window that answers for each cell of the line: for what is known, the one in whose middle it is;
    for a gap, one that sees what is known on both sides of it, or else on the nearer side, and as far on one side of
    the gap as on the other. So a gap is filled from one window, whose draws belong together.

    Args:
        found: the windows.
        known: ``[L, C]`` bool, by place on the line.

    >>> line = cut(np.arange(8), np.zeros(8, int), 4, 2)  # windows begin at 0, 2 and 4
    >>> answers(line, np.ones((8, 1), bool))[:, 0].tolist()
    [0, 0, 0, 1, 1, 2, 2, 2]
    >>> gap = np.array([1, 1, 1, 0, 0, 1, 1, 1]) > 0  # from 2 to 5 is what the second one sees
    >>> answers(line, gap[:, None])[:, 0].tolist()
    [0, 0, 0, 1, 1, 2, 2, 2]
    """
    steps, (before, after) = found.index.shape[1], neighbours(known, found.ends)
    best = np.full(known.shape, -np.inf, np.float32)
    which = np.zeros(known.shape, np.int32)
    for group in _disjoint(found.span):
        start, end = found.span[group].T
        place = start[:, None] + np.arange(steps)
        inside = place < end[:, None]
        at, window = place[inside], np.repeat(group, inside.sum(1))
        score = _sight(at[:, None], before[at], after[at], found.ends[at], found.span[window], steps)
        better = score > best[at]
        best[at] = np.where(better, score, best[at])
        which[at] = np.where(better, window[:, None], which[at])
    return which


def neighbours(known: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``[L, C]`` the places of the nearest known cells of the same series: up to here, and from here on; where there is
    none, one before its beginning, and its end."""
    place = np.arange(len(known), dtype=np.int32)[:, None]
    before = np.maximum.accumulate(np.where(known, place, -1), 0)
    after = np.minimum.accumulate(np.where(known, place, len(known))[::-1], 0)[::-1]
    return np.maximum(before, ends[:, :1] - 1), np.minimum(after, ends[:, 1:])


def _sight(
    at: np.ndarray, before: np.ndarray, after: np.ndarray, ends: np.ndarray, span: np.ndarray, steps: int
) -> np.ndarray:
    """``[N, C]`` how well a window sees a cell: 2 for what is known on the nearer side and 1 for what is on the other,
    less how far its middle is from the gap's."""
    start, end = span[:, :1], span[:, 1:]
    first, last = before >= ends[:, :1], after < ends[:, 1:]  # whether there is anything on that side
    left, right = first & (before >= start), last & (after < end)
    nearer = ~last | (first & (at - before <= after - at))
    low, high = np.maximum(before, at - steps), np.minimum(after, at + steps)
    aside = np.abs((start + end - 1) - (low + high)) / (4 * steps)
    return np.where(nearer, 2 * left + right, left + 2 * right) - aside


def _disjoint(span: np.ndarray) -> list[np.ndarray]:
    """Windows in groups, none of which share a step: each goes to the first group that has ended where it begins."""
    groups: list[list[int]] = []
    until: list[int] = []
    for window, (start, end) in enumerate(span.tolist()):
        free = next((i for i, busy in enumerate(until) if busy <= start), len(groups))
        if free == len(groups):
            groups.append([])
            until.append(0)
        groups[free].append(window)
        until[free] = end
    return [np.array(group) for group in groups]
