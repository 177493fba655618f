"""The adult table, and the ways to code any table for programs that want numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from common import data

TARGET = "income"
RICH = ">50K"


def adult(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The official train and test rows, nulls where the source had "?"; six numeric columns, nine of text."""
    frame = data(folder).adult()
    for name in textual(frame):
        frame[name] = frame[name].astype(object).where(frame[name].notna(), None)
    parts = [frame[frame["split"] == s].drop(columns="split").reset_index(drop=True) for s in ("train", "test")]
    return parts[0], parts[1]


def sample(frame: pd.DataFrame, rows: int, seed: int) -> pd.DataFrame:
    """So many rows, drawn without replacement."""
    return frame.sample(min(rows, len(frame)), random_state=seed).reset_index(drop=True)


def textual(frame: pd.DataFrame) -> list[str]:
    return [c for c in frame if not pd.api.types.is_numeric_dtype(frame[c])]


def numeric(frame: pd.DataFrame) -> list[str]:
    return [c for c in frame if pd.api.types.is_numeric_dtype(frame[c])]


def filled(frame: pd.DataFrame) -> pd.DataFrame:
    """Nulls of text columns as a level of their own, "?", for programs that know no nulls."""
    return frame.assign(**{c: frame[c].where(frame[c].notna(), "?") for c in textual(frame)})


def levels(frame: pd.DataFrame) -> dict[str, list[str]]:
    """Text column → its values, sorted."""
    return {c: sorted(frame[c].dropna().unique()) for c in textual(frame)}


def ordinal(frame: pd.DataFrame, of: dict[str, list[str]]) -> np.ndarray:
    """Text as the place in its list of levels (what is not in it, and nulls: NaN), numbers as they are."""
    coded = {c: {value: i for i, value in enumerate(values)} for c, values in of.items()}
    return frame.assign(**{c: frame[c].map(codes) for c, codes in coded.items()}).to_numpy(dtype=float)


def one_hot(frame: pd.DataFrame, of: dict[str, list[str]], like: pd.DataFrame) -> np.ndarray:
    """Numbers standardised as in ``like``, text as zeros and a one; nulls of numbers: zero."""
    names = numeric(frame)
    mean, sd = like[names].mean(), like[names].std() + 1e-9
    parts: list[Any] = [((frame[names] - mean) / sd).fillna(0.0).to_numpy(dtype=float)]
    parts += [indicators(frame[c], values) for c, values in of.items()]
    return np.concatenate(parts, 1)


def indicators(column: pd.Series, values: list[str]) -> np.ndarray:
    """A one in the place of each row's value."""
    return (column.to_numpy()[:, None] == np.array(values, dtype=object)[None]).astype(float)


def complete(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows without a null or "?"."""
    return frame[frame.notna().all(axis=1) & (frame != "?").all(axis=1)].reset_index(drop=True)
