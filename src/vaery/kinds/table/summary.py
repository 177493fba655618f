"""Weighted draws of a cell → one value: a mean, a quantile or a mode, in the data's own units."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaery.core.errors import ChoiceError
from vaery.kinds.table.arrays import Array
from vaery.kinds.table.column import Column
from vaery.kinds.table.decode import as_array, decode, numbers
from vaery.kinds.table.scale import Floats

CHUNK = 1 << 22  # at most so many entries of a rows × codes table at a time
GRID = 64  # the mode of numbers is looked for among so many quantiles


def summarise_column(column: Column, value: Floats, weight: Floats, how: str | float) -> Array:
    """Draws ``value [Q, B, 2]`` with weights ``[Q, B]`` → one raw value a row.

    Numbers and times: ``"mean"``, ``"median"``, ``"mode"``, or the quantile ``how`` in (0, 1). Ordinal levels: the
    same by their order, except that their mean is their mode. All others: the mode.
    """
    if not (how in ("mean", "median", "mode") or (isinstance(how, float) and 0 < how < 1)):
        raise ChoiceError(f"a summary is 'mean', 'median', 'mode' or a number between 0 and 1, not {how!r}")
    code, number, rows = value[..., 0], value[..., 1], value.shape[1]
    if column.counted and column.sort not in ("categorical", "boolean", "ordinal"):
        return as_array(column, _numbers(column, code, number, weight, how))
    if column.sort == "ordinal" and how not in ("mean", "mode"):
        best = quantiles(code, weight, _share(how))[0]
    else:
        best = heaviest(code, weight, max(1, column.cell.codes))
    return decode(column, best, np.zeros(rows))


def _numbers(column: Column, code: Floats, number: Floats, weight: Floats, how: str | float) -> NDArray[Any]:
    if how == "mode":
        return _mode(column, code, number, weight)
    drawn = numbers(column, code.ravel(), number.ravel()).reshape(code.shape)
    own = column.own(drawn)
    if how == "mean":  # of a column of floats, a mean need not be a value that it can hold
        found = (own * weight).sum(0) / weight.sum(0)
    else:
        found = quantiles(own, weight, _share(how))[0]
    return column.native(found)


def _share(how: str | float) -> Floats:
    return np.array([0.5 if how == "median" else float(how)])


def _mode(column: Column, code: Floats, number: Floats, weight: Floats) -> NDArray[Any]:
    """The heaviest code; where that is "a number", the middle of the shortest interval with half of the numbers."""
    best = heaviest(code, weight, column.cell.codes)
    is_number = code >= len(column.levels)
    number = number.astype(np.float64)
    thick = np.where(is_number, weight, 0.0) + 1e-12  # rows without any number get some answer that is not used
    grid = quantiles(number, thick, (np.arange(GRID) + 0.5) / GRID)
    half = GRID // 2
    start = (grid[half:] - grid[:-half]).argmin(0)
    centre = np.take_along_axis(grid, (start + half // 2)[None], 0)[0]
    return numbers(column, best, centre)


def quantiles(value: Floats, weight: Floats, shares: Floats) -> Floats:
    """The smallest of the draws ``value [Q, B]`` with a share of the weight at or below it: ``[len(shares), B]``."""
    order = np.argsort(value, 0, kind="stable")
    upto = np.cumsum(np.take_along_axis(weight, order, 0), 0)
    at = np.stack([(upto < share * upto[-1] * (1 - 1e-9)).sum(0) for share in shares]).clip(max=len(value) - 1)
    return np.take_along_axis(value, np.take_along_axis(order, at, 0), 0)


def heaviest(code: Floats, weight: Floats, codes: int) -> Floats:
    """The code with the most weight among the draws ``[Q, B]``: ``[B]``."""
    rows = code.shape[1]
    out = np.zeros(rows)
    size = max(1, CHUNK // codes)
    for start in range(0, rows, size):
        part = slice(start, min(start + size, rows))
        mine = code[:, part].astype(np.int64).clip(0, codes - 1)
        wide = mine.shape[1]
        flat = (np.arange(wide) * codes + mine).ravel()
        table = np.bincount(flat, weights=weight[:, part].ravel(), minlength=wide * codes)
        out[part] = table.reshape(wide, codes).argmax(1)
    return out
