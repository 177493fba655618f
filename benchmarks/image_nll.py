"""nll: the test likelihood of static binarized MNIST. Part of ``images.py``."""

from __future__ import annotations

from typing import Any

import numpy as np
from common import Clock
from image_task import Asked, Images, for_choosing, images
from task import Task

DATA = ("mnist_static_binarized",)
DRAWS = (1, 100, 1000, 5000)
QUICK_DRAWS = (1, 20, 100)
PYTHAE = {"pythae VAE": "VAE", "pythae IWAE": "IWAE", "pythae VampPrior": "VAMP"}


def task(asked: Asked, name: str) -> Task:
    """The importance-weighted bound; the last of ``draws`` counts."""
    draws = QUICK_DRAWS if asked.quick else DRAWS
    methods = {"vaery": lambda x, seed: ours(asked, name, x, draws, seed)}
    for title, kind in PYTHAE.items():
        methods[title] = lambda x, seed, kind=kind: peer(asked, kind, x, draws, seed)
    config = {**asked.config, "data": name, "draws": list(draws), "rows": asked.rows, "peer_net": "mlp 400-400"}
    return Task("nll", config, lambda seed: some(asked, images(asked, name)), methods, data=asked.name(name))


def some(asked: Asked, x: Images) -> Images:
    """With as many test images as were asked for, evenly spaced: they are sorted by class."""
    if not asked.rows or asked.rows >= len(x.test):
        return x
    keep = np.linspace(0, len(x.test) - 1, asked.rows).astype(int)
    return Images(x.train, x.test[keep], x.train_labels, x.test_labels[keep], x.valid)


def ours(asked: Asked, name: str, x: Images, draws: tuple[int, ...], seed: int) -> dict[str, Any]:
    """Fitted on the 50,000 alone: what it holds out comes from these, and the validation images are not looked at."""
    model, took = asked.fit(name, x.train, seed)
    with Clock() as clock:
        values = {f"nll_{k}": -float(np.mean(model.run("score", x.test, draws=k))) for k in draws}
    return {**took, **values, "nll": values[f"nll_{draws[-1]}"], "score_seconds": clock.wall, **shape(model)}


def shape(model: Any) -> dict[str, Any]:
    """What was fitted, for those who read the results."""
    parameters = sum(p.numel() for p in model.joint_.parameters())
    return {"parameters": parameters, "latent": list(model.choices_.latent), "prior": model.choices_.prior["name"]}


def peer(asked: Asked, kind: str, x: Images, draws: tuple[int, ...], seed: int) -> dict[str, Any]:
    options = {"kind": kind, "net": "mlp", "levels": 1, "draws": draws, "seed": seed}
    return asked.peer("nll", options, train=for_choosing(x), valid=x.valid, test=x.test)[0]
