"""What a census row costs otherwise: ``(train, test, seed) → bits a row``. Test rows have no nulls."""

from __future__ import annotations

import io
import lzma
from dataclasses import dataclass

import numpy as np
import pandas as pd
from census import levels, ordinal, textual

MOST = 256  # distinct values that get a bin each; more are put into as many bins of equal share
STRAY = 1e-3  # probability kept for values never seen


@dataclass(frozen=True)
class Bins:
    """A column cut into bins: one for each value, or runs of whole numbers of about equal share.

    Attributes:
        starts: the first number of each bin.
        widths: how many numbers a bin holds, each as likely as the others.
    """

    starts: np.ndarray
    widths: np.ndarray

    @classmethod
    def of(cls, x: np.ndarray) -> Bins:
        values = np.unique(x)
        if len(values) <= MOST:
            return cls(values, np.ones(len(values)))
        starts = np.unique(np.floor(np.quantile(x, np.linspace(0, 1, MOST + 1)[:-1])))
        return cls(starts, np.diff(np.append(starts, x.max() + 1)))

    def place(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The bin of each number, and whether it lies inside."""
        at = np.clip(np.searchsorted(self.starts, x, side="right") - 1, 0, len(self.starts) - 1)
        return at, (x >= self.starts[at]) & (x < self.starts[at] + self.widths[at])


def independent(train: pd.DataFrame, test: pd.DataFrame, seed: int) -> float:
    """Each column by its own frequencies."""
    return _code(train, test, seed, leaf=None)


def trees(train: pd.DataFrame, test: pd.DataFrame, seed: int) -> float:
    """Each column by the frequencies in a leaf of a tree on the columns before it, shrunk to those of all rows."""
    return _code(train, test, seed, leaf=50)


def _code(train: pd.DataFrame, test: pd.DataFrame, seed: int, leaf: int | None, shrink: float = 10.0) -> float:
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    train = train.dropna().reset_index(drop=True)
    of, text = levels(train), set(textual(train))
    x, y = ordinal(train, of), np.nan_to_num(ordinal(test, of), nan=-1)
    total = np.zeros(len(test))
    for j, name in enumerate(train):
        bins = Bins.of(x[:, j])
        at, (there, inside) = bins.place(x[:, j])[0], bins.place(y[:, j])
        marginal = np.bincount(at, minlength=len(bins.starts)) / len(at)
        p = marginal[there]
        if leaf is not None and j:
            kind = DecisionTreeClassifier if name in text else DecisionTreeRegressor
            tree = kind(min_samples_leaf=leaf, random_state=seed).fit(x[:, :j], x[:, j])
            counts = np.zeros((tree.tree_.node_count, len(marginal)))
            np.add.at(counts, (tree.apply(x[:, :j]), at), 1)
            node = counts[tree.apply(y[:, :j])]
            p = (node[np.arange(len(y)), there] + shrink * p) / (node.sum(1) + shrink)
        span = len(of[name]) if name in text else np.ptp(x[:, j]) + 1
        mass = (1 - STRAY) * inside * p / bins.widths[there] + STRAY / span
        total -= np.log2(mass)
    return float(total.mean())


def xz(train: pd.DataFrame, test: pd.DataFrame, seed: int) -> float:
    """The test rows as comma-separated values through xz at its best."""
    text = test.to_csv(index=False, header=False).encode()
    return 8 * len(lzma.compress(text, preset=9 | lzma.PRESET_EXTREME)) / len(test)


def parquet(train: pd.DataFrame, test: pd.DataFrame, seed: int) -> float:
    """The test rows as Parquet with zstd at its best."""
    buffer = io.BytesIO()
    test.to_parquet(buffer, compression="zstd", compression_level=22, index=False)
    return 8 * len(buffer.getvalue()) / len(test)


METHODS = {
    "independent columns": independent,
    "chain of trees": trees,
    "xz -9e of CSV": xz,
    "Parquet, zstd 22": parquet,
}
