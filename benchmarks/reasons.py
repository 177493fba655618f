"""Reasons and false alarms: planted cells are to be named, and rows named as outliers are to be outliers.

``reasons``: in each of 1,000 rows that were not fitted on, one cell is replaced by what it holds in another row:
another text, or a number at least one standard deviation away. Score: the share of rows whose replaced cell is among
the three (or is the first) that a method blames. Each value is ordinary by itself, so a column that no other column
tells about cannot be found out by anybody; boosted trees for each column show about how much can.

``fdr``: 2,000 rows that were not fitted on, in sets of 400; in a quarter of each, half of the cells come from other
rows (a p-value is never below 1 over the held-out rows, so a few odd rows among many cannot be named by any).
Each set is asked for its outliers at ``fdr=0.05``. Score: the mean over sets of the share of false ones among those
named (a set without any counts zero), and the share of the planted rows that were found. ``clean``: the same on sets
without a planted row, where each set with any row named is a false discovery.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import conditional_trees
import datasets
import numpy as np
import pandas as pd
from census import filled, levels, numeric, one_hot
from common import Clock
from peer_process import run_peer
from task import Asked, Task, fit

TABLES = ("wine", "california", "letter", "default_credit", "adult")
ROWS, TESTS, ASKED, SET, PLANTED = 10_000, 2000, 1000, 400, 0.25


@dataclass(frozen=True)
class Setting:
    """``test``: rows in each of which the cell named in ``cell`` was replaced."""

    train: pd.DataFrame
    test: pd.DataFrame
    cell: list[str]


@cache
def rows(asked: Asked, name: str, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows to fit on, and others, without those of a text that was never seen (some programs refuse it)."""
    train, test = datasets.parts(asked.data, name, *((500, 400) if asked.quick else (ROWS, TESTS)), seed)
    seen = [test[c].isin(values) | test[c].isna() for c, values in levels(train).items()]
    return train, test[np.all(seen, axis=0)].reset_index(drop=True) if seen else test


@cache
def fitted(asked: Asked, name: str, seed: int) -> tuple[Any, dict[str, float]]:
    """The one model of a table and seed, for both tasks."""
    return fit(asked, rows(asked, name, seed)[0], seed)


# ---------------------------------------------------------------------- reasons


def task(asked: Asked, name: str) -> Task:
    def setting(seed: int) -> Setting:
        train, test = rows(asked, name, seed)
        return Setting(train, *plant(test.head(100 if asked.quick else ASKED), train, seed))

    def ours(s: Setting, seed: int) -> dict[str, Any]:
        model, took = fitted(asked, name, seed)
        with Clock() as clock:
            found = model.detect(s.test, reasons=3)
        named = [[part["cell"] for part in why if part["cell"] != "together"] for why in found["reasons"]]
        return {**judge(s, named), **took, "query_seconds": clock.wall}

    methods = {
        "vaery": ours,
        "column-wise z-score": scored(column_wise),
        "trees for each column": scored(conditional_trees.surprise),
        "isolation forest and SHAP": scored(lambda train, test, seed: shap(asked, train, test, seed)),
    }
    return Task("reasons", {"rows": ROWS, "asked": ASKED, "quick": asked.quick}, setting, methods, data=name)


def plant(test: pd.DataFrame, train: pd.DataFrame, seed: int) -> tuple[pd.DataFrame, list[str]]:
    """One cell of each row replaced by another row's; the rows, and which cell it was."""
    rng = np.random.default_rng(seed)
    out, cells = test.copy(), []
    sd = train[numeric(train)].std()
    pools = {c: train[c].dropna().to_numpy() for c in train}
    for row in test.index:
        while True:
            c = str(rng.choice(list(test)))
            old, new = test.at[row, c], rng.choice(pools[c])
            if pd.notna(old) and (abs(new - old) >= sd[c] if c in sd else new != old):
                break
        out.at[row, c] = new
        cells.append(c)
    return out, cells


def judge(s: Setting, named: list[list[str]]) -> dict[str, float]:
    """How often the replaced cell was among the first three, and the first."""
    pairs = list(zip(s.cell, named, strict=True))
    top3, top1 = (np.mean([cell in names[:k] for cell, names in pairs]) for k in (3, 1))
    return {"top3": float(top3), "top1": float(top1), "chance": 3 / s.test.shape[1]}


