"""Rows that are nearly there twice: all equal but one cell, or but spelling and last digits."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from vaery.xray.finding import Finding, at
from vaery.xray.hashing import Hashes, groups, hash_cells, pairs, repeats
from vaery.xray.table import Table
from vaery.xray.words import listed, plural

LEAST = 4  # columns under which rows are alike because there is little to tell them apart
SHOWN = 3


def near_duplicates(table: Table) -> Iterator[Finding]:
    """Rows equal in all columns but one, where hardly any are equal in all but two: that is no chance."""
    hashes = hash_cells(table)
    if len(hashes.columns) < LEAST:
        return
    yield from _spelling(table, hashes)
    equal = pairs(hashes.rows)
    single = np.array([pairs(hashes.without(i)) for i in range(len(hashes.columns))])
    more = int((single - equal).sum())
    if not more or hashes.alike_but_two(single, equal) > 0.5 * more:
        return
    found = [pair for i in np.flatnonzero(single > equal) for pair in _pairs(hashes, int(i))]
    if found:
        yield _finding(hashes, found)


def _pairs(hashes: Hashes, column: int) -> Iterator[tuple[int, int, int]]:
    """(row, row, column): rows that differ in this column alone."""
    for rows in groups(hashes.without(column)):
        own = hashes.cells[column, rows]
        other = np.flatnonzero(own != own[0])
        if len(other):
            yield int(rows[0]), int(rows[other[0]]), column


def _finding(hashes: Hashes, found: list[tuple[int, int, int]]) -> Finding:
    columns = [hashes.columns[i] for i in dict.fromkeys(i for *_, i in found)]
    shown = [
        f"rows {a} and {b} differ in {hashes.columns[i].name!r} only ({hashes.columns[i].cell(a)}, "
        f"{hashes.columns[i].cell(b)})"
        for a, b, i in found[:SHOWN]
    ]
    return Finding(
        "warning" if len(found) >= 3 else "note",
        tuple(column.name for column in columns[:8]),
        f"{plural(len(found), 'pair')} of rows differ in one cell only: {'; '.join(shown)}",
        "they may be one record that was corrected or typed twice: keep one of each pair",
        {"pairs": len(found), "columns they differ in": listed([repr(c.name) for c in columns], 6)},
        **at(np.array([b for _, b, _ in found])),
    )


def _spelling(table: Table, exact: Hashes) -> Iterator[Finding]:
    loose = hash_cells(table, loose=True)
    if repeats(loose.rows) == repeats(exact.rows):
        return
    chance = sum(pairs(loose.without(i)) - pairs(loose.rows) for i in range(len(loose.columns)))
    found = [rows for rows in groups(loose.rows) if len(set(exact.rows[rows].tolist())) > 1]
    if chance > 0.5 * len(found):
        return
    later: NDArray[np.int64] = np.sort(np.concatenate([rows[1:] for rows in found]))
    yield Finding(
        "warning",
        (),
        f"{plural(len(found), 'group')} of rows differ in spelling or in the last digits of numbers only, for instance "
        f"rows {listed([str(r) for r in found[0][:4]])}",
        "they may be the same records from two sources: write them in one way, then drop the copies",
        {"groups": len(found), "rows": len(later)},
        **at(later),
    )
