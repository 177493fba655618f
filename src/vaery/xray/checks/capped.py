"""Values that were cut off: many rows at the very end of a range."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from vaery.xray.finding import Finding, at
from vaery.xray.table import Table
from vaery.xray.words import plural, share

LEAST, SHARE, TIMES = 20, 0.001, 5  # rows at the end; their share; how many times as many as at the values beside it
BESIDE = 8


def capped(table: Table) -> Iterator[Finding]:
    """A spike at the largest or the smallest value; not at zero or one, where amounts and counts end by nature."""
    for column in table:
        if not column.measured:
            continue
        x = column.clean
        values, counts = np.unique(x[~np.isnan(x)], return_counts=True)
        for end, beside, name in ((-1, counts[-1 - BESIDE : -1], "largest"), (0, counts[1 : 1 + BESIDE], "smallest")):
            if len(values) <= 2 * BESIDE or values[end] in (0, 1):
                continue
            if counts[end] >= max(LEAST, SHARE * counts.sum(), TIMES * beside.max()):
                where = x == values[end]
                value, rows = column.show(float(values[end])), int(counts[end])
                yield Finding(
                    "note",
                    (column.name,),
                    f"{plural(rows, 'row')} of {column.name!r} hold its {name} value, {value}: it looks cut off there",
                    "take such values for \"this much or "
                    + ("more" if end else "less")
                    + "\": means, slopes and forecasts near the end come out wrong otherwise",
                    {"rows": rows, "share": share(rows / counts.sum()), "most beside it": int(beside.max())},
                    picture=column.histogram(where),
                    **at(where),
                )  # fmt: skip
