"""Other ways to make rows: ``(train, seed) → (rows, what it took)``. Text columns hold no nulls here."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from census import levels, ordinal
from datasets import Target
from peer_process import run_peer
from task import Asked

Made = tuple[pd.DataFrame, dict[str, Any]]


def real(train: pd.DataFrame, seed: int) -> Made:
    """The training rows themselves: as good as it gets, and worthless as privacy."""
    return train, {}


def independent(train: pd.DataFrame, seed: int) -> Made:
    """Each column shuffled by itself: perfect columns, no relations."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame({c: rng.permutation(train[c].to_numpy()) for c in train}), {}


def cart(train: pd.DataFrame, seed: int, leaf: int = 5) -> Made:
    """Each column drawn from the leaf of a tree on the columns before it (Reiter, 2005; the default of synthpop)."""
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    rng, of = np.random.default_rng(seed), levels(train)
    x = ordinal(train, of)
    made = np.zeros_like(x)
    made[:, 0] = rng.choice(x[:, 0], len(x))
    for j, name in enumerate(train):
        if j == 0:
            continue
        kind = DecisionTreeClassifier if name in of else DecisionTreeRegressor
        tree = kind(min_samples_leaf=leaf, random_state=seed).fit(x[:, :j], x[:, j])
        made[:, j] = draw_from_leaves(tree.apply(x[:, :j]), x[:, j], tree.apply(made[:, :j]), rng)
    out = pd.DataFrame(made, columns=list(train))
    for c in train:
        out[c] = np.array(of[c], dtype=object)[out[c].astype(int)] if c in of else out[c].astype(train[c].dtype)
    return out, {}


def smote(asked: Asked, target: Target) -> Callable[[pd.DataFrame, int], Made]:
    """Points between a row and its neighbours of the same class (SMOTE-NC; Chawla et al., 2002), without the rows."""

    def synthesize(train: pd.DataFrame, seed: int) -> Made:
        side = "side of the target"  # a class that is text, also where the target is a number
        marked = train.assign(**{side: np.where(target.of(train), "yes", "no")})
        with tempfile.TemporaryDirectory() as folder:
            source, made = Path(folder) / "train.parquet", Path(folder) / "made.parquet"
            marked.to_parquet(source)
            took = run_peer(asked.threads, "smote", source, made, seed, side, "replace")
            return pd.read_parquet(made)[list(train)], took

    return synthesize


def draw_from_leaves(leaf: np.ndarray, value: np.ndarray, wanted: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """For each wanted leaf, one of the values that fell into it."""
    order = np.argsort(leaf, kind="stable")
    starts = np.searchsorted(leaf[order], wanted, side="left")
    ends = np.searchsorted(leaf[order], wanted, side="right")
    return value[order[starts + (rng.random(len(wanted)) * (ends - starts)).astype(int)]]


def peer(name: str, asked: Asked) -> Callable[[pd.DataFrame, int], Made]:
    """A synthesizer of SDV at its defaults, in the peers' environment."""

    def synthesize(train: pd.DataFrame, seed: int) -> Made:
        epochs = ["3"] if asked.quick and name in ("TVAE", "CTGAN") else []
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder) / "train.parquet", Path(folder) / "made.parquet"
            train.to_parquet(source)
            took = run_peer(asked.threads, "synthesize", name, source, target, seed, *epochs)
            return pd.read_parquet(target), took

    return synthesize
