"""augment: a classifier that has twenty real images a class, and more that were made of them. Part of ``images.py``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from image_classes import labelled
from image_classifier import trained
from image_task import Asked, images
from task import Task
from torch import Tensor

DATA = ("mnist", "fashion_mnist")
EACH, MADE, STEPS = 20, 2000, 1500
SHIFT, MIXING = 2, 0.2
FLIPS = ("fashion_mnist",)  # a digit that is flipped is no digit


@dataclass(frozen=True)
class Setting:
    few: np.ndarray
    labels: np.ndarray
    test: np.ndarray
    test_labels: np.ndarray


def setting(asked: Asked, name: str, seed: int) -> Setting:
    x, rng = images(asked, name), np.random.default_rng(4000 + seed)
    rows = np.concatenate([rng.permutation(np.flatnonzero(x.train_labels == k))[:EACH] for k in range(10)])
    return Setting(x.train[rows], x.train_labels[rows].astype(int), x.test, x.test_labels)


def task(asked: Asked, name: str) -> Task:
    """The classifier of ``image_classifier.py``, as many steps for everybody; what it sees differs."""
    steps = asked.few(STEPS, 60)
    methods = {
        "vaery": lambda s, seed: ours(asked, name, s, steps, seed),
        "none": lambda s, seed: judged(s, trained(s.few, s.labels, steps, seed)),
        "flips and shifts": lambda s, seed: judged(s, trained(s.few, s.labels, steps, seed, moved(name in FLIPS))),
        "mixup": lambda s, seed: judged(s, trained(s.few, s.labels, steps, seed, mixed)),
    }
    config = {**asked.config, "data": name, "each": EACH, "made": MADE, "classifier_steps": steps, "mixing": MIXING}
    return Task("augment", config, lambda seed: setting(asked, name, seed), methods, data=asked.name(name))


def judged(s: Setting, judge: Any) -> dict[str, float]:
    return {"accuracy": judge.accuracy(s.test, s.test_labels)}


def ours(asked: Asked, name: str, s: Setting, steps: int, seed: int) -> dict[str, Any]:
    """Fitted on the few images alone; of what the classifier sees, half is real."""
    raw, n = labelled(s.few, s.labels), asked.few(MADE, 100)
    model, took = asked.fit(f"{name}, few, {seed}", raw, seed, first=("label",))
    made = model.augment(raw, target="label", n=n, seed=seed)
    labels = np.array([int(str(label).split()[-1]) for label in np.asarray(made["label"])[len(s.few) :]])
    often = max(1, n // len(s.few))
    seen = np.concatenate([s.few.repeat(often, 0), made["image"][len(s.few) :]])
    judge = trained(seen, np.concatenate([s.labels.repeat(often), labels]), steps, seed)
    return {**took, **judged(s, judge)}


def moved(flips: bool) -> Any:
    """Each image shifted by up to two pixels each way and, if it may be, flipped half of the time."""

    def change(x: Tensor, y: Tensor, stream: torch.Generator) -> tuple[Tensor, Tensor]:
        height, width = x.shape[1:3]
        wide = torch.nn.functional.pad(x, (SHIFT,) * 4)
        by = torch.randint(0, 2 * SHIFT + 1, (2, len(x), 1, 1), generator=stream)
        down, right = torch.arange(height)[:, None] + by[0], torch.arange(width)[None] + by[1]
        out = wide[torch.arange(len(x))[:, None, None], down, right]
        flip = torch.rand(len(x), generator=stream) < 0.5 * flips
        return torch.where(flip[:, None, None], out.flip(2), out), y

    return change


def mixed(x: Tensor, y: Tensor, stream: torch.Generator) -> tuple[Tensor, Tensor]:
    """Each image blended with another, labels too (Zhang et al., 2018); shares from Beta(0.2, 0.2)."""
    rng = np.random.default_rng(int(torch.randint(2**31, (1,), generator=stream)))
    share = torch.from_numpy(rng.beta(MIXING, MIXING, len(x))).float()
    other = torch.randperm(len(x), generator=stream)
    blend = lambda a: share.view(-1, *[1] * (a.dim() - 1)) * a + (1 - share.view(-1, *[1] * (a.dim() - 1))) * a[other]
    return blend(x), blend(y)
