"""Gaps that somebody filled with the mean or the median."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from vaery.xray.finding import Finding, at
from vaery.xray.table import Table
from vaery.xray.words import plural, share

SHARE, TIMES = 0.01, 5  # of the rows; times as many rows as any other value has


def filled(table: Table) -> Iterator[Finding]:
    """One value amid numbers that hardly repeat, equal to the mean or the median of all others."""
    for column in table:
        if not column.measured:
            continue
        values, counts = column.values
        top, rows = int(counts.argmax()), int(counts.sum())
        others = np.delete(counts, top)
        if counts[top] < max(10, SHARE * rows) or counts[top] < TIMES * others.max(initial=1):
            continue
        where = column.x == values[top]
        assert column.x is not None
        rest = column.x[~where & column.known]
        near = 0.02 * float(np.subtract(*np.quantile(rest, [0.75, 0.25])))
        for name, middle in (("mean", float(rest.mean())), ("median", float(np.median(rest)))):
            if abs(values[top] - middle) <= near:
                yield Finding(
                    "warning",
                    (column.name,),
                    f"{plural(int(counts[top]), 'row')} of {column.name!r} hold {column.show(float(values[top]))}, the "
                    f"{name} of all others: gaps seem to have been filled with it",
                    "go back to the data before it was filled, or write these cells as missing: filled cells hide how "
                    "much is not known, and weaken every relation",
                    {"rows": int(counts[top]), "share": share(counts[top] / rows), "of others": f"{name} {middle:.6g}"},
                    picture=column.histogram(where),
                    **at(where),
                )
                break
