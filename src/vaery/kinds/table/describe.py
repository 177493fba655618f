"""Describing a table: what is in each column, found by looking at it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from vaery.core.errors import DataError, choice
from vaery.kinds.table.detect import describe_column
from vaery.kinds.table.field import TableField
from vaery.kinds.table.file import TableFile
from vaery.kinds.table.frames import ONE_COLUMN, open_frame


def describe(
    raw: Any,
    name: str = "table",
    likelihood: str = "any_order",
    columns: Mapping[str, Any] | None = None,
    families: Mapping[str, str] | None = None,
) -> TableField:
    """Look at a table: what each column is. All of it can be overruled, and read in the result.

    Args:
        raw: a frame, array, list or path.
        name: of the field.
        likelihood: ``"any_order"`` (each cell sees any of the others) or ``"independent"`` (given the latent).
        columns: column → sort (one of ``column.SORTS``), or the list of its levels in order.
        families: column → the family of its numbers: ``"mixture"``, ``"normal"``, ``"student"``,
            ``"logistic_mixture"``, ``"poisson"``, ``"negative_binomial"``, ``"zero_inflated"``; ``"categorical"`` or
            ``"ordinal"``: all its values are levels.

    Raises:
        DataError: no rows, no columns, names that occur twice, infinities and whatever else no column can hold.
        ChoiceError: an override names no column, sort or family.
    """
    if isinstance(raw, TableFile):
        return _described(raw, name, likelihood, columns or {}, families or {})
    frame = open_frame(raw, name)
    if not frame.columns:
        raise DataError("0 feature(s) (columns) were found; a minimum of 1 is required")
    if frame.rows == 0:
        raise DataError("0 sample(s) (rows) were found; a minimum of 1 is required")
    names = frame.names or (
        (name,) if frame.container in ONE_COLUMN else tuple(f"x{i}" for i in range(len(frame.columns)))
    )
    columns, families = columns or {}, families or {}
    for asked in (*columns, *families):
        if asked not in names:
            raise choice("column", asked, names)
    found = [
        describe_column(
            array,
            names[i],
            frame.dtypes[i],
            asked=columns.get(names[i]),
            family=families.get(names[i]),
            order=frame.categories[i] if frame.orders[i] and names[i] not in columns else None,
            categories=frame.categories[i],
        )
        for i, array in enumerate(frame.columns)
    ]
    return TableField(name, likelihood, tuple(found), frame.container, frame.labels)


def _described(
    raw: TableFile, name: str, likelihood: str, columns: Mapping[str, Any], families: Mapping[str, str]
) -> TableField:
    """As :func:`describe`, one column after the other."""
    for asked in (*columns, *families):
        if asked not in raw.columns:
            raise choice("column", asked, raw.columns)
    own = lambda said, one: {c: said[c] for c in one.columns if c in said}
    found = [describe(one, name, likelihood, own(columns, one), own(families, one)) for one in raw.each()]
    return replace(found[0], columns=tuple(field.columns[0] for field in found))
