"""Rows as numbers: equal rows have equal hashes, and columns can be taken out of a hash again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vaery.xray.checks.ids import nearly
from vaery.xray.column import Seen
from vaery.xray.table import Table

Hash = NDArray[np.uint64]
PAIRS = 60  # pairs of columns that stand for all pairs
DIGITS = 5  # numbers that agree in so many digits are nearly equal


@dataclass(frozen=True)
class Hashes:
    """Hashes of the cells of a table.

    Attributes:
        columns: those that say something about a row.
        cells: ``[columns, rows]``; the sum over columns is the hash of a row.
    """

    columns: tuple[Seen, ...]
    cells: Hash

    @property
    def rows(self) -> Hash:
        return self.cells.sum(0, dtype=np.uint64)

    def without(self, *which: int) -> Hash:
        """The rows' hashes with these columns left out."""
        return self.rows - self.cells[list(which)].sum(0, dtype=np.uint64)

    def alike_but_two(self, single: NDArray[np.int64], none: int) -> float:
        """How many pairs of rows differ in two columns: an estimate from some of these.

        Args:
            single: ``[columns]`` pairs equal but for each column.
            none: pairs equal in all.
        """
        width = len(self.columns)
        every = [(i, j) for i in range(width) for j in range(i)]
        rng = np.random.default_rng(0)
        some = rng.permutation(len(every))[:PAIRS]
        excess = [pairs(self.without(i, j)) - single[i] - single[j] + none for i, j in (every[p] for p in some)]
        return float(np.mean(excess)) * len(every)


def hash_cells(table: Table, loose: bool = False) -> Hashes:
    """Hashes of all cells of the columns that tell about rows (no ids, no constants).

    Args:
        table: it.
        loose: spelling and the last digits of numbers do not count.
    """
    rng = np.random.default_rng(0)
    columns = tuple(c for c in table if c.role not in ("id", "constant", "empty") and not nearly(c))
    cells = np.empty((len(columns), table.rows), dtype=np.uint64)
    for i, column in enumerate(columns):
        codes = _loose(column) if loose else column.codes
        keys = rng.integers(0, 2**64, int(codes.max(initial=-1)) + 2, dtype=np.uint64)
        cells[i] = keys[codes]  # -1, nothing, is the last key
    return Hashes(columns, cells)


def repeats(hashes: Hash) -> int:
    """How many rows repeat an earlier one."""
    ordered = np.sort(hashes)
    return int((ordered[1:] == ordered[:-1]).sum())


def pairs(hashes: Hash) -> int:
    """How many pairs of rows are equal."""
    sizes = np.diff(np.flatnonzero(np.r_[True, np.diff(np.sort(hashes)) != 0, True])).astype(np.int64)
    return int((sizes * (sizes - 1) // 2).sum())


def groups(hashes: Hash) -> Iterator[NDArray[np.int64]]:
    """The rows of each hash that occurs more than once, in the order of the table."""
    order = np.argsort(hashes, kind="stable")
    ordered = hashes[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    ends = np.r_[starts[1:], len(ordered)]
    several = ends - starts > 1
    found = [order[a:b] for a, b in zip(starts[several], ends[several], strict=True)]
    yield from sorted(found, key=lambda rows: int(rows[0]))


def _loose(column: Seen) -> NDArray[np.int64]:
    """Codes under which nearly equal values are equal."""
    if column.textual:
        keys = [" ".join(text.casefold().split()) for text in column.levels]
    elif column.x is not None and column.spec.type == "double":
        keys = [f"{value:.{DIGITS}g}" for value in column.levels]
    else:
        return column.codes
    place = {key: i for i, key in enumerate(dict.fromkeys(keys))}
    codes = np.array([place[key] for key in keys], dtype=np.int64)
    return np.where(column.codes >= 0, codes[column.codes], -1)
