"""The mutual information gap: how much more one unit tells of a factor than any other does."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vaery.evaluation.disentanglement.factors import Factors, codes_of, gap


def mig(codes: ArrayLike, factors: Factors, bins: int = 20) -> NDArray[np.float64]:
    """MIG of each factor: ``(I(z_best; v) - I(z_second; v)) / H(v)`` (Chen, Li, Grosse and Duvenaud, 2018).

    1: one unit tells all of the factor, and no other unit anything. 0: two units tell as much as one another, or none
    tells anything. With few rows information is found that is not there, in all units alike.

    Args:
        codes: ``[N, Z]``.
        factors: of the same rows.
        bins: into how many intervals of equal width each unit is cut (Locatello et al., 2019).

    Returns:
        ``[K]``, from 0 to 1; the score is their mean.

    >>> v = Factors.of(np.array([[0, 0], [0, 1], [1, 0], [1, 1]]))
    >>> mig([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]], v)          # a unit for each factor
    array([1., 1.])
    >>> mig([[0.0, 0.0], [0.0, 0.0], [1.0, 1.0], [1.0, 1.0]], v)          # two units for the first
    array([0., 0.])
    """
    return gap(information(codes, factors, bins))


def information(codes: ArrayLike, factors: Factors, bins: int = 20) -> NDArray[np.float64]:
    """``[Z, K]`` what each unit tells of each factor, as a share of all of it: ``I(z_j; v_k) / H(v_k)``."""
    array = codes_of(codes, len(factors))
    found = np.empty((array.shape[1], len(factors.names)))
    for j in range(array.shape[1]):
        cut = intervals(array[:, j], bins)
        for k in range(len(factors.names)):
            counts = np.zeros((bins, factors.count(k)))
            np.add.at(counts, (cut, factors.levels[:, k]), 1)
            found[j, k] = mutual_information(counts) / entropy(counts.sum(0))
    return found


def intervals(column: NDArray[np.float64], bins: int) -> NDArray[np.int64]:
    """In which of so many intervals of equal width, from the smallest to the largest, each number lies."""
    low, high = column.min(), column.max()
    return np.minimum(((column - low) / max(high - low, 1e-300) * bins).astype(np.int64), bins - 1)


def entropy(counts: NDArray[np.float64]) -> float:
    """Of the shares that counts are of, in nats.

    >>> float(entropy(np.array([1.0, 1.0, 2.0])) / np.log(2))          # 2 · ¼ · 2 bits + ½ · 1 bit
    1.5
    """
    p = counts[counts > 0] / counts.sum()
    return float(-(p * np.log(p)).sum())


def mutual_information(counts: NDArray[np.float64]) -> float:
    """Of a table of counts ``[A, B]``, in nats: H(A) + H(B) - H(A, B)."""
    return max(0.0, entropy(counts.sum(0)) + entropy(counts.sum(1)) - entropy(counts.ravel()))
