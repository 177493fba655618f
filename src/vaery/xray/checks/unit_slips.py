"""Slips of units: grams among kilograms, cents among euros, a decimal point that got lost."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from vaery.xray.column import Seen
from vaery.xray.finding import Finding, at
from vaery.xray.groups import group_slips
from vaery.xray.slips import FACTORS, Slip, slips
from vaery.xray.table import Table
from vaery.xray.words import number, plural, share


def unit_slips(table: Table) -> Iterator[Finding]:
    """Values off by a factor from the others, from what the other columns lead one to expect, or group by group."""
    for column in table:
        found = slips(table, column)
        if found:
            yield from (_finding(table, column, slip) for slip in found)
        else:
            yield from (_by_group(column, *slip) for slip in group_slips(table, column))


def _finding(table: Table, column: Seen, slip: Slip) -> Finding:
    count = int(slip.rows.sum())
    row = int(slip.rows.argmax())
    where = _where(table, slip.rows)
    against = f"what {slip.given} lead one to expect" if slip.given else "all others"
    assert column.x is not None
    value = column.x[row]
    return Finding(
        "error" if not slip.given else "warning",
        (column.name,),
        f"{plural(count, 'value')} of {column.name!r} {'is' if count == 1 else 'are'} about {_times(slip.factor)} "
        f"{against}{where}: it looks like a slip of units ({_unit(slip.factor)})",
        f"{_repair(slip.factor)}, row {row}: {column.show(float(value))} → {number(float(value) / slip.factor)}",
        {"factor": number(slip.factor), "rows": count, "share": share(count / int(column.known.sum()))},
        picture=column.histogram(slip.rows, log=True),
        **at(slip.rows),
    )


def _by_group(column: Seen, by: Seen, levels: list[int], factor: float) -> Finding:
    rows = np.isin(by.codes, levels) & column.known
    named = " or ".join(repr(by.levels[i]) for i in levels[:4])
    return Finding(
        "warning",
        (column.name, by.name),
        f"{column.name!r} is about {_times(factor)} elsewhere where {by.name!r} is {named}: it looks like another unit "
        f"({_unit(factor)})",
        f"{_repair(factor)} there",
        {"factor": number(factor), "rows": int(rows.sum()), "groups of": by.name},
        picture=column.histogram(rows, log=True),
        **at(rows),
    )


def _times(factor: float) -> str:
    return f"{number(factor)} times as large as" if factor > 1 else f"{number(1 / factor)} times smaller than"


def _unit(factor: float) -> str:
    words = FACTORS[min(FACTORS, key=lambda f: abs(f - max(factor, 1 / factor)))]
    if factor > 1:
        return words
    return ", ".join(" for ".join(reversed(part.split(" for "))) for part in words.split(", "))


def _repair(factor: float) -> str:
    verb = f"divide by {number(factor)}" if factor > 1 else f"multiply by {number(1 / factor)}"
    return f"check a few of them; if so, {verb}"


def _where(table: Table, rows: np.ndarray) -> str:
    """The level of another column that explains which rows are off: all of them, and next to no other row."""
    for column in table:
        if not column.grouped or column.distinct > 50:
            continue
        off = np.bincount(column.codes[rows & column.known], minlength=column.distinct)
        top = int(off.argmax())
        if off[top] >= 0.95 * rows.sum() and off[top] >= 0.8 * column.counts[top]:
            return f", all where {column.name!r} is {column.levels[top]!r}"
    return ""
