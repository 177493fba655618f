"""Anomalies in 16 public tables (ADBench; Han et al., 2022), fitted on ordinary rows alone, and on everything.

``anomaly``: fitted on a random half of the ordinary rows; the other half and all anomalies are scored.
``contaminated``: fitted on all rows without their labels, and the same rows are scored. The others get columns
standardised on the rows they are fitted on; ours gets them as they are. No row is ever copied (the usual generator
fills tables of under 1,000 rows up with copies before it splits them).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import datasets
import numpy as np
from detectors import Setting, peer, scored
from task import SEVERAL, Asked, Task, fit

MOST = 10_000  # rows of a table
PEERS = ("VAE", "IForest", "ECOD", "COPOD", "HBOS", "KNN", "LOF", "OCSVM")


def clean(asked: Asked, name: str) -> Task:
    return task(asked, name, "anomaly", halves)


def contaminated(asked: Asked, name: str) -> Task:
    return task(asked, name, "contaminated", everything)


def task(asked: Asked, name: str, what: str, split: Callable[[np.ndarray, np.ndarray, int], Setting]) -> Task:
    def setting(seed: int) -> Setting:
        return split(*datasets.anomalies(asked.data, name, MOST, seed), seed)

    def ours(s: Setting, seed: int, members: int = 1) -> dict[str, Any]:
        model, took = fit(asked, s.train, seed, members=members)
        return {**scored(model, s), **took}

    mine = {"vaery": ours, SEVERAL: partial(ours, members=3)}
    methods = {**mine, **{f"PyOD {name}": peer(name, asked) for name in PEERS}}
    config = {"most": MOST, "quick": asked.quick}
    return Task(what, config, setting, methods, once=frozenset({SEVERAL}), ours=frozenset(mine), data=name)


def halves(x: np.ndarray, outlier: np.ndarray, seed: int) -> Setting:
    """Half of the ordinary rows to fit on; the other half and the anomalies to score."""
    rng = np.random.default_rng(1000 + seed)
    ordinary = rng.permutation(np.flatnonzero(~outlier))
    train, rest = np.split(ordinary, [len(ordinary) // 2])
    test = np.concatenate([rest, np.flatnonzero(outlier)])
    standard = standardised(x, train)
    return Setting(x[train], x[test], outlier[test], standard[train], standard[test])


def everything(x: np.ndarray, outlier: np.ndarray, seed: int) -> Setting:
    """All rows, in random order, to fit on and to score."""
    order = np.random.default_rng(1000 + seed).permutation(len(x))
    x, standard = x[order], standardised(x, order)[order]
    return Setting(x, x, outlier[order], standard, standard)


def standardised(x: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Mean zero and variance one over some rows."""
    mean, sd = x[train].mean(0, dtype=float), x[train].std(0, dtype=float)
    return np.clip((x - mean) / np.where(sd < 1e-9, 1, sd), -1e4, 1e4)
