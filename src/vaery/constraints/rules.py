"""Rules: the constraints of a fitted model, and what of its data they need to know."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaery.constraints import measured, reckon
from vaery.constraints.parse import Column, Compare, Constraint, Measure, Unique, parse_all
from vaery.constraints.sheets import Sheets
from vaery.constraints.sorts import check_sorts
from vaery.core.errors import ChoiceError, DataError, choice
from vaery.core.values import Values
from vaery.schema import Schema

NUMBERED = re.compile(r"(.*?)([0-9]{1,15})")  # "C-00123"


@dataclass(frozen=True)
class Fresh:
    """How new values of a unique column are made: ``prefix`` and the next number, with ``width`` digits at least."""

    next: int
    prefix: str | None = None
    width: int = 0

    def values(self, count: int, used: Iterable[Any]) -> NDArray[Any]:
        """``count`` values beyond those used, in the data and here.

        >>> Fresh(8, "C-", 4).values(2, ["C-0009", None]).tolist()
        ['C-0010', 'C-0011']
        """
        start = max([self.next, *(n + 1 for v in used if (n := self.number(v)) is not None)])
        if self.prefix is None:
            return np.arange(start, start + count, dtype=np.int64)
        out = np.empty(count, dtype=object)
        out[:] = [f"{self.prefix}{n:0{self.width}d}" for n in range(start, start + count)]
        return out

    def number(self, value: Any) -> int | None:
        """The number in a value; ``None`` if it has none of ours."""
        if self.prefix is None:
            return int(value) if isinstance(value, int | float) else None
        found = NUMBERED.fullmatch(value) if isinstance(value, str) else None
        return int(found[2]) if found and found[1] == self.prefix else None


@dataclass(frozen=True)
class Rules:
    """Constraints that rows of a model keep.

    Attributes:
        constraints: in the order they were given.
        half: column that an equality computes → half the distance between neighbouring values of it.
        seen: column → its smallest and largest value in the data, in its own counts.
        fresh: unique column → how new values are made; columns without an entry are drawn until they differ.
        measures: columns that are measured on a field, said or found.
    """

    constraints: tuple[Compare | Unique, ...] = ()
    half: Mapping[str, float] = field(default_factory=dict)
    seen: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    fresh: Mapping[str, Fresh] = field(default_factory=dict)
    measures: tuple[Measure, ...] = ()

    @classmethod
    def learn(cls, texts: Iterable[str] | str, schema: Schema, raw: Any) -> Rules:
        """Read constraints, look for measures, and hold the data to them.

        Raises:
            ChoiceError: one cannot be read, names no column, or goes in a circle with others.
            DataError: rows of the data break one; says which and how many.
        """
        said = parse_all(texts)
        if not said and not any(field.measures for field in schema.fields):
            return cls()
        sheets = Sheets(schema, raw)
        for name in dict.fromkeys(name for constraint in said for name in constraint.columns):
            if name not in sheets.home:
                raise choice("column (of a constraint)", name, sheets.home)
        constraints = tuple(c for c in said if not isinstance(c, Measure))
        measures = tuple(c for c in said if isinstance(c, Measure))
        for measure in measures:
            measured.check(measure, sheets)
        columns = sheets.columns(dict.fromkeys(name for constraint in constraints for name in constraint.columns))
        for compare in (c for c in constraints if isinstance(c, Compare)):
            check_sorts(compare, columns)
        half = {
            c.computed: _half(schema, sheets, c.computed) for c in constraints if isinstance(c, Compare) and c.computed
        }
        computed = {*half, *(name for c in constraints if isinstance(c, Unique) for name in c.columns)}
        measures += tuple(m for m in measured.find(sheets, measures) if m.column not in computed)
        rules = cls(constraints, half, _seen(columns), _fresh(constraints, columns), measures)
        _ = rules.equalities
        rules.check(columns, "of the data")
        return rules

    @cached_property
    def equalities(self) -> tuple[Compare, ...]:
        """Those that compute a column, each after those whose columns it needs.

        Raises:
            ChoiceError: two compute the same column, or they go in a circle.
        """
        left = [c for c in self.constraints if isinstance(c, Compare) and c.computed]
        names = [*(c.computed for c in left), *(measure.column for measure in self.measures)]
        for name in names:
            if names.count(name) > 1:
                raise ChoiceError(f"{name!r} is computed by two constraints: leave one of them out")
        done: list[Compare] = []
        while left:
            waiting = {c.computed for c in left}
            ready = [c for c in left if not waiting.intersection(c.columns[1:])]
            if not ready:
                listed = ", ".join(f"'{c}'" for c in left)
                raise ChoiceError(f"these constraints go in a circle: {listed}; leave one of them out")
            done += ready
            left = [c for c in left if c not in ready]
        return tuple(done)

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that any of them names."""
        return tuple(dict.fromkeys(name for constraint in self.all for name in constraint.columns))

    @property
    def written(self) -> frozenset[str]:
        """The columns that they compute or make anew, whatever was drawn."""
        unique = (name for c in self.constraints if isinstance(c, Unique) for name in c.columns)
        return frozenset((*self.half, *unique, *(measure.column for measure in self.measures)))

    @property
    def all(self) -> tuple[Constraint, ...]:
        """Constraints, and what is measured."""
        return (*self.constraints, *self.measures)

    def broken(self, constraint: Compare | Unique, columns: Mapping[str, Values]) -> NDArray[np.bool_]:
        """The rows that break a constraint (of several equal rows, all but the first)."""
        if isinstance(constraint, Unique):
            return repeated(constraint, columns)
        return ~reckon.holds(constraint, columns, self.half.get(constraint.computed or "", 0.0))

    def check(self, columns: Mapping[str, Values], where: str) -> None:
        """Raise DataError for the first constraint that any row breaks, as far as its columns are there."""
        for constraint in self.constraints:
            if not all(name in columns for name in constraint.columns):
                continue
            broken = self.broken(constraint, columns)
            if broken.any():
                row = int(broken.argmax())
                raise DataError(
                    f"constraint '{constraint}' is broken in {int(broken.sum())} of {len(broken)} rows {where}, first "
                    f"in row {row} ({shown(constraint, columns, row)}): mend these rows or leave the constraint out"
                )

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        about = {name: value for name, value in asdict(self).items() if name != "measures"}
        return {**about, "constraints": [str(c) for c in self.all]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Rules:
        """The inverse of :meth:`to_json`, through JSON."""
        fresh = {name: Fresh(**how) for name, how in data["fresh"].items()}
        seen = {name: (low, high) for name, (low, high) in data["seen"].items()}
        read = parse_all(data["constraints"])
        constraints = tuple(c for c in read if not isinstance(c, Measure))
        measures = tuple(c for c in read if isinstance(c, Measure))
        return cls(constraints, dict(data["half"]), seen, fresh, measures)


def repeated(unique: Unique, columns: Mapping[str, Values]) -> NDArray[np.bool_]:
    """Rows whose values an earlier row has already; rows with an empty cell repeat nothing."""
    out, before = np.zeros(len(columns[unique.columns[0]]), dtype=bool), set()
    for row, key in enumerate(keys(unique, columns)):
        if key is not None:
            out[row] = key in before
            before.add(key)
    return out


def keys(unique: Unique, columns: Mapping[str, Values]) -> list[Any]:
    """What has to differ between rows; ``None`` where a cell is empty."""
    rows = zip(*(columns[name].tolist() for name in unique.columns), strict=True)
    return [None if any(v is None for v in row) else row for row in rows]


def shown(constraint: Constraint, columns: Mapping[str, Values], row: int) -> str:
    """What a row holds in a constraint's columns, in words: ``a=3, b=2``."""
    return ", ".join(f"{Column(name)}={_word(columns[name], row)}" for name in constraint.columns if name in columns)


def _word(column: Values, row: int) -> str:
    value = column.x[row]
    value = value.item() if isinstance(value, np.generic) else value
    if not column.known[row]:
        return "empty"
    if column.sort == "time":
        return day(value * column.tick)
    if column.sort in ("clock", "duration"):
        return f"{value * column.tick / 1e9:g} s"
    return repr(value)


def day(ns: int) -> str:
    """Nanoseconds since 1970 as a date, with the time of day where there is one.

    >>> day(0), day(90 * 10**9)
    ('1970-01-01', '1970-01-01 00:01:30')
    """
    shown = str(np.datetime64(ns // 1000, "us")).removesuffix(".000000").replace("T", " ")
    return shown.removesuffix(" 00:00:00")


def _half(schema: Schema, sheets: Sheets, name: str) -> float:
    column, values = schema.tables[sheets.home[name]][name], sheets.columns([name])[name]
    if values.tick or not values.precision:
        return 0.5 if values.counted else 0.0
    return column.rounding if not column.origin and column.step == 1 else 0.0


def _seen(columns: Mapping[str, Values]) -> dict[str, tuple[float, float]]:
    found = {}
    for name, column in columns.items():
        x = column.x[column.known]
        if column.counted and len(x):
            exact = float if column.precision else int
            found[name] = exact(x.min()), exact(x.max())
    return found


def _fresh(constraints: Iterable[Constraint], columns: Mapping[str, Values]) -> dict[str, Fresh]:
    """Unique columns of whole numbers, or of texts that end in one and begin alike."""
    found = {}
    for unique in (c for c in constraints if isinstance(c, Unique) and len(c.columns) == 1):
        column = columns[unique.columns[0]]
        used = column.x[column.known].tolist()
        if column.sort == "number" and used and (not column.precision or all(float(v).is_integer() for v in used)):
            found[unique.columns[0]] = Fresh(int(max(used)) + 1)
        elif column.sort == "text" and used:
            parts = [p for p in (NUMBERED.fullmatch(v) for v in used if isinstance(v, str)) if p]
            if len(parts) == len(used) and len({p[1] for p in parts}) == 1:
                digits = [p[2] for p in parts]
                found[unique.columns[0]] = Fresh(max(map(int, digits)) + 1, parts[0][1], min(map(len, digits)))
    return found
