"""Groups of rows in another unit: a level of one column at which another is off by a factor."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from vaery.xray.column import Seen
from vaery.xray.slips import APART, EXACT, FACTORS, PLAIN, suits
from vaery.xray.table import Table

LEVELS = 50
LEAST = 20  # rows of a group


def group_slips(table: Table, column: Seen) -> Iterator[tuple[Seen, list[int], float]]:
    """(column of groups, its levels that are off, factor).

    Within each group values must be narrow beside the factor; most groups must agree with one another, and those that
    do not must be off by just that factor.
    """
    if not suits(column):
        return
    with np.errstate(invalid="ignore", divide="ignore"):
        log = np.where(column.clean > 0, np.log10(np.where(column.clean > 0, column.clean, 1.0)), np.nan)
    for by in table:
        if by.name == column.name or not by.grouped or by.distinct > LEVELS or by.known.mean() < 0.5:
            continue
        found = _off(log, by)
        if found is not None:
            yield by, *found
            return


def _off(log: np.ndarray, by: Seen) -> tuple[list[int], float] | None:
    rows = [(by.codes == level) & ~np.isnan(log) for level in range(by.distinct)]
    large = [level for level in range(by.distinct) if rows[level].sum() >= LEAST]
    if len(large) < 2 or (len(large) == 2 and _close(rows, large)):
        return None
    middles = np.array([np.median(log[rows[level]]) for level in large])
    sizes = np.array([rows[level].sum() for level in large])
    pairs = zip(large, middles, strict=True)
    spreads = np.array([1.4826 * np.median(np.abs(log[rows[level]] - middle)) for level, middle in pairs])
    order = np.argsort(middles)
    centre = middles[order][np.searchsorted(np.cumsum(sizes[order]), sizes.sum() / 2)]
    away = middles - centre
    spread = max(float(np.median(spreads)), 1e-3)
    for factor in (f for f in FACTORS if f >= PLAIN):
        for sign in (1.0, -1.0):
            shift = sign * math.log10(factor)
            off = np.abs(away - shift) <= EXACT + np.minimum(3.76 * spreads / np.sqrt(sizes), 0.03)
            near = np.abs(away) <= 0.25 * abs(shift)
            narrow = abs(shift) >= APART * spread and bool((spreads[off] <= 2 * spread).all())
            if off.any() and bool((off | near).all()) and narrow and sizes[off].sum() < 0.5 * sizes.sum():
                return [large[i] for i in np.flatnonzero(off)], factor**sign
    return None


def _close(rows: list[np.ndarray], large: list[int]) -> bool:
    """Two groups of nearly one size: none of them is the odd one out."""
    a, b = (rows[level].sum() for level in large)
    return bool(min(a, b) > 0.8 * max(a, b))
