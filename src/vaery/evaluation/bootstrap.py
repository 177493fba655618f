"""How sure a difference is: rows drawn again and again, both methods judged on the same draws."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DRAWS = 400  # bootstrap samples
SURE = 0.95  # the share of them that an interval holds

Floats = NDArray[np.float64]
Statistic = Callable[[NDArray[np.int64]], float]  # row numbers (repeated, left out) → a number


@dataclass(frozen=True)
class PerColumn:
    """The mean over columns of each column's mean loss, or of its root.

    Attributes:
        total: ``[rows, columns]`` the losses of each row, summed.
        count: ``[rows, columns]`` how many losses that is; 0: this row says nothing of that column.
        root: take the root of each column's mean (squared errors).

    >>> rmse = PerColumn(np.array([[1.0, 4.0], [1.0, 0.0]]), np.array([[1.0, 1.0], [1.0, 0.0]]), root=True)
    >>> rmse(np.array([0, 1])), rmse.columns().tolist()
    (1.5, [1.0, 2.0])
    """

    total: Floats
    count: Floats
    root: bool = False

    def __call__(self, rows: NDArray[np.int64]) -> float:
        found = self._of(self.total[rows].sum(0), self.count[rows].sum(0))
        return float(np.mean(found[~np.isnan(found)])) if (~np.isnan(found)).any() else float("nan")

    def columns(self) -> Floats:
        """``[columns]`` each column's own number; NaN where no row says anything of it."""
        return self._of(self.total.sum(0), self.count.sum(0))

    def column(self, which: int) -> PerColumn:
        """One column alone."""
        return PerColumn(self.total[:, [which]], self.count[:, [which]], self.root)

    def _of(self, total: Floats, count: Floats) -> Floats:
        mean = np.divide(total, count, out=np.full(len(total), np.nan), where=count > 0)
        return np.sqrt(mean) if self.root else mean


def per_row(loss: Floats) -> PerColumn:
    """The plain mean of one loss a row; rows where it is NaN are left out."""
    there = ~np.isnan(loss)
    return PerColumn(np.where(there, loss, 0.0)[:, None], there.astype(np.float64)[:, None])


@dataclass(frozen=True)
class Area:
    """The area under the ROC curve: how often a number in ``after`` is above one in ``before``; equal ones count half.

    Attributes:
        before, after: ``[rows]``.
        there: ``[rows]`` which of ``after`` count.

    >>> Area(np.array([1.0, 2.0]), np.array([3.0, 2.0]), np.array([True, True]))(np.arange(2))
    0.875
    """

    before: Floats
    after: Floats
    there: NDArray[np.bool_]

    def __call__(self, rows: NDArray[np.int64]) -> float:
        return rank_area(self.before[rows], self.after[rows[self.there[rows]]])


@dataclass(frozen=True)
class MeanArea:
    """The mean of several areas, each of rows of its own.

    Attributes:
        before, after: ``[rows]``.
        group: ``[rows]`` which area a row belongs to.
    """

    before: Floats
    after: Floats
    group: NDArray[np.int64]

    def __call__(self, rows: NDArray[np.int64]) -> float:
        mine = [rows[self.group[rows] == group] for group in np.unique(self.group)]
        return float(np.mean([rank_area(self.before[some], self.after[some]) for some in mine]))


def rank_area(below: Floats, above: Floats) -> float:
    """How often a number in ``above`` is greater than one in ``below``, equal ones counting half; NaN of nothing.

    >>> rank_area(np.array([1.0, 2.0]), np.array([3.0, 2.0]))
    0.875
    """
    if not (len(below) and len(above)):
        return math.nan
    ordered = np.sort(below)
    less, upto = (np.searchsorted(ordered, above, side) for side in ("left", "right"))
    return float((less + upto).mean() / 2 / len(ordered))


def everything(rows: int) -> NDArray[np.int64]:
    """All rows, once each."""
    return np.arange(rows)


def interval(statistic: Statistic, rows: int, rng: np.random.Generator) -> tuple[float, float]:
    """The central bootstrap interval (percentiles: Efron and Tibshirani, 1993) of a statistic of ``rows`` rows."""
    found = [statistic(rng.integers(0, rows, rows)) for _ in range(DRAWS)]
    return _central(found)


def advantage(ours: Statistic, other: Statistic, rows: int, rng: np.random.Generator, sign: int) -> tuple[float, float]:
    """The same of how much better ours is, both on the very same rows.

    Args:
        sign: 1 where high numbers are good, -1 where low ones are.
    """
    drawn = (rng.integers(0, rows, rows) for _ in range(DRAWS))
    return _central([sign * (ours(index) - other(index)) for index in drawn])


def _central(found: Sequence[float]) -> tuple[float, float]:
    values = np.asarray(found, dtype=np.float64)
    values = values[np.isfinite(values)]
    if not len(values):
        return float("nan"), float("nan")
    low, high = np.quantile(values, [(1 - SURE) / 2, (1 + SURE) / 2])
    return float(low), float(high)
