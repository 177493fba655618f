"""Augment: a class that one row in fifty belongs to. Does adding rows help a classifier find it?

10,000 rows with 2 % of the class are fitted and augmented until both classes are as frequent; boosted trees learn from
the result and are judged by 10,000 others with 2 % of the class as well. Score: F1 at a probability of one half.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
from census import filled, levels, ordinal
from common import Clock
from datasets import Target
from peer_process import run_peer
from synthesis import Setting
from task import Asked, Task, fit

TABLES = ("default_credit", "bank_marketing")
ROWS, SHARE = 10_000, 0.02


def task(asked: Asked, name: str) -> Task:
    rows = 1000 if asked.quick else ROWS
    target = datasets.TARGETS[name]

    def setting(seed: int) -> Setting:
        return Setting(*rare(datasets.table(asked.data, name), target, rows, seed), target)

    def ours(s: Setting, seed: int) -> dict[str, Any]:
        model, took = fit(asked, s.train, seed)
        with Clock() as clock:
            more = model.augment(s.train, target=s.target.column, seed=seed)
        return {**judge(s, more, seed), **took, "query_seconds": clock.wall}

    methods = {
        "vaery": ours,
        "no augmentation": lambda s, seed: judge(s, s.train, seed),
        "class weights": lambda s, seed: judge(s, s.train, seed, class_weight="balanced"),
        "copies": lambda s, seed: judge(s, copied(s, seed), seed),
        "SMOTE-NC": smote(asked),
    }
    return Task("augment", {"rows": rows, "share": SHARE}, setting, methods, data=name)


def rare(frame: pd.DataFrame, target: Target, rows: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows to learn from and rows to judge by, both with the class made rare."""
    rng, hit = np.random.default_rng(seed), target.of(frame)
    few = round(rows * SHARE)
    yes, no = rng.permutation(np.flatnonzero(hit)), rng.permutation(np.flatnonzero(~hit))
    parts = []
    for k in range(2):
        at = np.concatenate([yes[k * few : (k + 1) * few], no[k * (rows - few) : (k + 1) * (rows - few)]])
        parts.append(frame.iloc[rng.permutation(at)].reset_index(drop=True))
    return parts[0], parts[1]


def copied(s: Setting, seed: int) -> pd.DataFrame:
    """Rows of the rare class, again and again."""
    hit = s.target.of(s.train)
    more = s.train[hit].sample(int((~hit).sum() - hit.sum()), replace=True, random_state=seed)
    return pd.concat([s.train, more], ignore_index=True)


def smote(asked: Asked) -> Callable[[Setting, int], dict[str, Any]]:
    """imbalanced-learn's."""

    def method(s: Setting, seed: int) -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as folder:
            source, made = Path(folder) / "train.parquet", Path(folder) / "made.parquet"
            filled(s.train).to_parquet(source)
            took = run_peer(asked.threads, "smote", source, made, seed, s.target.column, "balance")
            return {**judge(s, pd.read_parquet(made), seed), **took}

    return method


def judge(s: Setting, rows: pd.DataFrame, seed: int, **options: Any) -> dict[str, float]:
    """F1, average precision and AUC on the other rows of boosted trees that learned from these."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

    of = {c: v for c, v in levels(s.train).items() if c != s.target.column}
    x, y = (ordinal(part.drop(columns=s.target.column), of) for part in (filled(rows), filled(s.test)))
    text = [c in of for c in s.train if c != s.target.column]
    model = HistGradientBoostingClassifier(random_state=seed, categorical_features=text, **options)
    guess = model.fit(x, s.target.of(rows)).predict_proba(y)[:, 1]
    truth = s.target.of(s.test)
    return {
        "f1": float(f1_score(truth, guess > 0.5)),
        "average_precision": float(average_precision_score(truth, guess)),
        "auc": float(roc_auc_score(truth, guess)),
    }
