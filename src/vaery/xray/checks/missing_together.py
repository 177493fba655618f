"""Gaps that come together: in the same rows, or in one column just where another has a value."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from vaery.xray.finding import Finding, at
from vaery.xray.table import Table
from vaery.xray.words import listed, plural, share

LEAST = 5  # gaps that a column must have
ALIKE = 0.95  # overlap of the gaps of two columns, of all the rows in which either has one
EMPTY = 0.9  # the share of gaps from which a row is nearly empty


def missing_together(table: Table) -> Iterator[Finding]:
    """Columns whose gaps are in the same rows, columns that exclude one another, and rows of hardly anything."""
    for group in groups(table):
        gaps = ~table[group[0]].known
        if len(group) > 1:
            yield Finding(
                "note",
                tuple(group),
                f"{listed([repr(name) for name in group])} are missing together, in {plural(int(gaps.sum()), 'row')}",
                "they come from one source or one question: ask why it is missing there, and fill them together",
                {"rows": int(gaps.sum()), "share": share(float(gaps.mean())), "columns": len(group)},
                **at(gaps),
            )
    yield from _either_or(table)
    yield from _empty_rows(table)


def groups(table: Table) -> list[list[str]]:
    """Columns with gaps, those with gaps in the same rows together."""
    found: list[list[str]] = []
    for column in table:
        gaps = ~column.known
        if gaps.sum() < LEAST or column.role == "empty":
            continue
        for group in found:
            other = ~table[group[0]].known
            if (gaps & other).sum() >= ALIKE * (gaps | other).sum():
                group.append(column.name)
                break
        else:
            found.append([column.name])
    return found


def _either_or(table: Table) -> Iterator[Finding]:
    names = [group[0] for group in groups(table)]
    for i, a in enumerate(names):
        for b in names[:i]:
            here, there = table[a].known, table[b].known
            if min(here.mean(), there.mean()) > 0.05 and (here ^ there).mean() > 0.999:
                yield Finding(
                    "note",
                    (b, a),
                    f"a row has either {b!r} or {a!r}, hardly ever both or none",
                    "they may be one quantity in two columns (two units, two versions of a form): bring them together",
                    {"either": share(float((here ^ there).mean()))},
                )


def _empty_rows(table: Table) -> Iterator[Finding]:
    inner = [c for c in table if c.role not in ("empty", "id", "constant")]
    if len(inner) < 4:
        return
    gaps = np.mean([~c.known for c in inner], axis=0)
    where = gaps >= EMPTY
    if where.any() and where.mean() < 0.5:
        yield Finding(
            "warning",
            (),
            f"{plural(int(where.sum()), 'row is', 'rows are')} empty, or nearly so",
            "drop them: df.dropna(thresh=…)",
            {"rows": int(where.sum()), "missing there": share(float(gaps[where].mean()))},
            **at(where),
        )
