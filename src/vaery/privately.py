"""The regime of private fits: nothing is read off rows but clipped and noisy sums."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from vaery import surprise
from vaery.core.errors import DataError
from vaery.core.evidence import Evidence, Some
from vaery.core.random import Random
from vaery.jobs.generate import generate
from vaery.jobs.score import score
from vaery.joint import Joint
from vaery.private import Private, small
from vaery.private.scores import noisy
from vaery.private.trainer import PrivateTrainer, planned
from vaery.regime import Regime, overlap
from vaery.train import Plan

HELD_OUT = 0.1  # the share of rows that calibrates scores, and trains nothing
MOST_HELD_OUT = 2000
MOST_USUAL = 1000  # made rows that show what columns usually cost
FEW = 20  # rows under which there is nothing to spare


@dataclass(frozen=True)
class PrivateRegime(Regime[PrivateTrainer]):
    """No row may show.

    Attributes:
        asked: the budget.
    """

    asked: Private
    refines: ClassVar[bool] = False
    teaches: ClassVar[bool] = False

    @property
    def trainer(self) -> Callable[..., PrivateTrainer]:
        return functools.partial(PrivateTrainer, private=self.asked)

    def advise(self, advice: Mapping[str, Any]) -> dict[str, Any]:
        return small(advice)

    def plan(self, plan: Plan, rows: int) -> Plan:
        return planned(plan, rows)

    def split(self, rows: Evidence, rng: Random) -> tuple[Some, Evidence]:
        """Each row by a coin of its own, and none in both, so that whether a row is there moves no other row."""
        if rows.rows == 0:
            raise DataError("there are no rows to fit; at least one row was expected")
        if rows.spans is not None and overlap(rows.spans):
            raise DataError(
                "private= promises that no single row shows, and one step of these series is in several windows; give "
                "records of their own, arrays [time, channel] of one window at most"
            )
        share = min(HELD_OUT, MOST_HELD_OUT / rows.rows) if rows.rows >= FEW else 0.0
        held = rng.uniform((rows.rows,)) < share
        return Some(rows, (~held).nonzero()[:, 0]), rows[held.nonzero()[:, 0]]

    def start(self, joint: Joint, train: Evidence | Some, rng: Random) -> None:
        """From nothing."""

    def finish(self, trainer: PrivateTrainer, rng: Random) -> None:
        """Nothing: rows would be read outside the noise."""

    def report(self, trainer: PrivateTrainer) -> dict[str, Any]:
        return trainer.report()

    def calibrate(self, trainer: PrivateTrainer, rows: Evidence) -> dict[str, Any]:
        """Scores of held-out rows, through as much noise as ε asks.

        No held-out row was trained on, so each row spends ε here or there, and not twice (parallel composition). What
        columns usually cost is learned from rows that the model made. Which cells are empty together, and how often
        levels are new, is not told.
        """
        joint, held_out = trainer.joint, trainer.held_out
        epsilon, untold = trainer.report()["epsilon"], {"score": [], "rows": rows.rows, "gaps": {}}
        if epsilon == 0 or not held_out.rows:
            return untold
        stream = functools.partial(Random, 0, joint.device, share_rows=True)
        made = generate(joint, Evidence(1, {}, {}), rng=stream(), n=MOST_HELD_OUT)
        own, held = (score(joint, some.to(joint.device), rng=stream()) for some in (made, held_out))
        usual = surprise.usual(joint, made[slice(0, MOST_USUAL)])
        return {**untold, "alone": usual, "score": noisy(held, own, epsilon, trainer.state.key)}
