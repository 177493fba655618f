"""What is said of a column: its errors, and what it holds."""

from __future__ import annotations

import difflib

import numpy as np
from numpy.typing import NDArray

from vaery.core.errors import DataError
from vaery.kinds.table import arrays
from vaery.kinds.table.arrays import Array
from vaery.kinds.table.column import Column

SHOWN = 12  # levels named in a message
SEARCHED = 5000  # levels among which the nearest is looked for


def unseen(column: Column, array: Array, row: int) -> DataError:
    """A level that was not there when the column was described."""
    value = show(array, row)
    return DataError(
        f"row {row} of column {column.name!r} is {value}, which was never seen there; known are "
        f"{levels(column, value)}: write one of these or leave the cell empty"
    )


def wrong(column: Column, array: Array, known: NDArray[np.bool_], expected: str | None = None) -> DataError:
    """A value of another type: the first that is text, in a column of mixed types."""
    row = int(known.argmax())
    if isinstance(array, np.ndarray) and column.counted:
        row = next((i for i, v in enumerate(array) if isinstance(v, str)), row)
    return DataError(
        f"row {row} of column {column.name!r} is {show(array, row)}, but the column {expected or holds(column)}: "
        "write a value of that sort or leave the cell empty"
    )


def infinite(name: str, row: int, value: float) -> DataError:
    """A value that is no number, or too large for one."""
    return DataError(
        f"row {row} of column {name!r} is {value}; a finite number was expected: leave the cell empty (NaN) if its "
        "value is not known, or write the largest value that makes sense"
    )


def uncounted(column: Column, array: Array, row: int) -> DataError:
    """A value that is no count, under a likelihood of counts."""
    return DataError(
        f"row {row} of column {column.name!r} is {show(array, row)}, but {column.family!r} is for counts: whole "
        "numbers from zero; choose another likelihood for the column, for instance 'mixture'"
    )


def holds(column: Column) -> str:
    """``"holds text"``, ``"holds times (timestamp[us])"`` …"""
    if arrays.is_time(column.type):
        return f"holds times ({column.type})"
    sorts = {"bool": "true or false", "large_string": "text", "large_binary": "bytes"}
    return f"holds {sorts.get(column.type, 'numbers')}"


def show(array: Array, row: int) -> str:
    """One value, shortened."""
    text = repr(array[row] if isinstance(array, np.ndarray) else array[row].as_py())
    return text if len(text) <= 60 else text[:57] + "..."


def levels(column: Column, near: str | None = None) -> str:
    """The first few levels; the one nearest to ``near`` (as ``repr`` shows it) before them."""
    from vaery.kinds.table.decode import decode

    codes = np.arange(min(SEARCHED, len(column.levels)), dtype=np.float64)
    found = decode(column, codes, np.zeros(len(codes)))
    names = [repr(v) for v in (found if isinstance(found, np.ndarray) else found.to_pylist())]
    first = difflib.get_close_matches(near, names, n=1) if near is not None else []
    shown = [*first, *(n for n in names[:SHOWN] if n not in first)]
    more = len(column.levels) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def span(column: Column) -> str:
    """What a column holds: its levels, or its range."""
    from vaery.kinds.table.decode import as_array

    if not column.counted or column.family is None:
        return levels(column)
    own = np.array([column.low, column.high])
    if column.levels:
        own = np.append(own, column.own(column.level_values))
    low, high = as_array(column, column.native(np.array([own.min(), own.max()]))).to_pylist()
    return f"{low} to {high}"
