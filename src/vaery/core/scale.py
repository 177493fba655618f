"""What packed numbers mean, where like numbers stand side by side: pixels, loudnesses of sound."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Loudness:
    """How packed numbers stand for loudness: ``log(magnitude + floor)``, standardised by band.

    Attributes:
        mean, sd: of each band.
        floor: the magnitude beneath which nothing is told apart.
        hiss: the magnitude that white noise of standard deviation 1 has in a band.
    """

    mean: tuple[float, ...]
    sd: tuple[float, ...]
    floor: float
    hiss: float

    def logs(self, packed: Tensor) -> Tensor:
        """Packed ``[…, F]`` → natural logarithms of magnitude + floor."""
        return packed * torch.tensor(self.sd, device=packed.device) + torch.tensor(self.mean, device=packed.device)

    def packed(self, logs: Tensor) -> Tensor:
        """The inverse of :meth:`logs`."""
        return (logs - torch.tensor(self.mean, device=logs.device)) / torch.tensor(self.sd, device=logs.device)


@dataclass(frozen=True)
class Scale:
    """The scale of a field whose cells are numbers of one sort.

    Attributes:
        unit: how much of the data's own unit one packed unit is, for each of the last axis.
        low, high: the smallest and the largest packed value there, likewise.
        whole: packed values are whole numbers.
        axes: how many axes of the event, from the left, are places; cells that are near there are alike.
        loudness: of sound, whose last axis has one cell before the bands, which says that there is a frame.
    """

    unit: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    whole: bool
    axes: int
    loudness: Loudness | None = None

    def packed(self, distance: Tensor) -> Tensor:
        """A distance in the data's own unit for each row, ``[B]`` → packed, ``[B, 1…, C]`` (``axes`` ones)."""
        unit = torch.tensor(self.unit, device=distance.device)
        return distance.view(-1, *[1] * (self.axes + 1)) / unit

    def ends(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """``[C]`` the smallest and the largest packed value."""
        low, high = (torch.tensor(end, device=like.device, dtype=torch.float32) for end in (self.low, self.high))
        return low, high
