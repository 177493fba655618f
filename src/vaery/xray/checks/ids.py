"""Columns that number or name the rows, and names that occur twice."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from vaery.xray.column import ENOUGH, Seen
from vaery.xray.finding import Finding, at
from vaery.xray.table import Table
from vaery.xray.words import plural, quoted

REPEATS = 0.01  # the share of rows up to which repeated names look like a mistake


def ids(table: Table) -> Iterator[Finding]:
    """A value of its own in each row, or in nearly each."""
    for column in table:
        if column.role == "id":
            yield Finding(
                "note",
                (column.name,),
                f"{column.name!r} has a value of its own in each row: it names rows and tells nothing about them",
                "leave it out of models, and use it to find rows again",
                {"distinct": column.distinct},
            )
        elif nearly(column):
            yield _repeated(column)


def nearly(column: Seen) -> bool:
    """Whether a column is meant to name rows, but some names occur more than once."""
    rows = int(column.known.sum())
    if rows < ENOUGH or column.distinct == rows or rows - column.distinct > REPEATS * rows or column.prose:
        return False
    if column.textual:
        return column.named_id
    return column.spec.type == "int64" and (column.named_id or column.dense)


def _repeated(column: Seen) -> Finding:
    again = np.flatnonzero(column.counts > 1)
    rows = np.isin(column.codes, again)
    return Finding(
        "warning",
        (column.name,),
        f"{column.name!r} looks like a name for each row, but {plural(len(again), 'value occurs', 'values occur')} "
        f"more than once: {quoted([column.levels[i] for i in again])}",
        "compare the rows that share a value: they are one and the same, or one of them is wrong",
        {"distinct": column.distinct, "rows": int(column.known.sum()), "repeated": len(again)},
        **at(rows),
    )
