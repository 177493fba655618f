"""The search: propose candidates, guess what they are worth, call the function for the most promising, learn.

What it proposes is always made anew from the best so far, weighted by their rank, so that the proposal follows what is
learned: weighted retraining (Tripp, Daxberger and Hernandez-Lobato, 2020) of the proposal alone, and not of the model,
which would take minutes for each batch of calls. What a candidate may be worth is guessed from where it *is*, after it
was decoded and encoded again, and not from where in the latent it was meant to be.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from vaery.core.random import Random
from vaery.optimisation.pool import Pool
from vaery.optimisation.surrogate import Surrogate
from vaery.progress import tracked

FIRST = 0.1  # the share of all calls that is made before anything is learned
LEAST = 5  # … and how many these are at least
ROUNDS = 25  # of learning, at most: a batch of calls between each two
FEWEST = 4  # calls in a batch, at least: a round takes the same time, however few
POOL = 512  # candidates to choose from in each round
NEW = 8  # one in so many of them is a draw that is no variation of anything
TRIES = 8  # pools made in a round, while nearly all that is proposed is refused or known already
GREED = 0.02  # of the weights: with N calls, those of the first 0.02 N ranks hardly differ


class Space(Protocol):
    """What can be proposed: candidates that meet all conditions, fewer than asked for where some do not."""

    def draw(self, n: int, rng: Random) -> Pool:
        """Up to ``n`` candidates at random."""
        ...

    def vary(self, parents: Pool, rng: Random) -> Pool:
        """Up to one variation of each candidate."""
        ...


def search(
    space: Space, call: Callable[[Pool], Tensor], *, calls: int, surrogate: Surrogate, rng: Random, start: Pool
) -> tuple[Pool, Tensor]:
    """Look for candidates whose value is high.

    Args:
        space: where.
        call: the values ``[P]`` of a pool, each counted as one call.
        calls: how many of them at most; fewer where no new candidates are found.
        surrogate: what guesses the value of the others.
        rng: where draws come from.
        start: where to begin; if it is empty, anywhere. It is called too.

    Returns:
        All that was called, in order and never twice, and its values; of these, the first are ``start``.
    """
    tried, y = start, call(start) if len(start) else torch.zeros(0, dtype=torch.float64)
    first = min(calls - len(start), max(LEAST, round(FIRST * calls)))
    pool = several(lambda: _begin(space, start, first, rng), tried, first)[:first]
    batch = max(FEWEST, -(-calls // ROUNDS))
    for _ in tracked(range(-(-(calls - first - len(start)) // batch) + 1), "optimise"):
        if not len(pool):
            break
        tried, y = tried + pool, torch.cat([y, call(pool)])
        size = min(batch, calls - len(y))
        if size <= 0:
            break
        pool = several(partial(_proposed, space, tried, y, rng), tried, size)
        if len(pool) > size:
            pool = pool[promising(surrogate(tried.features, y, pool.features, size, rng))]
    return tried, y


def at_random(
    space: Space, call: Callable[[Pool], Tensor], *, calls: int, rng: Random, start: Pool
) -> tuple[Pool, Tensor]:
    """As :func:`search`, learning nothing: so many different draws (variations of ``start``, where there is one)."""
    left = calls - len(start)
    tried = (start + several(lambda: _begin(space, start, left, rng), start, left))[:calls]
    return tried, call(tried) if len(tried) else torch.zeros(0, dtype=torch.float64)


def several(make: Callable[[], Pool], known: Pool, wanted: int) -> Pool:
    """Pools until so many candidates are new, or it has been tried often enough."""
    seen = set(known.keys)
    pool = make().besides(seen)
    for _ in range(TRIES - 1):
        if len(pool) >= wanted:
            break
        pool = (pool + make()).besides(seen)
    return pool


def rank_weights(y: Tensor) -> Tensor:
    """How much each value counts as a parent: 1 / (k N + 1 + rank), the best of rank 0 (Tripp et al., 2020).

    >>> [round(float(w), 2) for w in rank_weights(torch.tensor([1.0, 3.0, 2.0]))]
    [0.19, 0.54, 0.28]
    """
    rank = y.argsort(descending=True, stable=True).argsort().double()
    weight = 1 / (GREED * len(y) + 1 + rank)
    return weight / weight.sum()


def promising(guesses: Tensor) -> Tensor:
    """In each row of ``[Q, P]`` the highest entry that no row before it has taken: Q indices."""
    taken: list[int] = []
    for row in guesses:
        free = row.clone()
        free[taken] = -torch.inf
        taken.append(int(free.argmax()))
    return torch.tensor(taken)


def _begin(space: Space, start: Pool, n: int, rng: Random) -> Pool:
    size = max(n, POOL // NEW)
    return space.vary(_picked(start, torch.ones(len(start)), size, rng), rng) if len(start) else space.draw(size, rng)


def _proposed(space: Space, tried: Pool, y: Tensor, rng: Random) -> Pool:
    return space.vary(_picked(tried, rank_weights(y), POOL, rng), rng) + space.draw(POOL // NEW, rng)


def _picked(pool: Pool, weight: Tensor, n: int, rng: Random) -> Pool:
    return pool[rng.categorical(weight.log().expand(n, -1)).cpu()]
