"""What the tasks of ``adult.py`` and ``tables.py`` measure. Written here, so that it can be read.

Checked against sdmetrics and SciPy.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
from census import levels, numeric, one_hot, ordinal, textual
from datasets import Target

# ---------------------------------------------------------------------- synthetic tables


def shapes(real: pd.DataFrame, synthetic: pd.DataFrame) -> float:
    """Mean over columns of 1 - the Kolmogorov-Smirnov statistic, or 1 - the total variation distance for text."""
    from scipy.stats import ks_2samp

    scores = [1 - ks_2samp(real[c], synthetic[c]).statistic for c in numeric(real)]
    scores += [overlap(real[c], synthetic[c]) for c in textual(real)]
    return float(np.mean(scores))


def overlap(a: pd.Series, b: pd.Series) -> float:
    """1 - total variation distance of two sets of labels."""
    p, q = a.value_counts(normalize=True).align(b.value_counts(normalize=True), fill_value=0.0)
    return float(1 - (p - q).abs().sum() / 2)


def pairs(real: pd.DataFrame, synthetic: pd.DataFrame, bins: int = 10, strong: float = 0.0) -> float:
    """Mean over pairs of columns: 1 - half the difference of correlations, or the overlap of contingency tables.

    Of a number and a text, the number is put into ten bins of equal width over the real column, as sdmetrics does.

    Args:
        strong: only pairs whose real correlation, or Cramer's V, is larger; sdmetrics' report takes 0.4 and 0.3.
    """
    numbers = set(numeric(real))
    edges = {c: np.histogram_bin_edges(real[c], bins) for c in numbers}
    label = lambda f, c: np.digitize(f[c], edges[c]) if c in numbers else f[c].to_numpy()
    a, b = ({c: label(part, c) for c in real} for part in (real, synthetic))
    scores = []
    for c, d in itertools.combinations(real, 2):
        if c in numbers and d in numbers:
            one, other = np.corrcoef(real[c], real[d])[0, 1], np.corrcoef(synthetic[c], synthetic[d])[0, 1]
            if abs(one) > (0.4 if strong else -1):
                scores.append(1 - abs(one - other) / 2)
            continue
        if strong and cramers_v(a[c], a[d]) <= strong:
            continue
        both = (pd.Series([f"{x}|{y}" for x, y in zip(part[c], part[d], strict=True)]) for part in (a, b))
        scores.append(overlap(*both))
    return float(np.nanmean(scores))


def cramers_v(x: np.ndarray, y: np.ndarray) -> float:
    """How strongly two sets of labels hang together, from 0 to 1."""
    from scipy.stats.contingency import association

    table = pd.crosstab(x, y).to_numpy()
    return float(association(table, method="cramer")) if min(table.shape) > 1 else 0.0


def two_sample(real: pd.DataFrame, synthetic: pd.DataFrame, rows: int = 5000, seed: int = 0) -> dict[str, float]:
    """Cross-validated AUC of telling real rows from synthetic ones: 0.5 is perfect (Lopez-Paz and Oquab, 2017)."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    n = min(len(real), len(synthetic), rows)
    both = pd.concat([real.sample(n, random_state=seed), synthetic.sample(n, random_state=seed)], ignore_index=True)
    label = np.repeat([1, 0], n)
    of = levels(both)
    folds = StratifiedKFold(3, shuffle=True, random_state=seed)
    boosted = HistGradientBoostingClassifier(random_state=seed, categorical_features=[c in of for c in both])
    found = {}
    for name, model, x in (
        ("c2st", boosted, ordinal(both, of)),
        ("c2st_linear", LogisticRegression(max_iter=500), one_hot(both, of, both)),
    ):
        guess = cross_val_predict(model, x, label, cv=folds, method="predict_proba")[:, 1]
        found[name] = float(roc_auc_score(label, guess))
    return found


def downstream(train: pd.DataFrame, test: pd.DataFrame, target: Target, seed: int = 0) -> dict[str, float]:
    """AUC and accuracy on real test rows of boosted trees that learned the target from ``train``."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    of = {c: v for c, v in levels(train).items() if c != target.column}
    x, y = ordinal(train.drop(columns=target.column), of), target.of(train)
    if y.all() or not y.any():
        return {"downstream_auc": 0.5, "downstream_accuracy": float("nan")}
    text = [c in of for c in train if c != target.column]
    model = HistGradientBoostingClassifier(random_state=seed, categorical_features=text)
    guess = model.fit(x, y).predict_proba(ordinal(test.drop(columns=target.column), of))[:, 1]
    found = classification(target.of(test), guess)
    return {"downstream_auc": found["auc"], "downstream_accuracy": found["accuracy"]}


def closeness(train: pd.DataFrame, test: pd.DataFrame, synthetic: pd.DataFrame, rows: int = 3000) -> dict[str, float]:
    """Does it repeat what it was trained on?

    ``closer_to_train``: the share of synthetic rows that are nearer to a training row than to any of as many test
    rows; 0.5 is ideal. ``copies``: the share that equal a training row in every column; ``copies_of_test``: the share
    that equal a test row, which is what chance gives.
    """
    from sklearn.neighbors import NearestNeighbors

    n = min(len(train), len(test))
    train, test, some = train.sample(n, random_state=0), test.sample(n, random_state=0), synthetic.head(rows)
    of = levels(pd.concat([train, test]))
    a, b, s = (one_hot(part, of, train) for part in (train, test, some))
    to_train, to_test = (NearestNeighbors(n_neighbors=1).fit(x).kneighbors(s)[0][:, 0] for x in (a, b))
    closer = (to_train < to_test).mean() + (to_train == to_test).mean() / 2
    rows_of = lambda frame: pd.util.hash_pandas_object(frame.astype(str), index=False)
    made = rows_of(synthetic)
    copies = {"copies": made.isin(rows_of(train)).mean(), "copies_of_test": made.isin(rows_of(test)).mean()}
    return {"closer_to_train": float(closer), **{k: float(v) for k, v in copies.items()}}


# ---------------------------------------------------------------------- gaps, scores, classes


def crps(draws: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Continuous ranked probability score of ``draws [S, N]``, each draw as likely as the others (Gneiting, 2007)."""
    s = len(draws)
    rank = (2 * np.arange(1, s + 1) - s - 1)[:, None]
    return np.abs(draws - truth).mean(0) - (rank * np.sort(draws, 0)).sum(0) / s**2


def ranking(outlier: np.ndarray, score: np.ndarray) -> dict[str, float]:
    """AUROC and average precision of a score that should be high for outliers."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    score = np.nan_to_num(np.asarray(score, dtype=float), posinf=1e30, neginf=-1e30)
    return {"auroc": float(roc_auc_score(outlier, score)), "auprc": float(average_precision_score(outlier, score))}


def classification(truth: np.ndarray, guess: np.ndarray) -> dict[str, Any]:
    """AUC, accuracy at a half, and mean log-loss (nats) of probabilities of the positive class."""
    from sklearn.metrics import log_loss, roc_auc_score

    safe = np.clip(guess, 1e-6, 1 - 1e-6)
    return {
        "auc": float(roc_auc_score(truth, guess)),
        "accuracy": float(((guess > 0.5) == truth).mean()),
        "log_loss": float(log_loss(truth, safe)),
    }
