"""Columns that are there twice, as they are or under other names for their levels."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from vaery.xray.column import ENOUGH, Seen
from vaery.xray.finding import Finding, at
from vaery.xray.table import Table
from vaery.xray.words import plural, share

NEARLY = 0.98  # the share of rows in which a near-copy is equal
BY_CHANCE = 0.9  # the share in which columns may be equal by chance


def copies(table: Table) -> Iterator[Finding]:
    """Columns equal in every row, or in nearly every row; and columns whose levels stand for one another."""
    some = [c for c in table if c.role not in ("empty", "constant", "text") and c.known.sum() >= ENOUGH]
    values = {c.name: _values(c) for c in some}
    done: set[str] = set()
    for a, b in combinations(some, 2):
        if b.name in done or (a.x is None) != (b.x is None):
            continue
        same = values[a.name][table.some] == values[b.name][table.some]
        if same.mean() < NEARLY:
            continue
        finding = _copy(a, b, values[a.name] == values[b.name])
        if finding is not None:
            done.add(b.name)
            yield finding
    yield from _renamed([c for c in some if c.name not in done and c.grouped])


def _values(column: Seen) -> NDArray[np.float64]:
    """Equal values, equal numbers; gaps are equal to gaps."""
    if column.x is not None:
        return np.where(np.isnan(column.x), -np.inf, column.x)
    return np.append(_numbered(column), -np.inf)[column.codes]


def _numbered(column: Seen) -> NDArray[np.float64]:
    import zlib

    return np.array([float(zlib.crc32(repr(level).encode())) for level in column.levels])


def _copy(a: Seen, b: Seen, same: NDArray[np.bool_]) -> Finding | None:
    part = float(same.mean())
    if part == 1:
        words = f"{b.name!r} is a copy of {a.name!r}: they are equal in every row"
        return Finding("note", (b.name, a.name), words, "leave one of them out", {"equal": "100 %"})
    chance = max(c.counts.max() / len(same) for c in (a, b))
    if part < NEARLY or chance > BY_CHANCE or (1 - part) > 0.2 * (1 - chance):
        return None
    odd = int((~same).sum())
    row = int((~same).argmax())
    return Finding(
        "warning",
        (b.name, a.name),
        f"{b.name!r} equals {a.name!r} in all but {plural(odd, 'row')}",
        "if they mean the same, find out which of them is right in the rows where they differ, and leave the other out",
        {"equal": share(part), "for instance": f"row {row}: {a.cell(row)} and {b.cell(row)}"},
        **at(~same),
    )


def _renamed(columns: list[Seen]) -> Iterator[Finding]:
    """Groups of columns whose levels go with one another one to one."""
    groups: dict[bytes, list[Seen]] = {}
    for column in columns:
        _, first, labels = np.unique(column.codes, return_index=True, return_inverse=True)
        groups.setdefault(np.argsort(np.argsort(first))[labels].astype(np.int32).tobytes(), []).append(column)
    for group in groups.values():
        for other in group[1:]:
            a = group[0]
            row = int((a.codes >= 0).argmax())
            yield Finding(
                "note",
                (other.name, a.name),
                f"{other.name!r} says the same as {a.name!r} in other words: each level of one goes with one of "
                "the other",
                "leave one of them out; keep the one whose levels have an order, or say more",
                {"levels": a.distinct, "for instance": f"{a.cell(row)} is {other.cell(row)}"},
            )
