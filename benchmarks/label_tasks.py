"""pictures, tables and suggest: classes told from few labels. Part of ``labels.py``."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import label_data
import numpy as np
from common import Clock
from image_task import Asked, images
from label_data import Rows
from sklearn.linear_model import LogisticRegression
from task import Task

EACH = 10  # labels of each class of pictures
SHARES = (1.0, 5.0)  # percent
FEWEST = 50  # labelled rows under which a share is not measured
NEIGHBOURS = 10
SPREAD = 15_000  # pictures among which scikit-learn's label spreading runs: its graph of all takes too much memory
BATCHES, BATCH, START = 4, 20, 40  # of the task suggest
enough = label_data.enough


# ---------------------------------------------------------------------- pictures


@dataclass(frozen=True)
class Pictures:
    """Flat pictures in [0, 1] beside the arrays themselves; which of them are labelled."""

    name: str
    images: np.ndarray
    truth: np.ndarray
    labelled: np.ndarray
    test: np.ndarray
    test_truth: np.ndarray

    @property
    def label(self) -> np.ndarray:
        """-1 where it is unknown."""
        out = np.full(len(self.truth), -1)
        out[self.labelled] = self.truth[self.labelled]
        return out


def pictures(asked: Asked, name: str) -> Task:
    """Ten labels of each class; all other training pictures without. Test pictures are the official ones."""
    methods = {
        "vaery": lambda s, seed: ours(asked, s, seed),
        "logistic regression": lambda s, _: plain(s, LogisticRegression(max_iter=2000)),
        "label spreading": spreading,
        "kNN on the latent": lambda s, seed: latent(asked, s, seed),
    }
    config = {**asked.config, "data": name, "each": EACH, "spread": SPREAD}
    return Task("pictures", config, lambda seed: pick(asked, name, seed), methods, data=asked.name(name))


def pick(asked: Asked, name: str, seed: int) -> Pictures:
    found = images(asked, name)
    truth = found.train_labels.astype(int)
    rng = np.random.default_rng(1000 + seed)
    chosen = [rng.permutation(np.flatnonzero(truth == c))[:EACH] for c in np.unique(truth)]
    return Pictures(
        name, found.train, truth, np.sort(np.concatenate(chosen)), found.test, found.test_labels.astype(int)
    )


def flat(x: np.ndarray) -> np.ndarray:
    return x.reshape(len(x), -1) / 255.0


def ours(asked: Asked, s: Pictures, seed: int) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says how many rows hold -1
        model, took = asked.fit(f"{s.name} labels", {"image": s.images, "label": s.label}, seed)
    with Clock() as clock:
        chance = model.predict_proba({"image": s.test}, target="label")
    classes = np.asarray([int(c) for c in model.classes("label")])
    learned = model.calibration_["labels"]["label"]["weights"]
    return {**told(chance, classes, s.test_truth), **took, "query_seconds": clock.wall, "net": learned["net"]}


def told(chance: np.ndarray, classes: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Error and expected calibration error (15 bins of the likeliest class's probability)."""
    right = classes[chance.argmax(1)] == truth
    return {"error": float(1 - right.mean()), "ece": calibration_error(chance.max(1), right)}


def calibration_error(sure: np.ndarray, right: np.ndarray, bins: int = 15) -> float:
    """Σ share of a bin · |accuracy - confidence| in it (Naeini et al., 2015)."""
    place = np.minimum((sure * bins).astype(int), bins - 1)
    gaps = [abs(right[place == b].mean() - sure[place == b].mean()) * (place == b).mean() for b in np.unique(place)]
    return float(sum(gaps))


def plain(s: Pictures, model: Any) -> dict[str, Any]:
    model.fit(flat(s.images[s.labelled]), s.truth[s.labelled])
    return told(model.predict_proba(flat(s.test)), model.classes_, s.test_truth)


def spreading(s: Pictures, seed: int) -> dict[str, Any]:
    """scikit-learn's, on 50 principal components of the labelled pictures, as many others as it can take, and the test
    pictures, whose labels it is asked for (it has no other way to new ones than its kernel)."""
    from sklearn.decomposition import PCA
    from sklearn.semi_supervised import LabelSpreading

    others = np.setdiff1d(np.arange(len(s.truth)), s.labelled)
    others = np.random.default_rng(seed).permutation(others)[: SPREAD - len(s.labelled) - len(s.test)]
    rows = np.concatenate([s.labelled, others])
    x = PCA(50, random_state=seed).fit_transform(flat(np.concatenate([s.images[rows], s.test])))
    y = np.concatenate([s.label[rows], np.full(len(s.test), -1)])
    model = LabelSpreading(kernel="knn", n_neighbors=NEIGHBOURS, alpha=0.99, max_iter=100).fit(x, y)
    chance = model.label_distributions_[len(rows) :]
    return told(chance / chance.sum(1, keepdims=True).clip(1e-12), model.classes_, s.test_truth)


