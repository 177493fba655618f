"""Detect: anomalies planted in the census.

In one of twenty official test rows, one to three cells are replaced by those of a row of the other income class, at
least one of them by another value. Each cell is ordinary by itself; only the combination is odd.
"""

from __future__ import annotations

from typing import Any

import adult_predict
import numpy as np
import pandas as pd
from census import TARGET, filled, levels, one_hot
from detectors import Setting, others, scored
from task import Asked, Task


def planted(asked: Asked) -> Task:
    def setting(seed: int) -> Setting:
        s = adult_predict.rows(asked)
        test, outlier = plant(s.test, 0.05, seed)
        train_text, test_text = filled(s.train), filled(test)
        of = levels(train_text)
        return Setting(s.train, test, outlier, one_hot(train_text, of, train_text), one_hot(test_text, of, train_text))

    def ours(s: Setting, seed: int) -> dict[str, Any]:
        model, took = adult_predict.fitted(asked, seed)
        return {**scored(model, s), **took}

    methods = {"vaery": ours, **others(asked)}
    return Task("detect", {"share": 0.05, "cells": "1 to 3", "quick": asked.quick}, setting, methods)


def plant(frame: pd.DataFrame, share: float, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Cells of the other class in some rows; the rows and which of them were changed."""
    rng = np.random.default_rng(seed)
    out, outlier = frame.copy(), np.zeros(len(frame), dtype=bool)
    names = [c for c in frame if c != TARGET]
    by_class = {c: rows.index.to_numpy() for c, rows in frame.groupby(TARGET)}
    for row in rng.choice(len(frame), int(share * len(frame)), replace=False):
        donors = by_class[next(c for c in by_class if c != frame.at[row, TARGET])]
        count = int(rng.integers(1, 4))
        while not outlier[row]:
            donor, cells = rng.choice(donors), rng.choice(names, count, replace=False)
            changed = [c for c in cells if pd.notna(frame.at[donor, c]) and frame.at[donor, c] != frame.at[row, c]]
            outlier[row] = bool(changed)
            for c in changed:
                out.at[row, c] = frame.at[donor, c]
    return out, outlier
