"""A table, opened for the checks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaery.core.errors import DataError
from vaery.xray.column import Seen
from vaery.xray.finding import Finding, at

LEVELS = 24  # a column of more levels is left out of linear regressions
SAMPLE = 4000  # rows that pairs of columns are compared on before all are
TEXT_FILES = (".csv", ".tsv")


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        rows: how many.
        columns: those that can be looked at.
        findings: what was seen while it was opened.
        kept: what several checks want to know of a column; see :func:`vaery.xray.slips.slips`.
    """

    rows: int
    columns: tuple[Seen, ...]
    findings: tuple[Finding, ...] = ()
    kept: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    def __getitem__(self, name: str) -> Seen:
        return next(column for column in self.columns if column.name == name)

    def __iter__(self) -> Iterator[Seen]:
        return iter(self.columns)

    @cached_property
    def some(self) -> NDArray[np.int64]:
        """Rows that stand for all, in ascending order: always the same ones."""
        if self.rows <= SAMPLE:
            return np.arange(self.rows)
        rng = np.random.default_rng(0)
        return np.sort(rng.choice(self.rows, SAMPLE, replace=False))

    @cached_property
    def features(self) -> tuple[NDArray[np.float32], list[str]]:
        """``[rows, features]`` every column as numbers for a linear regression, and the column each comes from."""
        parts, owners = [np.ones((self.rows, 1), dtype=np.float32)], [""]
        for column in self:
            made = regressors(column)
            parts.append(made)
            owners += [column.name] * made.shape[1]
        return np.concatenate(parts, 1), owners

    @cached_property
    def relations(self) -> list[Any]:
        """What can be computed from what; see :mod:`~vaery.xray.relations`."""
        from vaery.xray.relations import numbers, relations

        return relations(numbers(self))

    def features_of(self, names: list[str]) -> tuple[NDArray[np.float32], list[str]]:
        """``[rows, features]`` what these columns tell of each row, and the column that each feature comes from."""
        x, owners = self.features
        chosen = [i for i, owner in enumerate(owners) if owner in names]
        return x[:, chosen], [owners[i] for i in chosen]


def regressors(column: Seen) -> NDArray[np.float32]:
    """``[rows, features]`` a column for a linear regression: logarithms of amounts (ranks of other numbers), an
    indicator for each of few levels; zero where nothing is known."""
    rows = len(column.known)
    if column.role == "number" and not column.few:
        x = column.clean
        known = ~np.isnan(x)
        positive = known.any() and float(x[known].min()) > 0
        scaled = np.where(known, np.log(np.where(known, x, 1.0)) if positive else x, 0.0)
        if not positive:
            scaled[known] = np.argsort(np.argsort(x[known], kind="stable"), kind="stable") / max(1, known.sum())
        scaled = scaled - scaled[known].mean() if known.any() else scaled
        return np.where(known, scaled / (scaled[known].std() + 1e-12), 0.0).astype(np.float32)[:, None]
    if column.grouped and column.distinct <= LEVELS:
        return (column.codes[:, None] == np.arange(column.distinct - 1)).astype(np.float32)
    return np.empty((rows, 0), dtype=np.float32)


def open_table(data: Any) -> Table:
    """Open anything tabular. Columns that no model can hold become findings, and the rest is looked at.

    Raises:
        DataError: no table, no rows or no columns.
    """
    from vaery.kinds.table.frames import open_frame
    from vaery.kinds.table.io import read

    path = Path(data) if isinstance(data, str | os.PathLike) and "://" not in os.fspath(data) else None
    if isinstance(data, str | os.PathLike):
        data = read(data)
    try:
        frame = open_frame(data)
        parts, found = _parts(frame), []
    except DataError as error:
        parts, found = _one_by_one(data, error)
    if parts and len(parts[0][1]) == 0:
        raise DataError("the table has no rows; at least one was expected")
    texts = _texts(path)
    columns = []
    for name, array, dtype, categories in parts:
        array, infinite = _finite(array)
        found += [] if infinite is None else [_infinite(name, infinite)]
        columns.append(_seen(name, array, dtype, categories, texts.get(name)))
    if not columns:
        raise DataError("0 column(s) can be looked at; a table has at least one column of numbers, dates or text")
    return Table(len(columns[0].known), tuple(columns), tuple(found))


def _parts(frame: Any) -> list[tuple[str, Any, str, Any]]:
    names = frame.names or tuple(f"x{i}" for i in range(len(frame.columns)))
    return list(zip(names, frame.columns, frame.dtypes, frame.categories, strict=True))


def _one_by_one(data: Any, error: DataError) -> tuple[list[tuple[str, Any, str, Any]], list[Finding]]:
    """Each column by itself, where one of them cannot be opened."""
    from vaery.kinds.table.frames import open_frame

    names = list(getattr(data, "columns", None) or []) if not hasattr(data, "iloc") else list(data.columns)
    if not names or not isinstance(names[0], str) or len(set(names)) < len(names):
        raise error
    parts, found = [], []
    for i, name in enumerate(names):
        try:
            parts += _parts(open_frame(data.iloc[:, [i]] if hasattr(data, "iloc") else data.select([name])))
        except DataError as trouble:
            words = "no model of tables can use it; leave it out or take numbers, dates or categories from it"
            found.append(Finding("error", (str(name),), str(trouble), words, check="unreadable"))
    return parts, found


def _seen(name: str, array: Any, dtype: str, categories: Any, text: Any) -> Seen:
    from vaery.kinds.table.detect import describe_column

    return Seen(name, array, describe_column(array, name, dtype, categories=categories), text)


def _finite(array: Any) -> tuple[Any, NDArray[np.bool_] | None]:
    """The array with nulls for infinities, and where these were."""
    import pyarrow as pa

    if isinstance(array, np.ndarray) or not pa.types.is_floating(array.type):
        return array, None
    infinite = np.isinf(array.to_numpy(zero_copy_only=False))
    if not infinite.any():
        return array, None
    return pa.array(array.to_numpy(zero_copy_only=False), mask=infinite, from_pandas=True), infinite


def _infinite(name: str, where: NDArray[np.bool_]) -> Finding:
    return Finding(
        "error",
        (name,),
        f"{name!r} holds infinite values in {int(where.sum()):,} rows",
        "find the division by zero or the overflow they come from, and write what is not known as missing",
        {"infinite": int(where.sum())},
        check="infinite",
        **at(where),
    )


def _texts(path: Path | None) -> dict[str, Any]:
    """The cells of a text file as they stand there, by column."""
    from vaery.kinds.table.looks import PACKED

    name = "" if path is None else path.name.lower()
    for end in PACKED:
        name = name.removesuffix(end)
    if path is None or not name.endswith(TEXT_FILES):
        return {}
    from vaery.kinds.table.csv import read_text

    return read_text(path)