def latent(asked: Asked, s: Pictures, seed: int) -> dict[str, Any]:
    """Neighbours among the labelled pictures in the latent of the model that ours() fitted, labels left out."""
    from sklearn.neighbors import KNeighborsClassifier

    model, _ = asked.fit(f"{s.name} labels", {"image": s.images, "label": s.label}, seed)
    z = model.transform({"image": s.images[s.labelled]}), model.transform({"image": s.test})
    found = KNeighborsClassifier(1).fit(z[0], s.truth[s.labelled])
    return told(found.predict_proba(z[1]), found.classes_, s.test_truth)


# ---------------------------------------------------------------------- tables


def tables(asked: Asked, name: str) -> Task:
    """A share of the training rows labelled; a fifth of all rows, or the official ones, are the test."""
    methods: dict[str, Callable[[Rows, int], dict[str, Any]]] = {
        "vaery": lambda s, seed: ours_on(asked, s, seed),
        "logistic regression": lambda s, seed: peer(s, label_data.regression()),
        "gradient boosting": lambda s, seed: peer(s, label_data.boosting(seed)),
        "self-training": lambda s, seed: label_data.self_training(s, answered),
    }
    config = {"data": name, "quick": asked.quick, "steps": asked.steps}
    return Task("tables", config, lambda seed: label_data.rows(asked, name, seed), methods, data=name)


def ours_on(asked: Asked, s: Rows, seed: int) -> dict[str, Any]:
    model, took = fitted(asked, s, seed)
    chance = model.predict_proba(s.test, target=label_data.LABEL)
    return {**told(chance, np.asarray(model.classes(label_data.LABEL), dtype=str), s.test_truth), **took}


def fitted(asked: Asked, s: Rows, seed: int, steps: int = 300) -> tuple[Any, dict[str, float]]:
    """A VAE whose label has its readers; the rest of the model is fitted for a moment: it has no say in the label."""
    from vaery import VAE

    with Clock() as clock:
        model = VAE(target=label_data.LABEL, random_state=seed, threads=asked.threads, steps=asked.steps or steps)
        model.fit(s.train.assign(**{label_data.LABEL: s.label}), verbose=False)
    return model, {"fit_seconds": clock.wall, "fit_cpu_seconds": clock.cpu}


def peer(s: Rows, model: Any) -> dict[str, Any]:
    known = s.known
    model.fit(s.train[known], s.truth[known])
    return answered(model, s)


def answered(model: Any, s: Rows) -> dict[str, Any]:
    return told(model.predict_proba(s.test), np.asarray(model.classes_, dtype=str), s.test_truth)


# ---------------------------------------------------------------------- suggest


def suggested(asked: Asked, name: str) -> Task:
    """Labels bought in batches: those that ``suggest`` names, beside random ones; a regression judges both, so that
    what is compared is the rows alone."""
    methods = {
        "vaery": lambda s, seed: bought(asked, s, seed, ours=True),
        "random rows": lambda s, seed: bought(asked, s, seed, ours=False),
    }
    config = {"data": name, "quick": asked.quick, "batches": BATCHES, "batch": BATCH, "start": START}
    return Task("suggest", config, lambda seed: label_data.rows(asked, name, seed, START), methods, data=name)


def bought(asked: Asked, s: Rows, seed: int, ours: bool) -> dict[str, Any]:
    rng, known = np.random.default_rng(3000 + seed), s.known.copy()
    pool = np.sort(rng.permutation(len(s.train))[:4000])
    for _ in range(BATCHES):
        if ours:
            now = Rows(s.train, s.truth, known, s.test, s.test_truth)
            model, _ = fitted(asked, now, seed, steps=50)
            rows = s.train.iloc[pool].assign(**{label_data.LABEL: now.label[pool]})
            found = model.suggest(rows, target=label_data.LABEL, n=BATCH)
            known[pool[np.asarray(found["rank"]) > 0]] = True
        else:
            known[rng.permutation(np.flatnonzero(~known))[:BATCH]] = True
    judge = label_data.regression().fit(s.train[known], s.truth[known])
    return {**answered(judge, s), "labels": int(known.sum())}
