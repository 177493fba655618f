"""Rows that are there more than once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from vaery.xray.checks.ids import nearly
from vaery.xray.finding import Finding, at
from vaery.xray.hashing import groups, hash_cells, pairs, repeats
from vaery.xray.table import Table
from vaery.xray.words import listed, plural, share

LEAST = 3  # columns under which rows are equal because there is little to tell them apart


def duplicates(table: Table) -> Iterator[Finding]:
    """Rows equal in all columns (but those that name rows).

    Whether they are copies or just alike is told by rows that are equal in all columns but one: where rows are alike
    by chance, there are many more of these than of equal ones; where rows were copied, there are not.
    """
    hashes = hash_cells(table)
    if len(hashes.columns) < 1:
        return
    again = repeats(hashes.rows)
    if not again:
        return
    found = list(groups(hashes.rows))
    later = np.sort(np.concatenate([rows[1:] for rows in found]))
    equal = pairs(hashes.rows)
    alike = sum(pairs(hashes.without(i)) - equal for i in range(len(hashes.columns)))
    copied = len(hashes.columns) >= LEAST and alike < equal
    if not copied and len(hashes.columns) < LEAST:
        return
    ids = [repr(column.name) for column in table if column.role == "id" or nearly(column)]
    but = f" (but for {listed(ids)})" if ids else ""
    said = f"{plural(again, 'row repeats', 'rows repeat')} another row in every column{but}"
    said += "" if copied else ", which so many rows of so few distinct values may do by chance"
    among = f"df.columns.difference([{', '.join(ids)}])" if ids else ""
    yield Finding(
        "warning" if copied else "note",
        (),
        said,
        f"drop them if they are copies: df.drop_duplicates({among}); copies on both sides of a split "
        "make every score look better than it is",
        {
            "rows": again,
            "share": share(again / table.rows),
            "for instance": f"rows {listed([str(r) for r in found[0][:4]])}",
            "pairs of equal rows": equal,
            "pairs that differ in one column": alike,
        },
        **at(later),
    )  # fmt: skip
