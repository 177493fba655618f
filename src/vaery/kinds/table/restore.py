"""The way back: columns into the container they came from, with its types, names and index."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vaery.kinds.table import arrays
from vaery.kinds.table.arrays import Array, arrow_type

POLARS = (
    *("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64", "Float32", "Float64"),
    *("String", "Boolean", "Date", "Time", "Categorical", "Binary"),
)


@dataclass(frozen=True)
class Restored:
    """One column, ready to go back.

    Attributes:
        label: its name, as the container wants it.
        array: its values.
        dtype: what the container calls its type; ``""``: whatever is natural.
        categories: the categories the container declared.
    """

    label: Any
    array: Array
    dtype: str = ""
    categories: tuple[Any, ...] | None = None

    def to_list(self) -> list[Any]:
        return list(self.array) if isinstance(self.array, np.ndarray) else self.array.to_pylist()

    @property
    def complete(self) -> bool:
        if isinstance(self.array, np.ndarray):
            return all(v is not None for v in self.array)
        return self.array.null_count == 0


def close_frame(container: str, columns: Sequence[Restored], like: Any = None) -> Any:
    """Columns → a container; ``like`` gives the index and the names of the axes."""
    if container in ("pandas", "series"):
        return _pandas(container, columns, like)
    if container in ("polars", "polars_series"):
        import polars as pl

        made = [_polars_column(c).alias(str(c.label)) for c in columns]
        return (
            made[0].alias(getattr(like, "name", made[0].name)) if container == "polars_series" else pl.DataFrame(made)
        )
    if container in ("arrow", "arrow_array"):
        import pyarrow as pa

        made = [_arrow_column(c) for c in columns]
        return made[0] if container == "arrow_array" else pa.table(made, names=[str(c.label) for c in columns])
    if container == "records":
        rows = zip(*(c.to_list() for c in columns), strict=True)
        return [dict(zip([c.label for c in columns], row, strict=True)) for row in rows]
    if container == "list":
        return columns[0].to_list()
    if container == "columns":
        return {c.label: _numpy_column(c) if c.dtype else c.to_list() for c in columns}
    return _numpy(container, columns)


def overlay(array: Array, over: Array, dtype: str, over_dtype: str) -> tuple[Array, str]:
    """``array`` with the known values of ``over`` written over it, bit for bit; the type that can hold both."""
    import pyarrow as pa

    pc = arrays.compute()

    known = arrays.known(over)
    if isinstance(array, np.ndarray) or isinstance(over, np.ndarray):
        out = np.empty(len(array), dtype=object)
        out[:] = array if isinstance(array, np.ndarray) else array.to_pylist()
        top = over if isinstance(over, np.ndarray) else np.array([*over.to_pylist(), None], dtype=object)[:-1]
        return np.where(known, top, out), dtype
    if str(over.type).startswith("dictionary"):
        over = over.dictionary_decode()
    if over.type != array.type:
        try:
            over = pc.if_else(pa.array(known), over, pa.scalar(None, over.type)).cast(array.type)
        except pa.ArrowException:
            array, dtype = array.cast(over.type, safe=False), over_dtype
    if str(over.type) == "double" and over_dtype:
        dtype = over_dtype if dtype in ("float32", "Float32", "float") else dtype
    return pc.if_else(pa.array(known), over, array), dtype


# ---------------------------------------------------------------------- numpy


def _numpy(container: str, columns: Sequence[Restored]) -> Any:
    made = [_numpy_column(c) for c in columns]
    if container == "array":
        return made[0]
    if container == "structured":
        out = np.empty(len(made[0]), dtype=[(str(c.label), m.dtype) for c, m in zip(columns, made, strict=True)])
        for column, values in zip(columns, made, strict=True):
            out[str(column.label)] = values
        return out
    if any(m.dtype.kind == "O" for m in made):
        both = np.empty((len(made[0]), len(made)), dtype=object)
        for i, values in enumerate(made):
            both[:, i] = values
    else:
        both = np.column_stack(made)
    if container == "tensor":
        import torch

        return torch.from_numpy(both)
    return both


def _numpy_column(column: Restored) -> Any:
    array, dtype = column.array, np.dtype(column.dtype) if _is_numpy(column.dtype) else None
    if isinstance(array, np.ndarray):
        return array
    if dtype is not None and dtype.kind == "O":
        out = np.empty(len(array), dtype=object)
        out[:] = array.to_pylist()
        return out
    if str(array.type) == "bool" and array.null_count and (dtype is None or dtype.kind == "b"):
        return array.to_numpy(zero_copy_only=False)  # objects: True, False, None
    values = array.to_numpy(zero_copy_only=False)
    if dtype is None or (array.null_count and dtype.kind in "iubSU"):
        return values
    if dtype.kind in "SU":  # a text may have come in that is longer than all others
        return values.astype(max(dtype, values.astype(dtype.kind).dtype, key=lambda d: d.itemsize))
    return values.astype(dtype)


def _is_numpy(dtype: str) -> bool:
    try:
        np.dtype(dtype)
    except TypeError:
        return False
    return dtype != ""


# ---------------------------------------------------------------------- pandas


def _pandas(container: str, columns: Sequence[Restored], like: Any) -> Any:
    import pandas as pd

    made = [_pandas_column(c) for c in columns]
    index = like.index if isinstance(like, pd.Series | pd.DataFrame) and len(like) == len(made[0]) else None
    if container == "series":
        name = like.name if isinstance(like, pd.Series) else None
        return made[0].set_axis(index if index is not None else made[0].index).rename(name)
    out = pd.concat(made, axis=1) if made else pd.DataFrame()
    out.columns = pd.Index([c.label for c in columns], name=getattr(getattr(like, "columns", None), "name", None))
    return out if index is None else out.set_axis(index, axis=0)


def _pandas_column(column: Restored) -> Any:
    import pandas as pd

    array, dtype = column.array, column.dtype
    if isinstance(array, np.ndarray):
        return pd.Series(array, dtype=object)
    if dtype.startswith("category"):
        return pd.Series(_categorical(column, ordered=dtype.endswith("ordered")))
    if dtype == "object":
        return pd.Series(_numpy_column(column), dtype=object)
    if dtype in ("", "null", "<U"):
        return array.to_pandas()
    if _is_numpy(dtype) and np.dtype(dtype).kind in "iub" and array.null_count:
        return array.to_pandas()  # as pandas does: integers with gaps are floats
    if _is_numpy(dtype):
        return pd.Series(array.to_numpy(zero_copy_only=False)).astype(dtype)
    if dtype.startswith("datetime64"):
        return array.to_pandas().astype(dtype)
    try:
        return pd.Series(pd.arrays.ArrowExtensionArray(_chunked(array))).astype(dtype)
    except (TypeError, NotImplementedError, ValueError):
        return array.to_pandas()  # a type that this version of pandas does not know


def _chunked(array: Any) -> Any:
    import pyarrow as pa

    return pa.chunked_array([array])


def _categorical(column: Restored, ordered: bool) -> Any:
    import pandas as pd

    encoded: Any = column.array.dictionary_encode()
    values = encoded.dictionary.to_pylist()
    categories = list(column.categories) if column.categories is not None else sorted(values)
    categories += [v for v in values if v not in set(categories)]
    at = {v: i for i, v in enumerate(categories)}
    table = np.array([at[v] for v in values] + [-1], dtype=np.int64)
    codes = table[encoded.indices.fill_null(len(values)).to_numpy(zero_copy_only=False)]
    return pd.Categorical.from_codes(codes, categories=pd.Index(categories), ordered=ordered)


# ---------------------------------------------------------------------- polars, Arrow


def _polars_column(column: Restored) -> Any:
    import polars as pl

    if isinstance(column.array, np.ndarray):
        return pl.Series(list(column.array), dtype=pl.Object)
    made: Any = pl.from_arrow(column.array)
    wanted = _polars_dtype(column)
    return made if wanted is None else made.cast(wanted)


def _polars_dtype(column: Restored) -> Any:
    import polars as pl

    dtype = column.dtype
    if dtype == "Enum":
        there = [v for v in column.array.unique().to_pylist() if v is not None]  # a new one may have come in
        return pl.Enum(list(dict.fromkeys([*map(str, column.categories or ()), *there])))
    if found := re.fullmatch(r"(Datetime|Duration)\(time_unit='(\w+)'(?:, time_zone=(?:None|'(.+)'))?\)", dtype):
        unit: Any = found[2]  # of polars' own words for units: the type wants to see which
        return pl.Datetime(unit, found[3]) if found[1] == "Datetime" else pl.Duration(unit)
    if found := re.fullmatch(r"Decimal\(precision=(\d+), scale=(\d+)\)", dtype):
        return pl.Decimal(int(found[1]), int(found[2]))
    return getattr(pl, dtype) if dtype in POLARS else None


def _arrow_column(column: Restored) -> Any:
    import pyarrow as pa

    if isinstance(column.array, np.ndarray):
        return pa.array([None if v is None else str(v) for v in column.array])
    if found := re.fullmatch(r"dictionary<values=(.+), indices=(\w+), ordered=(\d)>", column.dtype):
        return _dictionary(column, arrow_type(found[1]), arrow_type(found[2]), found[3] == "1")
    try:
        wanted = arrow_type(column.dtype) if column.dtype else None
    except (ValueError, KeyError):
        wanted = None
    if wanted is None or wanted == column.array.type:
        return column.array
    try:
        return column.array.cast(wanted)
    except pa.ArrowException:
        return column.array


def _dictionary(column: Restored, value_type: Any, index_type: Any, ordered: bool) -> Any:
    import pyarrow as pa

    encoded: Any = column.array.dictionary_encode()
    values = encoded.dictionary.to_pylist()
    dictionary = list(column.categories or ())
    dictionary += [v for v in values if v not in set(dictionary)]
    table = pa.array([dictionary.index(v) for v in values], pa.int64())
    indices = table.take(encoded.indices).cast(index_type)
    return pa.DictionaryArray.from_arrays(indices, pa.array(dictionary, value_type), ordered=ordered)
