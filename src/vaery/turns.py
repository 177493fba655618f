"""Several fits of the same rows, one after the other, and what becomes of them: one model (an ensemble)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from vaery import checkpoint as checkpoints
from vaery.build import Choices
from vaery.core.errors import ChoiceError
from vaery.ensemble import Ensemble
from vaery.train import Plan, Progress, Trainer

if TYPE_CHECKING:
    from vaery.model import VAE


@dataclass(frozen=True)
class Turn:
    """Which of several fits of the same rows this is.

    Attributes:
        number: from 0.
        count: how many there are.
    """

    number: int = 0
    count: int = 1

    def folder(self, checkpoint: str | os.PathLike[str] | None) -> Path | None:
        """Where its checkpoints are kept."""
        if checkpoint is None:
            return None
        return Path(checkpoint) / f"member-{self.number + 1}" if self.count > 1 else Path(checkpoint)

    def plan(self, plan: Plan) -> Plan:
        """Its share of the time."""
        return plan if plan.seconds is None else replace(plan, seconds=plan.seconds / self.count)

    def started(self, started: float, seconds: float | None) -> float:
        """When its share of the time began: what those before it left is its own."""
        return started + (seconds or 0.0) * self.number / self.count

    def watched(self, watch: Callable[[Progress], None]) -> Callable[[Progress], None]:
        """Who is told how far all of them are."""
        start = time.perf_counter()

        def tell(progress: Progress) -> None:
            after = (self.count - self.number - 1) * (time.perf_counter() - start + progress.seconds_left)
            share = (self.number + progress.share) / self.count
            watch(replace(progress, share=share, seconds_left=progress.seconds_left + after))

        return tell


def how_many(model: VAE) -> int:
    """Members, if that many can be had."""
    count = model.members
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise ChoiceError(f"members={count!r} is not a number of members; write members=1 for one model, or more")
    if count > 1 and model.private is not None:
        raise ChoiceError("members: each would spend the privacy budget anew; leave members=1 with private=")
    return count


def in_turn(count: int, one: Callable[[Turn], tuple[Trainer, Choices]]) -> list[tuple[Trainer, Choices]]:
    """Each fit, or as many as there were until somebody interrupted one."""
    fits: list[tuple[Trainer, Choices]] = []
    while len(fits) < count and not (fits and fits[-1][0].state.interrupted):
        fits.append(one(Turn(len(fits), count)))
    return fits


def together(fits: Sequence[tuple[Trainer, Choices]]) -> tuple[Trainer, Choices]:
    """The first trainer, with the joint of all of them, and the shape of that."""
    trainer, choices = fits[0]
    if len(fits) == 1:
        return trainer, choices
    trainer.joint = Ensemble([other.joint for other, _ in fits]).eval()
    trouble = (f"member {i + 1}: {word}" for i, (other, _) in enumerate(fits) for word in other.state.trouble)
    trainer.state.trouble = list(trouble)
    return trainer, replace(choices, members=tuple(found.prior for _, found in fits))


def prepare(checkpoint: str | os.PathLike[str] | None, resume: bool) -> Path | None:
    """The checkpoint folder, made if need be, and emptied of an old checkpoint unless this is a resume."""
    if checkpoint is None:
        if resume:
            raise ChoiceError("resume=True needs checkpoint=, the folder to go on from")
        return None
    folder = Path(checkpoint)
    folder.mkdir(parents=True, exist_ok=True)
    if not resume:
        (folder / checkpoints.NAME).unlink(missing_ok=True)
    return folder
