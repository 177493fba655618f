"""nll: the test likelihood of static binarized MNIST. Part of ``images.py``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from common import Clock
from image_task import Asked, Images, for_choosing, images
from task import Task

DATA = ("mnist_static_binarized",)
DRAWS, MORE = (1, 100), (1000, 5000)  # of all test images; of as many as were asked for
QUICK_DRAWS, QUICK_MORE = (1, 20), (100,)
PYTHAE = {"pythae VAE": "VAE", "pythae IWAE": "IWAE", "pythae VampPrior": "VAMP"}


@dataclass(frozen=True)
class Setting:
    """Images, the numbers of draws, and the test rows that get the larger ones, evenly spaced: they are sorted."""

    x: Images
    draws: tuple[int, ...]
    more: tuple[int, ...]
    few: np.ndarray


def setting(asked: Asked, name: str) -> Setting:
    x = images(asked, name)
    few = evenly(len(x.test), asked.rows)
    return Setting(x, QUICK_DRAWS if asked.quick else DRAWS, QUICK_MORE if asked.quick else MORE, few)


def evenly(of: int, rows: int) -> np.ndarray:
    """So many of ``of`` rows, at equal distances; 0: all."""
    return np.linspace(0, of - 1, min(rows or of, of)).astype(int)


def task(asked: Asked, name: str) -> Task:
    """The importance-weighted bound; the largest number of draws counts."""
    methods = {"vaery": lambda s, seed: ours(asked, name, s, seed)}
    for title, kind in PYTHAE.items():
        methods[title] = lambda s, seed, kind=kind: peer(asked, kind, s, seed)
    draws = [*QUICK_DRAWS, *QUICK_MORE] if asked.quick else [*DRAWS, *MORE]
    config = {**asked.config, "data": name, "draws": draws, "rows": asked.rows, "peer_net": "mlp 400-400"}
    return Task("nll", config, lambda seed: setting(asked, name), methods, data=asked.name(name))


def summed(bounds: Mapping[int, np.ndarray], few: np.ndarray) -> dict[str, float]:
    """Mean of each bound over all rows, negative; ``nll`` is that of the most draws.

    Where only a few rows have the larger numbers of draws, what these gain there over the fewer draws is added to the
    mean that the fewer draws have over all: it differs little from row to row, and ``nll_error`` is the standard error.
    """
    rows = max(len(bound) for bound in bounds.values())
    whole = {k: bound for k, bound in bounds.items() if len(bound) == rows}
    base = bounds[max(whole)]
    found = {f"nll_{k}": -float(bound.mean()) for k, bound in whole.items()}
    for k in sorted(bounds.keys() - whole.keys()):
        gain = bounds[k] - base[few]
        found |= {f"nll_{k}": -float(base.mean() + gain.mean()), "nll_error": float(gain.std() / len(few) ** 0.5)}
    return {**found, "nll": found[f"nll_{max(bounds)}"]}


def ours(asked: Asked, name: str, s: Setting, seed: int) -> dict[str, Any]:
    """Fitted on the 50,000 alone: what it holds out comes from these, and the validation images are not looked at."""
    model, took = asked.fit(name, s.x.train, seed)
    with Clock() as clock:
        bounds = {k: scored(model, s.x.test, k) for k in s.draws} | many(model, s.x.test[s.few], s.more, max(s.draws))
    return {**took, **summed(bounds, s.few), "score_seconds": clock.wall, **shape(model)}


def scored(model: Any, x: np.ndarray, draws: int, seed: int = 0) -> np.ndarray:
    return np.asarray(model.run("score", x, draws=draws, seed=seed), np.float64)


def many(model: Any, x: np.ndarray, draws: tuple[int, ...], part: int) -> dict[int, np.ndarray]:
    """``[N]`` for each large number of draws, from parts with a seed each, whose weights are averaged: the same bound,
    in less memory, and fewer draws are groups of the parts of the many."""
    parts = np.stack([scored(model, x, part, seed) for seed in range(max(draws) // part)])
    found = {}
    for k in draws:
        groups = parts[: len(parts) * part // k * (k // part)].reshape(-1, k // part, len(x))
        found[k] = (np.logaddexp.reduce(groups, axis=1) - np.log(k // part)).mean(0)
    return found


def peer(asked: Asked, kind: str, s: Setting, seed: int) -> dict[str, Any]:
    options = {"kind": kind, "net": "mlp", "levels": 1, "draws": s.draws, "more_draws": s.more, "seed": seed}
    arrays = {"train": for_choosing(s.x), "valid": s.x.valid, "test": s.x.test, "few": s.x.test[s.few]}
    took, found = asked.peer("nll", options, **arrays)
    return {**took, **summed({int(k): bound for k, bound in found.items()}, s.few)}


def shape(model: Any) -> dict[str, Any]:
    """What was fitted, for those who read the results."""
    parameters = sum(p.numel() for p in model.joint_.parameters())
    return {"parameters": parameters, "latent": list(model.choices_.latent), "prior": model.choices_.prior["name"]}
