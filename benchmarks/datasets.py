"""The public tables of ``tables.py``, each prepared in the one way that all methods get it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import census
import numpy as np
import pandas as pd
from census import sample, textual
from common import data

LOADERS = {"california": "california_housing", "wine": "wine_quality"}
CODES = {"default_credit": ("sex", "education", "marriage", "default"), "german_credit": ("credit_risk",)}
NUMERIC = ("concrete", "power_plant", "wine", "banknote", "california", "letter", "spam", "abalone")
ADBENCH = (
    *("annthyroid", "breastw", "cardio", "http", "ionosphere", "letter", "mammography", "musk"),
    *("optdigits", "pendigits", "satellite", "satimage_2", "shuttle", "thyroid", "vowels", "wbc"),
)


@dataclass(frozen=True)
class Target:
    """What is to be told from the other columns: whether ``column`` is ``positive``, or above a number."""

    column: str
    positive: str | float | None = None

    def settled(self, frame: pd.DataFrame) -> Target:
        """The same; where no number is named yet, it is the median of these rows."""
        return self if self.positive is not None else replace(self, positive=float(frame[self.column].median()))

    def of(self, frame: pd.DataFrame) -> np.ndarray:
        """``[rows]`` bool."""
        column = frame[self.column]
        hit = column == self.positive if isinstance(self.positive, str) else column > self.positive
        return hit.to_numpy(dtype=bool)


TARGETS = {
    "adult": Target(census.TARGET, census.RICH),
    "bank_marketing": Target("y", "yes"),
    "default_credit": Target("default", "1"),
    "california": Target("median_house_value"),
}


@cache
def table(folder: Path, name: str) -> pd.DataFrame:
    """A whole table: categories as text, whatever their codes, and nulls as nulls. ``adult``: its official parts."""
    if name == "adult":
        return pd.concat(census.adult(folder), ignore_index=True)
    frame: pd.DataFrame = getattr(data(folder), LOADERS.get(name, name))()
    frame = frame.rename(columns=str.strip).reset_index(drop=True)
    frame = frame.assign(**{c: frame[c].astype(str) for c in CODES.get(name, ())})
    for c in textual(frame):
        frame[c] = frame[c].astype(object).where(frame[c].notna(), None)
    return frame


def parts(folder: Path, name: str, rows: int, tests: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows to fit on and rows to judge by: of the official parts where there are any, else a random split.

    Rows without a number somewhere are left out, so that programs that know no nulls see the same table.
    """
    if name == "adult":
        train, test = census.adult(folder)
        return sample(train, rows, seed), sample(test, tests, seed)
    frame = with_numbers(table(folder, name))
    order = np.random.default_rng(1000 + seed).permutation(len(frame))
    cut = min(rows, len(frame) * rows // (rows + tests))
    take = lambda at: frame.iloc[at].reset_index(drop=True)
    return take(order[:cut]), take(order[cut : cut + tests])


def numbers(folder: Path, name: str, rows: int, seed: int) -> pd.DataFrame:
    """The numeric columns alone, without nulls."""
    frame = with_numbers(table(folder, name))
    return sample(frame.drop(columns=textual(frame)), rows, seed)


def with_numbers(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame[census.numeric(frame)].notna().all(axis=1)].reset_index(drop=True)


def anomalies(folder: Path, name: str, most: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """An ADBench table ``(x, outlier)``; larger ones are cut to ``most`` rows with the same share of anomalies."""
    x, y = data(folder).adbench(name)
    outlier = y == 1
    if len(x) <= most:
        return x, outlier
    rng = np.random.default_rng(2000 + seed)
    share = most / len(x)
    kept = [rng.choice(at, round(share * len(at)), replace=False) for at in map(np.flatnonzero, (~outlier, outlier))]
    order = rng.permutation(np.concatenate(kept))
    return x[order], outlier[order]
