"""Chances: how likely a cell is to be empty, given what the rest of its row holds (missing at random).

Only where it can be told: on rows that were set apart, the values of the rest of the row must tell the gaps of a cell
better than their constant rate does, by a clear margin. Cells are then taken in an order, so that each sees which of
those before it are empty: columns that are empty together stay so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vaery.core.cells import CellSpec
from vaery.gaps import logistic
from vaery.gaps.features import Feature, encode, from_json
from vaery.gaps.screen import TELLING, Screen

LEAST = 30  # gaps, and values, that a cell must have
ROWS = 40_000  # of a fit, at most
FEATURES = 64  # of one cell's model, at most
APART = 3  # one row in so many is set apart
ERRORS = 3.0  # standard errors that the gain on these must be above zero …
MARGIN = 0.01  # … and the share of the constant rate's entropy that it must be
PENALTY = 1.0  # of a value's weight; that of a gap's, which may tell with certainty, is next to nothing:
CERTAIN = 0.01


@dataclass(frozen=True)
class Chance:
    """The log-odds of one cell's being empty: a straight line in the features of others.

    Attributes:
        cell: the cell.
        features: F of them.
        weights: F, and the intercept.
    """

    cell: int
    features: tuple[Feature, ...]
    weights: tuple[float, ...]

    def empty(self, value: Tensor, known: Tensor, levels: Sequence[int]) -> Tensor:
        """``[B]`` how likely the cell is to be empty."""
        weight = torch.tensor(self.weights, dtype=torch.float64, device=value.device)
        return (encode(self.features, value, known, levels) @ weight[:-1] + weight[-1]).sigmoid()

    def to_json(self) -> dict[str, Any]:
        return {"cell": self.cell, "features": [list(f) for f in self.features], "weights": list(self.weights)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Chance:
        return cls(int(data["cell"]), tuple(from_json(data["features"])), tuple(data["weights"]))


def set_apart(rows: Tensor) -> Tensor:
    """``[B]`` bool: of rows in random order, by number, those that decide whether anything can be told."""
    return rows % APART == 0


def told(value: Tensor, known: Tensor, cells: Sequence[CellSpec], cell: int, seen: Screen, asked: Tensor) -> bool:
    """Whether the values of other cells tell the gaps of this one better than their rate does.

    Args:
        value, known: rows in random order.
        cells: what each of the D cells can hold.
        cell: the one meant.
        seen: a screen of the rows that are not :func:`set_apart`.
        asked: ``[B]`` bool, the rows that count: those in which the cell applies.
    """
    features = seen.telling(cell, FEATURES)
    rows = asked.nonzero()[:, 0][:ROWS]
    gone = (~known[rows, cell]).double()
    if not features or min(gone.sum(), (1 - gone).sum()) < LEAST:
        return False
    x = encode(features, value[rows], known[rows], [spec.levels for spec in cells])
    apart = set_apart(rows)
    weight = logistic.fit(x[~apart], gone[~apart], torch.full_like(x[0], PENALTY))
    rate = (gone[~apart].sum() + 0.5) / ((~apart).sum() + 1)
    constant = torch.where(gone[apart] > 0, rate.log(), (1 - rate).log())
    gain = logistic.log_prob(x[apart], gone[apart], weight) - constant
    doubt = gain.std() / len(gain) ** 0.5
    return bool(gain.mean() > ERRORS * doubt and gain.mean() > -MARGIN * constant.mean())


def learn(
    value: Tensor,
    known: Tensor,
    cells: Sequence[CellSpec],
    cell: int,
    seen: Screen,
    asked: Tensor,
    before: set[int],
    values: bool = True,
) -> Chance:
    """How likely a cell is to be empty given what the cells ``before`` it hold, and which of these are empty.

    Args:
        value, known, cells, cell, seen, asked: as in :func:`told`.
        before: the cells that come before this one.
        values: whether to look at what they hold.
    """
    rows = asked.nonzero()[:, 0][:ROWS]
    gone = (~known[rows, cell]).double()
    gaps = [k for k in sorted(before) if not bool(known[rows, k].all())]
    features = [*(seen.telling(cell, FEATURES, before) if values else ()), *_telling_gaps(known[rows], gone, gaps)]
    x = encode(features, value[rows], known[rows], [spec.levels for spec in cells])
    penalty = torch.tensor([CERTAIN if f.kind == "empty" else PENALTY for f in features], dtype=x.dtype)
    weight = logistic.fit(x, gone, penalty.to(x.device))
    return Chance(cell, tuple(features), tuple(float(f"{w:.6g}") for w in weight.tolist()))


def order(cells: Sequence[int], seen: Screen, first: set[tuple[int, int]]) -> list[int]:
    """Cells in the order in which their gaps are drawn: each as far as can be after those that its gaps hang on.

    Args:
        cells: the cells.
        seen: how much the gaps of each have to do with the values of the others.
        first: (cell, other) where the other one must come first.
    """
    strength = {(target, cell): seen.between(target, cell) for target in cells for cell in cells if target != cell}
    strength |= dict.fromkeys(first, torch.inf)
    left, placed = list(cells), []
    while left:
        waits = {c: max((strength.get((c, other), 0.0) for other in left if other != c), default=0.0) for c in left}
        placed.append(min(left, key=lambda c: (waits[c], c)))
        left.remove(placed[-1])
    return placed


def _telling_gaps(known: Tensor, gone: Tensor, gaps: list[int]) -> list[Feature]:
    """The gaps of other cells that have to do with those of this one."""
    if not gaps:
        return []
    x, y = (~known[:, gaps]).double(), gone - gone.mean()
    x = x - x.mean(0)
    scale = x.square().mean(0) * y.square().mean()
    strength = (x.T @ y).square() / (len(y) * scale).clamp(min=1e-12)
    best = strength.argsort(descending=True, stable=True)[:FEATURES].tolist()
    return [Feature(gaps[i], "empty") for i in best if strength[i] > TELLING]
