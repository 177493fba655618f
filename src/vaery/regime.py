"""Regimes: what a fit may read off its rows, and who trains. Plainly all of it; privately next to nothing.

:func:`vaery.fit.fit` goes the same way whatever the regime is, and asks it wherever rows would be looked at.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

import torch
from torch import Tensor

from vaery import coverage, gaps, labels, oddness, steps, surprise, unseen
from vaery.core.errors import DataError
from vaery.core.evidence import Evidence, Some
from vaery.core.random import Random
from vaery.jobs.score import score
from vaery.joint import Joint
from vaery.private import Private
from vaery.train import Plan, Trainer

HELD_OUT = 0.1  # the share of rows that decides when to stop and calibrates scores
MOST_HELD_OUT = 5000
MOST_CALIBRATED = 2000  # held-out rows that are scored for p-values
MOST_USUAL = 1000  # training rows that show what columns usually cost
LESSONS = 4000  # training rows that members of a new model start from, where they do not say how many

T = TypeVar("T", bound=Trainer)


class Regime(ABC, Generic[T]):
    """The steps of a fit in which rows are read."""

    refines: ClassVar[bool]  # whether a prior, and whether fields go together, may be learned from encoded rows
    teaches: ClassVar[bool]  # whether labels may have readers that are fitted to rows

    @property
    @abstractmethod
    def trainer(self) -> Callable[..., T]:
        """Makes who trains, of the arguments of :class:`~vaery.train.Trainer`."""

    @abstractmethod
    def advise(self, advice: Mapping[str, Any]) -> dict[str, Any]:
        """A kind's advice on sizes (``width``, ``depth``, ``dropout`` …), as it suits this regime."""

    @abstractmethod
    def plan(self, plan: Plan, rows: int) -> Plan:
        """A plan for so many rows, as it suits this regime."""

    @abstractmethod
    def split(self, rows: Evidence, rng: Random) -> tuple[Evidence | Some, Evidence]:
        """Rows to train on and rows held out.

        Raises:
            DataError: there are no rows.
        """

    @abstractmethod
    def start(self, joint: Joint, train: Evidence | Some, rng: Random) -> None:
        """Let members of a new model that want it start from rows."""

    @abstractmethod
    def finish(self, trainer: T, rng: Random) -> None:
        """Let members of the trained model that want it look at held-out rows."""

    @abstractmethod
    def report(self, trainer: T) -> dict[str, Any] | None:
        """What the fit promises of its rows; ``None``: nothing."""

    @abstractmethod
    def calibrate(self, trainer: T, rows: Evidence) -> dict[str, Any]:
        """What jobs need to know of the data beside the model.

        Args:
            trainer: that fitted the model, with the rows it trained on and those held out.
            rows: all of them.
        """


