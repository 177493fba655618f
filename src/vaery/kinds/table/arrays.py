"""One raw column, whatever it came in: an Arrow array, or Python objects where their types are mixed.

Arrow types are narrowed to a few (64-bit integers and floats, one text type), since the container's own type is kept
beside them; see :class:`~vaery.kinds.table.column.Column`.
"""

from __future__ import annotations

import datetime
import re
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vaery.core.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

Array: TypeAlias = Any  # a pyarrow.Array, or an array of Python objects (numpy, dtype object) with None for nulls

NUMBERS = ("int64", "uint64", "double")
TIMES = ("timestamp", "date32", "duration", "time32", "time64")


def as_array(values: Any, name: str) -> Array:
    """Anything one-dimensional → an array with nulls for None, NaN, NaT and NA.

    Raises:
        DataError: complex numbers, lists, records, periods and other things that no column can hold.
    """
    import pyarrow as pa

    if getattr(getattr(values, "dtype", None), "kind", None) == "c":
        raise _unfit(name, "complex numbers", "write real and imaginary part as two columns")
    try:
        found = pa.array(values, from_pandas=True)
    except (pa.ArrowException, ValueError, TypeError, OverflowError, NotImplementedError):
        return _objects(values, name)
    if isinstance(found, pa.ChunkedArray):
        found = found.combine_chunks()
    if found.type == pa.date32() and any(isinstance(v, datetime.datetime) for v in values):
        found = pa.array([_as_datetime(v) for v in values], from_pandas=True)
    return narrowed(found, name)


def narrowed(array: Any, name: str) -> Array:
    """An Arrow array in one of the few types that are told apart here."""
    import pyarrow as pa
    import pyarrow.types as t

    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks() if array.num_chunks != 1 else array.chunk(0)
    kind = array.type
    if t.is_dictionary(kind):
        if t.is_string(kind.value_type) or t.is_large_string(kind.value_type):
            return array
        return narrowed(array.dictionary_decode(), name)
    if t.is_nested(kind):
        raise _unfit(name, "lists or records", "spread them over columns of their own")
    if isinstance(kind, pa.BaseExtensionType):
        raise _unfit(name, f"values of type {kind}", "convert them to numbers, dates or text")
    if t.is_floating(kind):
        return array.cast(pa.float64())
    if t.is_integer(kind):
        return array.cast(pa.int64()) if not t.is_uint64(kind) or _fits(array) else array
    if t.is_string_view(kind) or t.is_large_string(kind):
        return array.cast(pa.large_string())
    if t.is_binary(kind) or t.is_large_binary(kind) or t.is_fixed_size_binary(kind) or t.is_binary_view(kind):
        return array.cast(pa.large_binary())
    if t.is_date64(kind):
        return array.cast(pa.date32())
    return array.cast(pa.large_string()) if t.is_string(kind) else array


def type_name(array: Array) -> str:
    """The type in words that :func:`arrow_type` reads back: ``"int64"``, ``"timestamp[us, tz=UTC]"``, ``"object"`` …"""
    if isinstance(array, np.ndarray):
        return "object"
    kind = array.type
    return "large_string" if str(kind).startswith("dictionary") else str(kind)


def arrow_type(name: str) -> pa.DataType:
    """The inverse of :func:`type_name`, for all but ``"object"``."""
    import pyarrow as pa

    if found := re.fullmatch(r"timestamp\[(\w+)(?:, tz=(.+))?\]", name):
        return pa.timestamp(found[1], found[2])
    if found := re.fullmatch(r"(duration|time32|time64)\[(\w+)\]", name):
        return getattr(pa, found[1])(found[2])
    if found := re.fullmatch(r"decimal(\d+)\((\d+), (-?\d+)\)", name):
        return getattr(pa, f"decimal{found[1]}")(int(found[2]), int(found[3]))
    return {"date32[day]": pa.date32(), "large_binary": pa.large_binary()}.get(name) or pa.type_for_alias(name)


def is_time(name: str) -> bool:
    return name.startswith(TIMES)


def is_number(name: str) -> bool:
    return name in NUMBERS or name.startswith("decimal")


def compute() -> Any:
    """``pyarrow.compute``, imported when it is needed: its functions are made at run time, and no type checker knows
    them."""
    import pyarrow.compute

    return pyarrow.compute


def known(array: Array) -> NDArray[np.bool_]:
    """Where there is a value: not null, not NaN."""
    if isinstance(array, np.ndarray):
        return np.array([v is not None for v in array], dtype=bool)
    pc = compute()

    return ~pc.is_null(array, nan_is_null=True).to_numpy(zero_copy_only=False)


