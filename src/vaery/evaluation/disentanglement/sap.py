"""The separated attribute predictability score: how much better one unit alone tells a factor than any other."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vaery.evaluation.disentanglement.factors import Factors, codes_of, gap


def sap(codes: ArrayLike, factors: Factors, seed: int = 0) -> NDArray[np.float64]:
    """SAP of each factor (Kumar, Sattigeri and Balakrishnan, 2018): the best unit's score less the second's.

    The score of a unit is the R² of a line for numbers, and for classes the share told rightly, each class counting as
    much, by as many intervals of the unit as there are classes; these are learned on half of the rows and tested on
    the other. (Published figures that learn numbers as classes, by one linear machine, are lower.)

    Args:
        codes: ``[N, Z]``.
        factors: of the same rows.
        seed: of the split.

    Returns:
        ``[K]``, from 0 to 1 for numbers and to ``1 - 1 / classes`` for classes; the score is their mean.

    >>> v = Factors.of({"a": [0, 0, 1, 1], "b": [0, 1, 0, 1]})
    >>> sap([[0.0, 0.0], [0.0, 2.0], [3.0, 0.0], [3.0, 2.0]], v)
    array([1., 1.])
    """
    return gap(predictability(codes, factors, seed))


def predictability(codes: ArrayLike, factors: Factors, seed: int = 0) -> NDArray[np.float64]:
    """``[Z, K]`` how well each unit alone tells each factor; see :func:`sap`."""
    array = codes_of(codes, len(factors))
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(array))
    found = np.empty((array.shape[1], len(factors.names)))
    for k in range(len(factors.names)):
        for j in range(array.shape[1]):
            if factors.ordered[k]:
                found[j, k] = _r2(array[:, j], factors.values[:, k])
            else:
                found[j, k] = _told(array[order, j], factors.levels[order, k])
    return found


def _r2(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Squared correlation; 0 for a constant."""
    x, y = x - x.mean(), y - y.mean()
    return float((x @ y) ** 2 / max((x @ x) * (y @ y), 1e-300))


def _told(x: NDArray[np.float64], classes: NDArray[np.int64]) -> float:
    """Balanced accuracy, on the second half, of thresholds found on the first."""
    from sklearn.tree import DecisionTreeClassifier

    half, count = len(x) // 2, int(classes.max()) + 1
    tree = DecisionTreeClassifier(max_leaf_nodes=max(2, count), class_weight="balanced", random_state=0)
    right = tree.fit(x[:half, None], classes[:half]).predict(x[half:, None]) == classes[half:]
    there = np.bincount(classes[half:], minlength=count)
    return float((np.bincount(classes[half:], right, count)[there > 0] / there[there > 0]).mean())