@dataclass(frozen=True)
class PlainRegime(Regime[Trainer]):
    """Every row may be read."""

    refines: ClassVar[bool] = True
    teaches: ClassVar[bool] = True

    @property
    def trainer(self) -> type[Trainer]:
        return Trainer

    def advise(self, advice: Mapping[str, Any]) -> dict[str, Any]:
        return dict(advice)

    def plan(self, plan: Plan, rows: int) -> Plan:
        return plan

    def split(self, rows: Evidence, rng: Random) -> tuple[Evidence | Some, Evidence]:
        """Under twenty rows, all are both: there is nothing to spare. Windows that overlap are held out side by side,
        and windows that reach into those are left out."""
        if rows.rows == 0:
            raise DataError("there are no rows to fit; at least one row was expected")
        if rows.rows < 20:
            return rows, rows
        if rows.spans is not None and overlap(rows.spans):
            return apart(rows, rows.spans, rng)
        count = min(MOST_HELD_OUT, max(10, int(HELD_OUT * rows.rows)))
        order = rng.permutation(rows.rows)
        return Some(rows, order[count:]), rows[order[:count]]

    def start(self, joint: Joint, train: Evidence | Some, rng: Random) -> None:
        """From rows (what of a table follows from straight lines; runs of tokens, which are counted in all rows) or
        from encoded ones (a VampPrior's pseudo-inputs)."""
        order = rng.permutation(train.rows)
        some = train[order[:1000]].to(joint.device)
        for stop in joint.walk:
            learn: Any = getattr(stop.prior, "learn", None)
            if learn is not None and stop.name in some:
                many = train[order[: getattr(stop.prior, "lessons", LESSONS)]].to(joint.device)
                learn(many.values[stop.name], many.known[stop.name])
            start: Any = getattr(stop.prior, "start_from", None)
            if start is not None:
                with torch.no_grad():
                    start(joint.encode(some))

    def finish(self, trainer: Trainer, rng: Random) -> None:
        """How far corrections of a simple rule may be trusted (of the straight line, in series)."""
        rows = trainer.held_out.to(trainer.joint.device)
        for stop in trainer.joint.walk:
            shrink: Any = getattr(stop.prior, "shrink", None)
            if shrink is not None and stop.name in rows:
                shrink(rows.values[stop.name], rows.known[stop.name], rng)

    def report(self, trainer: Trainer) -> None:
        return None

    def calibrate(self, trainer: Trainer, rows: Evidence) -> dict[str, Any]:
        """Scores of held-out rows, sorted (p-values are read from these); what columns of training rows usually cost;
        why cells are empty; how often levels are new."""
        joint, train = trainer.joint, trainer.train
        held_out = trainer.held_out[slice(0, MOST_CALIBRATED)].to(joint.device)
        some = train[torch.arange(min(train.rows, MOST_USUAL))].to(joint.device)
        stream = functools.partial(Random, 0, joint.device, share_rows=True)
        scores = score(joint, held_out, rng=stream())
        cells = surprise.alone(joint, held_out)
        found = oddness.signals(joint, held_out, -scores * surprise.BITS, cells, rng=stream())
        odd = {} if found is None else oddness.learn(found)
        windows = {}
        if steps.applies(joint, trainer.held_out):
            windows["steps"] = steps.learn(joint, trainer.held_out, rng=stream())
        log_odds = labels.judge.least_log_odds(joint, held_out)
        covered = coverage.learn(joint, held_out, rng=stream())
        return {
            **windows,
            **({"coverage": covered} if covered else {}),
            "score": sorted(round(float(s), 6) for s in scores),
            **({"odd": odd} if odd else {}),
            **({"label_log_odds": log_odds} if log_odds else {}),
            "alone": surprise.usual(joint, some),
            "rows": rows.rows,
            "gaps": gaps.learn(rows, joint.fields),
            "unseen": unseen.learn(rows, joint.fields),
        }


def overlap(spans: Tensor) -> bool:
    """Whether any two of these stretches ``[B, 2]`` of a line have a part in common.

    >>> overlap(torch.tensor([[0, 4], [8, 12], [4, 8]])), overlap(torch.tensor([[0, 4], [3, 7]]))
    (False, True)
    """
    ordered = spans[spans[:, 0].argsort()]
    return bool((ordered[1:, 0] < ordered[:-1, 1]).any())


def apart(rows: Evidence, spans: Tensor, rng: Random) -> tuple[Some, Evidence]:
    """Rows to train on and rows held out that have no part of the line in common: runs of neighbours are held out."""
    order = spans[:, 0].argsort(stable=True)
    starts, ends = spans[order].unbind(1)
    many = int((starts[None, :200] < ends[:200, None]).sum(1).sub(torch.arange(len(starts[:200])) + 1).max()) + 1
    run = max(2 * many, rows.rows // 40)
    runs = -(-rows.rows // run)
    picked = rng.permutation(runs)[: max(1, round(HELD_OUT * runs))]
    held = torch.isin(torch.arange(rows.rows) // run, picked.cpu())
    taken = torch.zeros(int(ends.max()) + 1, dtype=torch.long)
    for start, end in zip(starts[held].tolist(), ends[held].tolist(), strict=True):
        taken[start + 1 : end + 1] = 1
    inside = taken.cumsum(0)
    free = inside[ends] == inside[starts]
    if not bool(free.any()):  # too few to spare any
        return Some(rows, order), rows
    return Some(rows, order[free]), rows[order[held][:MOST_HELD_OUT]]


def regime_of(private: Any) -> Regime[Any]:
    """The regime that ``VAE(private=…)`` asks for.

    Raises:
        ChoiceError: it is no privacy budget.

    >>> regime_of(None), regime_of(3.0)
    (PlainRegime(), PrivateRegime(asked=Private(epsilon=3.0, delta=None, clip=1.0, seed=None)))
    """
    asked = Private.of(private)
    if asked is None:
        return PlainRegime()
    from vaery.privately import PrivateRegime

    return PrivateRegime(asked)
