"""Optimise: the n best candidates that a model can make, by a function or by a column of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vaery.core.errors import QueryError, choice
from vaery.core.random import Random
from vaery.jobs.embed import embed
from vaery.optimisation.pool import Pool
from vaery.optimisation.result import Optimised
from vaery.optimisation.search import POOL, at_random, search
from vaery.optimisation.space import Check, Space
from vaery.optimisation.surrogate import surrogate_called
from vaery.optimisation.target import Called, Ordinary, Predicted, numbers
from vaery.schema import read
from vaery.target import locate

if TYPE_CHECKING:
    from vaery.model import VAE


def optimise(
    model: VAE,
    target: str | Callable[[Any], Any],
    *,
    direction: str,
    given: Mapping[str, Any] | None,
    n: int,
    calls: int,
    feasible: Callable[[Any], Any] | None,
    start: Any,
    within: float | Callable[[Any, Any], Any] | None,
    distinct: str | None,
    surrogate: str,
    compare: bool,
    seed: int,
) -> Optimised:
    """See :meth:`vaery.VAE.optimise`."""
    if direction not in ("max", "min"):
        raise choice("direction", direction, ["max", "min"])
    if not 1 <= n <= calls:
        raise QueryError(f"n={n} candidates of calls={calls}: at least one, and no more than are called")
    if within is not None and start is None:
        raise QueryError("within= says how near candidates are to start=, which is missing; write start=rows too")
    name, guess = surrogate_called(surrogate)
    rng = Random(seed, model.joint_.device)
    worth, space = _asked(model, target, 1.0 if direction == "max" else -1.0, given or {}, distinct)
    if isinstance(worth, Predicted):
        space.checks["ordinary"] = Ordinary(model, space.draw(POOL, rng.spawn()))
    if feasible is not None:
        space.checks["feasible"] = _allowed(feasible, "feasible")
    begin = space.draw(1, rng.spawn())[:0] if start is None else space.pool(read(start)).besides(set())
    if len(begin) >= calls:
        raise QueryError(f"start= has {len(begin)} rows, which are called too; calls={calls} is too few for that")
    if within is not None:
        space.checks["within"] = _within(within, begin, space, rng.spawn())
    tried, y = search(space, worth, calls=calls, surrogate=guess, rng=rng.spawn(), start=begin)
    if len(tried) == len(begin):
        raise QueryError(_nothing(space))
    found = _found(worth, tried, y, len(begin), n)
    found = replace(found, target=_name(target), direction=direction, surrogate=name, refused=dict(space.refused))
    found = replace(found, note=_note(found, n, calls))
    if compare:
        random = at_random(space, worth, calls=calls, rng=rng.spawn(), start=begin)[1]
        found = replace(found, random=_best_so_far(worth, random))
    return found


def _found(worth: Called | Predicted, tried: Pool, y: Tensor, start: int, n: int) -> Optimised:
    """The ``n`` best of what was tried, without what it started from."""
    best = start + y[start:].argsort(descending=True, stable=True)[:n]
    predicted = isinstance(worth, Predicted)
    return Optimised(
        records=worth.filled(tried[best]) if predicted else tried[best].raw,
        values=(worth.sign * y[best]).numpy(),
        trace=_best_so_far(worth, y),
        calls=worth.calls,
        predicted=predicted,
        start=(worth.sign * y[:start]).numpy(),
    )


def _best_so_far(worth: Called | Predicted, y: Tensor) -> NDArray[np.float64]:
    return (worth.sign * y.cummax(0).values).numpy() if len(y) else y.numpy()


def _name(target: str | Callable[[Any], Any]) -> str:
    name = target if isinstance(target, str) else getattr(target, "__name__", "target")
    return "target" if name == "<lambda>" else name


def _asked(
    model: VAE, target: str | Callable[[Any], Any], sign: float, given: Mapping[str, Any], distinct: str | None
) -> tuple[Called | Predicted, Space]:
    """What is raised, and where."""
    if distinct is not None and distinct not in model.joint_.fields:
        raise choice("field (distinct=)", distinct, model.joint_.fields)
    if not isinstance(target, str):
        return Called(target, sign), Space(model, given, distinct=distinct)
    name, cell = locate(model.joint_, target)
    worth = Predicted(model, name, cell, sign)
    if worth.column in given:
        raise QueryError(f"{target!r} is both the target and in given=; a target is not held, leave it out of given=")
    return worth, Space(model, given, hidden=(name, cell), distinct=distinct)


def _allowed(function: Callable[[Any], Any], what: str) -> Check:
    def check(pool: Pool) -> NDArray[np.bool_]:
        return numbers(function(pool.raw), len(pool), what, "truth value") != 0

    return check


def _within(within: float | Callable[[Any, Any], Any], start: Pool, space: Space, rng: Random) -> Check:
    """Near the start, as a function says, or in the latent: as a share of the median distance between two draws."""
    if callable(within):
        return _allowed(lambda raw: within(start.raw, raw), "within")
    draws = _places(space, space.draw(POOL // 2, rng))
    limit = float(within) * float(torch.pdist(draws).median()) if len(draws) > 1 else torch.inf
    origin = _places(space, start)

    def check(pool: Pool) -> NDArray[np.bool_]:
        return (torch.cdist(_places(space, pool), origin).min(1).values <= limit).numpy()

    return check


def _places(space: Space, pool: Pool) -> Tensor:
    """``[P, Z]`` where candidates are in the latent."""
    return embed(space.joint, pool.rows, rng=Random(0, space.joint.device, share_rows=True)).double().cpu()


def _nothing(space: Space) -> str:
    return (
        f"no candidate that this model makes was found to meet every condition ({_told(space.refused)}): loosen the "
        "condition, or fit on data that holds such rows"
    )


def _note(found: Optimised, n: int, calls: int) -> str:
    """What a reader should know; nothing, where all went as asked."""
    if found.calls >= calls and len(found.values) >= n:
        return ""
    few = f"only {found.calls} of {calls} calls were made"
    if len(found.values) < n:
        few = f"only {len(found.values)} of {n} candidates were found"
    return f"{few}, as hardly any new ones met every condition ({_told(found.refused)})"


def _told(refused: Mapping[str, int]) -> str:
    """How many candidates there were, and what refused how many.

    >>> _told({"drawn": 512, "given": 0, "feasible": 500})
    '512 drawn, 500 refused by feasible'
    """
    words = [f"{refused.get('drawn', 0)} drawn"]
    return ", ".join([*words, *(f"{n} refused by {name}" for name, n in refused.items() if name != "drawn" and n)])
