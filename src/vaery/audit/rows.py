"""Raw rows of any container: which, how many, and what they hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaery.constraints.sheets import Sheets
from vaery.core.errors import DataError, QueryError
from vaery.core.values import Values
from vaery.schema import Schema


def columns_of(schema: Schema, raw: Any, what: str) -> tuple[int, dict[str, Values]]:
    """How many rows there are, and their columns.

    Raises:
        QueryError: the model has no table in it.
        DataError: there is no row, or not one column of the model.
    """
    sheets = Sheets(schema, raw)
    if not schema.tables:
        raise QueryError("an audit compares rows of tables, and this model has none among its fields")
    if not sheets.rows or not sheets.home:
        raise DataError(f"the {what} rows hold nothing to compare: a table of the model's columns was expected")
    return sheets.rows, sheets.columns(sheets.home)


def some(raw: Any, rows: NDArray[np.int64]) -> Any:
    """These rows of raw data."""
    if isinstance(raw, Mapping):
        return {name: some(part, rows) for name, part in raw.items()}
    if hasattr(raw, "iloc"):
        return raw.iloc[rows]
    if isinstance(raw, list | tuple):
        return [raw[i] for i in rows.tolist()]
    if type(raw).__module__.startswith("pyarrow"):
        return raw.take(rows)
    return raw[rows.tolist()] if type(raw).__module__.startswith("polars") else raw[rows]


def scorable(schema: Schema, raw: Any) -> NDArray[np.bool_]:
    """``[rows]`` bool: the model knows every level in the row."""
    sheets = Sheets(schema, raw)
    good = np.ones(sheets.rows, dtype=bool)
    for name, field in sheets.home.items():
        column = schema.tables[field][name]
        if column.family is not None or not column.levels:
            continue
        levels = set(column.level_objects)
        good &= np.array([v is None or v in levels for v in sheets.columns([name])[name].tolist()], dtype=bool)
    return good
