"""Which place of a sequence a latent speaks of: the short way from tokens to a latent and back.

A recurrent network that reads a sequence into one row, and one that writes it from one row, have to learn to carry each
token over all places between. Here each place has a mark, and what is said of it is a sum over marks: products of a
vector and a place, as a memory of fast weights has them (Schmidhuber, 1992).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Marks(nn.Module):
    """``[length, count]``: how much each place has of each mark."""

    def __init__(self, length: int, count: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(length, count) * count**-0.5)

    def forward(self, steps: int, like: Tensor) -> Tensor:
        """``[steps, count]`` of the first places."""
        return self.weight[:steps].to(like.dtype)


class Spread(nn.Module):
    """A row of a context → what it says of each place.

    Args:
        context: C, of a row.
        length: of the longest sequence.
        size: of what is said of a place.
        marks: how many there are; of none, nothing is said.
    """

    def __init__(self, context: int, length: int, size: int, marks: int) -> None:
        super().__init__()
        self.count = marks
        if marks:
            self.marks, self.slots = Marks(length, marks), nn.Linear(max(1, context), marks * size)

    def forward(self, context: Tensor, steps: int) -> Tensor:
        """``[N, C]`` → ``[N, steps, size]``; without marks a zero for all of them, ``[N, steps, 1]``."""
        if not self.count:
            return context.new_zeros(1, 1, 1).expand(len(context), steps, 1)
        seen = context if context.shape[-1] else context.new_zeros(len(context), 1)
        slots = self.slots(seen).unflatten(-1, (self.count, -1))
        return torch.einsum("tm,nms->nts", self.marks(steps, slots), slots)


class Gather(nn.Module):
    """Vectors at places → one row.

    Args:
        size: of a vector.
        length: of the longest sequence.
        width: of the row.
        marks: how many there are, one at least.
    """

    def __init__(self, size: int, length: int, width: int, marks: int) -> None:
        super().__init__()
        self.marks, self.out = Marks(length, marks), nn.Linear(marks * size, width)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, T, size]`` → ``[N, width]``."""
        return self.out(torch.einsum("tm,nts->nms", self.marks(x.shape[1], x), x).flatten(1))
