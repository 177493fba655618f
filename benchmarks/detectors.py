"""Detectors of odd rows: ours, and others on rows as numbers. Every one is ``(setting, seed) → metrics``."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from common import Clock
from metrics import ranking
from peer_process import run_peer
from task import Asked


@dataclass(frozen=True)
class Setting:
    """Rows to fit on and rows to score; ``train_x`` and ``test_x`` are the same as numbers, for the others."""

    train: Any
    test: Any
    outlier: np.ndarray
    train_x: np.ndarray
    test_x: np.ndarray


def scored(model: Any, s: Setting) -> dict[str, Any]:
    """Ranking by oddness, and what the outliers named at a false discovery rate of 0.05 are worth."""
    with Clock() as clock:
        found = model.detect(s.test, fdr=0.05, reasons=0)
    named = np.asarray(found["outlier"], dtype=bool)
    false = {"false_share": float((~s.outlier[named]).mean())} if named.any() else {}
    return {
        **ranking(s.outlier, np.asarray(found["oddness"], dtype=float)),
        "named": int(named.sum()),
        **false,
        "query_seconds": clock.wall,
    }


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
            rows = {"train": s.train_x} if s.test_x is s.train_x else {"train": s.train_x, "test": s.test_x}
            np.savez(source, **rows)
            took = run_peer(asked.threads, "detect", name, source, target, seed)
            return {**ranking(s.outlier, np.load(target)), **took}

    return method
