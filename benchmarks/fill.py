"""Fill gaps: three cells in ten of a table hidden, to be told from the others.

Everybody sees the same holes, fits on the table that has them and fills it (no clean rows are shown to anybody). Cells
that were null to begin with are nobody's truth and are not scored.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import datasets
import imputers
import numpy as np
import pandas as pd
from census import numeric, sample, textual
from common import Clock
from metrics import crps
from task import SEVERAL, Asked, Task, fit

DRAWS = 20
SHARE = 0.3
MOST = 4000  # rows of a table
PATTERNS = ("MCAR", "MAR")
NUMERIC = tuple(f"{name} {pattern}" for name in datasets.NUMERIC for pattern in PATTERNS)
OURS = frozenset({"vaery", SEVERAL})
MIXED = ("german_credit", "bank_marketing", "adult")


@dataclass(frozen=True)
class Setting:
    """``truth`` and the same table with holes; ``hidden``: the cells that are scored."""

    truth: pd.DataFrame
    holed: pd.DataFrame
    hidden: pd.DataFrame


def numbers(asked: Asked, name: str) -> Task:
    """The numeric columns of a table, holes as in ``"wine MAR"``."""
    table, pattern = name.split(" ")
    rows = 300 if asked.quick else MOST

    def setting(seed: int) -> Setting:
        truth = datasets.numbers(asked.data, table, rows, seed)
        return punch(truth, (at_random if pattern == "MAR" else completely_at_random)(truth, SHARE, seed))

    others = {**imputers.METHODS, **imputers.NUMERIC, **imputers.peers(asked)}
    config = {"rows": rows, "share": SHARE, "draws": DRAWS, "pattern": pattern}
    return Task("impute", config, setting, methods(asked, others), once=imputers.SLOW | {SEVERAL}, ours=OURS, data=name)


def mixed(asked: Asked, name: str) -> Task:
    """A table of numbers and text, holes completely at random."""
    rows = 300 if asked.quick else MOST

    def setting(seed: int) -> Setting:
        truth = sample(datasets.table(asked.data, name), rows, seed)
        return punch(truth, completely_at_random(truth, SHARE, seed))

    others = {**imputers.METHODS, **imputers.peers(asked)}
    config = {"rows": rows, "share": SHARE, "draws": DRAWS, "pattern": "MCAR"}
    return Task("mixed", config, setting, methods(asked, others), once=imputers.SLOW | {SEVERAL}, ours=OURS, data=name)


def methods(asked: Asked, others: dict[str, Any]) -> dict[str, Any]:
    def ours(s: Setting, seed: int, members: int = 1) -> dict[str, Any]:
        model, took = fit(asked, s.holed, seed, members=members)
        with Clock() as clock:
            found = model.impute(s.holed, interval=0.9, seed=seed, everywhere=True)
            draws = model.impute(s.holed, draws=DRAWS, seed=seed, everywhere=True)
        interval = found["low"], found["high"]
        return {**judge(s, found["value"], draws, interval), **took, "query_seconds": clock.wall}

    mine = {"vaery": ours, SEVERAL: partial(ours, members=3)}
    return {**mine, **{name: other(imputer) for name, imputer in others.items()}}


def other(imputer: Any) -> Any:
    def method(s: Setting, seed: int) -> dict[str, Any]:
        with Clock() as clock:
            value, draws = imputer(s.holed, seed, DRAWS)
        return {**judge(s, value, draws), "fit_seconds": clock.wall, "fit_cpu_seconds": clock.cpu}

    return method


# ---------------------------------------------------------------------- holes


def completely_at_random(truth: pd.DataFrame, share: float, seed: int) -> np.ndarray:
    """``[rows, columns]`` bool: hidden; a cell is left in every row."""
    rng = np.random.default_rng(seed)
    mask = rng.random(truth.shape) < share
    whole = mask.all(axis=1)
    mask[whole, rng.integers(0, truth.shape[1], whole.sum())] = False
    return mask


def at_random(truth: pd.DataFrame, share: float, seed: int) -> np.ndarray:
    """Half of the columns stay whole; what they hold decides, by a logistic model with random weights and a steep
    slope, where the others are hidden, each at the rate ``share``."""
    from scipy.optimize import brentq
    from scipy.special import expit

    rng = np.random.default_rng(seed)
    x = ((truth - truth.mean()) / (truth.std() + 1e-9)).to_numpy(float)
    order = rng.permutation(x.shape[1])
    whole, holed = np.split(order, [max(1, len(order) // 2)])
    mask = np.zeros(x.shape, dtype=bool)
    for j in holed:
        slope = x[:, whole] @ rng.normal(size=len(whole))
        slope *= 3 / (slope.std() + 1e-9)
        level = brentq(lambda b, s=slope: expit(s + b).mean() - share, -50, 50)
        mask[:, j] = rng.random(len(x)) < expit(slope + level)
    return mask


def punch(truth: pd.DataFrame, mask: np.ndarray) -> Setting:
    """The table without the hidden cells."""
    hidden = pd.DataFrame(mask, columns=truth.columns, index=truth.index)
    holed = truth.mask(hidden)
    for c in textual(truth):
        holed[c] = holed[c].astype(object).where(holed[c].notna(), None)
    return Setting(truth, holed, hidden & truth.notna())


# ---------------------------------------------------------------------- marks


def judge(s: Setting, value: pd.DataFrame, draws: Any, interval: Any = None) -> dict[str, float]:
    """RMSE, CRPS and coverage in standard deviations of the true column, mean over numeric columns; accuracy over text.

    Columns without a hidden cell have no say. Without draws, CRPS is the absolute error. Coverage is of the interval,
    or of the 5 to 95 % range of the draws.
    """
    rmse, score, covered = [], [], []
    for c in numeric(s.truth):
        at = s.hidden[c].to_numpy()
        if not at.any():
            continue
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
    right = [(value[c] == s.truth[c])[s.hidden[c]].mean() for c in textual(s.truth) if s.hidden[c].any()]
    found = {"rmse": np.mean(rmse), "crps": np.mean(score)}
    found |= {"accuracy": np.mean(right)} if right else {}
    found |= {"coverage": np.mean(covered)} if covered else {}
    return {k: float(v) for k, v in found.items()}