def scored(blame: Any) -> Any:
    """A method that gives ``[rows, columns]``: how odd each cell is."""

    def method(s: Setting, seed: int) -> dict[str, Any]:
        with Clock() as clock:
            odd = blame(filled(s.train), filled(s.test), seed)
        order = np.argsort(-odd, axis=1, kind="stable")[:, :3]
        names = np.array(list(s.test), dtype=object)[order]
        return {**judge(s, names.tolist()), "fit_seconds": clock.wall, "fit_cpu_seconds": clock.cpu}

    return method


def column_wise(train: pd.DataFrame, test: pd.DataFrame, seed: int) -> np.ndarray:
    """|z| of a number; of a text, the z-score of its indicator: ``sqrt((1 - p) / p)``."""
    z = {}
    for c in train:
        if c in numeric(train):
            z[c] = ((test[c] - train[c].mean()) / (train[c].std() + 1e-9)).abs()
        else:
            p = test[c].map(train[c].value_counts(normalize=True)).fillna(0.0).astype(float).clip(lower=1e-6)
            z[c] = np.sqrt((1 - p) / p)
    return pd.DataFrame(z).fillna(0.0).to_numpy(float)


def shap(asked: Asked, train: pd.DataFrame, test: pd.DataFrame, seed: int) -> np.ndarray:
    """SHAP values of an isolation forest, those of a text's indicators added up."""
    of = levels(train)
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "rows.npz", Path(folder) / "blame.npy"
        np.savez(source, train=one_hot(train, of, train), test=one_hot(test, of, train))
        run_peer(asked.threads, "shap", source, target, seed)
        values = np.load(target)
    ends = np.cumsum([len(numeric(train)), *(len(levels_) for levels_ in of.values())])
    blame = dict(zip(numeric(train), values.T, strict=False))
    blame |= {c: values[:, a:b].sum(1) for c, a, b in zip(of, ends[:-1], ends[1:], strict=True)}
    return np.stack([blame[c] for c in train], 1)


# ---------------------------------------------------------------------- false discoveries


def discoveries(asked: Asked, name: str) -> Task:
    def ours(test: pd.DataFrame, seed: int) -> dict[str, Any]:
        model, took = fitted(asked, name, seed)
        rng = np.random.default_rng(seed)
        order, size = rng.permutation(len(test)), min(SET, len(test) // 2)
        sets = [test.iloc[at].reset_index(drop=True) for at in order[: len(order) // size * size].reshape(-1, size)]
        false, found, clean = [], [], []
        for part in sets:
            mixed, planted = swapped(part, rows(asked, name, seed)[0], rng)
            named = outliers(model, mixed)
            false.append((named & ~planted).sum() / max(1, named.sum()))
            found.append((named & planted).sum() / planted.sum())
            clean.append(outliers(model, part).any())
        told = {"false_share": np.mean(false), "found": np.mean(found), "clean": np.mean(clean)}
        return {**{k: float(v) for k, v in told.items()}, "sets": len(sets), **took}

    setting = lambda seed: rows(asked, name, seed)[1]
    config = {"rows": ROWS, "tests": TESTS, "set": SET, "planted": PLANTED, "cells": 0.5, "quick": asked.quick}
    return Task("fdr", config, setting, {"vaery": ours}, data=name)


def outliers(model: Any, frame: pd.DataFrame) -> np.ndarray:
    return np.asarray(model.detect(frame, fdr=0.05, reasons=0)["outlier"], dtype=bool)


def swapped(part: pd.DataFrame, train: pd.DataFrame, rng: np.random.Generator) -> tuple[pd.DataFrame, np.ndarray]:
    """In a quarter of the rows, half of the cells from other rows, each from a row of its own."""
    planted = np.zeros(len(part), dtype=bool)
    planted[rng.choice(len(part), int(PLANTED * len(part)), replace=False)] = True
    out = part.copy()
    for c in part:
        here = planted & (rng.random(len(part)) < 0.5)
        out.loc[here, c] = rng.choice(train[c].to_numpy(), here.sum())
    return out, planted
