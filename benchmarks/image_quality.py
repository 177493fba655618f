"""quality: how near samples are to real images, and how much of these they cover. Part of ``images.py``."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from image_classifier import Judge, judge
from image_metrics import density_coverage, frechet
from image_nll import shape
from image_task import Asked, Images, for_choosing, images, subset
from task import Task

DATA = ("mnist", "fashion_mnist")
MADE = 10_000
PYTHAE = {  # title → model, sampler
    "pythae VAE": ("VAE", "normal"),
    "pythae VAE + GMM": ("VAE", "gmm"),
    "pythae RAE-L2 + GMM": ("RAE_L2", "gmm"),
}


@dataclass(frozen=True)
class Setting:
    """Images, and the test images' features."""

    x: Images
    judge: Judge
    real: np.ndarray


def setting(asked: Asked, name: str) -> Setting:
    x = images(asked, name)
    judged = judge(name, x.train, x.train_labels)
    return Setting(x, judged, judged.features(x.test))


def task(asked: Asked, name: str) -> Task:
    """10,000 samples against the 10,000 test images, in the features of the fixed classifier."""
    n = asked.few(MADE, 200)
    methods = {
        "vaery": lambda s, seed: ours(asked, name, s, n, seed),
        "real rows": lambda s, seed: compared(s, s.x.train[subset(n, len(s.x.train), seed)]),
    }
    for title, (kind, sampler) in PYTHAE.items():
        methods[title] = lambda s, seed, kind=kind, sampler=sampler: peer(asked, kind, sampler, s, n, seed)
    config = {**asked.config, "data": name, "made": n, "peer_net": "conv 32-64-128, 16 units"}
    return Task("quality", config, lambda seed: setting(asked, name), methods, data=asked.name(name))


def compared(s: Setting, made: np.ndarray) -> dict[str, float]:
    """Fréchet distance, density and coverage."""
    found = s.judge.features(made)
    return {"fid": frechet(s.real, found), **density_coverage(s.real, found)}


def ours(asked: Asked, name: str, s: Setting, n: int, seed: int) -> dict[str, Any]:
    model, took = asked.fit(name, s.x.train, seed)
    start = time.perf_counter()
    made = model.generate(n, seed=seed)
    seconds = time.perf_counter() - start
    return {**took, **compared(s, made), "sample_seconds": seconds, **shape(model)}


def peer(asked: Asked, kind: str, sampler: str, s: Setting, n: int, seed: int) -> dict[str, Any]:
    options = {"kind": kind, "net": "conv", "levels": 255, "samplers": [sampler], "n": n, "seed": seed}
    took, made = asked.peer("samples", options, train=for_choosing(s.x), valid=s.x.valid)
    return {**took, **compared(s, made[sampler])}
