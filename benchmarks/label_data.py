"""Tables with a class, a share of whose rows is labelled, and the usual ways to tell it. Part of ``labels.py``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from image_task import Asked, loaded

LABEL = "label"
CLASSES = {  # table → its class; digits (scikit-learn's own) stands for letters and pen strokes, which have none here
    "adult": "income",
    "bank_marketing": "y",
    "default_credit": "default",
    "wine_quality": "color",
    "abalone": "sex",
    "digits": "digit",
    "yeast": "localization",
    "banknote": "forged",
    "german_credit": "credit_risk",
}
ROWS = {
    "adult": 48_842,
    "bank_marketing": 45_211,
    "default_credit": 30_000,
    "wine_quality": 6497,
    "abalone": 4177,
    "digits": 1797,
    "yeast": 1484,
    "banknote": 1372,
    "german_credit": 1000,
}
FEWEST = 30  # labelled rows under which a share is not measured


def enough(share: float) -> list[str]:
    """The tables of which so many percent are rows enough."""
    return [name for name, count in ROWS.items() if 0.8 * count * share / 100 >= FEWEST]


@dataclass(frozen=True)
class Rows:
    """Training rows without the class, their classes (as text), which of them are known, and test rows."""

    train: pd.DataFrame
    truth: np.ndarray
    known: np.ndarray
    test: pd.DataFrame
    test_truth: np.ndarray

    @property
    def label(self) -> np.ndarray:
        """``None`` where it is unknown."""
        out = self.truth.astype(object)
        out[~self.known] = None
        return out


@cache
def whole(folder: Path, name: str) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Rows, classes as text, and which are official test rows (none: the seed splits)."""
    if name == "digits":
        from sklearn.datasets import load_digits

        found = load_digits(as_frame=True)
        return found.data, found.target.astype(str).to_numpy(), np.zeros(len(found.data), bool)
    frame: Any = loaded(folder, name)
    test = (frame["split"] == "test").to_numpy() if "split" in frame else np.zeros(len(frame), bool)
    return (
        frame.drop(columns=[CLASSES[name], "split"], errors="ignore"),
        frame[CLASSES[name]].astype(str).to_numpy(),
        test,
    )


def rows(asked: Asked, name: str, seed: int, count: int = 0) -> Rows:
    """``"adult 5 %"``: that share of the training rows labelled; ``count``: so many, instead."""
    table, _, share = name.partition(" ")
    x, y, test = whole(asked.data, table)
    rng = np.random.default_rng(1000 + seed)
    order = rng.permutation(len(x))
    out = test[order] if test.any() else np.arange(len(x)) < len(x) // 5
    inside, outside = order[~out], order[out]
    if asked.quick:
        inside, outside = inside[:1500], outside[:300]
    many = count or round(float(share.rstrip(" %")) / 100 * len(inside))
    known = np.arange(len(inside)) < many
    known[[np.flatnonzero(y[inside] == c)[0] for c in np.unique(y[inside])]] = True  # one of each class at least
    take = lambda at: x.iloc[at].reset_index(drop=True)
    return Rows(take(inside), y[inside], known, take(outside), y[outside])


# ---------------------------------------------------------------------- peers


def spread_out() -> Any:
    """One-hot categories and standardised numbers, gaps filled."""
    from sklearn.compose import ColumnTransformer, make_column_selector
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    text = make_column_selector(dtype_exclude="number")
    return ColumnTransformer(
        [
            ("levels", make_pipeline(SimpleImputer(strategy="constant", fill_value="none"),
                                     OneHotEncoder(handle_unknown="ignore")), text),
            ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), make_column_selector(dtype_include="number")),
        ],
        sparse_threshold=0,
    )  # fmt: skip


def regression() -> Any:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    return make_pipeline(spread_out(), LogisticRegression(max_iter=1000))


def boosting(seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import make_pipeline

    return make_pipeline(spread_out(), HistGradientBoostingClassifier(random_state=seed))


def self_training(s: Rows, answered: Callable[[Any, Rows], dict[str, Any]]) -> dict[str, Any]:
    """The regression, taught by itself what it is sure of (Yarowsky, 1995)."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.semi_supervised import SelfTrainingClassifier

    names, codes = np.unique(s.truth, return_inverse=True)
    model = make_pipeline(spread_out(), SelfTrainingClassifier(LogisticRegression(max_iter=1000), threshold=0.9))
    model.fit(s.train, np.where(s.known, codes, -1))
    return answered(_Named(model, names), s)


@dataclass(frozen=True)
class _Named:
    """A classifier of codes, whose classes have names."""

    model: Any
    names: np.ndarray

    @property
    def classes_(self) -> np.ndarray:
        return self.names[self.model.classes_]

    def predict_proba(self, x: pd.DataFrame) -> np.ndarray:
        return self.model.predict_proba(x)
