"""Cells: scalars that may be a level, a number, or now one and now the other.

Every column of a table is one of these. A category is a cell with levels only; a plain number has no levels; a price
that is often exactly zero has one level and a number. A block of D cells is packed as ``value [B, D, 2]``: the code
(``0 … levels - 1`` for a level, ``levels`` for "a number") and the number itself (zero where the cell is a level).

So zero-inflation, spikes, capped readings and few-valued integers are one mechanism, and a block of any width costs
one call for each *family* in it, not one for each column.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from vaery.core.density import Codes, Density, Elementwise, keep_known, masked, quantile
from vaery.core.evidence import expand_mask
from vaery.core.members import member
from vaery.core.random import Random
from vaery.core.region import Region

WIDE = 256  # more levels than this are coded in two digits (``factored``) instead of one wide softmax


@dataclass(frozen=True)
class CellSpec:
    """What one cell can hold.

    Attributes:
        levels: how many levels it has.
        family: the member of ``likelihoods`` its number follows; ``None``: it is never a number.
        options: arguments of that family.
        ordered: its levels have an order (an ordinal head, where levels are all it has).
        prior: the levels' frequencies, where a head wants to start from them (many levels).
        positions: where its levels lie among its numbers, if it has both: a network that reads the cell then sees that
            the level 40 lies between the numbers 39 and 41.
    """

    levels: int = 0
    family: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    ordered: bool = False
    prior: tuple[float, ...] | None = None
    positions: tuple[float, ...] = ()

    @property
    def codes(self) -> int:
        """How many codes there are: the levels, and one more for "a number"."""
        return self.levels + (self.family is not None)

    def head(self) -> tuple[str, tuple[tuple[str, Any], ...]] | None:
        """Which family codes the level: ``None`` where there is nothing to choose. Equal heads share one call."""
        if self.codes < 2:
            return None
        if self.codes > WIDE:
            return "factored", (("levels", self.codes), ("prior", self.prior))
        if self.ordered and self.family is None and self.levels > 2:
            return "ordinal", (("levels", self.levels),)
        return "categorical", (("levels", 1 << (self.codes - 1).bit_length()),)  # padded to a power of two


def places(cells: Sequence[CellSpec], value: Tensor) -> Tensor:
    """``[B, D, 2]`` → ``[B, D]`` the number of each cell, of a level where it lies among the numbers; of a cell that
    has no numbers, its code."""
    out = value[..., 1].clone()
    for i, cell in enumerate(cells):
        code = value[:, i, 0].long()
        if cell.family is None:
            out[:, i] = value[:, i, 0]
        elif cell.positions:
            at = torch.tensor([*cell.positions, 0.0], dtype=out.dtype, device=out.device)
            out[:, i] += at[code.clamp(max=len(cell.positions))]
    return out


class CellHeads(nn.Module):
    """Raw numbers → the density of a block of cells, one call for each family.

    Args:
        cells: what each of the D cells can hold.
    """

    levels: Tensor
    numeric: Tensor
    owner: Tensor

    def __init__(self, cells: Sequence[CellSpec]) -> None:
        super().__init__()
        groups: dict[tuple[Any, ...], list[int]] = {}
        for column, cell in enumerate(cells):
            head = cell.head()
            if head is not None:
                key = ("code", *head) if head[0] != "factored" else ("code", *head, column)
                groups.setdefault(key, []).append(column)
            if cell.family is not None:
                groups.setdefault(("number", cell.family, tuple(sorted(cell.options.items()))), []).append(column)
        self.width = len(cells)
        self.roles = [key[0] for key in groups]
        families = [member("likelihoods", key[1])(**dict(key[2])) for key in groups]
        self.families = nn.ModuleList(families)
        levels = torch.tensor([cell.levels for cell in cells])
        self.register_buffer("levels", levels, persistent=False)
        self.register_buffer("numeric", torch.tensor([c.family is not None for c in cells]), persistent=False)
        for i, columns in enumerate(groups.values()):
            self.register_buffer(f"columns_{i}", torch.tensor(columns), persistent=False)
            codes = torch.tensor([cells[c].codes for c in columns])
            options = dict(list(groups)[i][2])
            if self.roles[i] == "code":
                padding = torch.arange(int(options["levels"])) >= codes[:, None]
                self.register_buffer(f"padding_{i}", padding if bool(padding.any()) else None, persistent=False)
        self.sizes: list[int] = [len(c) * f.size for c, f in zip(groups.values(), families, strict=True)]
        owner = [
            torch.tensor(c).repeat_interleave(n // len(c)) for c, n in zip(groups.values(), self.sizes, strict=True)
        ]
        self.register_buffer("owner", torch.cat(owner) if owner else torch.zeros(0, dtype=torch.long), persistent=False)

    @property
    def size(self) -> int:
        """How many raw numbers a block needs."""
        return sum(self.sizes)

    def forward(
        self, raw: Tensor, around: tuple[Tensor, Tensor] | None = None, only: Tensor | None = None
    ) -> CellDensity:
        """``raw [S, B, size]`` → the density of ``[S, B, D, 2]``.

        Args:
            raw: of the network.
            around: ``[S, B, D]`` each, the number and the spread that raw zeros stand for, where a family allows it.
            only: ``[D]`` bool, the cells that are asked about; ``raw`` holds the numbers of these alone, those that
                :attr:`owner` says are theirs. What is found of the others means nothing.
        """
        groups: list[tuple[str, Tensor, Elementwise]] = []
        chosen = [columns if only is None else only[columns] for columns in self._columns()]
        sizes = self.sizes
        if only is not None:
            sizes = [n // len(mine) * int(mine.sum()) for n, mine in zip(self.sizes, chosen, strict=True)]
        for i, (role, family, part) in enumerate(
            zip(self.roles, self.families, raw.float().split(sizes, -1), strict=True)
        ):
            if not sizes[i]:
                continue
            columns = getattr(self, f"columns_{i}")
            padding = getattr(self, f"padding_{i}", None) if role == "code" else None
            if only is not None:
                columns, padding = columns[chosen[i]], None if padding is None else padding[chosen[i]]
            part = part.unflatten(-1, (len(columns), -1))
            if padding is not None:
                part = part.masked_fill(padding, -1e9)
            if around is not None and role == "number" and family.located:
                groups.append((role, columns, family(part, tuple(t[..., columns] for t in around))))
            else:
                groups.append((role, columns, family(part)))
        return CellDensity(groups, self.levels, self.numeric, raw.shape[:-1])

    def _columns(self) -> list[Tensor]:
        return [getattr(self, f"columns_{i}") for i in range(len(self.roles))]


class CellDensity(Density):
    """Independent cells: ``value [S, B, D, 2]``, ``known [B, D]``.

    Args:
        groups: ("code" or "number", columns, density at ``[S, B, len(columns)]``).
        levels: ``[D]`` how many levels each cell has.
        numeric: ``[D]`` bool, whether it can be a number.
        rows: ``(S, B)``.
    """

    def __init__(
        self, groups: list[tuple[str, Tensor, Elementwise]], levels: Tensor, numeric: Tensor, rows: Sequence[int]
    ) -> None:
        self.groups, self.levels, self.numeric = groups, levels, numeric
        self.shape = (*rows, len(levels))

    def log_prob(self, value: Tensor, known: Tensor | None = None) -> Tensor:
        code, number = value[..., 0], value[..., 1]
        out = value.new_zeros(torch.broadcast_shapes(self.shape, code.shape))
        is_number = code >= self.levels
        for role, columns, density in self.groups:
            if role == "code":
                term = density.log_prob(code[..., columns])
            else:
                term = masked(density.log_prob(number[..., columns]), is_number[..., columns])
            out = out.index_add(-1, columns, term.to(out.dtype).expand(*out.shape[:-1], len(columns)))
        return masked(out, known)

    def sample(self, rng: Random, value: Tensor | None = None, known: Tensor | None = None) -> Tensor:
        return keep_known(self._each(lambda d: d.sample(rng)), value, known, 1)

    def every(self) -> Tensor | None:
        if len(self.levels) != 1 or bool(self.numeric[0]):
            return None
        codes = torch.arange(int(self.levels[0]), device=self.levels.device, dtype=torch.float32)
        return torch.stack([codes, torch.zeros_like(codes)], -1)[:, None]

    def mean(self) -> Tensor:
        return self._each(lambda d: d.mode() if isinstance(d, Codes) else d.mean())

    def mode(self) -> Tensor:
        return self._each(lambda d: d.mode())

    def code_log_probs(self, column: int) -> Tensor:
        """The log-probability of each code of one cell, ``[S, B, codes]``."""
        for role, columns, density in self.groups:
            at = (columns == column).nonzero()
            if role == "code" and len(at) and isinstance(density, Codes):
                codes = int(self.levels[column]) + int(self.numeric[column])
                return density.log_probs()[..., int(at[0, 0]), :codes]
        return torch.zeros(*self.shape[:-1], 1, device=self.levels.device)

    def quantile(self, u: Tensor) -> Tensor:
        """Levels come first, in the order of their codes, then numbers."""
        return self._spread(u, quantile)

    def points(self, u: Tensor) -> Tensor:
        return self._spread(u, lambda density, share: density.transport(share))

    def _spread(self, u: Tensor, read: Callable[[Elementwise, Tensor], Tensor]) -> Tensor:
        u = expand_mask(u, 1 + len(self.shape))
        full = u.expand(len(u), *self.shape)
        code = self._start_code(full.shape)
        rest = full.clone()  # the share of u that is left for the number
        for role, columns, density in self.groups:
            if role == "code":
                chosen = density.transport(u)  # codes have an order, so this is the quantile
                below, upto = density.cdf(chosen - 1), density.cdf(chosen)
                code[..., columns] = chosen
                rest[..., columns] = ((u - below) / (upto - below).clamp(min=1e-9)).clamp(1e-6, 1 - 1e-6)
        number = torch.zeros_like(code)
        for role, columns, density in self.groups:
            if role == "number":
                number[..., columns] = read(density, rest[..., columns])
        return self._join(code, number)

    def sample_within(
        self, rng: Random, value: Tensor | None, known: Tensor | None, region: Region, rest: bool = True
    ) -> tuple[Tensor, Tensor]:
        code, number, log_mass = self.restrict(rng, region)
        drawn = self._join(code, number)
        asked = region.asked if known is None else region.asked & ~known
        plain = self.sample(rng, value, known)
        return torch.where(asked[..., None], drawn, plain), masked(log_mass, asked).sum(-1)

    def restrict(self, rng: Random, region: Region) -> tuple[Tensor, Tensor, Tensor]:
        """For each cell by itself: a draw inside its region (code, number) and the region's log-probability."""
        in_range = torch.zeros(self.shape, device=self.levels.device)  # P(number in range), given it is a number
        number = torch.zeros_like(in_range)
        for role, columns, density in self.groups:
            if role == "number":
                mass, drawn = _draw_in_range(density, region.low[..., columns, :], region.high[..., columns, :], rng)
                in_range[..., columns], number[..., columns] = mass, drawn
        code, log_mass = self._start_code(self.shape), in_range.clamp(min=1e-30).log()
        log_mass = torch.where(self.numeric, log_mass, torch.zeros_like(log_mass))
        level_only = (self.levels == 1) & ~self.numeric
        allowed_one = region.levels[..., 0] if region.levels.shape[-1] else torch.ones_like(region.asked)
        log_mass = torch.where(level_only & ~allowed_one, torch.full_like(log_mass, -69.0), log_mass)
        for role, columns, density in self.groups:
            if role == "code" and isinstance(density, Codes):
                table = density.log_probs()  # [S, B, C, K]
                weight = self._code_weight(region, columns, in_range[..., columns], table.shape[-1])
                table = table + weight.clamp(min=1e-30).log()
                code[..., columns] = rng.categorical(table).to(code.dtype)
                log_mass[..., columns] = torch.logsumexp(table, -1)
        return code, torch.where(code >= self.levels, number, torch.zeros_like(number)), log_mass

    def _code_weight(self, region: Region, columns: Tensor, in_range: Tensor, size: int) -> Tensor:
        """How much of each code the region lets through: 0 or 1 for a level, P(in range) for "a number"."""
        levels = region.levels[..., columns, :].float()
        weight = torch.zeros(*in_range.shape, size, device=in_range.device)
        width = min(size, levels.shape[-1])
        weight[..., :width] = levels[..., :width]
        slot = self.levels[columns].clamp(max=size - 1)[:, None].expand(*in_range.shape, 1)
        filled = torch.where(self.numeric[columns], in_range, weight.gather(-1, slot).squeeze(-1))
        return weight.scatter(-1, slot, filled[..., None])

    def _start_code(self, shape: Sequence[int]) -> Tensor:
        """Codes where there is nothing to choose: "a number" for plain numbers, the one level for constants."""
        return (
            torch.where(self.numeric, self.levels, torch.zeros_like(self.levels)).float().expand(tuple(shape)).clone()
        )

    def _each(self, read: Any) -> Tensor:
        code = self._start_code(self.shape)
        number = torch.zeros_like(code)
        for role, columns, density in self.groups:
            (code if role == "code" else number)[..., columns] = read(density).to(code.dtype)
        return self._join(code, number)

    def _join(self, code: Tensor, number: Tensor) -> Tensor:
        return torch.stack([code, torch.where(code >= self.levels, number, torch.zeros_like(number))], -1)


def _draw_in_range(density: Elementwise, low: Tensor, high: Tensor, rng: Random) -> tuple[Tensor, Tensor]:
    """P(number in any of the R intervals) and a draw from there: both ``[S, B, C]``."""
    before = low - 1 if density.discrete else torch.nextafter(low, torch.full_like(low, -torch.inf))
    below = torch.stack([density.cdf(edge) for edge in before.unbind(-1)], -1)
    upto = torch.stack([density.cdf(edge) for edge in high.unbind(-1)], -1)
    mass = torch.where(low <= high, (upto - below).clamp(min=0), torch.zeros_like(upto))
    which = rng.categorical(mass.clamp(min=1e-30).log())[..., None]
    chosen = lambda t: t.expand(mass.shape).gather(-1, which).squeeze(-1)
    share = rng.uniform(tuple(density.shape))
    drawn = quantile(density, (chosen(below) + share * chosen(mass)).clamp(1e-7, 1 - 1e-7))
    return mass.sum(-1), torch.minimum(torch.maximum(drawn, chosen(low)), chosen(high))
