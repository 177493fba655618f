"""How odd each cell is given the rest of its row, by a booster for each column: about the most that can be told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from census import levels, numeric, ordinal

ROUNDS = 60


def surprise(train: pd.DataFrame, test: pd.DataFrame, seed: int) -> np.ndarray:
    """``[rows, columns]`` -log of the share of ordinary cells that are as odd, of rows the booster never saw."""
    of = levels(pd.concat([train, test]))
    x, y = ordinal(train, of), ordinal(test, of)
    fold = np.random.default_rng(seed).random(len(x)) < 0.5
    out = np.zeros(y.shape)
    for j, name in enumerate(train):
        others = np.arange(x.shape[1]) != j
        text = np.array([c not in numeric(train) for c in train])[others]
        judge = numbers if name in numeric(train) else texts
        held, new = judge(x[fold][:, others], x[fold, j], [x[~fold], y], others, j, text, seed)
        rank = len(held) - np.searchsorted(np.sort(held), new, side="left")
        out[:, j] = -np.log((1 + rank) / (1 + len(held)))
    return out


def numbers(x: np.ndarray, y: np.ndarray, rows: list[np.ndarray], others: Any, j: int, text: Any, seed: int) -> list:
    """How far off the value is."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    model = HistGradientBoostingRegressor(max_iter=ROUNDS, categorical_features=text, random_state=seed).fit(x, y)
    return [np.abs(part[:, j] - model.predict(part[:, others])) for part in rows]


def texts(x: np.ndarray, y: np.ndarray, rows: list[np.ndarray], others: Any, j: int, text: Any, seed: int) -> list:
    """How improbable the level is."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(max_iter=ROUNDS, categorical_features=text, random_state=seed).fit(x, y)
    found = []
    for part in rows:
        p = np.column_stack([model.predict_proba(part[:, others]), np.zeros(len(part))])
        at = np.searchsorted(model.classes_, part[:, j])
        at = np.where(np.isin(part[:, j], model.classes_), at, p.shape[1] - 1)
        found.append(-p[np.arange(len(part)), at])
    return found
