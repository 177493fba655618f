"""Columns: what one column of a table can hold, and the way between its raw values and a cell's (code, number)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaery.core.cells import WIDE, CellSpec
from vaery.core.errors import DataError
from vaery.kinds.table import arrays
from vaery.kinds.table.arrays import Array
from vaery.kinds.table.scale import Floats, Scale

SORTS = ("numeric", "integer", "boolean", "categorical", "ordinal", "datetime", "constant")
SINGLE = 1.2e-7  # how far single precision may be off, relative to the value
COUNTS = ("poisson", "negative_binomial", "zero_inflated")  # families of raw counts, which are not scaled


@dataclass(frozen=True)
class Column:
    """What was found in one column, and what it takes to give its values back.

    A value is a level or a number. The number is modelled on a scale of its own: first ``(raw - origin) / step`` (its
    *own units*: times are counts of their resolution, all else is taken as it is), then ``scale``.

    Attributes:
        name: of the column.
        sort: one of ``SORTS``.
        type: of its values, in Arrow's words (``"int64"``, ``"timestamp[us, tz=UTC]"`` …) or ``"object"`` (mixed).
        dtype: what the container called it.
        levels: the values of the codes 0, 1, …; times as counts of their unit, bytes as Latin-1.
        shares: each level's share of the values.
        ordered: the levels are all there is, and their order counts.
        family: the member of ``likelihoods`` the number follows; ``None``: it is never a number.
        options: of that family.
        scale: own units → what the network sees.
        origin, step: of the own units, for times and large integers.
        decimals: numbers are whole multiples of ``10 ** -decimals`` in own units; ``None``: they are not.
        low, high: the numbers' range in own units.
        nulls: share of nulls.
        categories: the container's own list of categories, used or not.
    """

    name: str
    sort: str
    type: str
    dtype: str = ""
    levels: tuple[Any, ...] = ()
    shares: tuple[float, ...] = ()
    ordered: bool = False
    family: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    scale: Scale = field(default_factory=Scale)
    origin: int = 0
    step: int = 1
    decimals: int | None = None
    low: float = 0.0
    high: float = 0.0
    nulls: float = 0.0
    categories: tuple[Any, ...] | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Column:
        """The inverse of ``dataclasses.asdict``, through JSON."""
        scale = data["scale"]
        scale = Scale(tuple(scale["raw"]), tuple(scale["scaled"]), scale["below"], scale["above"])
        lists = {k: None if data[k] is None else tuple(data[k]) for k in ("levels", "shares", "categories")}
        return cls(**{**data, **lists, "scale": scale})

    @cached_property
    def cell(self) -> CellSpec:
        """What the cell can hold. A column without any value has one level, which stands for "nothing"."""
        count = len(self.levels) if self.family is not None else max(1, len(self.levels))
        codes = count + (self.family is not None)
        shares = (*self.shares, max(0.0, 1 - sum(self.shares))) if self.family is not None else self.shares
        return CellSpec(count, self.family, self.options, self.ordered, shares if codes > WIDE else None)

    @property
    def counted(self) -> bool:
        """Its values have an order and differences: numbers and times."""
        return arrays.is_number(self.type) or arrays.is_time(self.type)

    @property
    def half(self) -> float:
        """Half the distance between neighbouring values in own units; zero where they lie dense."""
        return 0.0 if self.decimals is None else 0.5 * 10.0**-self.decimals

    # ------------------------------------------------------------------ raw → cell

    def encode(self, array: Array) -> tuple[Floats, Floats, NDArray[np.bool_]]:
        """Raw values → code, number, known, one entry a row; zeros where unknown.

        Raises:
            DataError: infinite, of the wrong type, or a level that was never seen; names the row.
        """
        known = arrays.known(array)
        if not known.any():
            return np.zeros(len(known)), np.zeros(len(known)), known
        if not self.levels and self.family is None:
            raise self._wrong(array, known, "had no value at all when the model was described: leave it empty")
        if self.counted:
            return self._encode_counted(array, known)
        if not self._speaks(array):
            raise self._wrong(array, known, f"holds {self._sort_in_words()}")
        return self._encode_levels(array, known)

    def _encode_counted(self, array: Array, known: NDArray[np.bool_]) -> tuple[Floats, Floats, NDArray[np.bool_]]:
        x = self.native(array, known)
        code, found = self._match(x)
        number, fresh = np.zeros(len(x)), known & ~found
        if fresh.any():
            if self.family is None:
                raise self._unseen(array, int(fresh.argmax()))
            own = self.own(x[fresh])
            uncounted = (own < 0) | (own != np.rint(own))
            if self.family in COUNTS and uncounted.any():
                row = int(fresh.nonzero()[0][uncounted.argmax()])
                raise DataError(
                    f"row {row} of column {self.name!r} is {_show(array, row)}, but {self.family!r} is for counts: "
                    "whole numbers from zero; choose another likelihood for the column, for instance 'mixture'"
                )
            number[fresh] = self.scale.forward(own)
        return np.where(known, np.where(found, code, len(self.levels)), 0).astype(np.float64), number, known

    def native(self, array: Array, known: NDArray[np.bool_]) -> NDArray[Any]:
        """Values of a counted column as int64 or float64, on the column's lattice."""
        array = self.same_type(array, known)
        x = arrays.native(array)
        if x.dtype.kind == "f":
            infinite = np.isinf(x)
            if infinite.any():
                raise infinite_value(self.name, int(infinite.argmax()), float(x[infinite.argmax()]))
            if self.decimals is not None and not self.origin:  # 0.1 in single precision is 0.1
                with np.errstate(over="ignore", invalid="ignore"):
                    near = np.rint(x * 10.0**self.decimals) / 10.0**self.decimals
                    blur = SINGLE * np.abs(x)
                    x = np.where((np.abs(near - x) <= blur) & (blur < 0.1 * self.half), near, x)
        return x

    def own(self, x: NDArray[Any]) -> Floats:
        """Native values → own units."""
        return ((x - self.origin) / self.step if self.origin or self.step != 1 else x).astype(np.float64)

    def _match(self, x: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The code of each value among the levels, and whether it is one."""
        if not self.levels:
            return np.zeros(len(x), dtype=np.int64), np.zeros(len(x), dtype=bool)
        levels, order = self._sorted_levels
        at = np.clip(np.searchsorted(levels, x), 0, len(levels) - 1)
        return order[at], levels[at] == x

    @cached_property
    def _sorted_levels(self) -> tuple[NDArray[Any], NDArray[np.int64]]:
        order = np.argsort(self.level_values, kind="stable")
        return self.level_values[order], order

    @cached_property
    def level_values(self) -> NDArray[Any]:
        """The levels of a counted column, by code."""
        whole = all(isinstance(v, int) and abs(v) < 2**63 for v in self.levels)
        return np.array(self.levels, dtype=np.int64 if whole else np.float64)

    def _encode_levels(self, array: Array, known: NDArray[np.bool_]) -> tuple[Floats, Floats, NDArray[np.bool_]]:
        codes, values = arrays.levels(array)
        table = np.array([self._code_of.get(self._key(v), -1) for v in values] or [-1], dtype=np.int64)
        mine = np.where(codes < 0, 0, table[codes])
        if (mine < 0).any():
            raise self._unseen(array, int((mine < 0).argmax()))
        return mine.astype(np.float64), np.zeros(len(mine)), known

    @cached_property
    def _code_of(self) -> dict[Any, int]:
        values = [v.encode("latin-1") for v in self.levels] if self.type == "large_binary" else self.levels
        return {self._key(v): i for i, v in enumerate(values)}

    def _key(self, value: Any) -> Any:
        return arrays.object_key(value) if self.type == "object" else value

    def _speaks(self, array: Array) -> bool:
        """Whether values of this type can be levels of this column."""
        name = arrays.type_name(array)
        if self.type == "object" or name == self.type:
            return True
        return name == "object" or (self.type == "bool" and arrays.is_number(name))

    def same_type(self, array: Array, known: NDArray[np.bool_]) -> Array:
        """The array in the column's type, where that says the same: integers as floats, text as times …"""
        import pyarrow as pa

        name = arrays.type_name(array)
        if name == self.type or (arrays.is_number(self.type) and (arrays.is_number(name))):
            return array
        if name == "bool" and arrays.is_number(self.type):
            return array.cast(pa.int64())  # type: ignore[union-attr]
        if arrays.is_time(self.type) and not isinstance(array, np.ndarray):
            try:
                return _as_time(array, self.type)
            except (pa.ArrowException, ValueError):
                pass
        raise self._wrong(array, known, f"holds {self._sort_in_words()}")

    # ------------------------------------------------------------------ cell → raw

    def decode(self, code: Floats, number: Floats, known: NDArray[np.bool_] | None, clip: bool = True) -> Array:
        """Code and number → raw values: an Arrow array of ``type``, or objects.

        Args:
            clip: numbers beyond the range that was seen are set to its end.
        """
        import pyarrow as pa

        if not self.levels and self.family is None:
            known = np.zeros(len(code), dtype=bool)
        if self.counted:
            return self.as_arrow(self.numbers(code, number, clip), known)
        at = np.clip(code.astype(np.int64), 0, max(0, len(self.levels) - 1))
        if self.type == "object":
            table = np.empty(len(self.levels), dtype=object)
            table[:] = self.levels
            return table[at] if known is None else np.where(known, table[at], np.array(None))
        values = [v.encode("latin-1") for v in self.levels] if self.type == "large_binary" else list(self.levels)
        if not values:
            return pa.nulls(len(at), arrays.arrow_type(self.type))
        return pa.array(values, arrays.arrow_type(self.type)).take(pa.array(at, mask=None if known is None else ~known))

    def numbers(self, code: Floats, number: Floats, clip: bool = True) -> NDArray[Any]:
        """Code and number of a counted column → native values (int64 or float64)."""
        own = self.on_lattice(self.scale.inverse(number.astype(np.float64)), clip)
        whole = self.type == "int64" or arrays.is_time(self.type)
        x = self.raw(own)
        if not self.levels:
            return x
        at = np.clip(code.astype(np.int64), 0, len(self.levels) - 1)
        found = self.level_values[at]
        return np.where(code < len(self.levels), found.astype(x.dtype if whole else np.float64), x)

    def on_lattice(self, own: Floats, clip: bool = True) -> Floats:
        """Own units, rounded to what the column can hold and (if asked) kept in the range that was seen."""
        if self.decimals is not None:
            with np.errstate(over="ignore"):
                own = np.rint(own * 10.0**self.decimals) / 10.0**self.decimals
        return np.clip(own, self.low, self.high) if clip and self.family is not None else own

    def raw(self, own: Floats) -> NDArray[Any]:
        """Own units → native values: int64 for integers and times, float64 for the rest."""
        if self.type != "int64" and not arrays.is_time(self.type):
            return own * self.step + self.origin if self.origin or self.step != 1 else own
        room = 2.0**62
        whole = np.rint(np.clip(np.nan_to_num(own), -room / self.step, room / self.step)).astype(np.int64)
        return whole * self.step + self.origin

    def as_arrow(self, x: NDArray[Any], known: NDArray[np.bool_] | None = None) -> Array:
        """Native values → an Arrow array of ``type``."""
        import pyarrow as pa

        kind = arrays.arrow_type(self.type)
        mask = None if known is None else ~known
        if self.type.startswith("decimal"):
            from decimal import Decimal

            scale = max(0, kind.scale)
            return pa.array([Decimal(f"{v:.{scale}f}") for v in x.tolist()], kind, mask=mask)
        if arrays.is_time(self.type):
            ticks = pa.array(x, mask=mask)
            return (ticks.cast(pa.int32()) if kind.bit_width == 32 else ticks).cast(kind)
        if self.type == "uint64":
            return pa.array([int(v) for v in x.tolist()], kind, mask=mask)
        return pa.array(x, kind, mask=mask)

    # ------------------------------------------------------------------ errors

    def _unseen(self, array: Array, row: int) -> DataError:
        value = _show(array, row)
        known = self.never_seen(value)
        return DataError(f"row {row} of column {self.name!r} is {value}, {known}: leave the cell empty")

    def never_seen(self, value: str) -> str:
        """``which was never seen; known are …``, with the nearest level first."""
        import difflib

        names = [repr(v) for v in self.levels]
        near = difflib.get_close_matches(value, names[:5000], n=1)
        shown = ", ".join([*near, *(n for n in names[:20] if n not in near)][:20])
        more = f" and {len(names) - 20} more" if len(names) > 20 else ""
        return f"which was never seen there; known are {shown}{more}"

    def _wrong(self, array: Array, known: NDArray[np.bool_], expected: str) -> DataError:
        """Names the first value that does not fit (the first that is of another sort, in a column of mixed types)."""
        row = int(known.argmax())
        if isinstance(array, np.ndarray) and self.counted:
            row = next((i for i, v in enumerate(array) if isinstance(v, str)), row)
        return DataError(
            f"row {row} of column {self.name!r} is {_show(array, row)}, but the column {expected}; "
            "write a value of that sort or leave the cell empty"
        )

    def _sort_in_words(self) -> str:
        if arrays.is_time(self.type):
            return f"times ({self.type})"
        return {"bool": "true or false", "large_string": "text", "large_binary": "bytes"}.get(self.type, "numbers")


def infinite_value(name: str, row: int, value: float) -> DataError:
    return DataError(
        f"row {row} of column {name!r} is {value}; a finite number was expected: leave the cell empty (NaN) if its "
        "value is not known, or write the largest value that makes sense"
    )


def _show(array: Array, row: int) -> str:
    value = array[row] if isinstance(array, np.ndarray) else array[row].as_py()
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _as_time(array: Any, name: str) -> Any:
    """Text, dates and times of other units or zones as ``name``. A zone is neither added to a value nor dropped."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.types as t

    kind = arrays.arrow_type(name)
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
            return pc.assume_timezone(array.cast(pa.timestamp(kind.unit)), kind.tz)  # type: ignore[attr-defined]
    elif t.is_timestamp(array.type) and array.type.tz is not None:
        raise ValueError("a time with a zone in a column without one")
    if textual and t.is_date(kind):
        array = array.cast(pa.timestamp("us"))
    return array.cast(kind, safe=False)
