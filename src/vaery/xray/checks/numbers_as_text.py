"""Numbers that are stored as text, because of a few words among them or of the way they are written."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from vaery.xray.column import Seen
from vaery.xray.finding import Finding, at
from vaery.xray.table import Table
from vaery.xray.words import listed, plural, quoted, share


def numbers_as_text(table: Table) -> Iterator[Finding]:
    """A column of texts that nearly all read as numbers."""
    for column in table:
        if column.read is not None and not column.dated:
            yield _finding(column)


def _finding(column: Seen) -> Finding:
    assert column.read is not None
    other = np.isnan(column.read.values)
    rows = other[column.codes] & column.known
    top = sorted(np.flatnonzero(other).tolist(), key=lambda i: -int(column.counts[i]))
    words = [column.levels[i] for i in top]
    styles = [style for style in column.read.styles if style != "plain"]
    units = [style for style in styles if style.startswith(("the unit", "the sign"))]
    part = share(1 - float(rows.sum()) / int(column.known.sum()))
    because = [f"{plural(int(rows.sum()), 'cell holds', 'cells hold')} {quoted(words)}"] if words else []
    because += [f"numbers are written with {listed(styles)}"] if styles else []
    mixed = len(units) > 1 or (len(units) == 1 and "plain" in column.read.styles)
    return Finding(
        "error" if len(units) > 1 else "warning",
        (column.name,),
        f"{column.name!r} is stored as text, but {part} of its values are numbers"
        + (f": {'; '.join(because)}" if because else ""),
        _advice(column, words, styles) + (" after converting them to one unit" if mixed else ""),
        {"numbers": part, "other texts": quoted(words, 6) or "none", "written with": listed(styles) or "digits only"},
        **(at(rows) if words else {}),
    )


def _advice(column: Seen, words: list[str], styles: list[str]) -> str:
    first = "take out what is no digit and " if styles else ""
    last = "; the words become missing" if words else ""
    return f"{first}convert it: df[{column.name!r}] = pd.to_numeric(df[{column.name!r}], errors='coerce'){last}"
