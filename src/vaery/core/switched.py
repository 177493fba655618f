"""One density made of several: which of them speaks is another matter for each draw, or for each row."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, cast

import torch
from torch import Tensor

from vaery.core.density import Density
from vaery.core.errors import QueryError
from vaery.core.random import Random
from vaery.core.region import Region


class Places(ABC):
    """Where one of several densities speaks.

    Args:
        index: along S or B.

    Attributes:
        axis: along which results are put together: 0 (S) or 1 (B).
    """

    axis: ClassVar[int]

    def __init__(self, index: Tensor) -> None:
        self.index = index

    @abstractmethod
    def rows(self, x: Any) -> Any:
        """What of ``x [B, …]`` (a tensor, evidence, a region) is about these places."""

    @abstractmethod
    def walked(self, x: Tensor) -> Tensor:
        """What of ``x [S or 1, B, …]`` is about these places."""

    @abstractmethod
    def shares(self, u: Tensor) -> Tensor:
        """What of ``u [Q]`` or ``[Q, S]`` is about these places."""


class SomeDraws(Places):
    """All rows of some draws."""

    axis = 0

    def rows(self, x: Any) -> Any:
        return x

    def walked(self, x: Tensor) -> Tensor:
        return x if len(x) == 1 else x[self.index]

    def shares(self, u: Tensor) -> Tensor:
        return u if u.dim() == 1 else u[:, self.index]


class SomeRows(Places):
    """Some rows of a single draw."""

    axis = 1

    def rows(self, x: Any) -> Any:
        return x[self.index]

    def walked(self, x: Tensor) -> Tensor:
        return x[:, self.index]

    def shares(self, u: Tensor) -> Tensor:
        return u


def places(which: Tensor, count: int) -> list[tuple[int, Places]]:
    """Where each of ``count`` densities speaks, of those that do, by ``which [S, B]``.

    >>> [(i, type(p).__name__, p.index.tolist()) for i, p in places(torch.tensor([[0, 0], [2, 2]]), 3)]
    [(0, 'SomeDraws', [0]), (2, 'SomeDraws', [1])]
    >>> [(i, type(p).__name__, p.index.tolist()) for i, p in places(torch.tensor([[1, 0, 1]]), 2)]
    [(0, 'SomeRows', [1]), (1, 'SomeRows', [0, 2])]
    """
    by_draw = bool((which == which[:, :1]).all())
    if not by_draw and len(which) > 1:
        raise ValueError("the densities of one draw may be another for each row, those of several may not")
    along, make = (which[:, :1].flatten(), SomeDraws) if by_draw else (which[0], SomeRows)
    found = ((i, (along == i).nonzero()[:, 0]) for i in range(count))
    nowhere: list[tuple[int, Places]] = [(0, SomeDraws(torch.arange(len(which))))]  # of no rows, any may speak
    return [(i, make(index)) for i, index in found if len(index)] or nowhere


class Switched(Density):
    """Which of several densities speaks hangs on the draw, or on the row.

    Args:
        parts: where each of them speaks, and the density there.
        axes: how many an event has: values may come without one for the draws.
    """

    def __init__(self, parts: Sequence[tuple[Places, Density]], axes: int) -> None:
        self.parts, self.axes = parts, axes
        self.whole, self.field = parts[0][1].whole, parts[0][1].field

    def log_prob(self, value: Tensor, known: Tensor | None = None) -> Tensor:
        return self._joined(lambda at, d: d.log_prob(self._at(at, value), self._known(at, known)))

    def estimate(self, value: Tensor, known: Tensor | None, rng: Random, progress: float = 1.0) -> Tensor:
        return self._joined(lambda at, d: d.estimate(self._at(at, value), self._known(at, known), rng, progress))

    def sample(self, rng: Random, value: Tensor | None = None, known: Tensor | None = None) -> Tensor:
        return self._joined(lambda at, d: d.sample(rng, self._maybe(at, value), self._known(at, known)))

    def sample_within(
        self, rng: Random, value: Tensor | None, known: Tensor | None, region: Region, rest: bool = True
    ) -> tuple[Tensor, Tensor]:
        found = [
            d.sample_within(rng, self._maybe(at, value), self._known(at, known), at.rows(region), rest)
            for at, d in self.parts
        ]
        return self._join([drawn for drawn, _ in found]), self._join([mass for _, mass in found])

    def given(self, value: Tensor, known: Tensor | None) -> Density:
        return self._made(lambda at, d: d.given(self._at(at, value), self._known(at, known)))

    def given_others(self, value: Tensor, known: Tensor | None) -> Density:
        return self._made(lambda at, d: d.given_others(self._at(at, value), self._known(at, known)))

    def tempered(self, temperature: float = 1.0, top_p: float = 1.0) -> Density:
        return self._made(lambda at, d: d.tempered(temperature, top_p))

    def hushed(self, noise: float) -> Density:
        return self._made(lambda at, d: d.hushed(noise))

    def mean(self) -> Tensor:
        return self._joined(lambda at, d: d.mean())

    def mode(self) -> Tensor:
        return self._joined(lambda at, d: d.mode())

    def quantile(self, u: Tensor) -> Tensor:
        return self._joined(lambda at, d: d.quantile(at.shares(u)), ahead=1)

    def points(self, u: Tensor) -> Tensor:
        return self._joined(lambda at, d: d.points(at.shares(u)), ahead=1)

    def code_log_probs(self, column: int) -> Tensor:
        """As a block of cells has it (:mod:`vaery.core.cells`)."""
        return self._joined(lambda at, d: cast(Any, d).code_log_probs(column))

    def every(self) -> Tensor | None:
        return self.parts[0][1].every()

    def kl(self, other: Density) -> Tensor | None:
        found = [d.kl(o) for (_, d), o in zip(self.parts, self._alike(other), strict=True)]
        return None if any(kl is None for kl in found) else self._join([kl for kl in found if kl is not None])

    def log_ratio(self, value: Tensor, prior: Density) -> Tensor:
        priors = self._alike(prior)
        return self._join([d.log_ratio(self._at(at, value), o) for (at, d), o in zip(self.parts, priors, strict=True)])

    # ------------------------------------------------------------------ there and back

    def _alike(self, other: Density) -> list[Density]:
        """What the other one is at each of these places."""
        if not isinstance(other, Switched):
            raise QueryError("densities are compared with such as speak at the same places")
        return [d for _, d in other.parts]

    def _at(self, at: Places, value: Tensor) -> Tensor:
        without_draws = value.dim() == 1 + self.axes
        return at.rows(value) if without_draws else at.walked(value)

    def _maybe(self, at: Places, value: Tensor | None) -> Tensor | None:
        return None if value is None else self._at(at, value)

    @staticmethod
    def _known(at: Places, known: Tensor | None) -> Tensor | None:
        return None if known is None else at.rows(known)

    def _made(self, make: Callable[[Places, Density], Density]) -> Density:
        made = [(at, make(at, d)) for at, d in self.parts]
        same = all(new is old for (_, new), (_, old) in zip(made, self.parts, strict=True))
        return self if same else Switched(made, self.axes)

    def _joined(self, call: Callable[[Places, Density], Tensor], ahead: int = 0) -> Tensor:
        return self._join([call(at, d) for at, d in self.parts], ahead)

    def _join(self, found: Sequence[Tensor], ahead: int = 0) -> Tensor:
        """``[…, S, B, …]`` from what was found at each of the places; ``ahead``: how many axes stand before S."""
        return joined([at for at, _ in self.parts], found, ahead)


def joined(at: Sequence[Places], found: Sequence[Tensor], ahead: int = 0) -> Tensor:
    """What was found at each place, put together: ``[…, S, B, …]``, with ``ahead`` axes before S."""
    if len(at) == 1:
        return found[0]
    axis = at[0].axis + ahead
    spread = [_spread(x, axis, len(place.index)) for place, x in zip(at, found, strict=True)]
    rest = [max(sizes) for sizes in zip(*(x.shape for x in spread), strict=True)]
    spread = [x.expand(*rest[:axis], x.shape[axis], *rest[axis + 1 :]) for x in spread]
    order = torch.cat([place.index for place in at]).argsort()
    return torch.cat(spread, axis).index_select(axis, order)


def _spread(x: Tensor, axis: int, size: int) -> Tensor:
    """An axis that everybody shared, as long as there are places."""
    return x.expand(*x.shape[:axis], size, *x.shape[axis + 1 :]) if x.shape[axis] == 1 else x


class Uniform(Density):
    """One of ``count`` whole numbers, each as likely as the others.

    A single draw is by chance for each row; several go through all numbers in blocks, the same for every row.

    Args:
        count: how many numbers there are.
        shape: (S, B).
        like: a tensor whose device and type numbers take.
    """

    def __init__(self, count: int, shape: tuple[int, int], like: Tensor) -> None:
        self.count, self.shape, self.like = count, shape, like

    def log_prob(self, value: Tensor, known: Tensor | None = None) -> Tensor:
        return self.like.new_full(self.shape, -math.log(self.count))

    def sample(self, rng: Random, value: Tensor | None = None, known: Tensor | None = None) -> Tensor:
        if self.shape[0] == 1:
            return rng.integers(0, self.count, self.shape).to(self.like)
        return self._blocks()

    def _blocks(self) -> Tensor:
        draws, rows = self.shape
        return (
            (torch.arange(draws, device=self.like.device) * self.count // draws)[:, None].expand(-1, rows).to(self.like)
        )

    def mode(self) -> Tensor:
        return self.like.new_zeros(self.shape)


class InTurn(Uniform):
    """The same as a posterior's: a single draw is the first number, so that it is the same one each time."""

    def sample(self, rng: Random, value: Tensor | None = None, known: Tensor | None = None) -> Tensor:
        return self._blocks()
