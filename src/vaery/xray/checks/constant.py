"""Columns that are empty, constant, or nearly so."""

from __future__ import annotations

from collections.abc import Iterator

from vaery.xray.column import ENOUGH, Seen
from vaery.xray.finding import Finding, Severity, at
from vaery.xray.table import Table
from vaery.xray.words import plural, share

NEARLY = 0.995  # the share of one value from which a column is nearly constant
GAPS = 0.9  # the share of gaps from which a column is nearly empty


def constant(table: Table) -> Iterator[Finding]:
    """A column that tells rows apart hardly or not at all."""
    for column in table:
        if column.role == "empty":
            yield _plain("warning", column, "is empty: no row holds a value", "leave it out, or find out what was lost")
        elif column.role == "constant" and table.rows > 1:
            value = column.cell(int(column.known.argmax()))
            gaps = int((~column.known).sum())
            words = f"holds {value} or nothing" if gaps else f"holds {value} in every row"
            advice = 'if a gap means "no", write that; otherwise leave the column out' if gaps else "leave it out"
            yield _plain("note" if gaps else "warning", column, words, advice)
        elif column.known.sum() >= ENOUGH:
            yield from _nearly(column)


def _plain(severity: Severity, column: Seen, words: str, advice: str) -> Finding:
    return Finding(severity, (column.name,), f"{column.name!r} {words}", advice, {"distinct": column.distinct})


def _nearly(column: Seen) -> Iterator[Finding]:
    known = int(column.known.sum())
    top = int(column.counts.argmax())
    others = known - int(column.counts[top])
    if known >= 200 and others <= (1 - NEARLY) * known:
        where = column.known & (column.codes != top)
        value = column.cell(int((column.codes == top).argmax()))
        yield Finding(
            "note",
            (column.name,),
            f"{column.name!r} holds {value} in all but {plural(others, 'row')}",
            "check that the exceptions are meant; a model learns little from so few",
            {"share": share(1 - others / known), "exceptions": others},
            **at(where),
        )
    gaps = 1 - float(column.known.mean())
    if gaps >= GAPS:
        yield _plain("note", column, f"is missing in {share(gaps)} of the rows", "ask whether it is worth keeping")
