"""The networks of series: one that reads windows, and one that corrects the straight line through what is known."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vaery.core.members import member
from vaery.core.random import Random
from vaery.kinds.series.density import OTHERS, CellsDensity, WindowDensity
from vaery.kinds.series.field import SeriesField
from vaery.nets.bridge import CLASSES, FAR, Bridge, bridge
from vaery.nets.dilated import Attend, Stack, zeroed

COARSEST = 16  # steps between those that are visited first
INPUTS = 5  # numbers that are made of each column of a window
DETAIL, EVERY = 16, 8  # what the latent says of a window: so many numbers for every eighth step
SMOOTHING = 0.05  # of levels between known ones
NARROWEST = math.exp(-5)
ROWS, FEWEST = 512, 100  # held-out windows that are looked at; cells that can speak for their channel and distance
TOGETHER = 64  # of these windows at a time


def suggest(field: SeriesField, rows: int) -> dict[str, Any]:
    """Sizes for every ``"auto"`` and a plan of training, for this many windows."""
    steps = min(8000, max(1500, 40 * rows // 32))
    return {
        "latent": min(32, max(4, 2 * len(field.names))),
        "width": 64 if len(field.names) <= 16 else 96,
        "depth": 1,
        "dropout": 0.1,
        "share": 0.5,
        "plan": {"batch": 32, "learning_rate": 2e-3, "steps": steps},
    }


def encoder(field: SeriesField, width: int, depth: int, dropout: float) -> nn.Module:
    """``(value [B, T, C], known [B, T, C] or None) → [B, width]``."""
    return SeriesEncoder(field, width, depth, dropout)


def decoder(field: SeriesField, context: int, width: int, depth: int, dropout: float) -> nn.Module:
    """``context [S, B, Z]`` → the density of ``[S, B, T, C]``."""
    return SeriesDecoder(field, context, width, depth, dropout)


class Columns(nn.Module):
    """Channels as columns of numbers: a channel of levels is one column for each of them, and so is which are seen."""

    owner: Tensor

    def __init__(self, levels: tuple[int, ...]) -> None:
        super().__init__()
        self.levels = levels
        owner = [c for c, n in enumerate(levels) for _ in range(max(1, n))]
        self.register_buffer("owner", torch.tensor(owner), persistent=False)
        self.discrete = any(levels)

    def forward(self, value: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
        """``[N, T, C]`` both → ``[N, T, D]`` both; zeros where not seen."""
        if not self.discrete:
            return value * seen, seen
        parts = [
            F.one_hot(value[..., c].long().clamp(0, n - 1), n).to(value.dtype) if n else value[..., c, None]
            for c, n in enumerate(self.levels)
        ]
        wide = seen[..., self.owner]
        return torch.cat(parts, -1) * wide, wide


def squashed(x: Tensor) -> Tensor:
    """The same up to about three, then slower and slower: what is far off shall not drown the rest."""
    return x.sign() * torch.where(x.abs() < 3, x.abs(), 3 + torch.log1p((x.abs() - 3).clamp(min=0)))


class SeriesEncoder(nn.Module):
    """Dilated convolutions over what is known, pooled over time: mean, largest, and the mean over each quarter."""

    def __init__(self, field: SeriesField, width: int, depth: int, dropout: float) -> None:
        super().__init__()
        self.width, (steps, _) = width, field.event
        self.columns = Columns(field.levels)
        columns = len(self.columns.owner)
        self.enter = nn.Conv1d(2 * columns, width, 3, padding=1)
        self.stack = Stack(width, steps, depth, dropout, factor=4)
        self.parts = min(8, steps)
        self.out = nn.Linear((1 + self.parts) * width, width)

    def forward(self, value: Tensor, known: Tensor | None = None) -> Tensor:
        known = torch.ones_like(value, dtype=torch.bool) if known is None else known
        x, seen = self.columns(torch.where(known, value, 0), known)
        h = self.stack(self.enter(torch.cat([squashed(x), seen.to(x.dtype)], -1).transpose(1, 2)))
        pooled = torch.cat([h.amax(-1), F.adaptive_avg_pool1d(h, self.parts).flatten(1)], -1)
        return F.silu(self.out(pooled))


class WindowNet(nn.Module):
    """Each cell of a window given those that are seen, and perhaps a latent.

    The straight line between the nearest seen cells is the base; dilated convolutions over it, over what is seen, over
    how far the nearest seen cells are and over the latent correct it, in units of what a random walk with the channel's
    own steps would spread there. Their last layer starts at zero, so that training starts at the line; and after it
    held-out windows say how much of each correction to keep (:meth:`shrink`), so that it does not end behind the line.

    Args:
        field: of the windows.
        context: size Z of the latent.
        width, depth, dropout: of the network; ``depth`` is how often the dilations are gone through.
    """

    rank: Tensor
    group: Tensor
    motion: Tensor
    usual: Tensor
    shrinkage: Tensor

    def __init__(self, field: SeriesField, context: int, width: int, depth: int, dropout: float) -> None:
        super().__init__()
        (self.steps, self.channels), self.even = field.event, field.clock.even
        self.columns = Columns(field.levels)
        self.numbers = [c for c, n in enumerate(field.levels) if n == 0]
        owner, columns = self.columns.owner, len(self.columns.owner)
        self.coded = [((owner == c).nonzero()[:, 0], c, n) for c, n in enumerate(field.levels) if n]
        self.place = [int((owner == c).nonzero()[0, 0]) for c in self.numbers]
        self.family = member("likelihoods", field.likelihood)()
        self.codes = nn.ModuleList(member("likelihoods", "categorical")(levels=n) for _, _, n in self.coded)
        self.enter = nn.Conv1d(INPUTS * columns, width, 3, padding=1)
        self.detail = nn.Linear(context + 1, DETAIL * -(-self.steps // EVERY))
        self.join = nn.Conv1d(DETAIL, width, 1)
        self.stack = Stack(width, self.steps, depth, dropout)
        self.attend = Attend(width)
        self.after = Stack(width, self.steps, 1, dropout, factor=4)
        self.out = nn.Conv1d(width, len(self.numbers) * self.family.size + sum(n for _, _, n in self.coded), 1)
        zeroed(self.out)
        self.register_buffer("motion", torch.ones(columns))  # how far a column goes in one step, on average
        self.register_buffer("usual", torch.zeros(columns))  # where it is when nothing is known
        self.register_buffer("shrinkage", torch.ones(len(self.numbers), CLASSES))  # of a correction, by distance
        self._order(field)

    def _order(self, field: SeriesField) -> None:
        """``rank [T, C]``: in which pass a cell is visited; ``group [T, C]``: which cells are left out together."""
        at, half = torch.arange(self.steps), torch.arange(self.channels) % 2
        level, stride = torch.zeros(self.steps, dtype=torch.long), COARSEST
        while stride > 1:
            stride //= 2
            level = torch.where(at % (2 * stride) == stride, level.max() + 1, level)
        rank, sides = level[:, None].expand(-1, self.channels), 1
        if self.channels > 1:
            rank, sides = 2 * rank + half, 2
        self.passes = int(rank.max()) + 1 if self.steps else 0
        self.register_buffer("rank", rank.clone(), persistent=False)
        self.register_buffer("group", (at % OTHERS)[:, None] + OTHERS * half * (sides - 1), persistent=False)

    def learn(self, value: Tensor, known: Tensor | None) -> None:
        """Before training: how far each channel goes in a step of time, and how often each level occurs."""
        known = torch.ones_like(value, dtype=torch.bool) if known is None else known
        x, seen = self.columns(value, known)
        both = seen[:, 1:] & seen[:, :-1]
        step = ((x[:, 1:] - x[:, :-1]).abs() * both).sum((0, 1)) / both.sum((0, 1)).clamp(min=1)
        self.motion.copy_(step.clamp(min=NARROWEST, max=1.0))
        share = (x * seen).sum((0, 1)) / seen.sum((0, 1)).clamp(min=1)
        for at, _, _ in self.coded:
            self.usual[at] = share[at]

    @torch.no_grad()
    def shrink(self, value: Tensor, seen: Tensor, asked: Tensor) -> None:
        """After training: the share of corrections, from none to all, that leaves the least absolute error in held-out
        cells, for each channel and class of distances; where few cells can say, for the whole channel.

        Args:
            value: ``[B, T, C]``.
            seen, asked: bool; known cells that are shown, and known cells that are hidden.
        """
        self.shrinkage.fill_(1.0)
        parts = [
            self._corrections(value[i : i + TOGETHER], seen[i : i + TOGETHER]) for i in range(0, len(value), TOGETHER)
        ]
        line, correction, remote = (torch.cat(part) for part in zip(*parts, strict=True))
        for i, channel in enumerate(self.numbers):
            here = asked[..., channel] & (correction[..., i] != 0)
            left, made, far = (
                x[here] for x in (value[..., channel] - line[..., i], correction[..., i], remote[..., i])
            )
            if len(left) >= FEWEST:
                self.shrinkage[i] = best_share(left, made)
            for c in range(CLASSES):
                if int((far == c).sum()) >= FEWEST:
                    self.shrinkage[i, c] = best_share(left[far == c], made[far == c])

    def _corrections(self, value: Tensor, seen: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """``[B, T, numbers]`` the line, what is added to it, and classes of distances; without a latent."""
        value = torch.where(seen, value, 0)
        found = self._bridge(value, seen)
        line = self._line(found)[..., self.place]
        middle = self(None, value[None], seen[None]).mean()[0][..., self.numbers]
        return line, middle - line, found.remote[..., self.place]

    def forward(self, z: Tensor | None, value: Tensor, seen: Tensor, use: Tensor | None = None) -> CellsDensity:
        """``z [S, B, Z]``, ``value`` and ``seen [S or 1, B, T, C]`` → cells ``[S, B, T, C]``.

        ``use [B]`` or ``[S, B]`` bool: the rows in which the latent is looked at; ``None``: all.
        """
        several, rows = seen.shape[:2]
        value = torch.where(seen, value, 0).to(self.motion.dtype).expand(several, *value.shape[1:])
        x, spread, line, found = self._inputs(value.flatten(0, 1), seen.flatten(0, 1))
        h = self.enter(x.transpose(1, 2)).unflatten(0, (several, rows))
        h = h + self._latent(z, use, (several, rows), h)
        h = h.flatten(0, 1)
        raw = self.out(self.after(self.attend(self.stack(h)))).transpose(1, 2).unflatten(0, (-1, rows))
        shrinkage = self._shrinkage(found, (several, rows), z, use)
        return self._cells(raw, line.unflatten(0, (several, rows)), spread.unflatten(0, (several, rows)), shrinkage)

    def _shrinkage(self, found: Bridge, shape: tuple[int, int], z: Tensor | None, use: Tensor | None) -> Tensor | None:
        """``[S, B, T, numbers]`` how much of each correction to keep.

        ``None``: all of it, in training, and where a latent tells what no line can know.
        """
        if self.training or (z is not None and use is None):
            return None
        remote = found.remote[..., self.place]
        share = self.shrinkage.gather(1, remote.flatten(0, 1).T).T.view(*shape, *remote.shape[1:])
        return share if z is None or use is None else torch.where(use.expand(z.shape[:2])[..., None, None], 1.0, share)

    def _latent(self, z: Tensor | None, use: Tensor | None, shape: tuple[int, int], like: Tensor) -> Tensor:
        """``[S, B, W, T]`` what the latent says; a last number tells that there is one."""
        if z is None:
            z, here = like.new_zeros(1, shape[1], self.detail.in_features - 1), like.new_zeros(1, shape[1], 1)
        else:
            z = z.to(like.dtype)
            here = z.new_ones(*z.shape[:2], 1) if use is None else use.to(z.dtype).expand(z.shape[:2])[..., None]
        detail = self.detail(torch.cat([z * here, here], -1)).unflatten(-1, (DETAIL, -1)).flatten(0, 1)
        drawn = F.interpolate(detail, size=self.steps, mode="linear", align_corners=False)
        return self.join(drawn).unflatten(0, (-1, shape[1]))

    def _inputs(self, value: Tensor, seen: Tensor) -> tuple[Tensor, Tensor, Tensor, Bridge]:
        """``[N, T, 5 D]`` what the network sees; ``[N, T, D]`` spread and line of the base; what it is made of."""
        _, wide = self.columns(value, seen)
        found = self._bridge(value, seen)
        line = self._line(found)
        spread = (self.motion.square() * found.reach.clamp(min=1e-6, max=FAR)).sqrt().clamp(NARROWEST, 1.0)
        near = [1 / (1 + found.before), 1 / (1 + found.after)]
        parts = [squashed(line), wide.to(line.dtype), spread.log() / 5, *near]
        return torch.cat(parts, -1), spread, line, found

    def _bridge(self, value: Tensor, seen: Tensor) -> Bridge:
        x, wide = self.columns(value, seen)
        return bridge(x, wide, self._time(value, seen))

    def _line(self, found: Bridge) -> Tensor:
        return found.line + (found.reach >= FAR).to(found.line.dtype) * self.usual

    def _time(self, value: Tensor, seen: Tensor) -> Tensor:
        """``[N, T]`` the time of each step, in usual steps."""
        if self.even:
            return torch.arange(self.steps, device=value.device, dtype=value.dtype).expand(len(value), -1)
        gap = torch.where(seen[..., -1], value[..., -1], 0).clamp(-10, 10)
        return torch.exp2(gap).cumsum(1)

    def _cells(self, raw: Tensor, line: Tensor, spread: Tensor, shrinkage: Tensor | None) -> CellsDensity:
        groups, size = [], self.family.size
        if self.numbers:
            own = raw[..., : len(self.numbers) * size].unflatten(-1, (len(self.numbers), size))
            if shrinkage is not None:
                location, rest = own[..., :1], own[..., 1:]
                own = torch.cat([location * shrinkage[..., None], rest], -1)
            around = (line[..., self.place], spread[..., self.place])
            at = torch.tensor(self.numbers, device=raw.device)
            groups.append((at, self.family(own, around)))
        start = len(self.numbers) * size
        for (columns, channel, n), family in zip(self.coded, self.codes, strict=True):
            base = ((1 - SMOOTHING) * line[..., columns] + SMOOTHING / n).clamp(min=1e-4).log()
            logits = raw[..., None, start : start + n] + base[..., None, :]
            groups.append((torch.tensor([channel], device=raw.device), family(logits)))
            start += n
        return CellsDensity(groups, (*raw.shape[:2], self.steps, self.channels))


def best_share(left: Tensor, made: Tensor) -> float:
    """The share g of corrections ``made [N]`` with the smallest Σ |left - g made|, between 0 and 1: a weighted median.

    >>> best_share(torch.tensor([1.0, 2.0, -1.0]), torch.tensor([2.0, 4.0, -1.0]))
    0.5
    >>> best_share(torch.ones(2), -torch.ones(2))
    0.0
    """
    ratio, order = (left / made).sort()
    weight = made.abs()[order].cumsum(0)
    return float(ratio[int((weight < weight[-1] / 2).sum())].clamp(0, 1))


class SeriesDecoder(nn.Module):
    """A latent as the density of windows."""

    def __init__(self, field: SeriesField, context: int, width: int, depth: int, dropout: float) -> None:
        super().__init__()
        self.net, self.hide = WindowNet(field, context, width, depth, dropout), field.hide

    def learn(self, value: Tensor, known: Tensor | None) -> None:
        """Before training: see :meth:`WindowNet.learn`."""
        self.net.learn(value, known)

    def shrink(self, value: Tensor, known: Tensor | None, rng: Random) -> None:
        """After training, on held-out windows: see :meth:`WindowNet.shrink`."""
        times = -(-ROWS // len(value))
        value, known = value[:ROWS], torch.ones_like(value, dtype=torch.bool) if known is None else known[:ROWS]
        value, known = value.repeat(times, 1, 1), known.repeat(times, 1, 1)  # few windows get several gaps each
        shown = self.hide(len(value), rng).to(value.device)
        self.net.shrink(value, known & shown, known & ~shown)

    def forward(self, context: Tensor) -> WindowDensity:
        return WindowDensity(context, self.net, self.hide)
