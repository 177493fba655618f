"""Columns that are measured on a field beside them (the weight of a molecule): found by looking, and reckoned."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaery.constraints.parse import Measure
from vaery.constraints.sheets import Sheets
from vaery.core.errors import ChoiceError, DataError, choice
from vaery.core.values import Values

SAMPLE = 60  # rows that are looked at
LEAST = 8  # of them with a value, or a column is not told
NEARLY_ALL = 0.95  # of them must be as measured: tables hold rounding, and what other versions measured
CLOSE = 0.02  # of the column's spread: how far off that may be

Floats = NDArray[np.float64]


def find(sheets: Sheets, said: tuple[Measure, ...]) -> Iterator[Measure]:
    """Every number column that is a measure of a field beside it; those of ``said`` have been told already."""
    fields = [name for name in sheets.parts if sheets.schema[name].measures]
    told = {measure.column for measure in said}
    for name in (name for name in sheets.home if fields and name not in told):
        column = sheets.columns([name])[name]
        if column.sort != "number":
            continue
        every = (Measure(name, what, field) for field in fields for what in sheets.schema[field].measures)
        yield from (measure for measure in every if agrees(measure, column, sheets))


def check(measure: Measure, sheets: Sheets) -> None:
    """Raise ChoiceError if there is no such field or measure, DataError if the column is none."""
    if measure.field not in sheets.parts:
        raise choice("field (of a constraint)", measure.field, sheets.parts)
    if measure.what not in (known := sheets.schema[measure.field].measures):
        if not known:
            raise ChoiceError(f"constraint '{measure}': nothing is measured on {measure.field!r}; leave it out")
        raise choice(f"measure (of {measure.field!r})", measure.what, known)
    if not agrees(measure, sheets.columns([measure.column])[measure.column], sheets):
        raise DataError(
            f"constraint '{measure}': {measure.column!r} is not as measured in the data; leave it out, or mend the "
            "column"
        )


def agrees(measure: Measure, column: Values, sheets: Sheets) -> bool:
    """Whether a column is what is measured on a field, in some rows from all over."""
    rows = np.flatnonzero(column.known)
    rows = rows[:: max(1, len(rows) // SAMPLE)][:SAMPLE]
    x, y = column.x[rows].astype(np.float64), reckoned(measure, sheets, sheets.parts[measure.field], rows)
    x, y = x[~np.isnan(y)], y[~np.isnan(y)]
    if len(x) < LEAST or x.std() == 0:
        return False
    return bool((np.abs(x - y) <= CLOSE * x.std()).mean() >= NEARLY_ALL)


def reckoned(measure: Measure, sheets: Sheets, part: Any, rows: NDArray[np.int64]) -> Floats:
    """What is measured on these rows of a field's raw data; NaN where there is nothing to measure."""
    raw = part[rows] if isinstance(part, np.ndarray) else [part[row] for row in rows.tolist()]
    return np.asarray(sheets.schema[measure.field].measures[measure.what](raw), dtype=np.float64)
