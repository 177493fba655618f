"""classes: images of a class that was asked for, judged by the fixed classifier. Part of ``images.py``."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from image_metrics import density_coverage
from image_quality import Setting, setting
from image_task import Asked
from task import Task

DATA = ("mnist",)
MADE = 10_000


def task(asked: Asked, name: str) -> Task:
    """As many images of each class; the label a field that is visited before the latent, or after it."""
    n = asked.few(MADE, 200)
    methods = {
        "vaery": lambda s, seed: ours(asked, name, s, n, seed, first=("label",)),
        "label after the latent": lambda s, seed: ours(asked, name, s, n, seed),
        "real rows": lambda s, seed: {"right": s.judge.accuracy(s.x.test, s.x.test_labels)},
    }
    config = {**asked.config, "data": name, "made": n}
    both = frozenset({"vaery", "label after the latent"})
    return Task("classes", config, lambda seed: setting(asked, name), methods, ours=both, data=asked.name(name))


def labelled(images: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    """Two fields; classes are text, so that nobody takes them for numbers."""
    return {"image": images, "label": np.array([f"class {label}" for label in labels])}


def ours(asked: Asked, name: str, s: Setting, n: int, seed: int, **options: Any) -> dict[str, Any]:
    model, took = asked.fit(f"{name} with labels", labelled(s.x.train, s.x.train_labels), seed, **options)
    classes, start = np.unique(s.x.train_labels), time.perf_counter()
    each = n // len(classes)
    made = [model.generate(each, given={"label": f"class {k}"}, seed=seed)["image"] for k in classes]
    seconds = time.perf_counter() - start
    right = s.judge.accuracy(np.concatenate(made), classes.repeat(each))
    given, free = (found(s, images) for images in (np.concatenate(made), model.generate(n, seed=seed)["image"]))
    lost = {"coverage_lost": free["coverage"] - given["coverage"], "free_coverage": free["coverage"]}
    return {**took, "right": right, **given, **lost, "sample_seconds": seconds}


def found(s: Setting, made: np.ndarray) -> dict[str, float]:
    return density_coverage(s.real, s.judge.features(made))
