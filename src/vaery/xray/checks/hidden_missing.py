"""Numbers that stand for "missing": -1, 999, a zero that cannot be, the first of January 1900."""

from __future__ import annotations

from collections.abc import Iterator

from vaery.xray.codes import Code, hidden_codes
from vaery.xray.column import Seen
from vaery.xray.finding import Finding, Severity, at
from vaery.xray.table import Table
from vaery.xray.words import plural, share


def hidden_missing(table: Table) -> Iterator[Finding]:
    """A value that is repeated and stands apart from the rest of its column."""
    for column in table:
        for code in hidden_codes(column):
            yield _finding(column, code)


def _finding(column: Seen, code: Code) -> Finding:
    assert column.x is not None
    rest = column.clean[column.clean == column.clean]
    low, high, value = column.show(float(rest.min())), column.show(float(rest.max())), column.show(code.value)
    where = column.x == code.value
    part = code.count / int(column.known.sum())
    severity: Severity = "error" if code.sure and part < 0.5 else "warning"
    return Finding(
        severity,
        (column.name,),
        f"{column.name!r} holds {value} in {plural(code.count, 'row')}, {_why(code, low, high)}",
        f"if it means \"not known\", write it as missing: df[{column.name!r}] = "
        f"df[{column.name!r}].mask(df[{column.name!r}] == {column.literal(code.value)})"
        + ("; if it means \"does not apply\", keep that in a column of its own" if part > 0.2 else ""),
        {"value": value, "rows": code.count, "share": share(part), "other values": f"{low} to {high}"},
        picture=column.histogram(where),
        **at(where),
    )  # fmt: skip


def _why(code: Code, low: str, high: str) -> str:
    if code.how == "zero":
        return f"while all other values stay away from zero ({low} to {high}): is it measured, or missing?"
    if code.how == "sign":
        return f"the only negative value (others: {low} to {high}): it looks like a code for a missing value"
    if code.how == "inside":
        return "far more often than any value near it: it looks like a code for a missing value"
    large = code.value > 0 and len(high) > 3
    sort = ', for "missing" or for "this much or more"' if large else " for a missing value"
    return f"far from all other values ({low} to {high}): it looks like a code{sort}"
