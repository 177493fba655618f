"""Scores of held-out rows through noise: counts in bins that no row had a say in, and Laplace noise on them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from vaery.private.noise import laplace

BINS = 40  # of equal share among made rows …
TAIL = (0.001, 0.002, 0.005, 0.01)  # … finer among the oddest of these …
BEYOND = 10  # … and so many beyond them, each twice as wide as the one before


def noisy(held_out: Tensor, made: Tensor, epsilon: float, key: Sequence[int]) -> list[float]:
    """A list of scores that spreads as those of held-out rows do, as far as ε lets it.

    One row more or less changes one count by one, so noise of scale 1/ε keeps ε (Dwork, McSherry, Nissim and Smith,
    2006). Each score stands at the lower edge of its bin: p-values read from them err on the high side.

    Args:
        held_out: ``[n]`` scores of rows that the model was not fitted to.
        made: scores of rows that it made itself, which set the bins.
        epsilon: what may be spent.
        key: of the noise.

    >>> import torch
    >>> scores = noisy(torch.linspace(-4, 0, 5000), torch.linspace(-3, 0, 1000), epsilon=1.0, key=[1, 2])
    >>> abs(len(scores) - 5000) < 100, scores[0] < -4, scores == sorted(scores)
    (True, True, True)
    """
    edges = bins(made.double().cpu().numpy())
    inside = np.searchsorted(edges, held_out.double().cpu().numpy(), side="right") - 1
    counts = np.bincount(inside.clip(min=0), minlength=len(edges)).astype(float)
    counts = (counts + laplace(key, len(counts), 1 / epsilon)).round().clip(min=0).astype(int)
    return [round(float(edge), 6) for edge, count in zip(edges, counts, strict=True) for _ in range(count)]


def bins(made: np.ndarray) -> np.ndarray:
    """The lower edges of the bins, rising; the last is open above, and what lies below the first counts into it."""
    quantiles = np.quantile(made, sorted({*TAIL, *np.linspace(0, 1, BINS + 1)[:-1]}))
    spread = max(float(np.median(made) - quantiles[0]), 1e-3)
    beyond = quantiles[0] - 0.1 * spread * 2.0 ** np.arange(BEYOND)[::-1]
    return np.unique(np.concatenate([beyond, quantiles]))
