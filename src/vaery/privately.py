"""What a private fit does instead of what would read numbers off its rows: splitting and calibrating."""

from __future__ import annotations

from typing import Any

from vaery import surprise
from vaery.core.errors import DataError
from vaery.core.evidence import Evidence, Some
from vaery.core.random import Random
from vaery.jobs.generate import generate
from vaery.jobs.score import score
from vaery.joint import Joint
from vaery.private.scores import noisy
from vaery.private.trainer import PrivateTrainer

HELD_OUT = 0.1  # the share of rows that calibrates scores, and trains nothing
MOST_HELD_OUT = 2000
MOST_USUAL = 1000  # made rows that show what columns usually cost
FEW = 20  # rows under which there is nothing to spare


def split_privately(rows: Evidence, rng: Random) -> tuple[Some, Evidence]:
    """Rows to train on and rows held out: each by a coin of its own, and none in both, so that whether a row is there
    moves no other row."""
    if rows.rows == 0:
        raise DataError("there are no rows to fit; at least one row was expected")
    share = min(HELD_OUT, MOST_HELD_OUT / rows.rows) if rows.rows >= FEW else 0.0
    held = rng.uniform((rows.rows,)) < share
    return Some(rows, (~held).nonzero()[:, 0]), rows[held.nonzero()[:, 0]]


def calibrate_privately(joint: Joint, held_out: Evidence, rows: int, trainer: PrivateTrainer) -> dict[str, Any]:
    """What jobs need to know of the data beside the model: scores of held-out rows, through as much noise as ε asks.

    No held-out row was trained on, so each row spends ε here or there, and not twice (parallel composition). What
    columns usually cost is learned from rows that the model made. Which cells are empty together, and how often levels
    are new, is not told.

    Args:
        joint: the fitted model.
        held_out: rows that no step looked at.
        rows: how many there were in all.
        trainer: that fitted it.
    """
    epsilon, plain = trainer.report()["epsilon"], {"score": [], "rows": rows, "gaps": {}}
    if epsilon == 0 or not held_out.rows:
        return plain
    stream = lambda: Random(0, joint.device, share_rows=True)  # noqa: E731
    made = generate(joint, Evidence(1, {}, {}), rng=stream(), n=MOST_HELD_OUT)
    own, held = (score(joint, some.to(joint.device), rng=stream()) for some in (made, held_out))
    usual = surprise.usual(joint, made[slice(0, MOST_USUAL)], rng=stream())
    return {**plain, "usual": usual, "score": noisy(held, own, epsilon, trainer.state.key)}
