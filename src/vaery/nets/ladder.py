"""A ladder of latent levels on the grids of a picture, from the smallest grid up: one path down which all of them act.

A state, a small picture of its own, is carried from level to level (Sønderby et al., 2016; Vahdat and Kautz, 2020;
Child, 2021). Each level's prior reads it, its posterior reads it beside the encoder's features of that grid, and
the value that is chosen is added to it. In the walk the state travels in the context, laid flat behind what was there.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vaery.core.gaussian import Gaussian, from_raw
from vaery.nets.conv import ConvResidual, Size, channels, doubling, grids, halving

SIZE = 8  # channels of the latent picture of a level


@dataclass(frozen=True)
class Maps:
    """What an encoder makes of a picture.

    Attributes:
        values: ``[B, F]`` features of the whole.
        maps: ``[B, c, h, w]`` features on each grid, by its size; those along time by a name.
    """

    values: Tensor
    maps: dict[Any, Any]


def rungs(size: Size, levels: int) -> list[Size]:
    """The grid of each level, the smallest first: as many on each as on the others, the first ones get what is left.

    >>> rungs((28, 28), 3)
    [(7, 7), (7, 7), (14, 14)]
    """
    sizes = grids(size)[:0:-1]  # never the picture's own grid: the likelihood has that to itself
    each, left = divmod(levels, len(sizes))
    return [grid for i, grid in enumerate(sizes) for _ in range(each + (i < left))]


class State(nn.Module):
    """The picture that travels down the ladder, taken out of the context.

    Args:
        context: C, of what earlier stops carry.
        width: c, channels of the picture.
        grid: its size.
        first: there is none yet, and it is made of the context.
    """

    def __init__(self, context: int, width: int, grid: Size, first: bool = False) -> None:
        super().__init__()
        self.context, self.shape = context, (width, *grid)
        self.make = nn.Linear(context, width * grid[0] * grid[1]) if first else None

    def forward(self, context: Tensor) -> Tensor:
        """``[S, B, C …]`` → ``[S · B, c, h, w]``."""
        flat = context[..., self.context :] if self.make is None else self.make(context[..., : self.context])
        return flat.reshape(-1, *self.shape)


class LevelPrior(nn.Module):
    """p(level | state): a Gaussian at each place of the grid. It starts as N(0, I).

    Args:
        state: how to find the state.
        size: channels of the latent.
    """

    def __init__(self, state: State, size: int) -> None:
        super().__init__()
        width = state.shape[0]
        self.state = state
        self.net = nn.Sequential(
            nn.SiLU(), nn.Conv2d(width, width, 3, padding=1), nn.SiLU(), nn.Conv2d(width, 2 * size, 1)
        )
        for p in self.net[-1].parameters():
            nn.init.zeros_(p)

    def forward(self, context: Tensor) -> Gaussian:
        """``context [S, B, C …]`` → density of ``[S, B, size · h · w]``."""
        return from_raw(_laid(self.net(self.state(context)), context))


class LevelPosterior(nn.Module):
    """q(level | state, features): the prior moved and rescaled (Vahdat and Kautz, 2020). It starts as the prior, and is
    the prior wherever the picture is not known at all.

    Args:
        prior: of the same level.
        field: whose maps it reads.
        grid: which of them.
        size: channels of the latent.
    """

    def __init__(self, prior: LevelPrior, field: str, grid: Size, size: int) -> None:
        super().__init__()
        self._prior, self.field, self.grid = (prior,), field, grid  # in a tuple: its weights are the prior's own
        width = prior.state.shape[0]
        self.net = nn.Sequential(
            nn.Conv2d(2 * width, width, 3, padding=1), nn.SiLU(), nn.Conv2d(width, 2 * size, 3, padding=1)
        )
        for p in self.net[-1].parameters():
            nn.init.zeros_(p)

    def forward(self, features: Any, context: Tensor) -> Gaussian:
        """``features.own[field]``, ``context [S, B, C …]`` → density of ``[S, B, size · h · w]``."""
        prior = self._prior[0](context)
        own = features.own.get(self.field)
        if own is None:
            return prior
        maps, present = own
        here = maps[self.grid]
        state = self._prior[0].state(context)
        beside = here.expand(len(context), *here.shape).reshape(-1, *here.shape[1:])
        change = from_raw(_laid(self.net(torch.cat([state, beside], 1)), context))
        seen = present[:, None].to(change.loc.dtype)
        loc = prior.loc + seen * prior.log_scale.exp() * change.loc
        return Gaussian(loc, prior.log_scale + seen * change.log_scale)


class Onward(nn.Module):
    """The state after a level: its value is added, a block follows, and the next grid if that is larger.

    Args:
        prior: of the same level, which knows where the state is.
        size: channels of the latent.
        after: grid and channels of the next level.
        dropout: inside the block.
    """

    def __init__(self, prior: LevelPrior, size: int, after: tuple[Size, int], dropout: float = 0.0) -> None:
        super().__init__()
        width, *grid = prior.state.shape
        self._prior, self.size, self.grid = (prior,), size, (grid[0], grid[1])
        self.add = nn.Conv2d(size, width, 1)
        self.block = ConvResidual(width, dropout)
        large, wide = after
        self.up = None if large == self.grid else doubling(width, wide, self.grid, large)

    def forward(self, context: Tensor, value: Tensor) -> Tensor:
        """``context [S, B, C …]``, ``value [S, B, size · h · w]`` → the context with the new state."""
        lead = torch.broadcast_shapes(context.shape[:2], value.shape[:2])
        context = context.expand(*lead, -1)
        state = self._prior[0].state
        h = state(context) + self.add(value.expand(*lead, -1).reshape(-1, self.size, *self.grid))
        h = self.block(h)
        h = h if self.up is None else self.up(F.silu(h))
        return torch.cat([context[..., : state.context], h.reshape(*lead, -1)], -1)


class Leave(nn.Module):
    """The context as it was before the ladder.

    Args:
        context: C.
    """

    def __init__(self, context: int) -> None:
        super().__init__()
        self.context = context

    def forward(self, context: Tensor, value: Tensor | None) -> Tensor:
        return context[..., : self.context]


class LadderEncoder(nn.Module):
    """``x [B, H, W, C]``, ``missing [B, H, W]`` → :class:`Maps`. What is missing enters on its own.

    Args:
        size: H and W.
        inputs: C.
        out: F.
        depth: residual blocks on each grid.
        dropout: inside these.
    """

    def __init__(self, size: Size, inputs: int, out: int, depth: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        self.sizes = grids(size)
        widths = [inputs, *channels(len(self.sizes) - 1)]
        self.down = nn.ModuleList(
            halving(a, b, s, t) for (a, b), (s, t) in zip(pairwise(widths), pairwise(self.sizes), strict=True)
        )
        self.missing = halving(1, widths[1], *self.sizes[:2], bias=False)
        nn.init.zeros_(self.missing.weight)
        self.blocks = nn.ModuleList(
            nn.Sequential(*(ConvResidual(width, dropout) for _ in range(depth))) for width in widths[1:]
        )
        self.last = nn.Linear(widths[-1] * self.sizes[-1][0] * self.sizes[-1][1], out)

    def forward(self, x: Tensor, missing: Tensor | None = None) -> Maps:
        h, maps = x.permute(0, 3, 1, 2), {}
        for i, (down, block, grid) in enumerate(zip(self.down, self.blocks, self.sizes[1:], strict=True)):
            h = down(F.silu(h) if i else h)
            if i == 0 and missing is not None:
                h = h + self.missing(missing[:, None])
            maps[grid] = h = block(h)
        return Maps(F.silu(self.last(F.silu(h).flatten(1))), maps)


class LadderDecoder(nn.Module):
    """The state after the last level → ``[N, H, W, out]``.

    Args:
        state: how to find the state.
        size: H and W.
        out: numbers a pixel.
    """

    def __init__(self, state: State, size: Size, out: int) -> None:
        super().__init__()
        sizes = grids(size)
        at = sizes.index((state.shape[1], state.shape[2]))
        widths = [out, *channels(len(sizes) - 1)]
        self.state = state
        self.up = nn.ModuleList(doubling(widths[i], widths[i - 1], sizes[i], sizes[i - 1]) for i in range(at, 0, -1))

    def forward(self, context: Tensor) -> Tensor:
        h = self.state(context)
        for conv in self.up:
            h = conv(F.silu(h))
        return h.permute(0, 2, 3, 1)


@dataclass(frozen=True)
class Level:
    """One level of a field's own: what stands at its stop.

    Attributes:
        prior, posterior, onward: as in :class:`~vaery.core.stop.Stop`.
    """

    prior: nn.Module
    posterior: nn.Module
    onward: nn.Module


def ladder(
    field: str, size: Size, levels: int, context: int, out: int, dropout: float = 0.0
) -> tuple[list[Level], LadderDecoder]:
    """The levels of a picture's ladder, top first, and the decoder at its foot.

    Args:
        field: its name.
        size: H and W.
        levels: how many.
        context: C, of what earlier stops carry.
        out: numbers a pixel.
        dropout: inside the blocks.
    """
    where, wide = rungs(size, levels), dict(zip(grids(size)[1:], channels(len(grids(size)) - 1), strict=True))
    made = []
    for i, grid in enumerate(where):
        state = State(context, wide[grid], grid, first=i == 0)
        after = where[min(i + 1, levels - 1)]
        prior = LevelPrior(state, SIZE)
        onward = Onward(prior, SIZE, (after, wide[after]), dropout)
        made.append(Level(prior, LevelPosterior(prior, field, grid, SIZE), onward))
    return made, LadderDecoder(State(context, wide[where[-1]], where[-1]), size, out)


def _laid(raw: Tensor, context: Tensor) -> Tensor:
    """``[S · B, 2 n, h, w]`` → ``[S, B, 2 n h w]``, means before log-scales."""
    return raw.reshape(*context.shape[:2], -1)
