"""Sheets: a table of any container, opened so that single cells can be read and changed, and closed as what it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaery.core.values import Values
from vaery.kinds.table import arrays
from vaery.kinds.table.arrays import Array
from vaery.kinds.table.column import Column
from vaery.kinds.table.frames import Frame
from vaery.kinds.table.restore import Restored, close_frame

TICKS = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1, "day": 86_400 * 10**9}
FLOATS = {"float32": np.float32, "float": np.float32, "<f4": np.float32, "float16": np.float16, "halffloat": np.float16}


class Sheet:
    """A table that is open.

    Args:
        raw: the table, in any container.
        frame: the same, opened.
        columns: of the model.
        placed: which of the frame's columns (by number) is which of these.
    """

    def __init__(self, raw: Any, frame: Frame, columns: Sequence[Column], placed: Mapping[str, int]) -> None:
        self.raw, self.frame, self.placed = raw, frame, placed
        self.columns = {column.name: column for column in columns}
        self.arrays = list(frame.columns)

    @property
    def rows(self) -> int:
        return self.frame.rows

    def values(self, name: str) -> Values:
        """One column."""
        at = self.placed[name]
        return values_of(self.arrays[at], self.frame.dtypes[at])

    def read(self, cells: Array) -> Values:
        """Decoded cells, in no container yet."""
        return values_of(cells)

    def picked(self, name: str, rows: NDArray[np.int64]) -> Array:
        """Some cells of a column."""
        array = self.arrays[self.placed[name]]
        if isinstance(array, np.ndarray):
            return array[rows]
        import pyarrow as pa

        return array.take(pa.array(rows))

    def put(self, name: str, rows: NDArray[np.int64], x: NDArray[Any]) -> None:
        """Write values, as :meth:`values` gives them, to some rows of a column."""
        at = self.placed[name]
        self.arrays[at] = spliced(self.arrays[at], rows, array_of(x, self.arrays[at]))

    def splice(self, name: str, rows: NDArray[np.int64], cells: Array) -> None:
        """Write decoded cells to some rows of a column."""
        at = self.placed[name]
        self.arrays[at] = spliced(self.arrays[at], rows, cells)

    def clear(self, name: str, rows: NDArray[np.int64]) -> None:
        """Leave some rows of a column empty."""
        import pyarrow as pa

        self.splice(name, rows, pa.nulls(len(rows)))

    def settled(self, name: str, x: NDArray[Any]) -> NDArray[Any]:
        """Values as they will come back: rounded to the decimals that the column has, and to its type."""
        at = self.placed[name]
        array, dtype, column = self.arrays[at], self.frame.dtypes[at], self.columns[name]
        if isinstance(array, np.ndarray) or (x.dtype == object and not _all_numbers(x)):
            return x
        kind = arrays.type_name(array)
        if kind == "int64" or arrays.is_time(kind):
            low, high = _bounds(dtype)
            if x.dtype == object and all(isinstance(v, int) for v in x.tolist()):
                return np.array([min(max(v, low), high) for v in x.tolist()], dtype=np.int64)
            whole = x if x.dtype.kind == "i" else np.rint(np.nan_to_num(x.astype(np.float64), posinf=high, neginf=low))
            return np.clip(whole, low, high).astype(np.int64)
        if kind != "double" and not kind.startswith("decimal"):
            return x
        x = x.astype(np.float64)
        if column.decimals is not None and not column.origin and column.step == 1:
            x = np.round(x, column.decimals)
        with np.errstate(over="ignore"):
            return x.astype(_float(dtype)).astype(np.float64)

    def close(self) -> Any:
        """The table again, in its own container and types."""
        frame = self.frame
        labels = [c.name for c in self.columns.values()] if frame.names is None else None
        orders = frame.categories or (None,) * len(self.arrays)
        made = [
            Restored(
                frame.label(i) if labels is None else labels[i], array, frame.dtypes[i], self._categories(i, orders[i])
            )
            for i, array in enumerate(self.arrays)
        ]
        return close_frame(frame.container, made, self.raw)

    def _categories(self, at: int, found: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
        if found is not None:
            return found
        name = next((name for name, i in self.placed.items() if i == at), None)
        return None if name is None else self.columns[name].categories


def values_of(array: Array, dtype: str = "") -> Values:
    """A column as :class:`~vaery.core.values.Values`; ``dtype`` is what its container called the type."""
    known = arrays.known(array)
    if isinstance(array, np.ndarray):
        return Values("other", array, known)
    kind = arrays.type_name(array)
    if arrays.is_time(kind):
        unit = "day" if kind.startswith("date32") else kind.split("[")[1].split("]")[0].split(",")[0]
        sort = {"time": "clock", "dura": "duration"}.get(kind[:4], "time")
        sort = "time" if kind.startswith("timestamp") else sort
        return Values(sort, arrays.native(array), known, TICKS[unit], "tz=" in kind)
    if kind == "bool":
        return Values("number", arrays.native(array).astype(np.int64), known)
    if kind == "int64":
        return Values("number", arrays.native(array), known)
    if kind == "uint64":
        return Values("number", np.array([0 if v is None else v for v in array.to_pylist()] + [0], object)[:-1], known)
    if arrays.is_number(kind):
        return Values("number", arrays.native(array), known, precision=float(np.finfo(_float(dtype)).eps))
    text = np.empty(len(array), dtype=object)
    text[:] = array.to_pylist()
    return Values("text", text, known)


def array_of(x: NDArray[Any], like: Array) -> Array:
    """Values → cells of the type of ``like``."""
    import pyarrow as pa

    if isinstance(like, np.ndarray):
        out = np.empty(len(x), dtype=object)
        out[:] = x
        return out
    kind = arrays.type_name(like)
    if arrays.is_time(kind):
        ticks = pa.array(x.astype(np.int64))
        return (ticks.cast(pa.int32()) if like.type.bit_width == 32 else ticks).cast(like.type)
    if kind.startswith("decimal"):
        from decimal import Decimal

        return pa.array([Decimal(f"{v:.{max(0, like.type.scale)}f}") for v in x.tolist()], like.type)
    if kind == "bool":
        return pa.array(x.astype(bool))
    if kind in ("int64", "double"):
        return pa.array(x.astype(np.int64 if kind == "int64" else np.float64))
    return pa.array(x.tolist(), arrays.arrow_type(kind))


def spliced(array: Array, rows: NDArray[np.int64], cells: Array) -> Array:
    """``array`` with ``cells`` in these rows."""
    import pyarrow as pa

    if isinstance(array, np.ndarray) or isinstance(cells, np.ndarray):
        out = np.empty(len(array), dtype=object)
        out[:] = array if isinstance(array, np.ndarray) else array.to_pylist()
        out[rows] = cells if isinstance(cells, np.ndarray) else np.array([*cells.to_pylist(), None], dtype=object)[:-1]
        return out
    plain = [a.dictionary_decode() if str(a.type).startswith("dictionary") else a for a in (array, cells)]
    if str(plain[0].type) == "null":
        plain[0] = plain[0].cast(plain[1].type)
    if plain[0].type != plain[1].type:
        plain[1] = plain[1].cast(plain[0].type, safe=False)
    index = np.arange(len(array))
    index[rows] = len(array) + np.arange(len(rows))
    return pa.concat_arrays(plain).take(pa.array(index))


def _bounds(dtype: str) -> tuple[int, int]:
    """The smallest and the largest integer of a type, whatever the library that names it."""
    try:
        found = np.iinfo(dtype.split("[")[0].lower())
    except (ValueError, TypeError):
        return -(2**62), 2**62
    return max(int(found.min), -(2**62)), min(int(found.max), 2**62)


def _float(dtype: str) -> Any:
    """The type of float that a library's name for it stands for; double precision for all else."""
    return FLOATS.get(dtype.split("[")[0].lower(), np.float64)


def _all_numbers(x: NDArray[Any]) -> bool:
    return all(isinstance(v, int | float) for v in x.tolist())
