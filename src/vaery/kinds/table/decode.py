"""Cells of a column → its raw values."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaery.kinds.table import arrays
from vaery.kinds.table.arrays import Array
from vaery.kinds.table.column import Column
from vaery.kinds.table.scale import Floats


def decode(
    column: Column, code: Floats, number: Floats, known: NDArray[np.bool_] | None = None, clip: bool = True
) -> Array:
    """Code and number → raw values, null where not known: an Arrow array of the column's type, or objects.

    Args:
        clip: numbers beyond the range that was seen are set to its end.
    """
    import pyarrow as pa

    if not column.levels and column.family is None:
        return (
            pa.nulls(len(code), arrays.arrow_type(column.type)) if column.type != "object" else np.full(len(code), None)
        )
    if column.counted:
        return as_array(column, numbers(column, code, number, clip), known)
    at = np.clip(code.astype(np.int64), 0, len(column.levels) - 1)
    if column.type == "object":
        table = np.empty(len(column.levels), dtype=object)
        table[:] = column.levels
        return table[at] if known is None else np.where(known, table[at], np.array(None))
    table = pa.array(column.level_objects, arrays.arrow_type(column.type))
    return table.take(pa.array(at, mask=None if known is None else ~known))


def numbers(column: Column, code: Floats, number: Floats, clip: bool = True) -> NDArray[Any]:
    """Code and number of a counted column → native values (int64 or float64)."""
    x = column.native(column.on_lattice(column.scale.inverse(number.astype(np.float64)), clip))
    if not column.levels:
        return x
    levels = column.level_values[np.clip(code.astype(np.int64), 0, len(column.levels) - 1)]
    return np.where(code < len(column.levels), levels.astype(x.dtype), x)


def as_array(column: Column, x: NDArray[Any], known: NDArray[np.bool_] | None = None) -> Array:
    """Native values → an Arrow array of the column's type."""
    import pyarrow as pa

    kind, mask = arrays.arrow_type(column.type), None if known is None else ~known
    if column.type.startswith("decimal"):
        from decimal import Decimal

        return pa.array([Decimal(f"{v:.{max(0, kind.scale)}f}") for v in x.tolist()], kind, mask=mask)
    if column.type == "uint64":
        return pa.array([int(v) for v in x.tolist()], kind, mask=mask)
    if not arrays.is_time(column.type):
        return pa.array(x, kind, mask=mask)
    ticks = pa.array(x, mask=mask)
    if column.local:
        return arrays.from_local_clock(ticks, kind)
    return (ticks.cast(pa.int32()) if kind.bit_width == 32 else ticks).cast(kind)
