"""Predict income on the official test rows, and how many bits a test row costs: the same model, two more questions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import codelength
import numpy as np
import pandas as pd
from census import RICH, TARGET, adult, complete, filled, levels, one_hot, ordinal, sample
from common import Clock
from metrics import classification
from task import Asked, Task, fit


@dataclass(frozen=True)
class Setting:
    train: pd.DataFrame
    test: pd.DataFrame


@cache
def rows(asked: Asked) -> Setting:
    """The official split, whole (nulls as nulls)."""
    train, test = adult(asked.data)
    if not asked.quick:
        return Setting(train, test)
    train, test = sample(train, 1000, 0), sample(test, 500, 0)
    seen = [test[c].isin(values) | test[c].isna() for c, values in levels(train).items()]
    return Setting(train, test[np.all(seen, axis=0)].reset_index(drop=True))


@cache
def fitted(asked: Asked, seed: int) -> tuple[Any, dict[str, float]]:
    """The one model of a seed that answers every question about the official split."""
    return fit(asked, rows(asked).train, seed)


def task(asked: Asked) -> Task:
    def ours(s: Setting, seed: int) -> dict[str, Any]:
        model, took = fitted(asked, seed)
        with Clock() as clock:
            found = model.predict_proba(s.test.drop(columns=TARGET), target=TARGET)
        guess = found[RICH] if hasattr(found, "columns") else np.asarray(found)[:, 1]
        return {**classification(truth(s), np.asarray(guess, dtype=float)), **took, "query_seconds": clock.wall}

    methods = {
        "vaery": ours,
        "logistic regression": linear,
        "histogram gradient boosting": boosted,
        "most frequent class": lambda s, seed: classification(truth(s), np.full(len(s.test), rich(s.train).mean())),
    }
    return Task("predict", {"train": "official", "quick": asked.quick}, lambda seed: rows(asked), methods)


def rich(frame: pd.DataFrame) -> np.ndarray:
    return (frame[TARGET] == RICH).to_numpy()


def truth(s: Setting) -> np.ndarray:
    return rich(s.test)


def linear(s: Setting, seed: int) -> dict[str, Any]:
    from sklearn.linear_model import LogisticRegression

    train, test = (filled(part).drop(columns=TARGET) for part in (s.train, s.test))
    of = levels(train)
    model = LogisticRegression(max_iter=2000)
    with Clock() as clock:
        guess = model.fit(one_hot(train, of, train), rich(s.train)).predict_proba(one_hot(test, of, train))[:, 1]
    return {**classification(truth(s), guess), "fit_seconds": clock.wall, "fit_cpu_seconds": clock.cpu}


def boosted(s: Setting, seed: int) -> dict[str, Any]:
    from sklearn.ensemble import HistGradientBoostingClassifier

    train, test = (part.drop(columns=TARGET) for part in (s.train, s.test))
    of = levels(train)
    model = HistGradientBoostingClassifier(random_state=seed, categorical_features=[c in of for c in train])
    with Clock() as clock:
        guess = model.fit(ordinal(train, of), rich(s.train)).predict_proba(ordinal(test, of))[:, 1]
    return {**classification(truth(s), guess), "fit_seconds": clock.wall, "fit_cpu_seconds": clock.cpu}


def bits(asked: Asked) -> Task:
    """Mean code length of the official test rows without nulls, in bits; whole numbers are counted as whole numbers."""

    def setting(seed: int) -> Setting:
        return Setting(rows(asked).train, complete(rows(asked).test))

    def ours(s: Setting, seed: int) -> dict[str, Any]:
        model, took = fitted(asked, seed)
        with Clock() as clock:
            found = -float(np.mean(model.score_samples(s.test))) / math.log(2)
        return {"bits_per_row": found, "mass": mass(model, s.test), **took, "query_seconds": clock.wall}

    def other(length: Any) -> Any:
        return lambda s, seed: {"bits_per_row": float(length(s.train, s.test, seed))}

    methods = {"vaery": ours, **{name: other(length) for name, length in codelength.METHODS.items()}}
    return Task("bits", {"train": "official", "rows": "complete", "quick": asked.quick}, setting, methods)


def mass(model: Any, rows: pd.DataFrame, column: str = "age", many: int = 20) -> float:
    """Is a code length of whole numbers honest? p(row) summed over all ages, over p(row without its age): 1 if so.

    The median over some rows. Well above 1, densities narrower than a whole number would be passing for probabilities.
    """
    ages = np.arange(rows[column].min(), rows[column].max() + 1)
    some = rows.head(many)
    every = some.loc[some.index.repeat(len(ages))].assign(**{column: np.tile(ages, len(some))}).reset_index(drop=True)
    total = np.logaddexp.reduce(np.asarray(model.score_samples(every)).reshape(len(some), -1), axis=1)
    return float(np.median(np.exp(total - model.score_samples(some.assign(**{column: np.nan})))))
