"""Raw values of a column → its cells: code, number, known."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaery.kinds.table import arrays, words
from vaery.kinds.table.arrays import Array
from vaery.kinds.table.column import COUNTS, Column
from vaery.kinds.table.scale import Floats

SINGLE = 1.2e-7  # how far single precision may be off, relative to the value
Cells = tuple[Floats, Floats, NDArray[np.bool_]]


def encode(column: Column, array: Array, unseen: list[int] | None = None) -> Cells:
    """Code, number and known, one entry a row; zeros where unknown.

    Args:
        column: what it is.
        array: its values.
        unseen: where to put the rows that hold a level which was never seen: they are unknown then.

    Raises:
        DataError: a value is infinite, of the wrong type, or (without ``unseen``) a level that was never seen; names
            the row.
    """
    known = arrays.known(array)
    if not known.any():
        return np.zeros(len(known)), np.zeros(len(known)), known
    if not column.levels and column.family is None:
        raise words.wrong(column, array, known, "had no value at all when the model was described")
    if column.counted:
        return _counted(column, array, known, unseen)
    if not _is_level_type(column, array):
        raise words.wrong(column, array, known)
    codes, values = arrays.levels(array)
    table = np.array([*(column.code_of.get(column.key(v), -1) for v in values), 0], dtype=np.int64)
    code = table[codes]  # nulls are -1: the last entry
    fresh = code < 0
    if fresh.any():
        known = _set_aside(column, array, known, fresh, unseen)
        code = np.where(fresh, 0, code)
    return code.astype(np.float64), np.zeros(len(code)), known


def _set_aside(
    column: Column, array: Array, known: NDArray[np.bool_], fresh: NDArray[np.bool_], unseen: list[int] | None
) -> NDArray[np.bool_]:
    """Values that were never seen: unknown ones, if that is asked for."""
    if unseen is None:
        raise words.unseen(column, array, int(fresh.argmax()))
    unseen += np.flatnonzero(fresh).tolist()
    return known & ~fresh


def _counted(column: Column, array: Array, known: NDArray[np.bool_], unseen: list[int] | None) -> Cells:
    x = native(column, array, known)
    code, found = _match(column, x)
    number, fresh = np.zeros(len(x)), known & ~found
    if fresh.any():
        if column.family is None:
            known = _set_aside(column, array, known, fresh, unseen)
            return np.where(known, code, 0).astype(np.float64), number, known
        own = column.own(x[fresh])
        uncounted = (own < 0) | (own != np.rint(own))
        if column.family in COUNTS and uncounted.any():
            raise words.uncounted(column, array, int(fresh.nonzero()[0][uncounted.argmax()]))
        number[fresh] = column.scale.forward(own)
    return np.where(known, np.where(found, code, len(column.levels)), 0).astype(np.float64), number, known


def _match(column: Column, x: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The code of each value among the levels, and whether it is one."""
    if not column.levels:
        return np.zeros(len(x), dtype=np.int64), np.zeros(len(x), dtype=bool)
    levels, codes = column.sorted_levels
    at = np.clip(np.searchsorted(levels, x), 0, len(levels) - 1)
    return codes[at], levels[at] == x


def native(column: Column, array: Array, known: NDArray[np.bool_]) -> NDArray[Any]:
    """Values of a counted column as int64 or float64; zero where unknown."""
    array = same_type(column, array, known)
    x = arrays.native(arrays.local_clock(array) if column.local else array)
    if x.dtype.kind != "f":
        return x
    infinite = np.isinf(x)
    if infinite.any():
        raise words.infinite(column.name, int(infinite.argmax()), float(x[infinite.argmax()]))
    return x if column.decimals is None or column.origin else _sharpened(column, x)


def _sharpened(column: Column, x: Floats) -> Floats:
    """0.1 in single precision is 0.1: what is as near to the column's decimals as single precision goes, is there."""
    with np.errstate(over="ignore", invalid="ignore"):
        near = column.on_lattice(x, clip=False)
        blur = SINGLE * np.abs(x)
        return np.where((np.abs(near - x) <= blur) & (blur < 0.1 * column.half), near, x)


def same_type(column: Column, array: Array, known: NDArray[np.bool_]) -> Array:
    """The array in a counted column's type, where that says the same: integers as floats, text as times …"""
    import pyarrow as pa

    name = arrays.type_name(array)
    if name == column.type or (arrays.is_number(column.type) and arrays.is_number(name)):
        return array
    if name == "bool" and arrays.is_number(column.type):
        return array.cast(pa.int64())
    if arrays.is_time(column.type) and name != "object":
        try:
            return arrays.as_time(array, column.type)
        except (pa.ArrowException, ValueError):
            pass
    raise words.wrong(column, array, known)


def _is_level_type(column: Column, array: Array) -> bool:
    """Whether values of this type can be levels of this column."""
    name = arrays.type_name(array)
    if column.type == "object" or name in (column.type, "object"):
        return True
    return column.type == "bool" and arrays.is_number(name)
