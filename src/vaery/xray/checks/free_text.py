"""Free text, and categories of very many levels."""

from __future__ import annotations

from collections.abc import Iterator

from vaery.xray.finding import Finding
from vaery.xray.table import Table
from vaery.xray.words import plural, share

MANY = 50  # levels that are no trouble
CROWDED = 0.05  # levels per row that are


def free_text(table: Table) -> Iterator[Finding]:
    """Texts that hardly repeat."""
    for column in table:
        rows = int(column.known.sum())
        if column.role == "text":
            yield Finding(
                "note",
                (column.name,),
                f"{column.name!r} holds free text",
                "a model of tables takes each text for a category of its own: leave it out, or take features from it",
                {"distinct": column.distinct, "for instance": str(column.levels[0])[:60]},
            )
        elif column.role == "category" and column.distinct > max(MANY, CROWDED * rows):
            once = int((column.counts == 1).sum())
            yield Finding(
                "note",
                (column.name,),
                f"{column.name!r} has {plural(column.distinct, 'level')} in {plural(rows, 'row')}; "
                f"{share(once / column.distinct)} of them occur once",
                "put rare levels together: little can be learned of a level that occurs once",
                {"levels": column.distinct, "occur once": once},
            )
