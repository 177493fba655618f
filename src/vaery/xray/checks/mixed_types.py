"""Values of several types in one column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from vaery.xray.column import Seen
from vaery.xray.finding import Finding, at
from vaery.xray.table import Table
from vaery.xray.words import listed, plural

NAMES = {"str": "text", "int": "whole numbers", "float": "numbers", "bool": "true or false"}


def mixed_types(table: Table) -> Iterator[Finding]:
    """A column of Python objects of several types."""
    for column in table:
        if column.spec.type == "object" and len(types(column)) > 1:
            yield _finding(column)


def types(column: Seen) -> Counter[str]:
    """How many rows hold values of each type."""
    found: Counter[str] = Counter()
    for value, count in zip(column.levels, column.counts.tolist(), strict=True):
        found[NAMES.get(type(value).__name__, type(value).__name__)] += count
    return found


def _finding(column: Seen) -> Finding:
    found = types(column)
    rarest = min(found, key=lambda name: found[name])
    odd = np.array([NAMES.get(type(v).__name__, type(v).__name__) == rarest for v in column.levels])
    said = [f"{name} in {plural(count, 'row')}" for name, count in found.most_common()]
    return Finding(
        "warning",
        (column.name,),
        f"{column.name!r} holds values of several types: {listed(said)}",
        f"make them one type, for instance df[{column.name!r}].astype(str), or pd.to_numeric(…, errors='coerce')",
        dict(found),
        **at(odd[column.codes] & column.known),
    )
