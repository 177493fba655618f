"""What anybody would try first, for every job of the demo: means, neighbours, linear models, independent columns.

All take plain arrays with rows to learn from first and rows to answer for second; missing cells are NaN.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def fill_with_mean(fit: Floats, rows: Floats) -> Floats:
    """Gaps ← the column's mean.

    >>> fill_with_mean(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[np.nan, 5.0]])).tolist()
    [[2.0, 5.0]]
    """
    return np.where(np.isnan(rows), fit.mean(0), rows)


def fill_from_neighbours(fit: Floats, rows: Floats, k: int = 5) -> Floats:
    """Gaps ← the mean over the ``k`` rows that are nearest in what is known."""
    from sklearn.impute import KNNImputer

    return np.asarray(KNNImputer(n_neighbors=k, weights="distance").fit(fit).transform(rows))


def fill_linearly(fit: Floats, rows: Floats, components: int) -> Floats:
    """Gaps ← their mean given what is known, under the normal distribution of probabilistic PCA.

    E[x_h | x_v] = μ_h + Σ_hv Σ_vv⁻¹ (x_v - μ_v), with Σ of ``components`` directions and noise (Tipping and Bishop,
    1999).
    """
    from sklearn.decomposition import PCA

    model = PCA(components).fit(fit)
    mean, covariance = fit.mean(0), model.get_covariance()
    out = rows.copy()
    for i, row in enumerate(rows):
        gap = np.isnan(row)
        slope = np.linalg.solve(covariance[np.ix_(~gap, ~gap)], covariance[np.ix_(~gap, gap)])
        out[i, gap] = mean[gap] + (row[~gap] - mean[~gap]) @ slope
    return out


def compress_linearly(fit: Floats, rows: Floats, components: int) -> tuple[Floats, Floats, Floats]:
    """PCA: the scores of ``fit`` and of ``rows``, and ``rows`` made again from theirs."""
    from sklearn.decomposition import PCA

    model = PCA(components).fit(fit)
    scores = model.transform(rows)
    return model.transform(fit), scores, model.inverse_transform(scores)


def distance_to_neighbours(fit: Floats, rows: Floats, k: int = 5) -> Floats:
    """``[N]`` the mean distance to the ``k`` nearest rows of ``fit``: large is odd."""
    from sklearn.neighbors import NearestNeighbors

    return NearestNeighbors(n_neighbors=k).fit(fit).kneighbors(rows)[0].mean(1)


def linear_error(fit: Floats, rows: Floats, components: int) -> Floats:
    """``[N]`` how far each row is from what PCA makes of it: large is odd."""
    return np.square(rows - compress_linearly(fit, rows, components)[2]).sum(1)


def independent_columns(fit: Any, count: int, rng: np.random.Generator) -> Any:
    """``count`` rows, each column drawn by itself from its own values: right one by one, wrong together.

    Args:
        fit: a frame, or an array ``[N, D]``.
    """
    if hasattr(fit, "columns"):
        return type(fit)({c: rng.choice(fit[c].to_numpy(), count) for c in fit.columns})
    return np.stack([rng.choice(fit[:, j], count) for j in range(fit.shape[1])], 1)


def accuracy_of_neighbours(fit: Floats, fit_labels: Any, rows: Floats, labels: Any, k: int = 10) -> float:
    """The share of rows whose label the ``k`` nearest rows vote for."""
    from sklearn.neighbors import KNeighborsClassifier

    return float(KNeighborsClassifier(k).fit(fit, fit_labels).score(rows, labels))


def logistic_regression(fit: Floats, labels: Any) -> Any:
    """A fitted logistic regression on standardised columns."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000)).fit(fit, labels)


def told_apart(real: Floats, made: Floats, seed: int = 0) -> float:
    """How well boosted trees tell made rows from real ones: AUROC by 5-fold cross-validation.

    0.5: not at all; 1: every time. Also known as the classifier two-sample test (Lopez-Paz and Oquab, 2017).
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    rows, is_made = np.concatenate([real, made]), np.repeat([0, 1], [len(real), len(made)])
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    judge = HistGradientBoostingClassifier(max_iter=60, random_state=seed)
    guess = np.asarray(cross_val_predict(judge, rows, is_made, cv=folds, method="predict_proba"))
    return float(roc_auc_score(is_made, guess[:, 1]))


def rmse(wrong: Floats, right: Floats) -> float:
    """Root of the mean squared error.

    >>> rmse(np.array([0.0, 2.0]), np.array([0.0, 0.0]))
    1.41...
    """
    return float(np.sqrt(np.mean(np.square(np.asarray(wrong, dtype=np.float64) - right))))
