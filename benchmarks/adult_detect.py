"""Detect: anomalies planted in the census, and six public tables with labelled ones.

Planted: in one of twenty official test rows, one to three cells are replaced by those of a row of the other income
class, at least one of them by another value. Each cell is ordinary by itself; only the combination is odd.

Public tables (ADBench; Han et al., 2022): fitted on a random half of the ordinary rows, scored on the other half and
all anomalies. Peers get columns standardised on the rows they are fitted on.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import adult_predict
import numpy as np
import pandas as pd
from census import TARGET, filled, levels, one_hot
from common import Clock, data
from metrics import ranking
from synthesizers import run_peer
from task import Asked, Task, fit

TABLES = ("cardio", "thyroid", "ionosphere", "vowels", "letter", "satellite")


@dataclass(frozen=True)
class Setting:
    """Rows to fit on and rows to score; ``train_x`` and ``test_x`` are the same as numbers, for the others."""

    train: Any
    test: Any
    outlier: np.ndarray
    train_x: np.ndarray
    test_x: np.ndarray


# ---------------------------------------------------------------------- planted


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


def scored(model: Any, s: Setting) -> dict[str, Any]:
    """Ranking by bits, and what the outliers named at a false discovery rate of 0.05 are worth."""
    with Clock() as clock:
        found = model.detect(s.test, fdr=0.05, reasons=0)
    named = np.asarray(found["outlier"], dtype=bool)
    false = {"false_share": float((~s.outlier[named]).mean())} if named.any() else {}
    return {
        **ranking(s.outlier, np.asarray(found["bits"], dtype=float)),
        "named": int(named.sum()),
        **false,
        "query_seconds": clock.wall,
    }


# ---------------------------------------------------------------------- public tables


def tables(asked: Asked) -> Task:
    """One method a table: ``cardio: vaery``, ``cardio: 5 neighbours`` …"""
    names = TABLES[2:3] if asked.quick else TABLES
    methods: dict[str, Any] = {}
    for name in names:
        methods[f"{name}: vaery"] = on(name, ours_on_array(asked))
        methods |= {f"{name}: {method}": on(name, run) for method, run in others(asked).items()}

    def setting(seed: int) -> dict[str, Setting]:
        return {name: halves(*data(asked.data).adbench(name), seed) for name in names}

    mine = frozenset(n for n in methods if n.endswith(": vaery"))
    return Task("tables", {"protocol": "S", "quick": asked.quick}, setting, methods, ours=mine)


def on(name: str, run: Any) -> Any:
    return lambda settings, seed: run(settings[name], seed)


def ours_on_array(asked: Asked) -> Any:
    def method(s: Setting, seed: int) -> dict[str, Any]:
        model, took = fit(asked, s.train, seed)
        return {**scored(model, s), **took}

    return method


def halves(x: np.ndarray, y: np.ndarray, seed: int) -> Setting:
    """Half of the ordinary rows to fit on; the other half and the anomalies to score."""
    rng = np.random.default_rng(1000 + seed)
    ordinary = rng.permutation(np.flatnonzero(y == 0))
    train, rest = np.split(ordinary, [len(ordinary) // 2])
    test = np.concatenate([rest, np.flatnonzero(y == 1)])
    mean, sd = x[train].mean(0, dtype=float), x[train].std(0, dtype=float)
    standard = np.clip((x - mean) / np.where(sd < 1e-9, 1, sd), -1e4, 1e4)
    return Setting(x[train], x[test], y[test] == 1, standard[train], standard[test])


# ---------------------------------------------------------------------- the others


def others(asked: Asked) -> dict[str, Callable[[Setting, int], dict[str, Any]]]:
    return {
        "5 neighbours": timed(neighbours),
        "isolation forest": timed(isolation),
        "local outlier factor": timed(local_factor),
        "PCA reconstruction": timed(components),
        "PyOD VAE": peer("VAE", asked),
        "PyOD AutoEncoder": peer("AutoEncoder", asked),
    }


def timed(score: Callable[[Setting, int], np.ndarray]) -> Callable[[Setting, int], dict[str, Any]]:
    def method(s: Setting, seed: int) -> dict[str, Any]:
        with Clock() as clock:
            found = score(s, seed)
        return {**ranking(s.outlier, found), "fit_seconds": clock.wall, "fit_cpu_seconds": clock.cpu}

    return method


def neighbours(s: Setting, seed: int) -> np.ndarray:
    """Distance to the fifth nearest row that was fitted on (PyOD's default)."""
    from sklearn.neighbors import NearestNeighbors

    return NearestNeighbors(n_neighbors=5).fit(s.train_x).kneighbors(s.test_x)[0][:, -1]


def isolation(s: Setting, seed: int) -> np.ndarray:
    from sklearn.ensemble import IsolationForest

    return -IsolationForest(random_state=seed).fit(s.train_x).score_samples(s.test_x)


def local_factor(s: Setting, seed: int) -> np.ndarray:
    from sklearn.neighbors import LocalOutlierFactor

    return -LocalOutlierFactor(n_neighbors=20, novelty=True).fit(s.train_x).score_samples(s.test_x)


def components(s: Setting, seed: int) -> np.ndarray:
    """Squared distance to the plane of 90 % of the variance."""
    from sklearn.decomposition import PCA

    plane = PCA(n_components=0.9, svd_solver="full").fit(s.train_x)
    return ((s.test_x - plane.inverse_transform(plane.transform(s.test_x))) ** 2).sum(1)


def peer(name: str, asked: Asked) -> Callable[[Setting, int], dict[str, Any]]:
    """A detector of PyOD at its defaults, in the peers' environment."""

    def method(s: Setting, seed: int) -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder) / "rows.npz", Path(folder) / "scores.npy"
            np.savez(source, train=s.train_x, test=s.test_x)
            took = run_peer(asked.threads, "detect", name, source, target, seed)
            return {**ranking(s.outlier, np.load(target)), **took}

    return method
