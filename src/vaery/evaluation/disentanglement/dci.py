"""Disentanglement, completeness, informativeness: from how trees tell the factors by the code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vaery.core.errors import DataError
from vaery.evaluation.disentanglement.factors import Factors, codes_of

MOST = 10_000  # rows that trees learn from
FEW = 20  # rows that can be learned from and tested on


@dataclass(frozen=True)
class Dci:
    """What :func:`dci` found.

    Attributes:
        importance: ``[Z, K]`` of each unit for each factor, summing to one over units.
        disentanglement: ``[Z]`` of each unit, and
        weight: ``[Z]`` how much it counts.
        completeness: ``[K]`` of each factor.
        informativeness: ``[K]`` of each factor.
    """

    importance: NDArray[np.float64]
    disentanglement: NDArray[np.float64]
    weight: NDArray[np.float64]
    completeness: NDArray[np.float64]
    informativeness: NDArray[np.float64]

    def scores(self) -> dict[str, float]:
        """The three as single numbers: units by their weight, factors alike."""
        return {
            "dci_disentanglement": float((self.disentanglement * self.weight).sum()),
            "dci_completeness": float(self.completeness.mean()),
            "dci_informativeness": float(self.informativeness.mean()),
        }


def dci(codes: ArrayLike, factors: Factors, seed: int = 0) -> Dci:
    """DCI (Eastwood and Williams, 2018), with boosted trees (Locatello et al., 2019).

    Trees learn each factor from the whole code on two thirds of the rows; the importance of unit j for factor k is
    R_jk, the share of the error that splits by it took away. *Disentanglement* of a unit: one less the entropy of its
    row of R (in units of log K); 1 if it matters for one factor only. *Completeness* of a factor: one less the entropy
    of its column (in units of log Z); 1 if one unit is all that matters. *Informativeness*: how well trees tell the
    factor of the other rows: R² of numbers (0 at worst), the share told rightly of classes. All from 0 to 1. (To learn
    numbers as classes too, as Locatello et al. do, is ``classes="all"``, and far slower.)

    Args:
        codes: ``[N, Z]``.
        factors: of the same rows.
        seed: of the split and of the trees.

    >>> rng = np.random.default_rng(0)
    >>> v = rng.integers(0, 5, (600, 2))
    >>> found = dci(v + 0.01 * rng.normal(size=v.shape), Factors.of(v))
    >>> {name: round(score, 1) for name, score in found.scores().items()}
    {'dci_disentanglement': 1.0, 'dci_completeness': 1.0, 'dci_informativeness': 1.0}
    """
    array = codes_of(codes, len(factors))
    if len(array) < FEW:
        raise DataError(f"{len(array)} rows came; trees need at least {FEW} to learn from and be tested on")
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(array))
    learn, test = order[len(array) // 3 :][:MOST], order[: len(array) // 3]
    importance, informativeness = np.empty((array.shape[1], len(factors.names))), np.empty(len(factors.names))
    for k in range(len(factors.names)):
        target = factors.values[:, k] if factors.ordered[k] else factors.levels[:, k]
        trees = _trees(bool(factors.ordered[k]), seed).fit(array[learn], target[learn])
        importance[:, k] = trees.feature_importances_
        informativeness[k] = max(0.0, trees.score(array[test], target[test]))
    return from_importance(importance, informativeness)


def from_importance(importance: NDArray[np.float64], informativeness: NDArray[np.float64]) -> Dci:
    """The scores, given how much each unit matters for each factor, ``[Z, K]``.

    >>> found = from_importance(np.array([[1.0, 0.0], [0.0, 0.5], [0.0, 0.5]]), np.ones(2))
    >>> found.disentanglement.tolist(), found.completeness.round(3).tolist()       # 1 - log 2 / log 3 = .369
    ([1.0, 1.0, 1.0], [1.0, 0.369])
    """
    total = max(importance.sum(), 1e-300)
    return Dci(
        importance,
        1 - _spread(importance),
        importance.sum(1) / total,
        1 - _spread(importance.T),
        informativeness,
    )


def _trees(ordered: bool, seed: int) -> Any:
    from sklearn.ensemble import GradientBoostingClassifier, GradientBoostingRegressor

    return (GradientBoostingRegressor if ordered else GradientBoostingClassifier)(random_state=seed)


def _spread(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Entropy of each row's shares, from 0 (one entry has all) to 1 (all alike, or nothing to share out)."""
    if weights.shape[1] == 1:
        return np.zeros(len(weights))
    total = weights.sum(1, keepdims=True)
    share = np.where(total > 0, weights / np.maximum(total, 1e-300), 1 / weights.shape[1])
    logs = np.log(np.where(share > 0, share, 1.0))
    return -(share * logs).sum(1) / np.log(weights.shape[1])
