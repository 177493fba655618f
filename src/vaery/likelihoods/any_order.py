"""Any-order heads: each cell of a block sees the context and any subset of the other cells.

One network answers every p(hidden cells | known cells, z): it is shown a random subset of the cells, of uniform size,
and predicts the others (Uria, Murray and Larochelle, 2014; Hoogeboom et al., 2022). Cells are drawn one group after
the other in a random order; the order is one more latent variable with a uniform prior, so that the mean over orders
of the chain rule's probabilities is a proper density, and the chain rule's terms are reasons that add up to it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vaery.core.cells import CellDensity, CellHeads, CellSpec
from vaery.core.density import Density, masked
from vaery.core.random import Random
from vaery.core.region import Region
from vaery.nets.cells import CellInput
from vaery.nets.factors import Factors
from vaery.nets.mlp import Trunk

CHUNK = 8192  # rows that go through the trunk at once when the steps of a chain are laid side by side


class AnyOrder(nn.Module):
    """p(block | context), by any order of its cells.

    Args:
        cells: what each of the D cells can hold.
        context: size C of the context.
        width, depth, dropout: of the residual MLP.
        steps: at most this many steps in one walk through the cells; the cells of one step are drawn together,
            independent of one another given the earlier steps. With ``steps >= D`` it is the full chain rule.
        orders: how many fixed orders scores are averaged over (draw ``s`` uses order ``s mod orders``).
    """

    orders: Tensor

    def __init__(
        self,
        cells: Sequence[CellSpec],
        context: int,
        width: int = 256,
        depth: int = 3,
        dropout: float = 0.1,
        steps: int = 32,
        orders: int = 64,
    ) -> None:
        super().__init__()
        self.cells = len(cells)
        self.steps = min(steps, self.cells)
        self.see = CellInput(cells, width)
        self.context = nn.Linear(context, width, bias=False) if context else None
        self.trunk = Trunk(width, depth, dropout)
        self.heads = CellHeads(cells)
        self.out = nn.Linear(width, self.heads.size)
        nn.init.zeros_(self.out.bias)
        self.factors = Factors(cells)
        self.hint = nn.Linear(2 * self.factors.size, width, bias=False) if self.factors.size else None
        rng = Random(0)
        self.register_buffer("orders", torch.stack([rng.permutation(self.cells) for _ in range(orders)]))

    def forward(self, context: Tensor) -> AnyOrderDensity:
        """``context [S, B, C]`` → density of ``value [S, B, D, 2]``."""
        return AnyOrderDensity(self, context)

    def conditional(self, context: Tensor, value: Tensor, known: Tensor | None) -> CellDensity:
        """Each cell given the context and the known cells: one pass."""
        return self.predict(self._context(context), value, known)

    def predict(
        self, projected: Tensor | None, value: Tensor, known: Tensor | None, only: Tensor | None = None
    ) -> CellDensity:
        """As :meth:`conditional`, from a context that was already projected; of ``only`` these cells (``[D]`` bool)."""
        raw, around = self.raw(projected, value, known, only)
        return self.heads(raw, around, only)

    def raw(
        self, projected: Tensor | None, value: Tensor, known: Tensor | None, only: Tensor | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """The raw numbers of the heads, ``[S, B, size]`` (those of ``only`` some cells), and what they start from: the
        centre and spread of each cell's number by factor analysis, ``[S, B, D]`` each."""
        seen = torch.ones(value.shape[:-1], device=value.device) if known is None else known
        centre, spread = self.factors(self.see.numbers(value), value[..., 0], seen)
        h = self.see(value, known)
        if self.hint is not None:
            h = h + self.hint(torch.cat([centre, spread.log()], -1))
        h = self.trunk(h if projected is None else h + projected)
        return self._heads(h, only), self._by_cell(centre, spread)

    def _heads(self, h: Tensor, only: Tensor | None) -> Tensor:
        if only is None:
            return self.out(h)
        theirs = only[self.heads.owner]
        return F.linear(h, self.out.weight[theirs], self.out.bias[theirs])

    def _by_cell(self, centre: Tensor, spread: Tensor) -> tuple[Tensor, Tensor]:
        numbers = self.factors.numbers
        lead = (*centre.shape[:-1], self.cells)
        at, wide = centre.new_zeros(lead), centre.new_ones(lead)
        at[..., numbers], wide[..., numbers] = centre[..., : len(numbers)], spread[..., : len(numbers)]
        return at, wide

    def learn(self, value: Tensor, known: Tensor | None) -> None:
        """Before training: fit the factor analysis to rows ``value [N, D, 2]``, ``known [N, D]``."""
        seen = torch.ones(value.shape[:-1], device=value.device) if known is None else known
        self.factors.learn(self.see.numbers(value), value[..., 0], seen)

    def _context(self, context: Tensor) -> Tensor | None:
        return None if self.context is None else self.context(context)


