"""Which place of a sequence a latent speaks of: the short way from tokens to a latent and back.

A recurrent network that reads a sequence into one row, and one that writes it from one row, have to learn to carry each
token over all places between. Here each place has numbers of its own.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vaery.nets.codebook import GROUP


class Spread(nn.Module):
    """A row of a context → what it says of each place.

    Args:
        context: C, of a row.
        size: of what is said of a place.
        places: how many are spoken of, from the first on; of those after them, and of none, nothing is said.
        part: at the start so many numbers at the end of the context speak of each place alone: where a latent has
            such parts (:class:`~vaery.nets.codebook.Codebook`) it stands there. Others are as quick to learn.
    """

    def __init__(self, context: int, size: int, places: int, part: int = GROUP) -> None:
        super().__init__()
        self.places, self.size = places, size
        if places:
            self.slots = nn.Linear(max(1, context), places * size)
            self._align(context, min(part, context // places))

    @torch.no_grad()
    def _align(self, context: int, part: int) -> None:
        if not part:
            return
        weight = torch.zeros(self.places, self.size, context)
        first = context - part * self.places
        weight[:, :, :first] = self.slots.weight[:, :first].unflatten(0, (self.places, self.size))
        for place in range(self.places):
            here = slice(first + place * part, first + (place + 1) * part)
            weight[place, :, here] = torch.randn(self.size, part) * part**-0.5
        self.slots.weight.copy_(weight.flatten(0, 1))

    def forward(self, context: Tensor, steps: int) -> Tensor:
        """``[N, C]`` → ``[N, steps, size]``; of no place, a zero for all of them, ``[N, steps, 1]``."""
        if not self.places:
            return context.new_zeros(1, 1, 1).expand(len(context), steps, 1)
        seen = context if context.shape[-1] else context.new_zeros(len(context), 1)
        slots = self.slots(seen).unflatten(-1, (self.places, self.size))[:, :steps]
        return nn.functional.pad(slots, (0, 0, 0, steps - slots.shape[1]))


class Gather(nn.Module):
    """Vectors at places → one row.

    Args:
        size: of a vector.
        width: of the row.
        places: how many are read, from the first on.
    """

    def __init__(self, size: int, width: int, places: int) -> None:
        super().__init__()
        self.places, self.out = places, nn.Linear(places * size, width)

    def forward(self, x: Tensor) -> Tensor:
        """``[N, T, size]`` → ``[N, width]``."""
        x = x[:, : self.places]
        return self.out(nn.functional.pad(x, (0, 0, 0, self.places - x.shape[1])).flatten(1))
