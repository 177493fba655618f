"""Conditions against constraints: which ``given=`` no row can meet, and why."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaery.constraints import reckon
from vaery.constraints.parse import Column, Compare, Expression, Literal, Unique
from vaery.constraints.rules import Rules, day
from vaery.constraints.sorts import moment
from vaery.core.errors import ChoiceError, QueryError
from vaery.core.query import Between, OneOf
from vaery.core.values import Values

Interval = tuple[float, float]
EVERYTHING: Interval = (-math.inf, math.inf)
LEEWAY = 1e-9  # of a bound's size: bounds are reckoned in double precision


def refuse(rules: Rules, given: Mapping[str, Any], rows: int, columns: Mapping[str, Values]) -> None:
    """Raise QueryError for a condition that contradicts a constraint in every row; nothing is drawn for it.

    Args:
        rules: the constraints.
        given: column → value, ``between(...)`` or ``one_of(...)``.
        rows: how many are asked for.
        columns: any rows of the model, for the sorts of their columns.
    """
    for constraint in rules.constraints:
        if isinstance(constraint, Unique):
            if rows > 1 and all(name in given and not _open(given[name]) for name in constraint.columns):
                raise QueryError(
                    f"given= fixes {', '.join(constraint.columns)} in all of {rows} rows, and the constraint "
                    f"'{constraint}' lets only one row have it: ask for n=1, or leave it out of given="
                )
        elif any(name in given for name in constraint.columns) and _impossible(rules, constraint, given, columns):
            why = "; ".join(said for name in constraint.columns if (said := _said(rules, name, given, columns)))
            raise QueryError(f"given= contradicts the constraint '{constraint}': {why}")


def meets(name: str, asked: Any, columns: Mapping[str, Values]) -> NDArray[np.bool_]:
    """In which rows a column meets a range or a set; conditions that cannot be reckoned with count as met."""
    column = Column(name)
    every = np.ones(len(columns[name]), dtype=bool)
    try:
        if isinstance(asked, Between):
            low, high = ends(asked, columns[name].sort)
            for op, end in ((">=", low), ("<=", high)):
                every = every if end is None else every & reckon.holds(Compare(op, column, end), columns)
            return every
        options = [reckon.holds(Compare("=", column, literal(v)), columns) for v in asked.values]
        return np.logical_or.reduce(options)
    except (ChoiceError, TypeError):
        return every


def ends(asked: Between, sort: str) -> tuple[Literal | None, Literal | None]:
    """The ends of a range as they would be written; a bare date as the upper end means the whole day."""
    low = None if asked.low is None else literal(asked.low)
    high = None if asked.high is None else literal(asked.high)
    if high is not None and sort == "time" and len(str(high.value)) == 10:
        high = Literal(f"{high.value} 23:59:59.999999")
    return low, high


def literal(value: Any) -> Literal:
    """A raw value as it would be written.

    Raises:
        TypeError: it cannot be.
    """
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, bool | int | float | str):
        return Literal(int(value) if isinstance(value, bool) else value)
    if isinstance(value, datetime.date | datetime.time):
        return Literal(value.isoformat())
    if type(value).__name__ == "Decimal":
        return Literal(float(value))
    raise TypeError(f"{value!r} cannot be written in a constraint")


def _open(asked: Any) -> bool:
    return isinstance(asked, Between | OneOf)


def _impossible(rules: Rules, compare: Compare, given: Mapping[str, Any], columns: Mapping[str, Values]) -> bool:
    sorts = {columns[name].sort for name in compare.columns}
    if sorts & {"text", "other"}:
        return _different(compare, given)
    left, right = (_interval(rules, side, given, columns, compare) for side in (compare.left, compare.right))
    slack = LEEWAY * max((abs(v) for v in (*left, *right) if math.isfinite(v)), default=0.0)
    below, above = left[0] > right[1] + slack, left[1] < right[0] - slack
    if compare.op == "=":
        half = rules.half.get(compare.computed or "", 0.0) * max(1, columns[compare.computed or ""].tick)
        return left[0] > right[1] + half + slack or left[1] < right[0] - half - slack
    if compare.op == "!=":
        return left == right and left[0] == left[1]
    if compare.op in ("<", "<="):
        return below or (compare.op == "<" and left[0] >= right[1])
    return above or (compare.op == ">" and left[1] <= right[0])


def _different(compare: Compare, given: Mapping[str, Any]) -> bool:
    """Of texts: both sides are fixed, and not as they should be."""
    sides = []
    for side in (compare.left, compare.right):
        if isinstance(side, Column) and (side.name not in given or _open(given[side.name])):
            return False
        sides.append(given[side.name] if isinstance(side, Column) else getattr(side, "value", None))
    return (sides[0] == sides[1]) != (compare.op == "=")


def _interval(
    rules: Rules, side: Expression, given: Mapping[str, Any], columns: Mapping[str, Values], within: Compare
) -> Interval:
    """What an expression can be at least and at most (times: nanoseconds)."""
    if isinstance(side, Literal):
        sort = next(columns[name].sort for name in within.columns)
        value = moment(side.value, sort) if isinstance(side.value, str) else side.value
        return float(value), float(value)
    if isinstance(side, Column):
        return _of_column(rules, side.name, given, columns, within)
    a, b = (_interval(rules, part, given, columns, within) for part in (side.left, side.right))
    if side.op == "+":
        return a[0] + b[0], a[1] + b[1]
    if side.op == "-":
        return a[0] - b[1], a[1] - b[0]
    if side.op == "/" and b[0] <= 0 <= b[1]:
        return EVERYTHING
    ends = [x * y if side.op == "*" else x / y for x in a for y in b]
    return EVERYTHING if any(math.isnan(v) for v in ends) else (min(ends), max(ends))


def _of_column(
    rules: Rules, name: str, given: Mapping[str, Any], columns: Mapping[str, Values], within: Compare
) -> Interval:
    column = columns[name]
    if name in given:
        try:
            return _asked(given[name], column)
        except (TypeError, ChoiceError):
            return EVERYTHING
    left = within.computed
    if left is not None and left in given and not _open(given[left]) and reckon.degree(within.right, name) == 1:
        return EVERYTHING  # it will be what makes the equality hold
    compare = next((c for c in rules.equalities if c.computed == name), None)
    if compare is not None:
        return EVERYTHING if compare is within else _interval(rules, compare.right, given, columns, compare)
    low, high = rules.seen.get(name, EVERYTHING)
    return low * max(1, column.tick), high * max(1, column.tick)


def _asked(asked: Any, column: Values) -> Interval:
    def number(value: Literal | None, otherwise: float) -> float:
        if value is None:
            return otherwise
        return float(moment(value.value, column.sort) if isinstance(value.value, str) else value.value)

    if isinstance(asked, Between):
        low, high = ends(asked, column.sort)
        return number(low, -math.inf), number(high, math.inf)
    values = [number(literal(v), 0.0) for v in (asked.values if isinstance(asked, OneOf) else (asked,))]
    return min(values), max(values)


def _said(rules: Rules, name: str, given: Mapping[str, Any], columns: Mapping[str, Values]) -> str:
    asked = given.get(name)
    if isinstance(asked, Between):
        ends = f"at least {asked.low}" if asked.high is None else f"{asked.low} to {asked.high}"
        return f"{name} is to be " + (f"at most {asked.high}" if asked.low is None else ends)
    if isinstance(asked, OneOf):
        return f"{name} is to be one of {', '.join(map(str, asked.values))}"
    if name in given:
        return f"{name} is to be {asked}"
    if name in rules.half:
        return f"{name} is computed"
    if name not in rules.seen:
        return ""
    low, high = rules.seen[name]
    dated = columns[name].sort == "time"
    words = [day(int(v) * columns[name].tick) if dated else str(v) for v in (low, high)]
    return f"{name} was {words[0]} to {words[1]} in the data"
