"""Columns that are computed from others: sums, products, straight lines; and the rows where the sum is wrong."""

from __future__ import annotations

from collections.abc import Iterator

from vaery.xray.finding import Finding, at
from vaery.xray.relations import Relation
from vaery.xray.table import Table
from vaery.xray.words import plural, share

EXCEPTIONS = 0.05


def formulas(table: Table) -> Iterator[Finding]:
    """``total = price × pieces`` and the like, to within rounding."""
    for relation in table.relations:
        yield _finding(table, relation)


def _finding(table: Table, relation: Relation) -> Finding:
    broken = relation.known & ~relation.holds
    count, known = int(broken.sum()), int(relation.known.sum())
    columns = (relation.target, *relation.others)
    rule = f"{relation.target!r} = {relation.words}"
    if not count:
        return Finding(
            "note",
            columns,
            f"{rule}, in every row",
            "it adds nothing to a model: leave it out, or keep the rule for checking new data",
            {"rows": known},
        )
    row = int(broken.argmax())
    cells = ", ".join(f"{name} {table[name].cell(row)}" for name in columns)
    return Finding(
        "warning",
        columns,
        f"{rule} holds in {share(1 - count / known)} of the rows, and fails in {plural(count, 'row')}",
        f"one of the numbers is wrong there; row {row}: {cells}",
        {"holds": known - count, "fails": count},
        picture=table[relation.target].histogram(broken),
        **at(broken),
    )
