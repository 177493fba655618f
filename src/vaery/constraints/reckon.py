"""Reckoning: what an expression is of some rows, whether a comparison holds, and which value would make it hold.

Whole numbers and times are reckoned exactly (in 64 bits where they fit, else as Python's own integers); floats in
double precision, where two sides count as equal within the rounding error of their columns' types.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaery.constraints.parse import Column, Compare, Expression, Literal, Sum, columns_of
from vaery.constraints.sorts import TIMES, moment
from vaery.core.values import Values

Array = NDArray[Any]
FITS = 2.0**62  # sizes under which 64 bits are enough
ROUNDINGS = 4.0  # rounding errors of a column's type that a sum may be off by


@dataclass(frozen=True)
class Rows:
    """Some rows, as far as one comparison reads them.

    Attributes:
        columns: by name; times all counted in ``tick``.
        tick: nanoseconds.
        exact: sums are of whole numbers, and Python's own where 64 bits might not hold them.
    """

    columns: Mapping[str, Values]
    tick: int
    exact: bool

    @classmethod
    def of(cls, compare: Compare, columns: Mapping[str, Values]) -> Rows:
        """The columns that ``compare`` names, counted alike."""
        mine = {name: columns[name] for name in compare.columns}
        tick = min((v.tick for v in mine.values() if v.tick), default=1)
        if any(isinstance(side, Literal) and isinstance(side.value, str) for side in (compare.left, compare.right)):
            tick = 1 if any(v.tick for v in mine.values()) else tick
        scale = {name: v.tick // tick if v.tick else 1 for name, v in mine.items()}
        sizes = {name: _size(v.x) * scale[name] for name, v in mine.items()}
        exact = all(v.x.dtype.kind in "iO" for v in mine.values() if v.counted)
        big = exact and max(_most(side, sizes) for side in (compare.left, compare.right)) >= FITS
        counted = {name: replace(v, x=_scaled(v, big, scale[name])) for name, v in mine.items()}
        return cls(counted, tick, exact)

    @property
    def known(self) -> NDArray[np.bool_]:
        """The rows in which every one of the columns has a value."""
        return np.logical_and.reduce([v.known for v in self.columns.values()])

    def evaluate(self, expression: Expression, without: str | None = None) -> Any:
        """What an expression is in each row; with ``without`` zero."""
        if isinstance(expression, Column):
            return (
                0 * self.columns[expression.name].x if expression.name == without else self.columns[expression.name].x
            )
        if isinstance(expression, Literal):
            return expression.value
        left, right = self.evaluate(expression.left, without), self.evaluate(expression.right, without)
        return _combined(expression.op, left, right)

    def slope(self, expression: Expression, name: str) -> Any:
        """By how much an expression grows with column ``name``, in which it must be linear."""
        if isinstance(expression, Column):
            return int(expression.name == name)
        if isinstance(expression, Literal):
            return 0
        left, right = self.slope(expression.left, name), self.slope(expression.right, name)
        if expression.op in "+-":
            return _combined(expression.op, left, right)
        other = self.evaluate(expression.right)
        if expression.op == "/":
            return _combined("/", left, other)
        return left * other + self.evaluate(expression.left) * right

    def blur(self, expression: Expression) -> Any:
        """How far rounding may have put an expression off."""
        if isinstance(expression, Column | Literal):
            return 0.0
        precision = max((self.columns[n].precision for n in columns_of(expression)), default=0.0) or 2.0**-52
        return ROUNDINGS * precision * self.extent(expression)

    def extent(self, expression: Expression) -> Any:
        """The size of an expression's terms, all added up."""
        if isinstance(expression, Sum) and expression.op in "+-":
            return self.extent(expression.left) + self.extent(expression.right)
        return np.abs(np.asarray(self.evaluate(expression), dtype=np.float64))


def holds(compare: Compare, columns: Mapping[str, Values], half: float = 0.0) -> NDArray[np.bool_]:
    """In which rows a comparison holds; where any of its columns has no value, it does.

    Args:
        compare: the comparison.
        columns: by name.
        half: of an equality, half the distance between neighbouring values of the column it computes (times: in
            counts of that column): the other side is rounded to these.
    """
    rows = Rows.of(compare, columns)
    known = rows.known
    with np.errstate(all="ignore"):
        left, right = _side(compare.left, rows), _side(compare.right, rows)
        sorts = {v.sort for v in rows.columns.values()}
        if sorts & {"text", "other"}:
            same = np.array(left == right) & np.ones(len(known), dtype=bool)
            return np.where(known, same if compare.op == "=" else ~same, True)
        slack = 0.0 if rows.exact and not _divides(compare) else rows.blur(compare.left) + rows.blur(compare.right)
        if compare.op == "=" and compare.computed:
            column = columns[compare.computed]
            slack = slack + half * (column.tick / rows.tick if column.tick else 1) + column.precision * np.abs(left)
        found = _compared(compare.op, left, right, slack)
    return np.where(known, np.asarray(found, dtype=bool), True)