class AnyOrderDensity(Density):
    """``value [S, B, D, 2]``, ``known [B, D]`` or ``[S, B, D]``."""

    def __init__(self, net: AnyOrder, context: Tensor) -> None:
        self.net, self.context = net, context
        self.shape = (*context.shape[:2], net.cells)

    def given(self, value: Tensor, known: Tensor | None) -> CellDensity:
        value, known = self._spread(value, known)
        return self.net.conditional(self.context, value, known)

    def given_others(self, value: Tensor, known: Tensor | None) -> CellDensity:
        value, known = self._spread(value, known)
        projected, rank = self.net._context(self.context), self._ranks()[:1]
        owner = self.net.heads.owner
        raw = value.new_zeros(*self.shape[:2], len(owner))
        around = (value.new_zeros(self.shape), value.new_ones(self.shape))
        for step in range(self.net.steps):
            part, start = self.net.raw(projected, value, known & (rank != step))
            raw = torch.where(rank[..., owner] == step, part.to(raw.dtype), raw)
            around = tuple(torch.where(rank == step, new, old) for new, old in zip(start, around, strict=True))
        return self.net.heads(raw, around)

    def log_prob(self, value: Tensor, known: Tensor | None = None) -> Tensor:
        """The chain rule's terms along one order for each draw: exact, and the same for a row in any batch."""
        value, known = self._spread(value, known)
        rank, last = _closed_up(self._ranks(), known, self.net.steps)
        out = value.new_zeros(self.shape)
        projected = self.net._context(self.context)
        draws, rows = self.shape[:2]
        together = max(1, min(last, CHUNK // max(1, draws * rows)))
        for start in range(0, last, together):
            steps = torch.arange(start, min(start + together, last), device=value.device).view(-1, 1, 1, 1)
            seen = known & (rank < steps)  # [T, S, B, D]
            times = len(steps)
            repeated = None if projected is None else _repeated(projected, times)
            density = self.net.predict(repeated, _repeated(value, times), seen.flatten(0, 1))
            terms = density.log_prob(_repeated(value, times), (known & (rank == steps)).flatten(0, 1))
            out = out + terms.view(len(steps), *self.shape).sum(0)
        return out

    def estimate(self, value: Tensor, known: Tensor | None, rng: Random, progress: float = 1.0) -> Tensor:
        """Show a random subset of the known cells, score the rest, weighted to stand for all: one pass.

        For n known cells, of which k (uniform in 0 … n - 1) are shown, the others count n / (n - k) each; the
        expectation is the mean over orders of the chain rule (Hoogeboom et al., 2022, eq. 6).
        """
        value, known = self._spread(value, known)
        score = rng.uniform(self.shape).masked_fill(~known, 2.0)
        rank = score.argsort(-1).argsort(-1)
        n = known.sum(-1, keepdim=True)
        k = (rng.uniform((*self.shape[:2], 1)) * n).floor()
        shown = known & (rank < k)
        hidden = known & ~shown
        density = self.net.conditional(self.context, value, shown)
        return density.log_prob(value, hidden) * (n / (n - k).clamp(min=1))

    def mode(self) -> Tensor:
        """The likeliest value of one cell after the other, along the first order: a good guess, not a proven mode."""
        value = self.context.new_zeros(*self.shape, 2)
        known = torch.zeros(self.shape, dtype=torch.bool, device=self.context.device)
        rank = self._ranks()[:1]
        for step in range(self.net.steps):
            turn = rank == step
            value = torch.where(turn[..., None], self.given(value, known).mode(), value)
            known = known | turn
        return value

    def sample(self, rng: Random, value: Tensor | None = None, known: Tensor | None = None) -> Tensor:
        return self._draw(rng, value, known, None)[0]

    def sample_within(
        self, rng: Random, value: Tensor | None, known: Tensor | None, region: Region, rest: bool = True
    ) -> tuple[Tensor, Tensor]:
        """Cells with conditions come right after the known ones, one at a time; each is drawn inside its range, and
        the probability of that range, given all before it, is multiplied up."""
        return self._draw(rng, value, known, region, rest)

    def _draw(
        self, rng: Random, value: Tensor | None, known: Tensor | None, region: Region | None, rest: bool = True
    ) -> tuple[Tensor, Tensor]:
        device = self.context.device
        if value is None or known is None:
            if value is not None:
                return value.expand(*self.shape, 2), torch.zeros(self.shape[:2], device=device)
            value = self.context.new_zeros(*self.shape, 2)
            known = torch.zeros(self.shape, dtype=torch.bool, device=device)
        value, known = (t.clone() for t in self._spread(value, known))
        value = value * known[..., None]
        log_mass = torch.zeros(self.shape[:2], device=device)
        projected = self.net._context(self.context)
        asked = torch.zeros(self.shape, dtype=torch.bool, device=device) if region is None else region.asked & ~known
        for cells in self._steps(rng, known, asked, rest):
            now = torch.zeros(self.shape[-1], dtype=torch.bool, device=device)
            now[cells] = True
            density = self.net.predict(projected, value, known, now)
            turn = now & ~known
            drawn = density.sample(rng)
            if region is not None and bool((asked & turn).any()):
                code, number, mass = density.restrict(rng, region)
                inside = (asked & turn)[..., None]
                drawn = torch.where(inside, torch.stack([code, number], -1), drawn)
                log_mass = log_mass + masked(mass, asked & turn).sum(-1)
            value = torch.where(turn[..., None], drawn, value)
            known = known | turn
        return value, log_mass

    def _steps(self, rng: Random, known: Tensor, asked: Tensor, others: bool) -> list[Tensor]:
        """Groups of cells in a random order: cells with conditions first and alone; none where all is known."""
        order = rng.permutation(self.shape[-1]).to(known.device)
        open_, conditioned = ~known.flatten(0, -2).all(0), asked.flatten(0, -2).any(0)
        alone = [cell[None] for cell in order[conditioned[order]]]
        rest = order[(open_ & ~conditioned)[order]] if others else order[:0]
        return alone + (list(rest.tensor_split(min(len(rest), self.net.steps))) if len(rest) else [])

    def _ranks(self) -> Tensor:
        """``[S, 1, D]`` for draw s, the step in which each cell's turn comes."""
        position = self.net.orders.argsort(-1)
        step = position * self.net.steps // self.net.cells
        return step[torch.arange(self.shape[0], device=step.device) % len(step)][:, None]

    def _spread(self, value: Tensor, known: Tensor | None) -> tuple[Tensor, Tensor]:
        if known is None:
            known = torch.ones((), dtype=torch.bool, device=value.device)
        return value.expand(*self.shape, 2), known.expand(self.shape)


def _repeated(value: Tensor, times: int) -> Tensor:
    """``[S, …]`` → ``[times · S, …]``."""
    return value.expand(times, *value.shape).flatten(0, 1)


def _closed_up(rank: Tensor, known: Tensor, steps: int) -> tuple[Tensor, int]:
    """``[S, B, D]`` the steps of the known cells numbered anew, without those in which nothing is known (nobody would
    notice that they were skipped), and how many there are at most."""
    if bool(known.all()):
        return rank, steps
    rank = rank.expand(known.shape)
    taken = torch.zeros(*known.shape[:-1], steps, dtype=torch.long, device=known.device)
    taken = taken.scatter_add(-1, rank, known.long()).clamp(max=1)
    new = (taken.cumsum(-1) - 1).gather(-1, rank)
    return torch.where(known, new, steps), int(taken.sum(-1).max()) if taken.numel() else 0