def native(array: pa.Array) -> NDArray[Any]:
    """Numbers and times as float64 or int64 (times: counts of their unit); zero where there is none."""
    import pyarrow as pa

    if is_time(str(array.type)):
        narrow = array.type.bit_width == 32
        array = array.cast(pa.int32()).cast(pa.int64()) if narrow else array.cast(pa.int64())
    if str(array.type) != "int64":
        x = array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        return np.where(np.isnan(x), 0.0, x)
    return (array.fill_null(0) if array.null_count else array).to_numpy(zero_copy_only=False)


def levels(array: Array) -> tuple[NDArray[np.int64], list[Any]]:
    """The codes of each row (-1 for null) and what they stand for, as Python values."""
    if isinstance(array, np.ndarray):
        found: dict[tuple[bool, Any], int] = {}
        codes = [-1 if v is None else found.setdefault(object_key(v), len(found)) for v in array]
        return np.array(codes, dtype=np.int64), [value for _, value in found]
    encoded: Any = array if str(array.type).startswith("dictionary") else array.dictionary_encode()
    codes = encoded.indices.cast("int64").fill_null(-1).to_numpy(zero_copy_only=False)
    values = encoded.dictionary.to_pylist()
    if None in values:
        codes = np.where(codes == values.index(None), -1, codes)
    return codes, values


def object_key(value: Any) -> tuple[bool, Any]:
    """Python holds ``True == 1``; in a column of mixed types they are two values."""
    return isinstance(value, bool), value


def as_time(array: Any, name: str) -> Any:
    """Text, dates and times of other units or zones as ``name``. A zone is neither added to a value nor dropped.

    Raises:
        ValueError: that cannot be.
    """
    import pyarrow as pa
    import pyarrow.types as t

    kind = arrow_type(name)
    if t.is_dictionary(array.type):
        array = array.dictionary_decode()
    textual = t.is_large_string(array.type)
    if t.is_timestamp(kind) and kind.tz is not None:
        if textual:
            try:
                return array.cast(kind)  # each value names its zone
            except pa.ArrowException:
                array = array.cast(pa.timestamp(kind.unit))
        if not (t.is_timestamp(array.type) and array.type.tz is not None):
            return from_local_clock(array, kind)
    elif t.is_timestamp(array.type) and array.type.tz is not None:
        raise ValueError("a time with a zone in a column without one")
    if textual and t.is_date(kind):
        array = array.cast(pa.timestamp("us"))
    return array.cast(kind, safe=False)


def local_clock(array: Any) -> Any:
    """Times with a zone as the clock there shows them."""
    pc = compute()

    return pc.local_timestamp(array)


def from_local_clock(array: Any, kind: Any) -> Any:
    """The inverse of :func:`local_clock`; of an hour that the clock shows twice, the first."""
    import pyarrow as pa

    pc = compute()

    shown = array.cast(pa.timestamp(kind.unit))
    return pc.assume_timezone(shown, kind.tz, ambiguous="earliest", nonexistent="earliest")


def _objects(values: Any, name: str) -> Array:
    import pyarrow as pa

    plain = [None if _is_null(v) else v.item() if isinstance(v, np.generic) else v for v in values]
    for row, value in enumerate(plain):
        if isinstance(value, complex):
            raise _unfit(name, "complex numbers", "write real and imaginary part as two columns")
        if isinstance(value, list | tuple | dict | set | np.ndarray):
            raise _unfit(name, f"lists or records (row {row}: {value!r:.40})", "spread them over columns of their own")
        if value is not None and not isinstance(value, str | int | float | bool):
            raise _unfit(name, f"a {type(value).__name__} (row {row}) among other things", "give each column one type")
    if all(v is None or (isinstance(v, int | float) and not isinstance(v, bool)) for v in plain):
        return pa.array([None if v is None else float(v) for v in plain], pa.float64())
    out = np.empty(len(plain), dtype=object)
    out[:] = plain
    return out


def _is_null(value: Any) -> bool:
    if isinstance(value, float):
        return value != value
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def _fits(array: Any) -> bool:
    pc = compute()

    top = pc.max(array).as_py()
    return top is None or top < 2**63


def _as_datetime(value: Any) -> Any:
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return datetime.datetime(value.year, value.month, value.day)
    return value


def _unfit(name: str, what: str, instead: str) -> DataError:
    return DataError(f"column {name!r} holds {what}, which no column of a table can be modelled as: {instead}")
