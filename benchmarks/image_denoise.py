"""denoise: Gaussian noise taken off again. Part of ``images.py``."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from image_metrics import psnr
from image_task import Asked, Images, images
from task import Task

DATA = ("fashion_mnist",)
SIGMAS = (25, 50)
ROWS, TUNING = 500, 200  # test images; training images that the others' one setting is chosen by
WINDOWS = (3, 5)


@dataclass(frozen=True)
class Setting:
    """Clean test images, noisy ones by sigma, and training images of both sorts to choose settings by."""

    x: Images
    clean: np.ndarray
    noisy: dict[int, np.ndarray]
    known: np.ndarray
    known_noisy: dict[int, np.ndarray]


def noised(clean: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """Grey levels again: rounded and kept within 0 to 255, as a camera's file would be."""
    return np.clip(np.rint(clean + rng.normal(0, sigma, clean.shape)), 0, 255).astype(np.uint8)


def setting(asked: Asked, name: str, seed: int) -> Setting:
    x, rng = images(asked, name), np.random.default_rng(3000 + seed)
    clean = x.test[np.linspace(0, len(x.test) - 1, asked.few(ROWS, 40)).astype(int)]
    known = x.train[: asked.few(TUNING, 20)]
    noisy, known_noisy = ({s: noised(part, s, rng) for s in SIGMAS} for part in (clean, known))
    return Setting(x, clean, noisy, known, known_noisy)


def task(asked: Asked, name: str) -> Task:
    """The others know sigma, and have their strength chosen on training images that were spoilt in the same way."""
    methods = {
        "vaery": lambda s, seed: ours(asked, name, s, seed),
        "total variation": lambda s, seed: peer(asked, "total variation", s),
        "non-local means": lambda s, seed: peer(asked, "non-local means", s),
        "median filter": lambda s, seed: judged(s, {sigma: median(s, sigma) for sigma in SIGMAS}),
        "noisy": lambda s, seed: judged(s, s.noisy),
    }
    config = {**asked.config, "data": name, "rows": ROWS, "tuning": TUNING}
    return Task("denoise", config, lambda seed: setting(asked, name, seed), methods, data=asked.name(name))


def judged(s: Setting, found: dict[int, np.ndarray]) -> dict[str, float]:
    return {f"psnr_{sigma}": psnr(s.clean, images) for sigma, images in found.items()}


def ours(asked: Asked, name: str, s: Setting, seed: int) -> dict[str, Any]:
    model, took = asked.fit(name, s.x.train, seed)
    start = time.perf_counter()
    found = {sigma: model.denoise(s.noisy[sigma], strength=float(sigma)) for sigma in SIGMAS}
    took["denoise_seconds"] = time.perf_counter() - start
    for sigma in SIGMAS:  # and once more by its own estimate
        took[f"psnr_{sigma}_blind"] = psnr(s.clean, model.denoise(s.noisy[sigma]))
        took[f"sigma_{sigma}_found"] = float(np.median(model.strength_))
    return {**took, **judged(s, found)}


def median(s: Setting, sigma: int) -> np.ndarray:
    """The better of two windows."""
    from scipy.ndimage import median_filter

    filtered = lambda images, size: median_filter(images, (1, size, size))
    best = max(WINDOWS, key=lambda size: psnr(s.known, filtered(s.known_noisy[sigma], size)))
    return filtered(s.noisy[sigma], best)


def peer(asked: Asked, how: str, s: Setting) -> dict[str, Any]:
    """scikit-image's."""
    found: dict[int, np.ndarray] = {}
    chosen = {}
    for sigma in SIGMAS:
        arrays = {"known": s.known, "known_noisy": s.known_noisy[sigma], "noisy": s.noisy[sigma]}
        took, made = asked.peer("denoise", {"how": how, "sigma": sigma}, **arrays)
        found[sigma], chosen[f"strength_{sigma}"] = made["found"], took["strength"]
    return {**judged(s, found), **chosen}
