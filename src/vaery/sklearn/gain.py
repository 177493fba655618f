"""Whether more rows of rare classes help: measured on rows that were never augmented."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone


@dataclass(frozen=True)
class Gain:
    """What augmenting did to a score on held-out rows.

    Attributes:
        without, augmented: ``[folds]`` the score of each fold, trained on the rows as they are and on augmented ones.
        difference: the mean gain.
        standard_error: of it.
        low, high: ends of its interval.
        verdict: ``"better"`` or ``"worse"`` where zero lies outside of the interval, else ``"same"``.
        scoring: what the score is.
    """

    without: np.ndarray
    augmented: np.ndarray
    difference: float
    standard_error: float
    low: float
    high: float
    verdict: str
    scoring: str

    def __str__(self) -> str:
        return (
            f"{self.verdict}: {self.scoring} {self.without.mean():.3f} without, {self.augmented.mean():.3f} augmented, "
            f"difference {self.difference:+.3f} [{self.low:+.3f}, {self.high:+.3f}]"
        )


def augmentation_gain(
    sampler: Any,
    estimator: Any,
    X: Any,
    y: Any,
    *,
    scoring: str = "f1_macro",
    cv: Any = 5,
    level: float = 0.95,
) -> Gain:
    """Whether a sampler helps a classifier, by cross-validation: only the rows of training folds are augmented.

    The folds of both scores are the same, so the differences are paired; they share rows, so their variance is
    corrected for that: (1/k + test rows / training rows) times the variance of the k differences.

    Args:
        sampler: anything with ``fit_resample``, a :class:`~vaery.sklearn.VAESampler` or one of imbalanced-learn's.
        estimator: the classifier that the rows are for.
        X: rows, a frame or array.
        y: classes.
        scoring: a name that scikit-learn knows; higher is better.
        cv: folds, or a splitter of scikit-learn. It costs so many fits of the sampler.
        level: share of the interval.

    >>> from sklearn.dummy import DummyClassifier
    >>> class Nothing:
    ...     def get_params(self, deep=True): return {}
    ...     def fit_resample(self, X, y): return X, y
    >>> x, y = np.zeros((40, 1)), np.repeat([0, 1], 20)
    >>> print(augmentation_gain(Nothing(), DummyClassifier(), x, y, scoring="accuracy"))
    same: accuracy 0.500 without, 0.500 augmented, difference +0.000 [+0.000, +0.000]

    Source: Nadeau and Bengio, "Inference for the generalization error", Machine Learning 52 (2003).
    """
    from scipy.stats import t
    from sklearn.metrics import get_scorer
    from sklearn.model_selection import StratifiedKFold, check_cv
    from sklearn.utils import _safe_indexing

    shuffled: Any = StratifiedKFold(cv, shuffle=True, random_state=0) if isinstance(cv, int) else cv
    splitter: Any = check_cv(shuffled, y, classifier=True)
    folds = list(splitter.split(np.zeros(len(y)), y))
    score = get_scorer(scoring)
    pairs, ratio = [], []
    for train, test in folds:
        rows, classes = _safe_indexing(X, train), _safe_indexing(y, train)
        held_out = _safe_indexing(X, test), _safe_indexing(y, test)
        plain: Any = clone(estimator)
        trained: Any = clone(estimator)
        maker: Any = clone(sampler)
        plain.fit(rows, classes)
        trained.fit(*maker.fit_resample(rows, classes))
        pairs.append((score(plain, *held_out), score(trained, *held_out)))
        ratio.append(len(test) / len(train))
    without, augmented = np.array(pairs).T
    gain, k = augmented - without, len(pairs)
    error = float(np.sqrt((1 / k + np.mean(ratio)) * gain.var(ddof=1)))
    half = float(t.ppf(0.5 + level / 2, k - 1)) * error
    mean = float(gain.mean())
    verdict = "better" if mean - half > 0 else "worse" if mean + half < 0 else "same"
    return Gain(without, augmented, mean, error, mean - half, mean + half, verdict, scoring)
