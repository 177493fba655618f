"""What is usual near a pixel: the mean and the spread of the pixels around it, channel by channel.

A step of thirty grey levels means much in a flat sky and nothing in grass, and a sky is as flat when it is dark. Coders
of pictures therefore predict each pixel from those near by and measure the rest in units of how much these vary (Wu and
Memon, 1997). With that done beforehand, a small network has little left to learn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

LEAST = 1e-6  # weight of the pixels near by below which there are none
ALONE = 0.5  # the spread where none is seen, in [−1, 1]


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

    def forward(self, parts: Sequence[Tensor | None]) -> tuple[Tensor, Tensor]:
        """Centre ``[..., C]`` and spread, the same; 0 and a half where no neighbour is seen.

        Args:
            parts: neighbours before and all around, ``[..., C + 1, n]``: their channels, and whether they are seen.
        """
        values, weights = [], []
        for part, closeness in zip(parts, self.closeness, strict=True):
            if part is not None:
                values.append(part[..., : self.channels, :])
                weights.append(part[..., self.channels :, :] * closeness.exp())
        value, weight = _side_by_side(values), _side_by_side(weights)
        total = weight.sum(-1)
        share = weight / total.clamp(min=LEAST)[..., None]
        centre = (value * share).sum(-1)
        spread = ((value - centre[..., None]).square() * share).sum(-1).add(self.least**2).sqrt()
        seen = total > LEAST
        return torch.where(seen, centre, 0.0), torch.where(seen, spread, ALONE)


def _closeness(offsets: Sequence[tuple[int, int]]) -> Tensor:
    """Logarithms of weights to begin with: the pixels next to this one count, and a little those beyond."""
    return torch.tensor([-1.5 * (math.hypot(y, x) ** 2 - 1) for y, x in offsets]).clamp(min=-12)


def _side_by_side(parts: list[Tensor]) -> Tensor:
    if len(parts) == 1:
        return parts[0]
    lead = torch.broadcast_shapes(*(part.shape[:-1] for part in parts))
    return torch.cat([part.expand(*lead, part.shape[-1]) for part in parts], -1)
