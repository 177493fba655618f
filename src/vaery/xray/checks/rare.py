"""Levels that hardly occur."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from vaery.xray.checks.spelling import bare
from vaery.xray.column import Seen
from vaery.xray.finding import Finding, at
from vaery.xray.table import Table
from vaery.xray.words import listed

RARE = 0.002  # the share of rows under which a level is rare
DIP = 10  # a number is rare if its neighbours are so many times as frequent
LEVELS = 30  # in columns of more levels, some are always rare
ENOUGH = 500


def rare(table: Table) -> Iterator[Finding]:
    """Levels of columns of few levels that occur in next to no row: mistakes, or codes that nobody explains."""
    found: dict[str, list[int]] = {}
    for column in table:
        known = int(column.known.sum())
        if column.grouped and 3 <= column.distinct <= LEVELS and known >= ENOUGH:
            levels = _dips(column) if column.x is not None else _texts(column)
            if levels and column.counts.max() < 0.99 * known:
                found[column.name] = levels
    if found:
        yield _finding(table, found)


def _texts(column: Seen) -> list[int]:
    """Rare texts that are no other spelling of a frequent one."""
    same = Counter(bare(str(level)) for level in column.levels)
    few = np.flatnonzero(column.counts < RARE * column.counts.sum())
    return [int(i) for i in few if same[bare(str(column.levels[i]))] == 1]


def _dips(column: Seen) -> list[int]:
    """Numbers that are much rarer than their neighbours on either side; tails that thin out are none."""
    order = np.argsort(np.array(column.levels, dtype=np.float64))
    counts = column.counts[order].astype(np.float64)
    beside = np.minimum(np.r_[np.inf, counts[:-1]], np.r_[counts[1:], np.inf])
    return order[(counts < RARE * counts.sum()) & (counts * DIP <= beside)].tolist()


def _finding(table: Table, found: dict[str, list[int]]) -> Finding:
    said, rows = [], np.zeros(table.rows, dtype=bool)
    for name, levels in found.items():
        column = table[name]
        few = [f"{_level(column, i)} ({column.counts[i]:,})" for i in sorted(levels, key=lambda i: column.counts[i])]
        said.append(f"{name!r} {listed(few, 3)}")
        rows |= np.isin(column.codes, levels)
    return Finding(
        "note",
        tuple(found),
        f"some levels hardly occur (rows in brackets): {listed(said, 8)}",
        "check them against the description of the data: they may be mistakes, or codes that are not explained",
        {"columns": len(found), "levels": sum(map(len, found.values())), "rows of the table": table.rows},
        **at(rows),
    )


def _level(column: Seen, i: int) -> str:
    return repr(column.levels[i]) if column.x is None else column.show(float(column.levels[i]))
