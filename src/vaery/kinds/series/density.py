"""The density of windows: each cell given the latent and any of the other cells, from coarse to fine."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vaery.core.density import Codes, Density, Elementwise, expand_mask, keep_known, masked, quantile
from vaery.core.random import Random

if TYPE_CHECKING:
    from vaery.kinds.series.nets import WindowNet

CHAIN = 0.4  # the share of training rows that learn the chain; the others learn to fill gaps
HEAVIEST = 6.0  # how much a cell that is asked for counts at most, where few are
OTHERS = 4  # steps of which one is left out at a time, where each is asked for given all others

Hide = Callable[[int, Random], Tensor]


class WindowDensity(Density):
    """p(window | latent), ``value [S, B, T, C]``, ``known [B, T, C]``.

    Cells are visited from coarse to fine: every sixteenth step, then those half-way between, down to every second one;
    at each step half of the channels and then the others. All cells of one pass are independent given the latent and
    all earlier ones. What is known is scored in that order, given the known cells before; what is unknown is drawn in
    it, given all that is known.

    The same network also answers for single cells given others *without* the latent (:meth:`given`): in training it
    sees both questions. A latent that has seen only a part of a window says no more of the rest than that part does,
    and the network reads it there at first hand.

    Args:
        z: ``[S, B, Z]``.
        net: the network.
        hide: rows, rng → which cells a row may see, ``[rows, T, C]``.
    """

    def __init__(self, z: Tensor, net: WindowNet, hide: Hide) -> None:
        self.z, self.net, self.hide = z, net, hide
        self.shape = (*z.shape[:2], net.steps, net.channels)

    # ------------------------------------------------------------------ scoring

    def log_prob(self, value: Tensor, known: Tensor | None = None) -> Tensor:
        value, known = self._spread(value, known)
        out = self.z.new_zeros(self.shape)
        for turn in range(self.net.passes):
            now = known & (self.net.rank == turn)
            if bool(now.any()):
                out = out + self._predict(self.z, value, known & (self.net.rank < turn)).log_prob(value, now)
        return out

    def estimate(self, value: Tensor, known: Tensor | None, rng: Random, progress: float = 1.0) -> Tensor:
        """Without gradients: one pass of the chain for each row, which stands for all. With them: the rest of the chain
        from a random pass on in some rows, and in the others what was hidden, given the rest and no latent."""
        value, known = self._spread(value, known)
        rows = self.shape[1]
        if not torch.is_grad_enabled():
            turn = (torch.arange(rows, device=rng.device) + rng.integers(0, self.net.passes, (1,))) % self.net.passes
            rank, turn = self.net.rank, turn.to(value.device).view(-1, 1, 1)
            density = self._predict(self.z, value, known & (rank < turn))
            return density.log_prob(value, known & (rank == turn)) * self.net.passes
        chain = (rng.uniform((rows,)) < CHAIN).to(value.device)
        turn = rng.integers(0, self.net.passes, (rows, 1, 1)).to(value.device)
        earlier = torch.where(chain.view(-1, 1, 1), self.net.rank < turn, self.hide(rows, rng).to(value.device))
        asked = known & ~earlier
        density = self._predict(self.z, value, known & earlier, chain)
        many, few = known.flatten(2).sum(-1), asked.flatten(2).sum(-1).clamp(min=1)
        weight = (many / few).clamp(max=HEAVIEST) * torch.where(chain, 1 / CHAIN, 1.0)
        return density.log_prob(value, asked) * expand_mask(weight, 4)

    # ------------------------------------------------------------------ drawing

    @torch.no_grad()
    def sample(self, rng: Random, value: Tensor | None = None, known: Tensor | None = None) -> Tensor:
        if value is not None and known is None:
            return value.expand(self.shape)
        made = self.z.new_zeros(self.shape)
        there = torch.zeros(self.shape, dtype=torch.bool, device=self.z.device)
        if value is not None and known is not None:
            there = known.expand(self.shape)
            made = torch.where(there, value.to(made.dtype), made)
        for turn in range(self.net.passes):
            now = ~there & (self.net.rank == turn)
            if not bool(now.any()):
                continue
            drawn = self._predict(self.z, made, there).sample(rng)
            made, there = torch.where(now, drawn.to(made.dtype), made), there | now
        return made if value is None else keep_known(made.to(value.dtype), value, known)

    # ------------------------------------------------------------------ single cells

    def given(self, value: Tensor, known: Tensor | None) -> Density:
        """Each cell given the known ones: one pass. Where nothing of a row is known, given the latent."""
        value, known = self._spread(value, known)
        if len(value) == 1 and bool(known.flatten(2).any(-1).all()):
            return self._predict(None, value, known).widened(self.shape)
        some = known.flatten(2).any(-1)
        return self._predict(self.z, value, known, ~some)

    def given_others(self, value: Tensor, known: Tensor | None) -> Density:
        """Each cell given all others but some: every fourth step of half of the channels is left out at a time."""
        value, known = self._spread(value, known)
        found = None
        for group in range(OTHERS * (2 if self.net.channels > 1 else 1)):
            asked = self.net.group == group
            part = self._predict(None, value, known & ~asked)
            found = part if found is None else part.where(asked, found)
        assert found is not None
        return found.widened(self.shape)

    # ------------------------------------------------------------------

    def _spread(self, value: Tensor, known: Tensor | None) -> tuple[Tensor, Tensor]:
        """``[1 or S, B, T, C]`` both."""
        value = value if value.dim() == 4 else value[None]
        if known is None:
            known = torch.ones(value.shape, dtype=torch.bool, device=value.device)
        return value, known if known.dim() == 4 else known[None]

    def _predict(self, z: Tensor | None, value: Tensor, seen: Tensor, use: Tensor | None = None) -> CellsDensity:
        """Each cell given what is ``seen``, and the latent, where there is one; ``use [B]`` or ``[S, B]``: in which
        rows it is looked at."""
        return self.net(z, value, seen, use)


class CellsDensity(Density):
    """Independent cells: ``value [S, B, T, C]``.

    Args:
        groups: channels, and their density at ``[S or 1, B, T, len(channels)]``.
        shape: ``(S, B, T, C)``.
    """

    def __init__(self, groups: list[tuple[Tensor, Elementwise]], shape: tuple[int, ...]) -> None:
        self.groups, self.shape = groups, tuple(shape)

    def widened(self, shape: tuple[int, ...]) -> CellsDensity:
        """The same for so many draws."""
        return CellsDensity(self.groups, shape)

    def where(self, asked: Tensor, other: CellsDensity) -> CellsDensity:
        """These cells where they are asked for (``[T, C]`` bool), else the other ones."""
        pairs = zip(self.groups, other.groups, strict=True)
        return CellsDensity([(at, Either(asked[:, at], a, b)) for (at, a), (_, b) in pairs], self.shape)

    def log_prob(self, value: Tensor, known: Tensor | None = None) -> Tensor:
        return masked(self._each(lambda d, at: d.log_prob(value[..., at])), known)

    def sample(self, rng: Random, value: Tensor | None = None, known: Tensor | None = None) -> Tensor:
        return keep_known(self._each(lambda d, at: d.sample(rng)), value, known)

    def mean(self) -> Tensor:
        return self._each(lambda d, at: d.mode() if isinstance(d, Codes) else d.mean())

    def mode(self) -> Tensor:
        return self._each(lambda d, at: d.mode())

    def quantile(self, u: Tensor) -> Tensor:
        u = expand_mask(u, 5)
        return self._each(lambda d, at: quantile(d, u))

    def points(self, u: Tensor) -> Tensor:
        u = expand_mask(u, 5)
        return self._each(lambda d, at: d.transport(u))

    def cdf(self, value: Tensor) -> Tensor:
        """P(X ≤ value) of each cell."""
        return self._each(lambda d, at: d.cdf(value[..., at]))

    def _each(self, read: Callable[[Elementwise, Tensor], Tensor]) -> Tensor:
        """The channels of all groups side by side; of more values than there are contexts, as many results."""
        made = [(at, read(density, at)) for at, density in self.groups]
        lead = torch.broadcast_shapes(self.shape[:-1], *(part.shape[:-1] for _, part in made))
        if len(made) == 1:
            return made[0][1].expand(*lead, self.shape[-1])
        out = made[0][1].new_zeros(*lead, self.shape[-1])
        for at, part in made:
            out[..., at] = part.to(out.dtype)
        return out


class Either(Elementwise):
    """One density where it is asked for, else another."""

    def __init__(self, asked: Tensor, a: Elementwise, b: Elementwise) -> None:
        self.asked, self.a, self.b, self.shape, self.discrete = asked, a, b, a.shape, a.discrete

    def log_prob(self, value: Tensor) -> Tensor:
        return self._of(self.a.log_prob(value), self.b.log_prob(value))

    def sample(self, rng: Random) -> Tensor:
        return self._of(self.a.sample(rng), self.b.sample(rng))

    def mean(self) -> Tensor:
        return self._of(self.a.mean(), self.b.mean())

    def mode(self) -> Tensor:
        return self._of(self.a.mode(), self.b.mode())

    def cdf(self, value: Tensor) -> Tensor:
        return self._of(self.a.cdf(value), self.b.cdf(value))

    def transport(self, u: Tensor) -> Tensor:
        return self._of(self.a.transport(u), self.b.transport(u))

    def _of(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.where(self.asked, a, b)
