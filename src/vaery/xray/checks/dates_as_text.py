"""Dates that are stored as text or as numbers, and dates of which nobody can tell the month from the day."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from vaery.xray.column import Seen
from vaery.xray.finding import Finding, at
from vaery.xray.table import Table
from vaery.xray.words import listed, plural, quoted, share

MIXED = "day first and month first, mixed"


def dates_as_text(table: Table) -> Iterator[Finding]:
    """A column of texts, or of whole numbers such as 20240131, that nearly all read as dates."""
    for column in table:
        if column.read is not None and column.dated:
            yield _as_text(column)
        elif column.spec.type == "int64" and column.role == "number" and _compact(column):
            yield Finding(
                "warning",
                (column.name,),
                f"{column.name!r} holds dates written as numbers (such as {column.levels[0]}): differences and "
                "means of them have no sense",
                f"convert it: df[{column.name!r}] = pd.to_datetime(df[{column.name!r}].astype(str), format='%Y%m%d')",
                {"distinct": column.distinct},
            )


def _as_text(column: Seen) -> Finding:
    assert column.read is not None
    other = np.isnan(column.read.values)
    rows = other[column.codes] & column.known
    words = [column.levels[i] for i in np.flatnonzero(other)]
    styles = list(column.read.styles)
    several = len(styles) > 1 or MIXED in styles
    said = f"{column.name!r} is stored as text, but {share(1 - float(rows.sum()) / int(column.known.sum()))} are dates"
    said += f", written in several ways ({listed(styles)})" if several else f" ({styles[0]})"
    said += f"; {plural(int(rows.sum()), 'cell is', 'cells are')} none: {quoted(words)}" if words else ""
    first = ", dayfirst=True" if "day first" in styles else ""
    advice = f"convert it: df[{column.name!r}] = pd.to_datetime(df[{column.name!r}]{first}, errors='coerce')"
    if several:
        advice = "find out where each way of writing comes from and convert each by itself: 03/04 is two days"
    severity = "error" if MIXED in styles else "warning"
    return Finding(severity, (column.name,), said, advice, {"ways": listed(styles)}, **(at(rows) if words else {}))


def _compact(column: Seen) -> bool:
    """Whole numbers that are all years, months and days side by side."""
    assert column.x is not None
    x = column.x[column.known].astype(np.int64)
    if x.min() < 1900_01_01 or x.max() > 2100_12_31 or column.distinct < 10:
        return False
    month, day = x // 100 % 100, x % 100
    return bool(((month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)).all())
