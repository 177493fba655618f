"""Typical: how surprising each cell usually is, and how odd a row is that is not.

The density alone ranks rows badly where columns differ in how much they usually surprise: one column of high entropy
drowns the others, and a row where every cell is *less* surprising than ever (a newborn abalone) passes for the most
normal of all. So two numbers are looked at: the surprise of the whole row, and how far its cells' surprises are from
what is usual for each (both ways). Each is measured from its median in units of its upper tail, so that 0 is an
ordinary row and 1 is as odd as one ordinary row in twenty; the larger one is how odd the row is. Where what matters is
how columns go together (pixels), the second number is noise beside the first: rows put together of the halves of two
tell (see :meth:`Typical.of`).
Model statistics as evidence beside the density: Morningstar et al. (2021), Nalisnick et al. (2019).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

LOW, HIGH = -3.0, 5.0  # how far a single cell may count, in standard deviations
PARTS = ("cells", "others", "row", "apart")
MUCH = 0.075  # of AUROC
SHARPEST = 0.01  # bits: no surprise is taken for more constant than this


@dataclass(frozen=True)
class Usual:
    """Mean and standard deviation of a number that differs from row to row; of several, side by side."""

    mean: Tensor
    sd: Tensor

    @classmethod
    def of(cls, x: Tensor, known: Tensor | None = None) -> Usual:
        """Down the rows ``x [B, …]``, of those that are known."""
        x = x.double()
        w = torch.ones_like(x) if known is None else known.to(x.dtype)
        n = w.sum(0).clamp(min=1)
        mean = (w * x).sum(0) / n
        return cls(mean, ((w * (x - mean).square()).sum(0) / n).sqrt().clamp(min=SHARPEST))

    @classmethod
    def tail(cls, x: Tensor) -> Usual:
        """Median of ``x [B]`` in place of the mean, and how far one in twenty is above it in place of the spread."""
        x = x.double()
        median = x.quantile(0.5)
        return cls(median, (x.quantile(0.95) - median).clamp(min=SHARPEST))

    def standard(self, x: Tensor) -> Tensor:
        return (x.double() - self.mean) / self.sd

    def to_json(self) -> dict[str, Any]:
        return {"mean": _rounded(self.mean), "sd": _rounded(self.sd)}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Usual:
        return cls(*(torch.tensor(plain[k], dtype=torch.float64) for k in ("mean", "sd")))


@dataclass(frozen=True)
class Bits:
    """The surprise of some rows, on the CPU.

    Attributes:
        columns: ``[B, C]`` bits of each column; shares of the row's.
        known: ``[B, C]`` bool.
        total: ``[B]`` bits of each row.
    """

    columns: Tensor
    known: Tensor
    total: Tensor


@dataclass(frozen=True)
class Typical:
    """What is usual among the rows that a model was fitted on.

    Attributes:
        cells: bits of each column.
        others: bits of each column given all others.
        row: bits of a row beyond what is usual for the columns that are known of it; median and tail.
        apart: how far a row's cells are from the usual, the sum over columns of squared standard deviations; likewise.
        both: whether ``apart`` is looked at.
    """

    cells: Usual
    others: Usual
    row: Usual
    apart: Usual
    both: bool = True

    @classmethod
    def of(cls, rows: Bits, fresh: Bits, others: Tensor, mixed: Bits | None = None) -> Typical:
        """Learn from rows.

        Args:
            rows: that show what is usual for each column.
            fresh: that the model was not fitted on, by which whole rows are measured.
            others: ``[B, C]`` bits of each column of ``rows`` given all others.
            mixed: fresh rows, each with half of its cells from another one: if these are told from fresh rows much
                worse by their columns than by the whole row, columns are not looked at.
        """
        cells = Usual.of(rows.columns, rows.known)
        look = (_beyond(cells, fresh), _apart(cells, fresh))
        both = True
        if mixed is not None:
            both = auroc(look[1], _apart(cells, mixed)) > auroc(look[0], _beyond(cells, mixed)) - MUCH
        return cls(cells, Usual.of(others, rows.known), Usual.tail(look[0]), Usual.tail(look[1]), both)

    def oddness(self, rows: Bits) -> Tensor:
        """``[B]`` how odd each row is: 0 ordinary, 1 as odd as one ordinary row in twenty."""
        of_row = self.row.standard(_beyond(self.cells, rows))
        if not (self.both and rows.columns.shape[1]):
            return of_row
        return of_row.maximum(self.apart.standard(_apart(self.cells, rows)))

    def to_json(self) -> dict[str, Any]:
        return {**{name: getattr(self, name).to_json() for name in PARTS}, "both": self.both}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Typical:
        return cls(**{name: Usual.from_json(plain[name]) for name in PARTS}, both=bool(plain["both"]))


def auroc(ordinary: Tensor, odd: Tensor) -> float:
    """How often a row of ``odd [A]`` has a larger number than one of ``ordinary [B]``; ties count half.

    >>> auroc(torch.tensor([0.0, 1.0]), torch.tensor([1.0, 2.0]))
    0.875
    """
    held = ordinary.sort().values
    below, upto = (torch.searchsorted(held, odd.contiguous(), right=right) for right in (False, True))
    return float((below + upto).double().mean()) / (2 * len(held))


def _beyond(cells: Usual, rows: Bits) -> Tensor:
    return rows.total.double() - rows.known.double() @ cells.mean


def _apart(cells: Usual, rows: Bits) -> Tensor:
    """An unknown cell counts as one that is as far from the usual as usual."""
    far = cells.standard(rows.columns).clamp(LOW, HIGH).square()
    return torch.where(rows.known, far, torch.ones_like(far)).sum(1)


def _rounded(x: Tensor) -> Any:
    return [round(float(v), 6) for v in x] if x.dim() else round(float(x), 6)
