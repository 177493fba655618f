"""What is usual near a pixel: the mean and the spread of the pixels around it, channel by channel.

A step of thirty grey levels means much in a flat sky and nothing in grass, and a sky is as flat when it is dark. Coders
of pictures therefore predict each pixel from those near by and measure the rest in units of how much these vary (Wu and
Memon, 1997). With that done beforehand, a small network has little left to learn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

LEAST = 1e-6  # weight of the pixels near by below which there are none
ALONE = 0.5  # the spread where none is seen, in [−1, 1]


@dataclass(frozen=True)
class Neighbours:
    """Pixels near each of P pixels.

    Attributes:
        value: ``[..., C, P, n]``, less the level; zero where they are not seen.
        seen: ``[..., 1, P, n]``, 1 where they are, else 0; the same for all rows where it has no axis of theirs.
        level: ``[..., C, P]`` the value of one of them, or zero. Sums of squares lose no digits beside it.
    """

    value: Tensor
    seen: Tensor
    level: Tensor


class Near(nn.Module):
    """Weighted mean and spread of the pixels next to each, in about [−1, 1].

    Args:
        channels: C.
        before, others: where the neighbours before a pixel and all of its neighbours are: ``(y, x)`` from it.
        levels: how many steps there are from −1 to 1; the spread is never below about one of them.
    """

    def __init__(
        self,
        channels: int,
        before: Sequence[tuple[int, int]],
        others: Sequence[tuple[int, int]],
        levels: int,
    ) -> None:
        super().__init__()
        self.channels, self.least = channels, min(ALONE, 2.5 / max(1, levels))
        self.closeness = nn.ParameterList(nn.Parameter(_closeness(offsets)) for offsets in (before, others))

    def forward(self, parts: Sequence[Neighbours | None]) -> tuple[Tensor, Tensor]:
        """Centre ``[..., P, C]`` and spread, the same; 0 and a half where no neighbour is seen.

        Args:
            parts: the neighbours before each of P pixels, and those all around.
        """
        some = [(part, c.exp()) for part, c in zip(parts, self.closeness, strict=True) if part is not None]
        sums = [(part, part.seen @ w, part.value @ w, part.value.square() @ w) for part, w in some]
        total = _sum([seen for _, seen, _, _ in sums]).clamp(min=LEAST)
        centre = _sum([first + part.level * seen for part, seen, first, _ in sums]) / total
        terms = []  # Σ w (v − centre)², multiplied out; values less their level are small where a picture is flat
        for part, seen, first, second in sums:
            by = centre - part.level
            terms.append(second - 2 * by * first + by.square() * seen)
        spread = ((_sum(terms) / total).clamp(min=0) + self.least**2).sqrt()
        there = total > LEAST
        return torch.where(there, centre, 0.0).movedim(-2, -1), torch.where(there, spread, ALONE).movedim(-2, -1)


def _closeness(offsets: Sequence[tuple[int, int]]) -> Tensor:
    """Logarithms of weights to begin with: the pixels next to this one count, and a little those beyond."""
    return torch.tensor([-1.5 * (math.hypot(y, x) ** 2 - 1) for y, x in offsets]).clamp(min=-12)


def _sum(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else parts[0] + parts[1]
