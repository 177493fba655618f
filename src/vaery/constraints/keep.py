"""Keeping constraints: columns computed, rows drawn again, and nothing given back that breaks one.

This is the one place for all jobs that give rows. It works on raw rows, in the types they come back in, so that what
is checked is what is handed over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vaery.constraints import measured, reckon
from vaery.constraints.conflict import meets
from vaery.constraints.parse import Column, Compare, Unique, columns_of
from vaery.constraints.rules import Rules, shown
from vaery.constraints.sheets import Sheets
from vaery.constraints.taken import Taken
from vaery.core.errors import DataError, QueryError
from vaery.core.values import Values
from vaery.schema import Schema

# Draws of each row that breaks a constraint, in each round, as long as rows are few; then the call fails: a constraint
# that one draw in twenty keeps fails for one such row in 600.
EACH = (1, 1, 2, 2, 4, 4, 8, 8, 16, 16, 32, 32)
SHARED = 8  # rows that draws are made for, at least, where any row may have any draw
AT_ONCE = 1024  # draws in one round, unless more rows than that are left

Mask = NDArray[np.bool_]
Rows = NDArray[np.int64]
Redraw = Callable[[Rows], Mapping[str, Tensor]]


def keep(
    rules: Rules,
    schema: Schema,
    raw: Any,
    *,
    free: Mapping[str, Mask],
    redraw: Redraw,
    asked: Mapping[str, Any] | None = None,
    alike: bool = False,
) -> Any:
    """Rows that keep every constraint, from rows that a model drew.

    Equalities compute their left side; where that is known, the last column on the right that can be solved for.
    What is measured on a field is measured again. Unique numbers (and texts that end in one) go on after the largest
    used. Rows that break something then are drawn again, all their free cells together, in as many rounds as
    :data:`EACH` has: what comes back is a draw given the constraints.

    Args:
        rules: the constraints.
        schema: the fields.
        raw: the rows; cells that are empty stay empty, and a constraint on them counts as kept.
        free: column (or field without columns) → ``[B]`` bool, the cells that may change.
        redraw: numbers of rows (each maybe many times) → packed draws of them, given what is not free.
        asked: column → range or set that its values have to lie in.
        alike: all rows were asked for alike, so that a draw of one may stand for any other.

    Raises:
        DataError: rows break a constraint in cells that are not free.
        QueryError: some rows broke a constraint in every draw.
    """
    sheets = Sheets(schema, raw)
    if not sheets.rows:
        return raw
    work = Work(rules, sheets, {name: mask.copy() for name, mask in free.items()}, dict(asked or {}), alike)
    work.check_known()
    before = sheets.columns(rules.columns)
    every = np.arange(sheets.rows)
    columns = work.repair(work.compute(work.number(work.measure(before, sheets.parts, every)), every), redraw)
    for name, column in columns.items():
        now = sheets.columns([name])[name]
        there = np.asarray(column.x == column.x, dtype=bool)  # what nothing could be measured on is left as drawn
        changed = np.flatnonzero(column.known & there & np.asarray(column.x != now.x, dtype=bool))
        sheets.put(name, changed, column.x[changed])
    made = sheets.close()
    verify(rules, Sheets(schema, made))
    return made


def verify(rules: Rules, sheets: Sheets) -> None:
    """Raise QueryError if rows, as they are about to be handed over, break a constraint after all."""
    columns = sheets.columns(rules.columns)
    for constraint in rules.constraints:
        broken = rules.broken(constraint, columns)
        if broken.any():
            row = int(broken.argmax())
            raise QueryError(
                f"constraint '{constraint}' cannot be kept in the types of its columns: row {row} would hold "
                f"{shown(constraint, columns, row)}; fit on a wider type or leave the constraint out"
            )


@dataclass
class Work:
    """Rows while they are being put right.

    Attributes:
        rules, sheets, free, asked, alike: as in :func:`keep`; numbers that are made new are not free any more.
    """

    rules: Rules
    sheets: Sheets
    free: dict[str, Mask]
    asked: dict[str, Any]
    alike: bool = False

    def check_known(self) -> None:
        """Raise DataError where what is known contradicts a constraint by itself."""
        found = self.sheets.columns(self.rules.columns)
        columns = {name: replace(column, known=column.known & ~self.free[name]) for name, column in found.items()}
        for constraint in self.rules.constraints:
            broken = self.rules.broken(constraint, columns)
            if broken.any():
                row = int(broken.argmax())
                raise DataError(
                    f"row {row}: what is known there contradicts the constraint '{constraint}' "
                    f"({shown(constraint, columns, row)}); {int(broken.sum())} of {len(broken)} rows do: mend these "
                    "cells, or leave one of them empty"
                )

    def number(self, columns: dict[str, Values]) -> dict[str, Values]:
        """New values for the free cells of unique columns that have a numbering."""
        for name, fresh in self.rules.fresh.items():
            column, free = columns[name], self.free[name]
            rows = np.flatnonzero(free & column.known)
            used = column.x[column.known & ~free].tolist()
            columns[name] = column.put(rows, self.sheets.settled(name, fresh.values(len(rows), used)))
            self.free[name] = np.zeros_like(free)
        return columns

    def measure(self, columns: Mapping[str, Values], parts: Mapping[str, Any], rows: Rows) -> dict[str, Values]:
        """What is measured on fields, written to columns that are free. ``parts`` are raw, of these ``rows``.

        Where a field holds what cannot be measured (a molecule without atoms), it is NaN, which lies in no range.
        """
        columns = dict(columns)
        for m in (m for m in self.rules.measures if m.field in parts and m.column in columns):
            there = np.array([value is not None for value in parts[m.field]], dtype=bool)
            where = np.flatnonzero(self.free[m.column][rows] & columns[m.column].known & there)
            x = measured.reckoned(m, self.sheets, parts[m.field], where)
            found = ~np.isnan(x)
            columns[m.column] = columns[m.column].put(where[~found], x[~found])
            columns[m.column] = columns[m.column].put(where[found], self.sheets.settled(m.column, x[found]))
        return columns

    def compute(self, columns: dict[str, Values], rows: Rows) -> dict[str, Values]:
        """Equalities made to hold, as far as that can be. ``columns`` hold these ``rows`` of the whole."""
        columns = dict(columns)
        free = {name: self.free[name][rows] & column.known for name, column in columns.items()}
        free |= {m.column: np.zeros(len(rows), dtype=bool) for m in self.rules.measures}
        self._forward(columns, free)
        for compare in reversed(self.rules.equalities):
            self._solve(compare, columns, free)
        self._forward(columns, free)
        return columns

    def _forward(self, columns: dict[str, Values], free: dict[str, Mask]) -> None:
        for compare in self.rules.equalities:
            name = compare.computed or ""
            where = free[name] & np.logical_and.reduce([columns[c].known for c in compare.columns])
            self._write(columns, name, where, reckon.computed(compare, columns))

    def _solve(self, compare: Compare, columns: dict[str, Values], free: dict[str, Mask]) -> None:
        """Where the left side is fixed, the last free column on the right makes the equality hold; columns that are
        computed themselves come after all others."""
        rows = ~free[compare.computed or ""] & np.logical_and.reduce([columns[c].known for c in compare.columns])
        computed = {c.computed for c in self.rules.equalities}
        names = list(dict.fromkeys(columns_of(compare.right)))[::-1]
        for name in sorted(names, key=lambda name: name in computed):
            mine = rows & free[name]
            x = reckon.solved(compare, name, columns) if mine.any() else None
            if x is not None:
                self._write(columns, name, mine, x)
                free[name], rows = free[name] & ~mine, rows & ~mine

    def _write(self, columns: dict[str, Values], name: str, where: Mask, x: NDArray[Any]) -> None:
        rows = np.flatnonzero(where)
        if len(rows):
            columns[name] = columns[name].put(rows, self.sheets.settled(name, x[rows]))

    # ------------------------------------------------------------------ rows drawn again

    def broken(self, columns: Mapping[str, Values]) -> dict[str, Mask]:
        """What is broken, in words → in which rows. What is to be unique is seen to by :class:`Taken`."""
        found = {f"'{c}'": self.rules.broken(c, columns) for c in self.rules.constraints if isinstance(c, Compare)}
        reckoned = {name for rule in (*self.rules.equalities, *self.rules.measures) for name in rule.columns}
        asked = {name: value for name, value in self.asked.items() if name in reckoned}
        return found | {f"given= for {Column(name)}": ~meets(name, v, columns) for name, v in asked.items()}

    def repair(self, columns: dict[str, Values], redraw: Redraw) -> dict[str, Values]:
        """Rows that break something, drawn again until none does."""
        columns, taken = dict(columns), Taken(self.rules)
        broken = self.broken(columns)
        bad = _any(broken, self.sheets.rows)
        bad |= ~taken.add_all(columns, ~bad, self.free)
        left = np.flatnonzero(bad)
        batch = left
        # a number of its own, or an empty cell, is of one row
        shared = self.alike and not self.rules.fresh and all(column.known.all() for column in columns.values())
        for each in EACH:
            if not len(left):
                return columns
            each *= max(1, SHARED // len(left)) if shared else 1
            batch = left.repeat(max(1, min(each, AT_ONCE // len(left))))
            packed = redraw(batch)
            drawn = self.compute(self._drawn(columns, packed, batch), batch)
            broken = self.broken(drawn)
            good = ~_any(broken, len(batch))
            if shared:
                batch[good] = np.resize(left, int(good.sum()))
            won = taken.winners(drawn, batch, good)
            rows = batch[won]
            columns = {name: column.put(rows, drawn[name].x[won]) for name, column in columns.items()}
            self.sheets.splice(rows, {field: value[won] for field, value in packed.items()}, self.free)
            left = np.setdiff1d(left, rows)
        if not len(left):
            return columns
        raise self._failed(left, broken, len(batch))

    def _drawn(self, columns: Mapping[str, Values], packed: Mapping[str, Tensor], rows: Rows) -> dict[str, Values]:
        """Draws of these rows, with all cells that are not free as they are."""
        decoded = self.sheets.decoded(packed, columns)
        out = {}
        for name, column in columns.items():
            mine = column.take(rows)
            where = np.flatnonzero(self.free[name][rows] & mine.known)
            out[name] = mine.put(where, self.sheets.settled(name, decoded[name].x[where]))
        fields = {m.field for m in self.rules.measures}
        return self.measure(out, {name: self.sheets.schema[name].unpack(packed[name]) for name in fields}, rows)

    def _failed(self, left: Rows, broken: Mapping[str, Mask], draws: int) -> QueryError:
        worst = max(broken, key=lambda name: int(broken[name].sum()), default="")
        if not worst or not broken[worst].any():
            worst = ", ".join(f"'{c}'" for c in self.rules.constraints if isinstance(c, Unique))
        said = "" if worst not in broken else f" ({int(broken[worst].sum())} of the last {draws} draws broke it)"
        return QueryError(
            f"{worst} could not be kept in {len(left)} of {self.sheets.rows} rows, first in row {left[0]}, in "
            f"{len(EACH)} rounds of draws{said}: what is known or given there hardly goes with it in this model. Ask "
            "for fewer rows, loosen the condition, or fit without the constraint"
        )


def _any(broken: Mapping[str, Mask], rows: int) -> Mask:
    return np.logical_or.reduce([np.zeros(rows, dtype=bool), *broken.values()])
