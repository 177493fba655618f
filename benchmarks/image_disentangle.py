"""disentangle: does one unit of the latent stand for one thing? Part of ``images.py``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from image_metrics import mutual_information_gap
from image_task import Asked, loaded, subset
from task import Task

DATA = ("sprites_like",)
ROWS, UNITS = 10_000, 10
OBJECTIVES = {
    "vaery": {"name": "tc"},
    "plain VAE": {"name": "elbo"},
    "β-VAE": {"name": "elbo", "beta": 4.0},
}


@dataclass(frozen=True)
class Setting:
    x: np.ndarray
    factors: np.ndarray


def setting(asked: Asked, name: str) -> Setting:
    found = loaded(asked.data, name)
    rows = slice(0, asked.few(len(found["x"]), 1000))
    return Setting(found["x"][rows], found["factors"][rows])


def task(asked: Asked, name: str) -> Task:
    """Ten units, three objectives, all vaery's; no label is looked at before the score."""
    methods = {title: lambda s, seed, how=how: ours(asked, name, s, how, seed) for title, how in OBJECTIVES.items()}
    config = {**asked.config, "data": name, "rows": ROWS, "units": UNITS, "objectives": OBJECTIVES}
    mine = frozenset(methods)
    return Task("disentangle", config, lambda seed: setting(asked, name), methods, ours=mine, data=asked.name(name))


def ours(asked: Asked, name: str, s: Setting, objective: dict[str, Any], seed: int) -> dict[str, Any]:
    """MIG over 10,000 of the images, and how many units are active: their means vary by more than .01 (Burda)."""
    model, took = asked.fit(name, s.x, seed, latent=UNITS, objective=objective, refine=False)
    rows = subset(ROWS, len(s.x), seed)
    code = np.asarray(model.embed(s.x[rows]))
    active = int((code.var(0) > 0.01).sum())
    return {**took, "mig": mutual_information_gap(code, s.factors[rows]), "active": active}
