"""Conditions on a column (``between``, ``one_of``) → the levels and the intervals of numbers that they allow."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from vaery.core.errors import DataError, QueryError
from vaery.core.query import Between, OneOf
from vaery.core.region import Region
from vaery.kinds.table import arrays, words
from vaery.kinds.table.column import COUNTS, Column
from vaery.kinds.table.encode import encode, native

OPEN = 1e4  # an open end, on the scaled axis; the map grows like a logarithm out there, so nothing lies beyond
COUNTABLE = 2.0**24  # the largest count that single precision tells from its neighbours
INSIDE = 0.499  # whole numbers end this far from their middle: a half would be rounded out of the range
DAY = 86_400


@dataclass(frozen=True)
class Allowed:
    """What a condition lets through.

    Attributes:
        levels: one flag for each level.
        intervals: of numbers, on the scaled axis, both ends included.
    """

    levels: tuple[bool, ...]
    intervals: tuple[tuple[float, float], ...]


def region_of(columns: Sequence[Column], conditions: Mapping[str, Between | OneOf]) -> Region:
    """Conditions by column name → one row of a region; the other columns are free.

    Raises:
        QueryError: see :func:`allowed`.
    """
    found = {i: allowed(c, conditions[c.name]) for i, c in enumerate(columns) if c.name in conditions}
    depth = max(1, *(len(a.intervals) for a in found.values()))
    asked = torch.zeros(1, len(columns), dtype=torch.bool)
    levels = torch.ones(1, len(columns), max(1, *(c.cell.levels for c in columns)), dtype=torch.bool)
    low, high = torch.full((1, len(columns), depth), -OPEN), torch.full((1, len(columns), depth), OPEN)
    for i, part in found.items():
        nowhere = [(1.0, 0.0)] * (depth - len(part.intervals))
        asked[0, i], levels[0, i] = True, False
        levels[0, i, : len(part.levels)] = torch.tensor(part.levels, dtype=torch.bool)
        low[0, i], high[0, i] = torch.tensor([*part.intervals, *nowhere]).T
    return Region(asked, levels, low, high)


def allowed(column: Column, condition: Between | OneOf) -> Allowed:
    """The part of a column that a condition allows.

    Raises:
        QueryError: the column cannot be asked that, or nothing it has ever held is allowed; says what it holds.
    """
    if column.sort == "constant" and not column.levels:
        raise QueryError(f"column {column.name!r} had no value when the model was fitted: it cannot be asked for one")
    if isinstance(condition, Between):
        return _between(column, condition)
    return _one_of(column, condition)


def _between(column: Column, asked: Between) -> Allowed:
    if not column.counted or column.sort in ("categorical", "boolean"):
        if column.sort == "ordinal":
            return _between_levels(column, asked)
        raise QueryError(
            f"column {column.name!r} has no order, so nothing lies between {asked.low!r} and {asked.high!r}: ask for "
            f"one_of({words.levels(column)})"
        )
    low = -math.inf if asked.low is None else _own(column, asked.low, last=False)
    high = math.inf if asked.high is None else _own(column, asked.high, last=True)
    own = column.own(column.level_values) if column.levels else np.zeros(0)
    levels = tuple(bool(low <= v <= high) for v in own)
    interval = None if _all_levels(column) else _interval(column, low, high)
    if not any(levels) and interval is None:
        raise QueryError(f"column {column.name!r} has no value in {_words(asked)}: it holds {words.span(column)}")
    return Allowed(levels, () if interval is None else (interval,))


def _between_levels(column: Column, asked: Between) -> Allowed:
    ends = []
    for value, end in ((asked.low, 0), (asked.high, len(column.levels) - 1)):
        if value is not None and value not in column.levels:
            raise QueryError(
                f"{value!r} is no level of column {column.name!r}; in order they are {words.levels(column)}"
            )
        ends.append(end if value is None else column.levels.index(value))
    if ends[0] > ends[1]:
        said = f"{asked.low!r} comes after {asked.high!r}"
        raise QueryError(f"in column {column.name!r}, {said}: its order is {words.levels(column)}")
    return Allowed(tuple(ends[0] <= i <= ends[1] for i in range(len(column.levels))), ())


def _one_of(column: Column, asked: OneOf) -> Allowed:
    levels, intervals = [False] * len(column.levels), []
    for value in asked.values:
        code, number = single(column, value)
        if code < len(levels):
            levels[code] = True
        elif _all_levels(column):
            raise QueryError(f"column {column.name!r} never held {value!r}; known are {words.levels(column)}")
        elif column.decimals is None:
            raise QueryError(
                f"column {column.name!r} holds numbers with any decimals, and the chance of exactly {value!r} is nil: "
                "give the value itself, or ask for between(low, high)"
            )
        else:
            own = float(column.scale.inverse(np.array([number]))[0])
            intervals.append(_interval(column, own, own))
    found = tuple(i for i in intervals if i is not None)
    if not any(levels) and not found:
        raise QueryError(
            f"column {column.name!r} has none of {', '.join(map(repr, asked.values))}: it holds {words.span(column)}"
        )
    return Allowed(tuple(levels), found)


def single(column: Column, value: Any) -> tuple[int, float]:
    """One value → its code and number."""
    try:
        code, number, known = encode(column, arrays.as_array([value], column.name))
    except DataError as error:
        raise QueryError(
            str(error).replace("row 0 of column", "column").replace(": leave the cell empty", "")
        ) from error
    if not known[0]:
        raise QueryError(f"column {column.name!r} was asked to be unknown ({value!r}): leave it out of given= instead")
    return int(code[0]), float(number[0])


def _all_levels(column: Column) -> bool:
    """Its numbers are only a way out for values that were never seen."""
    return column.family is None or column.rest == 0


def _interval(column: Column, low: float, high: float) -> tuple[float, float] | None:
    """Own units → scaled axis; ``None`` where no number that was seen, or lies between two that were, is inside."""
    low, high = column.between(low, high)
    if low > high or low > column.high or high < column.low:
        return None
    if column.family in COUNTS or not column.scale.raw:
        bottom, top = (0.0, COUNTABLE) if column.family in COUNTS else (column.low, column.high)
        return max(low, bottom), min(high, top)
    room = 2 * INSIDE * column.half
    ends = np.array([low - room, high + room])
    with np.errstate(invalid="ignore"):
        scaled = column.scale.forward(np.clip(ends, -1e300, 1e300)).astype(np.float32)
    return (
        -OPEN if math.isinf(low) else _inward(column, scaled[0], low, up=True),
        OPEN if math.isinf(high) else _inward(column, scaled[1], high, up=False),
    )


def _inward(column: Column, scaled: np.float32, end: float, up: bool) -> float:
    """Single precision may land just outside: step inward until the way back is inside."""
    for _ in range(64):
        back = float(column.on_lattice(column.scale.inverse(np.array([float(scaled)])), clip=False)[0])
        if back >= end if up else back <= end:
            break
        scaled = np.nextafter(scaled, np.float32(np.inf if up else -np.inf))
    return float(scaled)


# ---------------------------------------------------------------------- ends of a range


def _own(column: Column, value: Any, last: bool) -> float:
    """One end of a range in own units. A bare date as the upper end of times means the whole of that day."""
    if arrays.is_time(column.type):
        return _time(column, value, last)
    if isinstance(value, bool | str) or not _is_real(value):
        raise QueryError(
            f"column {column.name!r} holds numbers, and {value!r} is none: write for instance between(20, 30)"
        )
    if isinstance(value, float) and math.isnan(value):
        raise QueryError(f"between() was asked for NaN in column {column.name!r}: leave that end open with None")
    return float((value - column.origin) / column.step)


def _is_real(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return not isinstance(value, datetime.date | datetime.timedelta)


def _time(column: Column, value: Any, last: bool) -> float:
    try:
        one = arrays.as_array([value], column.name)
        ticks = int(native(column, one, np.array([True]))[0])
    except (DataError, IndexError) as error:
        dated = column.type.startswith(("timestamp", "date"))
        example = "between('2020-01-01', '2020-12-31')" if dated else "between(low, high)"
        raise QueryError(
            f"column {column.name!r} holds {column.type}, and {value!r} is none: write for instance {example}"
        ) from error
    own = float(column.own(np.array([ticks]))[0])
    bare = (isinstance(value, str) and len(value.strip()) == 10) or (
        isinstance(value, datetime.date) and not isinstance(value, datetime.datetime)
    )
    if last and bare and column.type.startswith("timestamp"):
        unit = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[column.type.split("[")[1].rstrip("]").split(",")[0]]
        own += DAY * unit / column.step - 1
    return own


def _words(asked: Between) -> str:
    if asked.low is None:
        return f"values up to {asked.high!r}"
    return f"values from {asked.low!r}" + ("" if asked.high is None else f" to {asked.high!r}")
