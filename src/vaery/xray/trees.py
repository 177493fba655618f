"""Small trees that tell one thing of a row from others: for relations that have no formula."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaery.xray.table import Table

LEVELS = 1000  # of a column that a tree looks at
ROWS = 3000  # rows that trees are grown and tried on


@dataclass(frozen=True)
class Inputs:
    """What a tree sees.

    Attributes:
        x: ``[rows, features]``: numbers, codes of levels in order of their frequency, NaN where unknown.
        names: the column each feature comes from.
        gaps: whether a feature says where a column is missing.
        rows: ``[rows]`` of the table.
    """

    x: NDArray[np.float64]
    names: tuple[str, ...]
    gaps: tuple[bool, ...]
    rows: NDArray[np.int64]

    def without(self, *names: str) -> NDArray[np.bool_]:
        """``[features]`` those that come from none of these columns."""
        return np.array([name not in names for name in self.names], dtype=bool)


def inputs(table: Table, gaps: bool = False) -> Inputs:
    """Columns as features of trees; ``gaps``: also where they are missing."""
    rng = np.random.default_rng(0)
    rows = table.some[rng.permutation(len(table.some))[:ROWS]]
    parts: list[Any] = []
    names: list[str] = []
    kinds: list[bool] = []
    for column in table:
        if column.role in ("number", "date") or (column.role == "category" and column.distinct <= LEVELS):
            if column.x is not None:
                part = column.clean[rows]
            else:
                rank = np.argsort(np.argsort(-column.counts, kind="stable"))
                part = np.where(column.codes[rows] >= 0, rank[column.codes[rows]], np.nan)
            parts, names, kinds = [*parts, part], [*names, column.name], [*kinds, False]
        if gaps and (~column.known).sum() >= 5 and column.known.any():
            parts, names, kinds = [*parts, ~column.known[rows]], [*names, column.name], [*kinds, True]
    x = np.array(parts, dtype=np.float64).T.reshape(len(rows), len(parts))
    return Inputs(x, tuple(names), tuple(kinds), rows)


def halves(count: int) -> tuple[slice, slice]:
    """Rows to grow on and rows to try on; the rows are in random order already."""
    middle = 2 * count // 3
    return slice(0, middle), slice(middle, count)
