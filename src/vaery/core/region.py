"""Regions: conditions on cells that are not exact values, in packed form."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Region:
    """For each cell of a block, the values that are allowed.

    A cell is a code among its levels, or a number; see :mod:`vaery.core.cells`.

    Attributes:
        asked: ``[B or 1, D]`` bool, the cells that carry a condition. The others are free.
        levels: ``[B or 1, D, K]`` bool, which levels are allowed (``K``: most levels of any cell).
        low, high: ``[B or 1, D, R]`` up to ``R`` allowed intervals for numbers, both ends included; an interval with
            ``low > high`` is empty. For discrete families the ends are whole numbers.
    """

    asked: Tensor
    levels: Tensor
    low: Tensor
    high: Tensor

    def __getitem__(self, rows: Tensor | slice) -> Region:
        if self.asked.shape[0] == 1:
            return self
        return Region(self.asked[rows], self.levels[rows], self.low[rows], self.high[rows])

    def to(self, device: torch.device) -> Region:
        return Region(*(t.to(device) for t in (self.asked, self.levels, self.low, self.high)))
