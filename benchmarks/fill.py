"""Impute: 4,000 census rows, three cells in ten hidden at random; the hidden ones are to be told.

Everybody sees the same holes, fits on the table that has them and fills it (no clean rows are shown to anybody). Cells
that were null to begin with are nobody's truth and are not scored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import imputers
import numpy as np
import pandas as pd
from census import adult, numeric, sample, textual
from common import Clock
from metrics import crps
from task import Asked, Task, fit

DRAWS = 20


@dataclass(frozen=True)
class Setting:
    """``truth`` and the same table with holes; ``hidden``: the cells that are scored."""

    truth: pd.DataFrame
    holed: pd.DataFrame
    hidden: pd.DataFrame


def task(asked: Asked) -> Task:
    rows = 500 if asked.quick else 4000

    def setting(seed: int) -> Setting:
        truth = sample(adult(asked.data)[0], rows, seed)
        return hide(truth, 0.3, seed)

    def ours(s: Setting, seed: int) -> dict[str, Any]:
        model, took = fit(asked, s.holed, seed)
        with Clock() as clock:
            found = model.impute(s.holed, interval=0.9, seed=seed)
            draws = model.impute(s.holed, draws=DRAWS, seed=seed)
        interval = found["low"], found["high"]
        return {**judge(s, found["value"], draws, interval), **took, "query_seconds": clock.wall}

    methods = {"vaery": ours, **{name: other(f) for name, f in imputers.METHODS.items()}}
    return Task("impute", {"rows": rows, "share": 0.3, "draws": DRAWS}, setting, methods)


def hide(truth: pd.DataFrame, share: float, seed: int) -> Setting:
    """Holes completely at random, and a cell left in every row."""
    rng = np.random.default_rng(seed)
    mask = rng.random(truth.shape) < share
    whole = mask.all(axis=1)
    mask[whole, rng.integers(0, truth.shape[1], whole.sum())] = False
    hidden = pd.DataFrame(mask, columns=truth.columns, index=truth.index)
    holed = truth.mask(hidden)
    for c in textual(truth):
        holed[c] = holed[c].astype(object).where(holed[c].notna(), None)
    return Setting(truth, holed, hidden & truth.notna())


def other(imputer: Any) -> Any:
    def method(s: Setting, seed: int) -> dict[str, Any]:
        with Clock() as clock:
            value, draws = imputer(s.holed, seed, DRAWS)
        return {**judge(s, value, draws), "fit_seconds": clock.wall, "fit_cpu_seconds": clock.cpu}

    return method


def judge(s: Setting, value: pd.DataFrame, draws: Any, interval: Any = None) -> dict[str, float]:
    """RMSE, CRPS and coverage in standard deviations of the true column, mean over numeric columns; accuracy over text.

    Without draws, CRPS is the absolute error. Coverage is of the interval, or of the 5 to 95 % range of the draws.
    """
    rmse, score, covered = [], [], []
    for c in numeric(s.truth):
        at = s.hidden[c].to_numpy()
        sd = float(s.truth[c].std())
        truth, point = s.truth[c].to_numpy(float)[at] / sd, value[c].to_numpy(float)[at] / sd
        rmse.append(np.sqrt(np.mean((point - truth) ** 2)))
        if draws is None:
            score.append(np.abs(point - truth).mean())
            continue
        drawn = np.stack([d[c].to_numpy(float)[at] for d in draws]) / sd
        score.append(crps(drawn, truth).mean())
        low, high = np.quantile(drawn, [0.05, 0.95], axis=0)
        if interval is not None:
            low, high = (end[c].to_numpy(float)[at] / sd for end in interval)
        covered.append(((truth >= low - 1e-9) & (truth <= high + 1e-9)).mean())
    right = [(value[c] == s.truth[c])[s.hidden[c]].mean() for c in textual(s.truth)]
    found = {"rmse": np.mean(rmse), "crps": np.mean(score), "accuracy": np.mean(right)}
    return {k: float(v) for k, v in {**found, **({"coverage": np.mean(covered)} if covered else {})}.items()}
