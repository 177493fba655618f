"""Other ways to fill gaps: ``(holed, seed, draws) → (filled, drawn tables or None)``, on mixed frames with nulls."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import miwae
import numpy as np
import pandas as pd
from census import indicators, levels, numeric, ordinal, textual
from peer_process import run_peer
from peers import HYPERIMPUTE
from synthesizers import draw_from_leaves
from task import Asked

Filled = tuple[pd.DataFrame, list[pd.DataFrame] | None]
Imputer = Callable[[pd.DataFrame, int, int], Filled]


def mean(holed: pd.DataFrame, seed: int, draws: int) -> Filled:
    """Means and modes; draws are values of the column, whatever the row."""
    rng = np.random.default_rng(seed)
    best = holed.copy()
    drawn = [holed.copy() for _ in range(draws)]
    for c in holed:
        known, gaps = holed[c].dropna().to_numpy(), holed[c].isna().to_numpy()
        if not gaps.any():
            continue
        best.loc[gaps, c] = known.mean() if c in numeric(holed) else holed[c].mode()[0]
        for table in drawn:
            table.loc[gaps, c] = rng.choice(known, gaps.sum())
    return best, drawn


def neighbours(holed: pd.DataFrame, seed: int, draws: int) -> Filled:
    """The mean of the 5 nearest rows, on standardised numbers and one-hot text (scikit-learn's KNNImputer)."""
    from sklearn.impute import KNNImputer

    x, places = hot(holed)
    return cold(holed, KNNImputer(n_neighbors=5, keep_empty_features=True).fit_transform(x), places), None


def chained(holed: pd.DataFrame, seed: int, draws: int) -> Filled:
    """Chained ridge regressions on the same columns (scikit-learn's IterativeImputer)."""
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401
    from sklearn.impute import IterativeImputer

    x, places = hot(holed)
    return cold(holed, IterativeImputer(random_state=seed, keep_empty_features=True).fit_transform(x), places), None


def forests(holed: pd.DataFrame, seed: int, draws: int, trees: int = 30, rounds: int = 4) -> Filled:
    """A loop of random forests over columns, as MissForest (Stekhoven and Buehlmann, 2012).

    Draws come from the leaves of the last round: a random tree's leaf, a random value in it (Meinshausen, 2006).
    """
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    def make(is_text: bool) -> Any:
        kind = RandomForestClassifier if is_text else RandomForestRegressor
        return kind(trees, random_state=seed, max_features=0.5, min_samples_leaf=1 if is_text else 2)

    return loop(holed, make, rounds, seed, draws)


def boosting(holed: pd.DataFrame, seed: int, draws: int, rounds: int = 4) -> Filled:
    """The same loop with histogram gradient boosting; no draws."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    text = np.array([c in textual(holed) for c in holed])

    def make(is_text: bool, others: np.ndarray) -> Any:
        kind = HistGradientBoostingClassifier if is_text else HistGradientBoostingRegressor
        return kind(max_iter=60, random_state=seed, categorical_features=text[others])

    return loop(holed, make, rounds, seed, 0)


def hyperimpute(asked: Asked) -> Imputer:
    """HyperImpute at its defaults, in its own environment; it takes codes and looks for itself what is a category."""

    def fill(holed: pd.DataFrame, seed: int, draws: int) -> Filled:
        of = levels(holed)
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder) / "holed.npz", Path(folder) / "filled.npy"
            np.savez(source, holed=ordinal(holed, of))
            run_peer(asked.threads, "fill", "hyperimpute", source, target, seed, python=HYPERIMPUTE)
            return frame(holed, np.load(target), of), None

    return fill


def peers(asked: Asked) -> dict[str, Imputer]:
    return {"HyperImpute": hyperimpute(asked)}


METHODS: dict[str, Imputer] = {
    "mean and mode": mean,
    "5 neighbours": neighbours,
    "chained ridge": chained,
    "forest loop": forests,
    "boosting loop": boosting,
}
NUMERIC: dict[str, Imputer] = {"MIWAE": miwae.fill}
SLOW = frozenset({"HyperImpute", "MIWAE"})


def loop(holed: pd.DataFrame, make: Any, rounds: int, seed: int, draws: int) -> Filled:
    """Each column told from all others in turn, starting from means and modes."""
    of, text = levels(holed), set(textual(holed))
    start, _ = mean(holed, seed, 0)
    x, gaps = ordinal(start, of).copy(), holed.isna().to_numpy()
    drawn = [x.copy() for _ in range(draws)]
    rng, names = np.random.default_rng(seed), list(holed)
    for round_ in range(rounds):
        for j in np.argsort(gaps.mean(0), kind="stable"):
            here = gaps[:, j]
            if not here.any():
                continue
            others = np.arange(x.shape[1]) != j
            is_text = names[j] in text
            model = make(is_text, others) if make.__code__.co_argcount == 2 else make(is_text)
            model.fit(x[~here][:, others], x[~here, j])
            if draws and round_ == rounds - 1:
                from_leaves(model, x[~here][:, others], x[~here, j], x[here][:, others], drawn, here, j, rng)
            x[here, j] = model.predict(x[here][:, others])
    return frame(holed, x, of), [frame(holed, d, of) for d in drawn] if draws else None


def from_leaves(model: Any, known: Any, value: Any, wanted: Any, drawn: list, here: Any, j: int, rng: Any) -> None:
    """Write a draw of column ``j`` into each of the drawn tables."""
    picks = rng.integers(0, len(model.estimators_), len(drawn))
    for table, pick in zip(drawn, picks, strict=True):
        tree = model.estimators_[pick]
        table[here, j] = draw_from_leaves(tree.apply(known), value, tree.apply(wanted), rng)


def frame(holed: pd.DataFrame, x: np.ndarray, of: dict[str, list[str]]) -> pd.DataFrame:
    """Codes back to text; what was known stays as it was."""
    out = pd.DataFrame(x, columns=list(holed), index=holed.index)
    for c, values in of.items():
        at = np.clip(np.rint(x[:, list(holed).index(c)]), 0, len(values) - 1).astype(int)
        out[c] = np.array(values, dtype=object)[at]
    return out.where(holed.isna(), holed)


def hot(holed: pd.DataFrame) -> tuple[np.ndarray, list[Any]]:
    """Standardised numbers and one-hot text, NaN where null; and where each column went."""
    parts, places, at = [], [], 0
    for c in holed:
        known = holed[c].notna().to_numpy()
        if c in numeric(holed):
            block = ((holed[c] - holed[c].mean()) / holed[c].std()).to_numpy(float)[:, None]
        else:
            block = indicators(holed[c], levels(holed)[c])
            block[~known] = np.nan
        parts.append(block)
        places.append((c, slice(at, at + block.shape[1])))
        at += block.shape[1]
    return np.concatenate(parts, 1), places


def cold(holed: pd.DataFrame, x: np.ndarray, places: list[Any]) -> pd.DataFrame:
    """The inverse of :func:`hot`: the largest of a text's columns wins."""
    out = holed.copy()
    for c, place in places:
        gaps = holed[c].isna().to_numpy()
        if not gaps.any():
            continue
        if c in numeric(holed):
            out.loc[gaps, c] = x[gaps, place.start] * holed[c].std() + holed[c].mean()
        else:
            out.loc[gaps, c] = np.array(levels(holed)[c], dtype=object)[x[gaps, place].argmax(1)]
    return out
