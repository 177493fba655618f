"""All columns of some raw rows, whichever field they belong to, open to be read and changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vaery.core.values import Values
from vaery.schema import Schema


class Sheets:
    """Raw rows, open.

    Args:
        schema: the fields; only those with named columns that can be opened (tables) are.
        raw: the rows; ``None``: there are none.
    """

    def __init__(self, schema: Schema, raw: Any) -> None:
        self.schema, self.raw = schema, raw
        parts = {} if raw is None else schema.parts(raw)
        self.open: dict[str, Any] = {}
        for name, part in parts.items():
            if name in schema.tables:
                self.open[name] = schema.tables[name].sheet(part)
        self.parts = {name: part for name, part in parts.items() if name not in self.open}
        self.home: dict[str, str] = {}
        for field, sheet in self.open.items():
            for column in sheet.placed:
                self.home.setdefault(column, field)

    @property
    def rows(self) -> int:
        return next((sheet.rows for sheet in self.open.values()), 0)

    def columns(self, names: Any) -> dict[str, Values]:
        """Of these columns, those that are there."""
        return {name: self.open[self.home[name]].values(name) for name in names if name in self.home}

    def settled(self, name: str, x: NDArray[Any]) -> NDArray[Any]:
        """Values of a column as they will come back."""
        return self.open[self.home[name]].settled(name, x)

    def decoded(self, values: Mapping[str, Tensor], like: Mapping[str, Values]) -> dict[str, Values]:
        """Packed rows as the columns that ``like`` holds, counted as these are."""
        found: dict[str, Values] = {}
        for field in self.open:
            cells = self.schema.tables[field].decoded(values[field])
            for name in (name for name in like if self.home.get(name) == field):
                made = self.open[field].read(cells[name])
                x = made.x if made.tick == like[name].tick else made.x * made.tick // like[name].tick
                found[name] = replace(made, x=x)
        return found

    def put(self, name: str, rows: NDArray[np.int64], x: NDArray[Any]) -> None:
        """Write values to some rows of a column."""
        self.open[self.home[name]].put(name, rows, x)

    def splice(self, rows: NDArray[np.int64], values: Mapping[str, Tensor], free: Mapping[str, NDArray[Any]]) -> None:
        """Write packed rows over these rows, in the cells that are free and not empty.

        Args:
            rows: their numbers.
            values: field → ``[len(rows), E…]``.
            free: column → ``[B]`` bool; a field without columns → likewise.
        """
        for field, packed in values.items():
            if field in self.open:
                sheet = self.open[field]
                for column, cells in self.schema.tables[field].decoded(packed).items():
                    if column in sheet.placed:
                        there = sheet.values(column).known[rows] & free[column][rows]
                        where = np.flatnonzero(there)
                        sheet.splice(column, rows[where], _picked(cells, where))
            elif field in self.parts:
                self._replace(field, rows, packed, free)

    def _replace(self, field: str, rows: NDArray[np.int64], packed: Tensor, free: Mapping[str, NDArray[Any]]) -> None:
        where = np.flatnonzero(free[field][rows])
        made, part = self.schema[field].unpack(packed), self.parts[field]
        part = part.copy()
        if isinstance(part, np.ndarray):
            part[rows[where]] = np.asarray(made)[where]
        else:
            for i in where.tolist():
                part[rows[i]] = made[i]
        self.parts[field] = part

    def close(self) -> Any:
        """The rows again, as what they were."""
        made = {**self.parts, **{name: sheet.close() for name, sheet in self.open.items()}}
        return self.schema.whole({name: made[name] for name in (self.raw if self.schema.wrapped else made)}, self.raw)


def empty(schema: Schema, names: Iterable[str]) -> dict[str, Values]:
    """These columns without any row, for their sorts."""
    found = {}
    for field in schema.tables.values():
        sheet = field.sheet(field.unpack(torch.zeros(0, *field.event)))
        found |= {name: sheet.values(name) for name in names if name in sheet.placed and name not in found}
    return found


def _picked(cells: Any, where: NDArray[np.int64]) -> Any:
    if isinstance(cells, np.ndarray):
        return cells[where]
    import pyarrow as pa

    return cells.take(pa.array(where))
