"""Checkpoints: all that changes while training, so that a killed fit goes on as if it had not been."""

from __future__ import annotations

import math
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from vaery import storage
from vaery.core.errors import ModelFileError

if TYPE_CHECKING:
    from vaery.train import Trainer

NAME = "checkpoint.vaery"


def save(trainer: Trainer, folder: Path) -> None:
    """Write the state of a fit, atomically, over the one before."""
    trainer.state.seconds, trainer.started = trainer.seconds, time.monotonic()
    tensors = {f"{name}.{i}": t for name, group in _groups(trainer).items() for i, t in enumerate(group)}
    tensors |= {"rng": trainer.rng.state(), "order": trainer.order}
    state = {**asdict(trainer.state), "plan": trainer.settings(), "evaluation_seed": trainer.evaluation_seed}
    storage.write(folder / NAME, storage.jsonable({"checkpoint": state}), tensors)


def resume(trainer: Trainer, folder: Path) -> bool:
    """Put a fresh trainer where the fit that wrote into ``folder`` was: the very weights, draws and schedule.

    Returns:
        Whether there was a checkpoint.

    Raises:
        ModelFileError: it is damaged, or of a fit on other rows or with other settings.
    """
    path = folder / NAME
    if not path.exists():
        return False
    manifest, tensors = storage.read(path)
    try:
        _put(trainer, path, manifest["checkpoint"], tensors)
    except (KeyError, TypeError, RuntimeError) as error:
        raise ModelFileError(f"{path} is not a checkpoint of this model ({error})") from error
    return True


def _put(trainer: Trainer, path: Path, saved: dict[str, Any], tensors: dict[str, Tensor]) -> None:
    from vaery.train import copy

    if trainer.plan.seconds is not None:  # how many steps fit into the time was measured then
        trainer.plan = replace(trainer.plan, steps=saved["plan"]["steps"])
    ours, theirs = storage.jsonable(trainer.settings()), saved["plan"]
    if differ := [k for k in {**ours, **theirs} if k != "seconds" and ours.get(k) != theirs.get(k)]:
        told = ", ".join(f"{k}={theirs.get(k)}" for k in differ)
        raise ModelFileError(f"{path} was written by a fit with other settings ({told}); use these or an empty folder")
    if (count := len(tensors["order"])) != trainer.train.rows:
        raise ModelFileError(f"{path} was written by a fit on {count} rows, these are {trainer.train.rows}")
    for name, group in _groups(trainer).items():
        copy([tensors[f"{name}.{i}"] for i in range(len(group))], group)
    trainer.rng.restore(tensors["rng"])
    trainer.order, trainer.evaluation_seed = tensors["order"], saved["evaluation_seed"]
    kind = type(trainer.state)
    state = {k: v for k, v in saved.items() if k in kind.__dataclass_fields__}
    trainer.state = kind(**{**state, "best": -math.inf if state["best"] is None else state["best"]})


def _groups(trainer: Trainer) -> dict[str, list[Tensor]]:
    groups = {"parameters": trainer.parameters, "averaged": trainer.averaged, "best": trainer.best}
    groups["buffers"] = list(trainer.joint.buffers())  # what was learned before training: factor analysis, say
    return groups | trainer.optimizer.state()
