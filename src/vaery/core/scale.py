"""What packed numbers mean, where like numbers stand side by side: pixels, samples of sound."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Scale:
    """The scale of a field whose cells are numbers of one sort.

    Attributes:
        unit: how much of the data's own unit one packed unit is, for each of the last axis.
        low, high: the smallest and the largest packed value there, likewise.
        whole: packed values are whole numbers.
        axes: how many axes of the event, from the left, are places; cells that are near there are alike.
    """

    unit: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    whole: bool
    axes: int

    def packed(self, distance: Tensor) -> Tensor:
        """A distance in the data's own unit for each row, ``[B]`` → packed, ``[B, 1…, C]`` (``axes`` ones)."""
        unit = torch.tensor(self.unit, device=distance.device)
        return distance.view(-1, *[1] * (self.axes + 1)) / unit

    def ends(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """``[C]`` the smallest and the largest packed value."""
        low, high = (torch.tensor(end, device=like.device, dtype=torch.float32) for end in (self.low, self.high))
        return low, high
