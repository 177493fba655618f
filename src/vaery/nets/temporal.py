"""Nets over time: sequences of frames to features, and a context back to frames, as matrix products of patches.

Four frames side by side are a patch, two patches a step, and all steps together what the features hang on; the way out
is the same in reverse. Rows may be shorter than the longest: both ends only work as far as frames go.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

PATCH = 4  # frames in a patch
STRIDE = 2 * PATCH  # frames in a step
WIDTH = 256  # numbers a patch, and a step
NARROW = 64  # of a step, where all steps are laid side by side


def steps_of(frames: int) -> int:
    """How many steps there are for so many frames.

    >>> steps_of(16), steps_of(17)
    (2, 3)
    """
    return -(-frames // STRIDE)


def beside(x: Tensor) -> Tensor:
    """``[B, t, C]`` → ``[B, t, 3 C]``: each with the one before and the one after it."""
    wide = F.pad(x, (0, 0, 1, 1))
    return torch.cat([wide[:, :-2], x, wide[:, 2:]], -1)


class TimeResidual(nn.Module):
    """``x + b(dropout(silu(a(silu(x) and its neighbours))))``; ``b`` starts at zero: the block adds nothing."""

    def __init__(self, width: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(3 * width, width // 2), nn.Linear(width // 2, width)
        self.dropout = dropout
        nn.init.zeros_(self.b.weight)
        nn.init.zeros_(self.b.bias)

    def forward(self, x: Tensor) -> Tensor:
        h = F.silu(self.a(beside(F.silu(x))))
        return x + self.b(F.dropout(h, self.dropout, self.training) if self.dropout else h)


class TimeEncoder(nn.Module):
    """``x [B, t, C]``, ``lengths [B]``, ``missing [B, t, C]`` → ``[B, out]``, for any t up to ``frames``.

    Beyond its own length a row is nothing, and how far the others of its batch go makes no difference. What is missing
    enters as a contribution of its own; where nothing is, it costs nothing.

    Args:
        inputs: C.
        frames: the most there are.
        out: features a row.
        depth: residual blocks over patches, and over steps.
        dropout: inside these.
    """

    def __init__(self, inputs: int, frames: int, out: int, depth: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        self.patch = nn.Linear(PATCH * inputs, WIDTH)
        self.missing = nn.Linear(PATCH * inputs, WIDTH, bias=False)
        nn.init.zeros_(self.missing.weight)  # a model that never met a gap is not thrown by its first
        self.fine = nn.ModuleList(TimeResidual(WIDTH, dropout) for _ in range(depth))
        self.merge = nn.Linear(2 * WIDTH, WIDTH)
        self.blocks = nn.ModuleList(TimeResidual(WIDTH, dropout) for _ in range(depth))
        self.narrow = nn.Linear(WIDTH, NARROW)
        self.last = nn.Linear(NARROW * steps_of(frames), out)

    def forward(self, x: Tensor, lengths: Tensor, missing: Tensor | None = None) -> Tensor:
        return self.whole(self.patches(x, lengths, missing), lengths)

    def patches(self, x: Tensor, lengths: Tensor, missing: Tensor | None = None) -> Tensor:
        """``[B, p, WIDTH]``, features of each patch."""
        count = 2 * max(1, steps_of(x.shape[1]))
        h = self.patch(_patches(x, count))
        h = h if missing is None else h + self.missing(_patches(missing, count))
        return self._through(self.fine, h, -(-lengths // PATCH))

    def whole(self, h: Tensor, lengths: Tensor) -> Tensor:
        """Those of all patches → ``[B, out]``."""
        h = self.merge(F.silu(h).unflatten(1, (-1, 2)).flatten(2))
        lengths = -(-lengths // STRIDE)
        h = F.silu(self._through(self.blocks, h, lengths))
        h = (self.narrow(h) * there(h, lengths)).flatten(1)
        return F.silu(F.linear(h, self.last.weight[:, : h.shape[1]], self.last.bias))

    @staticmethod
    def _through(blocks: nn.ModuleList, h: Tensor, lengths: Tensor) -> Tensor:
        inside = there(h, lengths)
        h = h * inside
        for block in blocks:
            h = block(h) * inside
        return h


class TimeDecoder(nn.Module):
    """``context [B, C]`` → ``[B, t, out]`` for any t up to ``frames``: the encoder in reverse.

    Args:
        context: C.
        frames: the most there are.
        out: numbers a frame.
        width: of the layer in front.
        depth: residual blocks over steps, and over patches.
        dropout: inside these.
        each: numbers at the end of the context for each patch, those of the first patch first.
    """

    def __init__(
        self,
        context: int,
        frames: int,
        out: int,
        width: int = 256,
        depth: int = 1,
        dropout: float = 0.0,
        each: int = 0,
    ) -> None:
        super().__init__()
        self.steps, self.each = steps_of(frames), each
        self.context = context - 2 * self.steps * each
        self.first = nn.Linear(self.context, width)
        self.here = nn.Linear(each, WIDTH, bias=False) if each else None
        self.spread, self.wide = nn.Linear(width, self.steps * NARROW), nn.Linear(NARROW, WIDTH)
        self.blocks = nn.Sequential(*(TimeResidual(WIDTH, dropout) for _ in range(depth)))
        self.split = nn.Linear(WIDTH, 2 * WIDTH)
        self.fine = nn.Sequential(*(TimeResidual(WIDTH, dropout) for _ in range(depth)))
        self.last = nn.Linear(WIDTH, PATCH * out)

    def forward(self, context: Tensor, frames: int) -> Tensor:
        """The first ``frames``; what they are does not hang on how many are asked for."""
        depth = len(self.blocks)
        near = min(self.steps, steps_of(frames) + (depth + 1) // 2)  # blocks see one ahead each
        many = min(self.steps, near + depth)
        size = many * NARROW
        h = F.silu(self.first(context[..., : self.context]))
        h = F.linear(h, self.spread.weight[:size], self.spread.bias[:size]).unflatten(1, (many, NARROW))
        h = self.wide(F.silu(h))
        h = self.split(F.silu(self.blocks(h)[:, :near])).unflatten(2, (2, WIDTH)).flatten(1, 2)
        if self.here is not None:
            each = context[..., self.context : self.context + h.shape[1] * self.each]
            h = h + self.here(each.unflatten(-1, (-1, self.each)))
        h = self.last(F.silu(self.fine(h)))
        return h.unflatten(2, (PATCH, -1)).flatten(1, 2)[:, :frames]


def there(h: Tensor, lengths: Tensor) -> Tensor:
    """``[B, t, 1]`` bool, which of the steps of ``h [B, t, C]`` are there."""
    return (torch.arange(h.shape[1], device=h.device) < lengths[:, None])[..., None]


def _patches(x: Tensor, count: int) -> Tensor:
    """``[B, t, C]`` → ``[B, count, PATCH · C]``, zeros where there is no more."""
    return F.pad(x, (0, 0, 0, count * PATCH - x.shape[1])).unflatten(1, (count, PATCH)).flatten(2)
