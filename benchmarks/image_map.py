"""map: what two and sixteen numbers keep of an image. Part of ``images.py``."""

from __future__ import annotations

from typing import Any

import numpy as np
from common import Clock
from image_task import Asked, Images, images, subset
from task import Task

DATA = ("mnist",)
ROWS, NEIGHBOURS = 10_000, 10  # training images whose places and labels are known
SIZES = {"knn_2d": 2, "probe_16d": 16}


def task(asked: Asked, name: str) -> Task:
    """Accuracy on test images: of ten neighbours in two dimensions, and of a logistic regression in sixteen."""
    methods = {
        "vaery": lambda x, seed: ours(asked, name, x, seed),
        "vaery map": lambda x, seed: mapped(asked, name, x, seed),
        "PCA": lambda x, seed: judged(x, seed, {key: pca(x, size) for key, size in SIZES.items()}),
        "UMAP": lambda x, seed: umap(asked, x, seed),
    }
    config = {**asked.config, "data": name, "rows": ROWS, "neighbours": NEIGHBOURS}
    return Task("map", config, lambda seed: images(asked, name), methods, frozenset({"UMAP"}),
                frozenset({"vaery", "vaery map"}), asked.name(name))  # fmt: skip


def judged(x: Images, seed: int, embed: dict[str, Any]) -> dict[str, float]:
    """By each way of looking, given its way from images to places."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    near = KNeighborsClassifier(NEIGHBOURS)
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    rows = subset(ROWS, len(x.train), seed)
    found = {}
    for key, place in embed.items():
        model = near if key == "knn_2d" else probe
        fitted = model.fit(place(x.train[rows]), x.train_labels[rows])
        found[key] = float(fitted.score(place(x.test), x.test_labels))
    return found


def ours(asked: Asked, name: str, x: Images, seed: int) -> dict[str, Any]:
    """A fit for each size, each with all the minutes."""
    models = {key: asked.fit(name, x.train, seed, latent=size) for key, size in SIZES.items()}
    took = {f"{part}_{key}": value for key, (_, times) in models.items() for part, value in times.items()}
    return {**took, **judged(x, seed, {key: model.embed for key, (model, _) in models.items()})}


def mapped(asked: Asked, name: str, x: Images, seed: int) -> dict[str, Any]:
    """The plane that `map` shows, of the fit with sixteen numbers: t-SNE of them. It has no place for images that come
    later: the test images are placed together with those whose labels are known."""
    model, took = asked.fit(name, x.train, seed, latent=SIZES["probe_16d"])
    some = subset(ROWS, len(x.train), seed)
    together = np.concatenate([x.train[some], x.test])
    with Clock() as clock:
        where = model.map(together, coordinates="tsne", most=len(together), seed=seed).about["coordinates"]
    place = lambda images: where[-len(x.test) :] if images is x.test else where[: len(some)]
    return {**took, "map_seconds": clock.wall, **judged(x, seed, {"knn_2d": place})}


def pca(x: Images, size: int) -> Any:
    from sklearn.decomposition import PCA

    flat = lambda images: images.reshape(len(images), -1) / 255.0
    model = PCA(size, svd_solver="full").fit(flat(x.train))
    return lambda images: model.transform(flat(images))


def umap(asked: Asked, x: Images, seed: int) -> dict[str, Any]:
    """Fitted on the images whose labels are known; more would take it hours on one thread."""
    rows, values = subset(ROWS, len(x.train), seed), {}
    for key, size in SIZES.items():
        took, made = asked.peer("umap", {"size": size, "seed": seed}, train=x.train[rows], test=x.test)
        place = lambda images, made=made: made["test" if images is x.test else "train"]
        values |= {**judged(x, seed, {key: place}), f"fit_seconds_{key}": took["fit_seconds"]}
    return values
