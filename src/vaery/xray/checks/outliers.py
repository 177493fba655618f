"""Numbers that the others of their column do not lead one to expect."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from vaery.xray.column import Seen
from vaery.xray.finding import Finding, at
from vaery.xray.slips import slips
from vaery.xray.table import Table
from vaery.xray.tail import LEAST, beyond
from vaery.xray.words import listed, plural

CHANCE = 1e-4  # the probability of a value under the tail of the others, from which it is an outlier
GRAVE = 1e-8
MOST = 20


def outliers(table: Table) -> Iterator[Finding]:
    """Values far beyond the tail of all others; a heavy tail alone is none."""
    for column in table:
        if column.role not in ("number", "date") or column.few or column.distinct < 12:
            continue
        slipped = [slip.rows for slip in slips(table, column)]
        x = np.where(np.logical_or.reduce(slipped), np.nan, column.clean) if slipped else column.clean
        known = ~np.isnan(x)
        if known.sum() < LEAST:
            continue
        for sign, name in ((1.0, "above"), (-1.0, "below")):
            count, chance = beyond(sign * x[known], MOST)
            if chance < CHANCE:
                yield _finding(column, x, sign, name, count, chance)


def _finding(column: Seen, x: np.ndarray, sign: float, name: str, count: int, chance: float) -> Finding:
    filled = np.where(np.isnan(x), -np.inf, sign * x)
    rows = np.argsort(-filled, kind="stable")[:count]
    rest = float(sign * np.sort(filled)[-count - 1])
    middle = np.nanquantile(x, [0.01, 0.99])
    shown = [column.show(float(x[row])) for row in rows]
    return Finding(
        "warning" if chance < GRAVE else "note",
        (column.name,),
        f"{plural(count, 'value')} of {column.name!r} {'lies' if count == 1 else 'lie'} far {name} all others: "
        f"{listed(shown, 5)}; the next is {column.show(rest)}",
        "look at the rows; if a value is wrong, correct it or write it as missing; if it is right, keep it and prefer "
        "medians and ranks to means",
        {
            "98 % lie within": f"{column.show(float(middle[0]))} to {column.show(float(middle[1]))}",
            "chance under the tail of the others": f"{max(chance, 1e-99):.0e}",
        },
        picture=column.histogram(np.isin(np.arange(len(x)), rows)),
        **at(rows),
    )
