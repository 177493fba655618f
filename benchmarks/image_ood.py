"""ood: images of another sort told from ordinary ones. Part of ``images.py``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from image_metrics import auroc
from image_task import Asked, images
from task import Task

DATA = ("fashion_mnist against mnist", "mnist one-class")
TESTS, EACH = 2000, 200  # test images of either set; of each digit
NEIGHBOURS, VARIANCE = 5, 0.95
DIGIT_SHARE = 0.1  # of the minutes, for each of ten fits


@dataclass(frozen=True)
class Setting:
    """Ordinary images to fit on, and ordinary and other ones to tell apart; ``what`` names the first."""

    what: str
    train: np.ndarray
    ordinary: np.ndarray
    odd: np.ndarray
    share: float = 1.0


Score = Callable[[Setting, int], tuple[np.ndarray, np.ndarray]]


def task(asked: Asked, name: str) -> Task:
    """The mean AUROC over one setting, or over the ten digits that can be the ordinary one."""
    scores: dict[str, Score] = {
        "vaery": lambda s, seed: both(s, lambda x: detected(fitted(asked, s, seed), x)),
        "raw likelihood": lambda s, seed: both(s, lambda x: -fitted(asked, s, seed).score_samples(x)),
        "PCA": pca,
        "kNN": neighbours,
    }
    methods = {title: lambda all_, seed, score=score: judged(all_, score, seed) for title, score in scores.items()}
    config = {**asked.config, "data": name, "tests": TESTS, "each": EACH, "share": DIGIT_SHARE}
    make = fashion if name == DATA[0] else digits
    mine = frozenset({"vaery", "raw likelihood"})
    once = frozenset(methods) - mine
    return Task("ood", config, lambda seed: make(asked), methods, once, mine, data=asked.name(name))


def fashion(asked: Asked) -> list[Setting]:
    inside, outside = images(asked, "fashion_mnist"), images(asked, "mnist")
    few = lambda x: x[np.linspace(0, len(x) - 1, min(len(x), TESTS)).astype(int)]
    return [Setting("fashion_mnist", inside.train, few(inside.test), few(outside.test))]


def digits(asked: Asked) -> list[Setting]:
    x, found = images(asked, "mnist"), []
    for digit in range(asked.few(10, 2)):
        by = [x.test[x.test_labels == k][:EACH] for k in range(10)]
        odd = np.concatenate([by[k] for k in range(10) if k != digit])
        found.append(Setting(f"mnist {digit}", x.train[x.train_labels == digit], by[digit], odd, DIGIT_SHARE))
    return found


def judged(settings: list[Setting], score: Score, seed: int) -> dict[str, float]:
    found = [auroc(*score(s, seed)) for s in settings]
    return {"auroc": float(np.mean(found)), "lowest": float(np.min(found))}


def both(s: Setting, score: Callable[[np.ndarray], np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    return score(s.ordinary), score(s.odd)


def fitted(asked: Asked, s: Setting, seed: int) -> Any:
    return asked.fit(s.what, s.train, seed, s.share)[0]


def detected(model: Any, x: np.ndarray) -> np.ndarray:
    """Higher is odder."""
    return np.asarray(model.detect(x, reasons=0)["oddness"], float)


def pca(s: Setting, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """What 95 % of the variance cannot reconstruct."""
    from sklearn.decomposition import PCA

    flat = lambda x: x.reshape(len(x), -1) / 255.0
    model = PCA(VARIANCE, svd_solver="full").fit(flat(s.train))
    return both(s, lambda x: ((model.inverse_transform(model.transform(flat(x))) - flat(x)) ** 2).sum(1))


def neighbours(s: Setting, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The distance to the fifth neighbour."""
    from sklearn.neighbors import NearestNeighbors

    flat = lambda x: x.reshape(len(x), -1).astype(np.float32)
    model = NearestNeighbors(n_neighbors=NEIGHBOURS, algorithm="brute").fit(flat(s.train))
    return both(s, lambda x: model.kneighbors(flat(x))[0][:, -1])
