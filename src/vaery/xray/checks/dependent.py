"""Categories that follow from others: a city tells its country. And the rows in which it does not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from vaery.xray.column import Seen
from vaery.xray.finding import Finding, at
from vaery.xray.table import Table
from vaery.xray.words import plural, share

EXCEPTIONS = 0.003  # the share of rows up to which they look like mistakes
SIZE = 5  # rows that a level must have on average for a rule to be more than chance
VARIED = 0.1  # the share of rows in which the dependent column must differ from its most frequent level
MOST = 80  # columns compared


def dependent(table: Table) -> Iterator[Finding]:
    """Functional dependencies between columns of levels, exact or all but a few rows."""
    some = [c for c in table if _fits(c)][:MOST]
    for b in some:
        if b.distinct > 200 or not b.grouped or _top_share(b) > 1 - VARIED:
            continue
        for a in some:
            if a is b or a.distinct < b.distinct or a.known.sum() < SIZE * a.distinct:
                continue
            if _broken(a, b, table.some).mean() > EXCEPTIONS:
                continue
            broken = _broken(a, b, np.arange(table.rows))
            finding = _finding(a, b, broken)
            if finding is not None:
                yield finding
                break


def _fits(column: Seen) -> bool:
    return column.role in ("category", "number") and (column.x is None or column.few) and column.distinct >= 2


def _top_share(column: Seen) -> float:
    return float(column.counts.max() / column.counts.sum())


def _broken(a: Seen, b: Seen, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Of these rows, those whose ``b`` is not the one that usually goes with their ``a``."""
    known = (a.codes[rows] >= 0) & (b.codes[rows] >= 0)
    pair = a.codes[rows].astype(np.int64) * b.distinct + b.codes[rows]
    table = np.bincount(pair[known], minlength=a.distinct * b.distinct).reshape(a.distinct, b.distinct)
    return known & (b.codes[rows] != table.argmax(1)[a.codes[rows]])


def _finding(a: Seen, b: Seen, broken: NDArray[np.bool_]) -> Finding | None:
    count, known = int(broken.sum()), int((a.known & b.known).sum())
    if count > EXCEPTIONS * known or known < 50:
        return None
    if not count:
        if a.distinct == b.distinct:
            return None  # said by copies
        return Finding(
            "note",
            (b.name, a.name),
            f"{b.name!r} follows from {a.name!r}: each of its {a.distinct:,} levels goes with one level of {b.name!r}",
            f"{b.name!r} tells a model nothing that {a.name!r} does not, except that it is coarser",
            {"levels": f"{a.distinct} → {b.distinct}"},
        )
    row = int(broken.argmax())
    usual = b.levels[int(np.bincount(b.codes[(a.codes == a.codes[row]) & b.known]).argmax())]
    return Finding(
        "warning",
        (b.name, a.name),
        f"{b.name!r} follows from {a.name!r} in all but {plural(count, 'row')}",
        f"look at these rows; row {row}: {a.name} {a.cell(row)} goes with {b.cell(row)}, elsewhere with {usual!r}",
        {"exceptions": count, "share": share(count / known)},
        **at(broken),
    )
