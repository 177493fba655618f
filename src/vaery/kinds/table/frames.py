"""Containers: any table that people hold, opened as named columns."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from vaery.core.errors import DataError
from vaery.kinds.table.arrays import Array, as_array, narrowed

ONE_COLUMN = ("series", "polars_series", "arrow_array", "array", "list")  # these come back one-dimensional
NAMELESS = (*ONE_COLUMN, "numpy", "tensor")


@dataclass(frozen=True)
class Frame:
    """A table, opened.

    Attributes:
        container: what it was: ``"pandas"``, ``"polars"``, ``"arrow"``, ``"numpy"``, ``"tensor"``, ``"structured"``,
            ``"records"`` (a list of dicts), ``"columns"`` (a dict of arrays), or one of ``ONE_COLUMN``.
        names: of the columns; ``None``: they have none.
        columns: one array each.
        rows: how many.
        dtypes: what the container calls the columns' types.
        labels: the columns' names as they were, where not all are text.
        categories: the container's own list of categories, for categoricals.
        orders: whether these have an order.
    """

    container: str
    names: tuple[str, ...] | None
    columns: tuple[Array, ...]
    rows: int
    dtypes: tuple[str, ...]
    labels: tuple[Any, ...] | None = None
    categories: tuple[tuple[Any, ...] | None, ...] = ()
    orders: tuple[bool, ...] = ()

    def label(self, at: int) -> Any:
        """The name of a column as it was."""
        assert self.names is not None
        return self.names[at] if self.labels is None else self.labels[at]


def open_frame(raw: Any, name: str = "table") -> Frame:
    """Open anything tabular.

    Args:
        raw: a frame, array, list, dict or path.
        name: of the field, for a column that has no name of its own.

    Raises:
        DataError: it is no table, or a column cannot be modelled; the message says what to do.
    """
    if isinstance(raw, str | os.PathLike):
        from vaery.kinds.table.io import read

        return open_frame(read(raw), name)
    module = type(raw).__module__.split(".")[0]
    if module == "pandas":
        return _pandas(raw, name)
    if module == "polars":
        return _polars(raw, name)
    if module == "torch":
        return _tensor(raw, name)
    if hasattr(raw, "tocsr") or hasattr(raw, "toarray"):
        raise DataError("Sparse data was passed, but dense data is required: use '.toarray()' to convert it")
    if isinstance(raw, np.ndarray):
        return _numpy(raw, name)
    if isinstance(raw, Mapping):
        return _mapping(raw)
    if module == "pyarrow" or hasattr(raw, "__arrow_c_stream__"):
        return _arrow(raw, name)
    if isinstance(raw, Sequence):
        return _sequence(raw, name)
    if hasattr(raw, "__array__"):
        return _numpy(np.asarray(raw), name)
    raise DataError(
        "a table was expected (a pandas, polars or Arrow frame, a 2-D array, a list of dicts or a path), got "
        f"{type(raw).__name__}"
    )


def row_count(raw: Any) -> int | None:
    """How many rows there are, where that is seen at once."""
    try:
        return len(raw)
    except TypeError:
        return None


def _pandas(raw: Any, name: str) -> Frame:
    import pandas as pd

    if isinstance(raw, pd.Index):
        raw = raw.to_series(index=range(len(raw)))
    if isinstance(raw, pd.Series):
        return _frame("series", None, [_pandas_column(raw, name)], len(raw), [raw.dtype])
    if raw.columns.nlevels > 1:
        raise DataError(
            "the columns have names of several levels: flatten them, for instance ['_'.join(c) for c in frame.columns]"
        )
    labels = [v.item() if isinstance(v, np.generic) else v for v in raw.columns]
    for label in labels:
        if not isinstance(label, str | int | float | bool):
            raise DataError(
                f"a column is named {label!r} ({type(label).__name__}); names must be text: frame.columns.map(str)"
            )
    columns = [_pandas_column(raw.iloc[:, i], str(label)) for i, label in enumerate(labels)]
    return _frame("pandas", labels, columns, len(raw), list(raw.dtypes))


def _pandas_column(series: Any, name: str) -> Array:
    if hasattr(series.dtype, "subtype") and str(series.dtype).startswith("Sparse"):
        series = series.sparse.to_dense()
    return as_array(series, name)


def _polars(raw: Any, name: str) -> Frame:
    if type(raw).__name__ == "LazyFrame":
        raw = raw.collect()
    if type(raw).__name__ == "Series":
        return _frame("polars_series", None, [narrowed(raw.to_arrow(), name)], len(raw), [raw.dtype])
    columns = [narrowed(raw[c].to_arrow(), c) for c in raw.columns]
    return _frame("polars", raw.columns, columns, len(raw), list(raw.dtypes))


def _arrow(raw: Any, name: str) -> Frame:
    import pyarrow as pa

    if isinstance(raw, pa.Array | pa.ChunkedArray):
        return _frame("arrow_array", None, [narrowed(raw, name)], len(raw), [raw.type])
    table = pa.table(raw)
    columns = [narrowed(table.column(i), c) for i, c in enumerate(table.column_names)]
    found = _frame("arrow", table.column_names, columns, table.num_rows, table.schema.types)
    orders = [pa.types.is_dictionary(t) and t.ordered for t in table.schema.types]
    lists = [_dictionary(table.column(i)) if ordered else None for i, ordered in enumerate(orders)]
    return replace(found, categories=tuple(lists), orders=tuple(orders))


def _dictionary(column: Any) -> tuple[Any, ...]:
    return tuple(column.unify_dictionaries().combine_chunks().dictionary.to_pylist())


def _tensor(raw: Any, name: str) -> Frame:
    found = _numpy(raw.detach().cpu().numpy(), name)
    return replace(found, container="tensor") if found.container == "numpy" else found


def _numpy(raw: Any, name: str) -> Frame:
    if raw.dtype.names:
        columns = [as_array(_plain(raw[c]), c) for c in raw.dtype.names]
        return _frame("structured", raw.dtype.names, columns, len(raw), [raw.dtype[c] for c in raw.dtype.names])
    if raw.ndim == 1:
        return _frame("array", None, [as_array(_plain(raw), name)], len(raw), [raw.dtype])
    if raw.ndim != 2:
        found = "scalar" if raw.ndim == 0 else f"{raw.ndim}D"
        raise DataError(f"Expected 2D array, got {found} array instead: a table has rows and columns")
    columns = [as_array(_plain(raw[:, i]), f"x{i}") for i in range(raw.shape[1])]
    return _frame("numpy", None, columns, len(raw), [raw.dtype] * raw.shape[1])


def _plain(values: Any) -> Any:
    """An array that Arrow reads: no masks, no extended precision, no strange units of time."""
    if isinstance(values, np.ma.MaskedArray):
        hidden = np.ma.getmaskarray(values)
        values = (
            np.where(hidden, np.nan, values.data.astype(float))
            if values.dtype.kind in "iuf"
            else _nulled(values, hidden)
        )
    if values.dtype.kind == "f" and values.dtype.itemsize > 8:
        return values.astype(np.float64)
    if values.dtype.kind in "mM" and np.datetime_data(values.dtype)[0] not in ("D", "s", "ms", "us", "ns"):
        return values.astype(values.dtype.kind + "8[s]")
    if values.dtype.kind == "m" and np.datetime_data(values.dtype)[0] == "D":
        return values.astype("m8[s]")
    return values.astype(values.dtype.newbyteorder("=")) if not values.dtype.isnative else values


def _nulled(values: Any, hidden: Any) -> Any:
    out = values.data.astype(object)
    out[hidden] = None
    return out


def _mapping(raw: Mapping[Any, Any]) -> Frame:
    """A dict of columns; of single values: one row."""
    single = all(np.ndim(v) == 0 for v in raw.values())
    columns = [as_array([v] if single else v, str(c)) for c, v in raw.items()]
    lengths = {str(c): len(a) for c, a in zip(raw, columns, strict=True)}
    if len(set(lengths.values())) > 1:
        raise DataError(f"all columns must have the same number of rows; there are {lengths}")
    dtypes = [getattr(v, "dtype", "") if isinstance(v, np.ndarray) else "" for v in raw.values()]
    return _frame("columns", list(raw), columns, next(iter(lengths.values()), 0), dtypes)


def _sequence(raw: Sequence[Any], name: str) -> Frame:
    first = next((v for v in raw if v is not None), None)
    if isinstance(first, Mapping):
        names = list(dict.fromkeys(c for row in raw for c in row))
        columns = [as_array([row.get(c) for row in raw], str(c)) for c in names]
        return _frame("records", names, columns, len(raw), [""] * len(names))
    if isinstance(first, list | tuple | np.ndarray):
        widths = {len(row) for row in raw}
        if len(widths) > 1:
            raise DataError(f"rows of one length were expected, got rows of {sorted(widths)[:5]} entries")
        rows = np.empty((len(raw), widths.pop()), dtype=object)
        rows[:] = raw
        columns = [as_array(rows[:, i], f"x{i}") for i in range(rows.shape[1])]
        numbers = all(not isinstance(c, np.ndarray) and str(c.type) in ("int64", "double") for c in columns)
        return _frame(
            "numpy", None, columns, len(raw), [np.asarray(raw).dtype if numbers else rows.dtype] * rows.shape[1]
        )
    return _frame("list", None, [as_array(list(raw), name)], len(raw), [""])


def _frame(
    container: str, labels: Sequence[Any] | None, columns: list[Array], rows: int, dtypes: Sequence[Any]
) -> Frame:
    names = None if labels is None else tuple(str(c) for c in labels)
    twice = (
        sorted({c for c in names if names.count(c) > 1}) if names is not None and len(set(names)) < len(names) else []
    )
    if names is not None and twice:
        raise DataError(f"these column names occur more than once: {', '.join(map(repr, twice))}; rename them")
    known = [_categories(d) for d in dtypes]
    keep = None if labels is None or all(isinstance(c, str) for c in labels) else tuple(labels)
    return Frame(
        container,
        names,
        tuple(columns),
        rows,
        tuple(_dtype_name(d) for d in dtypes),
        keep,
        tuple(k for k, _ in known),
        tuple(o for _, o in known),
    )


def _dtype_name(dtype: Any) -> str:
    if isinstance(dtype, np.dtype):
        return dtype.str if dtype.kind in "USV" else str(dtype)
    name = type(dtype).__name__
    if name == "CategoricalDtype":
        return "category ordered" if dtype.ordered else "category"
    if name == "StringDtype" and type(dtype).__module__.startswith("pandas"):
        return str(dtype) if str(dtype) == "str" else f"string[{dtype.storage}]"
    if name == "Enum" or (name == "Categorical" and type(dtype).__module__.startswith("polars")):
        return name
    return str(dtype)


def _categories(dtype: Any) -> tuple[tuple[Any, ...] | None, bool]:
    """The categories a categorical type declares, and whether they have an order."""
    name = type(dtype).__name__
    if name not in ("CategoricalDtype", "Enum"):
        return None, False
    found = tuple(v.item() if isinstance(v, np.generic) else v for v in dtype.categories)
    if not all(isinstance(v, str | int | float | bool) for v in found):
        return None, False
    return found, name == "CategoricalDtype" and bool(dtype.ordered)
