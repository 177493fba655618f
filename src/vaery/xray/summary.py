"""What each column holds, in a line."""

from __future__ import annotations

from typing import Any

import numpy as np

from vaery.xray.column import Seen
from vaery.xray.table import Table
from vaery.xray.words import share

SHOWN = 3  # levels named


def summary(table: Table) -> list[dict[str, Any]]:
    """Per column: ``column``, ``sort`` (as the table kind sees it), ``role`` (as it is taken here), ``missing``
    (share), ``distinct`` and ``holds`` (range or most frequent values, in words)."""
    return [
        {
            "column": column.name,
            "sort": column.spec.sort,
            "role": column.role,
            "missing": round(1 - float(column.known.mean()), 6),
            "distinct": column.distinct,
            "holds": holds(column),
        }
        for column in table
    ]


def holds(column: Seen) -> str:
    """The range of numbers, the most frequent of levels."""
    if column.role == "empty":
        return "nothing"
    if column.role == "constant":
        return f"always {column.cell(int(column.known.argmax()))}"
    if column.x is not None and not (column.few and column.distinct <= SHOWN):
        x = column.x[~np.isnan(column.x)]
        low, middle, high = (column.show(float(v)) for v in np.quantile(x, [0, 0.5, 1], method="nearest"))
        return f"{low} … {middle} … {high}"
    if column.role in ("id", "text"):
        return f"for instance {str(column.levels[0])[:40]!r}"
    top = np.argsort(-column.counts, kind="stable")[:SHOWN]
    total = int(column.counts.sum())
    named = ", ".join(f"{str(column.levels[i])[:24]} {share(float(column.counts[i]) / total)}" for i in top)
    return named + (f", {column.distinct - SHOWN} more" if column.distinct > SHOWN else "")
