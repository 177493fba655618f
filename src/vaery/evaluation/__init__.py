"""The report card of a model: every job it can do, tried on rows it never saw, beside the obvious simple method.

One file in ``checks`` for each job that is tested, found by listing; ``views`` gathers what the pictures show.
Importing this is light; what works is imported when a model is evaluated.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vaery.evaluation.evaluation import Evaluation
    from vaery.model import VAE


def evaluate(
    model: VAE,
    X: Any,
    *,
    train: Any,
    target: str | None,
    rows: int,
    jobs: Sequence[str] | None,
    seed: int,
    verbose: bool | None,
) -> Evaluation:
    """The report card of a fitted model; see :meth:`vaery.VAE.evaluate`."""
    from vaery.evaluation.run import run

    return run(model, X, train=train, target=target, rows=rows, jobs=jobs, seed=seed, verbose=verbose)
