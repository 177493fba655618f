"""Boosted trees: a judge that sees what differs, and a learner that shows what can be learned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from vaery.evaluation.bootstrap import Floats, rank_area
from vaery.evaluation.encode import for_trees, frequent, which_are_levels
from vaery.evaluation.layout import Layout, Place, Rows, labels, numbers

FOLDS = 3
LEVELS = 200  # of a column; others count as one


def told_apart(layout: Layout, real: Rows, made: Rows, seed: int) -> tuple[Floats, Floats]:
    """How sure boosted trees are that a row is made, of real rows and of as many made ones, by cross-validation.

    With its AUROC this is the classifier two-sample test (Lopez-Paz and Oquab, 2017): 0.5 is not at all, 1 is every
    time.
    """
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    levels = _levels(layout, real, made)
    x = np.concatenate([for_trees(layout, rows, levels) for rows in (real, made)])
    is_made = np.repeat([0, 1], [len(real), len(made)])
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    answer: Any = cross_val_predict(_trees(layout, x, seed), x, is_made, cv=folds, method="predict_proba")
    odd = answer[:, 1]
    return odd[: len(real)], odd[len(real) :]


def learned(layout: Layout, fit: Rows, asked: Rows, target: Place, classes: Sequence[str], seed: int) -> Floats:
    """What boosted trees that learned a column from ``fit`` say of ``asked``.

    Returns:
        ``[N, classes]`` probabilities; of a column of numbers ``[N, 1]`` the expected value.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor

    regressor: Any = HistGradientBoostingRegressor
    levels, without = _levels(layout, fit, asked), (target.label,)
    x, new = (for_trees(layout, rows, levels, without) for rows in (fit, asked))
    if target.numeric:
        y = numbers(fit[target.label], target.sort)
        known = np.isfinite(y)
        model = regressor(random_state=seed, categorical_features=which_are_levels(layout, x.shape[1], without))
        return model.fit(x[known], y[known]).predict(new)[:, None]
    text = labels(fit[target.label])
    known = np.array([t is not None for t in text], dtype=bool)
    out = np.zeros((len(asked), len(classes)))
    seen = np.unique(text[known].astype(str))
    if len(seen) < 2:
        out[:, [name in seen for name in classes]] = 1.0
        return out
    model = _trees(layout, x, seed, without).fit(x[known], text[known].astype(str))
    chance, at = model.predict_proba(new), {name: i for i, name in enumerate(classes)}
    for i, name in enumerate(model.classes_):
        if name in at:
            out[:, at[name]] = chance[:, i]
    return out


def _trees(layout: Layout, x: Floats, seed: int, without: Sequence[str] = ()) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier

    which, classifier = which_are_levels(layout, x.shape[1], without), cast("Any", HistGradientBoostingClassifier)
    return classifier(random_state=seed, early_stopping=False, categorical_features=which)


def _levels(layout: Layout, *tables: Rows) -> dict[str, list[str]]:
    return {
        place.label: frequent(np.concatenate([labels(t[place.label]) for t in tables]), LEVELS)
        for place in layout.places
        if not place.numeric
    }


def mean_area(chances: Floats, truth: NDArray[np.int64], rows: NDArray[np.int64]) -> float:
    """The mean over classes of the area under the ROC curve of each against the rest, weighted by how many there are.

    >>> mean_area(np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([0, 1]), np.arange(2))
    1.0
    """
    truth, chances = truth[rows], chances[rows]
    areas, weights = [], []
    for k in np.unique(truth[truth >= 0]):
        yes = truth == k
        if yes.all():
            continue
        areas.append(rank_area(chances[~yes & (truth >= 0), k], chances[yes, k]))
        weights.append(float(yes.sum()))
    return float(np.average(areas, weights=weights)) if areas else float("nan")
