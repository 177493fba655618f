"""bits: what 8-bit images cost, in bits a pixel and channel. Part of ``images.py``."""

from __future__ import annotations

from typing import Any

import image_codecs as codecs
import numpy as np
from common import Clock
from image_metrics import bits_per_dim
from image_nll import shape
from image_task import Asked, Images, images
from task import Task

DATA = ("fashion_mnist", "cifar10_subset")
DRAWS = {"fashion_mnist": 100, "cifar10_subset": 10}  # 16 draws lowered the bound on photographs by .007 bits a value


def task(asked: Asked, name: str) -> Task:
    """Codecs compress the same test images, one by one; pythae has no density of 8-bit images."""
    draws = asked.few(DRAWS[name], 4)
    methods = {
        "vaery": lambda x, seed: ours(asked, name, x, draws, seed),
        "PNG": lambda x, seed: codecs.one_by_one(codecs.png, x.test),
        "WebP": lambda x, seed: codecs.one_by_one(codecs.webp, x.test),
        "xz of all": lambda x, seed: codecs.xz(x.test),
        "pixel histograms": lambda x, seed: codecs.histograms(x.train, x.test),
    }
    config = {**asked.config, "data": name, "draws": draws}
    once = frozenset(methods) - {"vaery"}
    return Task("bits", config, lambda seed: images(asked, name), methods, once, data=asked.name(name))


def ours(asked: Asked, name: str, x: Images, draws: int, seed: int) -> dict[str, Any]:
    """The bound is of the mass of an image: 256 levels of each pixel and channel sum to one."""
    model, took = asked.fit(name, x.train, seed)
    with Clock() as clock:
        nats = -float(np.mean(model.run("score", x.test, draws=draws)))
    dims = int(np.prod(x.test.shape[1:]))
    return {**took, "bits_per_dim": bits_per_dim(nats, dims), "score_seconds": clock.wall, **shape(model)}
