"""scikit-image's filters against noise, and UMAP. Runs in the peers' environment."""

from __future__ import annotations

from typing import Any

import numpy as np
from image_metrics import psnr
from table_peers import clock, seeded, versions

STRENGTHS = {  # of sigma: the weight of total variation, the cut-off of non-local means
    "total variation": (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0),
    "non-local means": (0.2, 0.4, 0.6, 0.8, 1.0, 1.2, 1.5),
}


def denoise(source: str, target: str, options: dict[str, Any]) -> dict[str, Any]:
    """The strength that is best on known images; then the others with it."""
    with np.load(source, allow_pickle=False) as found:
        known, known_noisy, noisy = (found[name] for name in ("known", "known_noisy", "noisy"))
    how, sigma = options["how"], float(options["sigma"])
    scores = {s: psnr(known, filtered(how, known_noisy, sigma, s)) for s in STRENGTHS[how]}
    best = max(scores, key=lambda s: scores[s])
    with clock() as took:
        made = filtered(how, noisy, sigma, best)
    np.savez(target, found=made)
    return {**took, "strength": best, "versions": versions("scikit-image")}


def filtered(how: str, images: np.ndarray, sigma: float, strength: float) -> np.ndarray:
    """``[N, H, W]`` bytes, each by itself."""
    from skimage.restoration import denoise_nl_means, denoise_tv_chambolle

    unit, noise = images / 255, sigma / 255
    if how == "total variation":
        made = [denoise_tv_chambolle(x, weight=strength * noise) for x in unit]
    else:
        patches = {"patch_size": 5, "patch_distance": 9, "fast_mode": False, "sigma": noise}
        made = [denoise_nl_means(x, h=strength * noise, **patches) for x in unit]
    return np.rint(np.clip(np.stack(made), 0, 1) * 255).astype(np.uint8)


def umap(source: str, target: str, options: dict[str, Any]) -> dict[str, Any]:
    """``train`` and ``test`` in so many dimensions, by UMAP's defaults and a seed."""
    from umap import UMAP

    with np.load(source, allow_pickle=False) as found:
        train, test = (found[name].reshape(len(found[name]), -1) / 255.0 for name in ("train", "test"))
    model = UMAP(n_components=int(options["size"]), random_state=seeded(str(options["seed"])), n_jobs=1)
    with clock() as took:
        here = model.fit_transform(train)
    np.savez(target, train=here, test=model.transform(test))
    return {**took, "versions": versions("umap-learn")}
