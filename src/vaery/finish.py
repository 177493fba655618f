"""What a fit learns once it is trained: a better prior, and what jobs ask beside the walk."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from vaery import coarse, discriminator, labels, misfit
from vaery.build import Choices, judge
from vaery.core.random import Random
from vaery.jobs.generate import new
from vaery.refine import refine
from vaery.train import Progress, Trainer

if TYPE_CHECKING:
    from vaery.model import VAE

FEWEST, FEWEST_VARIED = 200, 100  # rows that a prior is fitted to; rows that training varies


def refined(model: VAE, names: Sequence[str], trainer: Trainer, choices: Choices, rng: Random) -> Choices:
    """The prior fitted anew on encoded rows, if held-out rows gain."""
    joint, train = trainer.joint, trainer.train
    fewest = FEWEST_VARIED if any(field.varies for field in joint.fields.values()) else FEWEST
    if train.rows < fewest or not names or choices.prior["name"] != "normal":
        return choices
    draw = rng.spawn(device=joint.device)
    with threads_as_asked(model):
        found, _ = refine(joint, train, trainer.held_out, rng=draw, names=names, steps=trainer.state.step)
    return choices if found is None else replace(choices, prior=found)


def beside(model: VAE, trainer: Trainer, choices: Choices, rng: Random, verbose: bool | None) -> Choices:
    """What the model learned beside the walk, for jobs: the fields of which it can tell whether they go with the
    others, those that it sees from afar, and the labels that it can tell off the rest."""
    joint, train = trainer.joint, trainer.train
    draw = rng.spawn(device=joint.device)
    with threads_as_asked(model), telling(verbose) as tell:
        ratios = misfit.learn(joint, train, trainer.held_out, rng=draw, steps=trainer.state.step)
        afar = coarse.learn(joint, train, rng=draw)
        judges = labels.judge.teach(joint, train, judge, rng=draw, steps=trainer.state.step, watch=tell)
    return replace(choices, ratios=ratios, coarse=afar, judges=judges)


def told_apart(
    model: VAE,
    trainer: Trainer,
    choices: Choices,
    written: frozenset[str],
    seconds: float | None,
    rng: Random,
    verbose: bool | None,
) -> Choices:
    """What tells made rows from real ones, learned last: rows are made with their gaps, as they will be, and columns
    that are ``written`` anew are not looked at. It takes so many ``seconds`` at most."""
    joint, draw = trainer.joint, rng.spawn(device=trainer.joint.device)
    made = functools.partial(new, joint, rng=draw.spawn(share_rows=False), calibration=model.calibration_, judged=False)
    with threads_as_asked(model), telling(verbose) as tell:
        passed = trainer.state.step * trainer.plan.batch
        found = discriminator.learn(
            joint, trainer.train, trainer.held_out, made, rng=draw, rows=passed, without=written, seconds=seconds,
            watch=tell,
        )  # fmt: skip
    return replace(choices, discriminator=found or ())


@contextmanager
def telling(verbose: bool | None) -> Iterator[Callable[[float], None]]:
    """Who shows how far something is, told the share that is done."""
    from vaery.progress import watcher

    start = time.perf_counter()
    with watcher(verbose) as watch:

        def tell(share: float) -> None:
            if watch is not None and share > 0.02:
                left = (time.perf_counter() - start) * (1 - share) / max(share, 1e-3)
                watch(Progress(share, left, 0, math.nan))

        yield tell


@contextmanager
def threads_as_before() -> Iterator[None]:
    """Whatever happens inside, there are as many threads afterwards as there were."""
    most = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(most)


@contextmanager
def threads_as_asked(model: VAE) -> Iterator[None]:
    """Inside, as many threads as the model was told to take; as before, if it measures what is best in training."""
    with threads_as_before():
        if model.threads != "auto":
            torch.set_num_threads(int(model.threads))
        yield
