"""Known factors: what the rows were made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vaery.core.errors import ChoiceError, DataError

MOST_LEVELS = 50  # numbers with more different values than this are cut into bins where levels are asked for


@dataclass(frozen=True)
class Factors:
    """K factors of N rows.

    Attributes:
        names: of the factors.
        levels: ``[N, K]`` which of its values a factor has, from 0.
        values: ``[N, K]`` the same as numbers, where its values are numbers; else the levels.
        ordered: ``[K]`` whether its values are numbers, so that more and less mean something.

    >>> found = Factors.of({"shape": ["disc", "star", "disc"], "x": [0.5, 0.1, 0.9]})
    >>> found.levels.tolist(), found.ordered.tolist()
    ([[0, 1], [1, 0], [0, 2]], [False, True])
    """

    names: list[str]
    levels: NDArray[np.int64]
    values: NDArray[np.float64]
    ordered: NDArray[np.bool_]

    @classmethod
    def of(cls, raw: Any, classes: Sequence[str | int] | str = (), bins: int = 20) -> Factors:
        """Read them from a frame, a dict of columns or an array ``[N, K]``.

        Args:
            raw: one column for each factor.
            classes: names (or positions) of factors whose numbers only tell values apart; ``"all"``: every one. What
                is no number is a class anyway.
            bins: numbers of more than 50 different values are cut into so many levels, of about equally many rows.

        Raises:
            DataError: a value is missing, or a factor has one value only.
            ChoiceError: no factor is called what ``classes`` says.
        """
        columns = _columns(raw)
        plain = _named(classes, list(columns))
        levels, values, ordered = [], [], []
        for name, column in columns.items():
            numbers = column.dtype.kind in "iuf" and name not in plain
            _check(name, column)
            found, code = np.unique(column, return_inverse=True)
            if numbers and len(found) > MOST_LEVELS:
                code = _cut(column.astype(np.float64), bins)
            levels.append(code.reshape(-1))
            values.append(column.astype(np.float64) if numbers else code.reshape(-1).astype(np.float64))
            ordered.append(numbers)
        return cls(list(columns), np.stack(levels, 1), np.stack(values, 1), np.asarray(ordered))

    def __len__(self) -> int:
        return len(self.levels)

    def count(self, factor: int) -> int:
        """How many levels a factor has."""
        return int(self.levels[:, factor].max()) + 1


def _columns(raw: Any) -> dict[str, NDArray[Any]]:
    """Name → column, a plain array each."""
    if hasattr(raw, "columns") and not isinstance(raw, np.ndarray):
        return {str(name): np.asarray(raw[name]) for name in raw.columns}
    if isinstance(raw, dict):
        return {str(name): np.asarray(column) for name, column in raw.items()}
    array = np.asarray(raw)
    array = array[:, None] if array.ndim == 1 else array
    if array.ndim != 2:
        raise DataError(f"factors must be [rows, factors]; an array of shape {array.shape} came")
    return {f"factor {i}": array[:, i] for i in range(array.shape[1])}


def _named(classes: Sequence[str | int] | str, names: list[str]) -> set[str]:
    if isinstance(classes, str):
        classes = names if classes == "all" else [classes]
    found = {names[c] if isinstance(c, int) and 0 <= c < len(names) else str(c) for c in classes}
    if found - set(names):
        raise ChoiceError(f"classes= names {sorted(found - set(names))[0]!r}; the factors are {', '.join(names)}")
    return found


def _check(name: str, column: NDArray[Any]) -> None:
    if column.dtype.kind == "O":
        missing = np.array([value is None or value != value for value in column])
    else:
        missing = np.isnan(column) if column.dtype.kind == "f" else np.zeros(len(column), dtype=bool)
    if missing.any():
        raise DataError(f"factor {name!r} is missing in row {int(missing.argmax())}; leave such rows out")
    if len(column) == 0 or (column == column[0]).all():
        raise DataError(f"factor {name!r} has one value in all {len(column)} rows, so nothing can stand for it")


def _cut(column: NDArray[np.float64], bins: int) -> NDArray[np.int64]:
    edges = np.unique(np.quantile(column, np.linspace(0, 1, bins + 1)[1:-1]))
    return np.unique(np.digitize(column, edges), return_inverse=True)[1].reshape(-1)


def codes_of(codes: ArrayLike, rows: int) -> NDArray[np.float64]:
    """``[N, Z]`` numbers, as many rows as there are of the factors."""
    array = np.asarray(codes, dtype=np.float64)
    if array.ndim != 2 or len(array) != rows:
        raise DataError(f"codes must be [{rows}, units], a row for each of the factors'; the shape {array.shape} came")
    if not np.isfinite(array).all():
        raise DataError(f"the codes of row {int((~np.isfinite(array)).any(1).argmax())} are not finite")
    return array


def gap(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """``[Z, K]`` → ``[K]``: by how much the best unit is ahead of the second; of a single unit, its score.

    >>> gap(np.array([[0.9, 0.2], [0.3, 0.8], [0.1, 0.7]])).round(3).tolist()
    [0.6, 0.1]
    """
    order = np.sort(scores, 0)[::-1]
    return order[0] - (order[1] if len(order) > 1 else 0.0)
