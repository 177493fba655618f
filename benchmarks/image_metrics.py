"""What images are judged by: bits, distances between sets of features, noise. Formulas only; nothing is fitted."""

from __future__ import annotations

import math

import numpy as np

NEIGHBOURS = 5
BLOCK = 1000


def bits_per_dim(nats: float, dims: int) -> float:
    """Nats an image as bits a pixel and channel.

    >>> round(bits_per_dim(784 * math.log(2), 784), 12)
    1.0
    """
    return nats / dims / math.log(2)


def frechet(a: np.ndarray, b: np.ndarray) -> float:
    """Squared Fréchet distance of two normals fitted to ``[N, F]`` and ``[M, F]`` (Heusel et al., 2017).

    ``|μ₁ - μ₂|² + tr(C₁ + C₂ - 2 (C₁ C₂)^½)``; the trace of the root from the eigenvalues of ``C₁^½ C₂ C₁^½``.
    """
    a, b = a.astype(np.float64), b.astype(np.float64)
    one, two = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    value, vector = np.linalg.eigh(one)
    root = (vector * np.sqrt(np.clip(value, 0, None))) @ vector.T
    cross = np.sqrt(np.clip(np.linalg.eigvalsh(root @ two @ root), 0, None)).sum()
    return float(((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(one) + np.trace(two) - 2 * cross)


def density_coverage(real: np.ndarray, made: np.ndarray, neighbours: int = NEIGHBOURS) -> dict[str, float]:
    """Density and coverage of ``made`` ``[M, F]`` against ``real`` ``[N, F]`` (Naeem et al., 2020).

    Around each real point is a ball that reaches to its k-th nearest real neighbour. Density: in how many balls a made
    point lies, over k; coverage: the share of balls in which any made point lies.
    """
    import torch

    x, y = (torch.from_numpy(np.ascontiguousarray(part, np.float64)) for part in (real, made))
    inside, covered = 0, 0
    for at in range(0, len(x), BLOCK):
        block = x[at : at + BLOCK]
        radius = torch.cdist(block, x).kthvalue(min(neighbours + 1, len(x)), dim=1).values  # itself is the first
        hit = torch.cdist(block, y) < radius[:, None]
        inside += int(hit.sum())
        covered += int(hit.any(1).sum())
    return {"density": inside / (neighbours * len(y)), "coverage": covered / len(x)}


def psnr(truth: np.ndarray, found: np.ndarray, peak: float = 255.0) -> float:
    """Peak signal-to-noise ratio in decibels, the mean over images.

    >>> psnr(np.zeros((1, 2, 2)), np.full((1, 2, 2), 25.5))
    20.0
    """
    error = ((truth.astype(np.float64) - found.astype(np.float64)) ** 2).reshape(len(truth), -1).mean(1)
    return float(np.mean(10 * np.log10(peak**2 / np.maximum(error, 1e-10))))


def auroc(ordinary: np.ndarray, odd: np.ndarray) -> float:
    """How often an odd row has the higher of two scores; ties count half."""
    from scipy.stats import rankdata

    rank = rankdata(np.concatenate([ordinary, odd]))[len(ordinary) :]
    return float((rank.sum() - len(odd) * (len(odd) + 1) / 2) / (len(ordinary) * len(odd)))


def mutual_information_gap(code: np.ndarray, factors: np.ndarray, bins: int = 20) -> float:
    """MIG (Chen et al., 2018): for each factor the gap between the two latent units that tell most of it, over its
    entropy; the mean. Codes ``[N, Z]`` are cut into equal bins between their extremes, as in disentanglement_lib."""
    cut = np.stack([np.digitize(c, np.histogram(c, bins)[1][:-1]) - 1 for c in code.T])
    gaps = []
    for factor in factors.T:
        level = np.unique(factor, return_inverse=True)[1]
        share = np.bincount(level) / len(level)
        told = sorted((_mutual_information(unit, level) for unit in cut), reverse=True)
        entropy = -float((share * np.log(share)).sum())
        if entropy > 0:
            gaps.append((told[0] - (told[1] if len(told) > 1 else 0.0)) / entropy)
    return float(np.mean(gaps))


def _mutual_information(a: np.ndarray, b: np.ndarray) -> float:
    """Of two arrays of whole numbers from 0, in nats."""
    table = np.zeros((a.max() + 1, b.max() + 1))
    np.add.at(table, (a, b), 1 / len(a))
    apart = table.sum(1, keepdims=True) * table.sum(0, keepdims=True)
    there = table > 0
    return float((table[there] * np.log(table[there] / apart[there])).sum())