def computed(compare: Compare, columns: Mapping[str, Values]) -> Array:
    """What the column on the left of an equality has to be, in its own counts; not yet rounded."""
    rows = Rows.of(compare, columns)
    with np.errstate(all="ignore"):
        found = _side(compare.right, rows)
    left = columns[compare.computed or ""]
    return _recounted(np.broadcast_to(np.asarray(found), (len(left),)), left, rows.tick)


def solved(compare: Compare, name: str, columns: Mapping[str, Values]) -> Array | None:
    """What column ``name`` on the right of an equality has to be for it to hold; ``None``: that cannot be told."""
    if columns[name].sort in ("text", "other"):
        return columns[compare.computed or ""].x if compare.right == Column(name) else None
    if degree(compare.right, name) != 1:
        return None
    rows = Rows.of(compare, columns)
    with np.errstate(all="ignore"):
        rest = _combined("-", rows.columns[compare.computed or ""].x, rows.evaluate(compare.right, without=name))
        slope = rows.slope(compare.right, name)
        found = rest * slope if np.all(np.abs(slope) == 1) else _combined("/", rest, slope)
    return _recounted(np.broadcast_to(np.asarray(found), (len(columns[name]),)), columns[name], rows.tick)


def degree(expression: Expression, name: str) -> float:
    """In which power a column stands: 0 not at all, 1 linear, more or infinite otherwise."""
    if isinstance(expression, Sum):
        left, right = degree(expression.left, name), degree(expression.right, name)
        if expression.op == "/":
            return left if right == 0 else np.inf
        return left + right if expression.op == "*" else max(left, right)
    return float(isinstance(expression, Column) and expression.name == name)


def _side(side: Expression, rows: Rows) -> Any:
    """One side of a comparison; a quoted text beside times is one."""
    if isinstance(side, Literal) and isinstance(side.value, str):
        sort = next((v.sort for v in rows.columns.values()), "text")
        return moment(side.value, sort) if sort in TIMES else side.value
    return rows.evaluate(side)


def _compared(op: str, left: Any, right: Any, slack: Any) -> Any:
    """``op``, where sides within ``slack`` of each other are equal."""
    gap = left - right
    near = np.abs(np.asarray(gap, dtype=np.float64)) <= slack if np.any(slack) else left == right
    if op in ("=", "!="):
        return near if op == "=" else ~np.asarray(near, dtype=bool) & (gap == gap)
    beyond = np.asarray(left < right if op in ("<", "<=") else left > right, dtype=bool)
    return beyond | near if op in ("<=", ">=") else beyond & ~np.asarray(near, dtype=bool)


def _divides(compare: Compare) -> bool:
    parts: list[Expression] = [compare.left, compare.right]
    while parts:
        part = parts.pop()
        if isinstance(part, Literal) and isinstance(part.value, float):
            return True
        if isinstance(part, Sum):
            if part.op == "/":
                return True
            parts += [part.left, part.right]
    return False


def _combined(op: str, left: Any, right: Any) -> Any:
    if op == "+":
        return left + right
    if op == "-":
        return left - right
    if op == "*":
        return left * right
    return np.asarray(left, dtype=np.float64) / np.asarray(right, dtype=np.float64)


def _scaled(column: Values, big: bool, scale: int) -> Array:
    x = column.x.astype(object) if big and column.counted else column.x
    return x if scale == 1 else x * scale


def _size(x: Array) -> float:
    if x.dtype.kind not in "iufO" or not len(x):
        return 1.0
    if x.dtype == object:
        return max((abs(float(v)) for v in x.tolist() if isinstance(v, int | float)), default=1.0)
    return max(abs(float(x.min())), abs(float(x.max())), 1.0)


def _most(expression: Expression, sizes: Mapping[str, float]) -> float:
    """A bound on the size of an expression and of all its parts."""
    if isinstance(expression, Column):
        return sizes[expression.name]
    if isinstance(expression, Literal):
        return FITS if isinstance(expression.value, str) else max(1.0, abs(float(expression.value)))
    left, right = _most(expression.left, sizes), _most(expression.right, sizes)
    return left * right if expression.op == "*" else left + right


def _recounted(x: Array, column: Values, tick: int) -> Array:
    """Counts of ``tick`` as counts of the column."""
    scale = column.tick // tick if column.tick else 1
    if scale == 1:
        return x
    if x.dtype.kind == "f":
        return x / scale
    return (x + scale // 2) // scale
