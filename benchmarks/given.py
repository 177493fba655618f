"""Given: rows that meet a condition which one row in a thousand meets, quickly and rightly distributed.

The official training rows of the census are fitted. For each condition, 1,000 rows are made. How right they are is
judged by the official test rows that meet it: the mean over the other columns of the total variation distance (text) or
the Kolmogorov-Smirnov statistic (numbers), of as many made rows as there are training rows that meet it. What sampling
alone does is known: the real rows of both parts, split at random into parts of these sizes, are so far apart.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import adult_predict
import numpy as np
import pandas as pd
from census import adult, filled, numeric
from common import Clock
from metrics import overlap
from peer_process import run_peer
from task import Asked, Task

TABLES = ("adult",)
ROWS, SPLITS = 1000, 50
CONDITIONS: tuple[dict[str, str], ...] = (  # 49 to 60 of the 48,842 rows each
    {"education": "Doctorate", "sex": "Female", "income": "<=50K"},
    {"occupation": "Priv-house-serv", "race": "Black"},
    {"native_country": "Cuba", "sex": "Female"},
    {"marital_status": "Widowed", "income": ">50K", "sex": "Male"},
)


@dataclass(frozen=True)
class Setting:
    """``real``: for each condition, the training and the test rows that meet it."""

    train: pd.DataFrame
    real: list[tuple[pd.DataFrame, pd.DataFrame]]
    rows: int


def task(asked: Asked, name: str) -> Task:
    rows = 50 if asked.quick else ROWS

    def setting(seed: int) -> Setting:
        train, test = map(filled, adult(asked.data))
        real = [(train[meets(train, c)], test[meets(test, c)]) for c in CONDITIONS]
        return Setting(adult_predict.rows(asked).train, real, rows)

    def ours(s: Setting, seed: int) -> dict[str, Any]:
        model, took = adult_predict.fitted(asked, seed)
        made, seconds, sizes = [], [], []
        for condition in CONDITIONS:
            with Clock() as clock:
                made.append(model.generate(s.rows, given=condition, seed=seed))
            seconds.append(clock.wall)
            sizes.append(model.effective_sample_size_)
        return {**judge(s, made, seconds, seed), "effective_sample_size": float(np.mean(sizes)), **took}

    def real(s: Setting, seed: int) -> dict[str, Any]:
        return judge(s, [train for train, _ in s.real], [float("inf")] * len(s.real), seed)

    methods = {"vaery": ours, "SDV TVAE": peer("TVAE", asked), "SDV GaussianCopula": peer("GaussianCopula", asked)}
    config = {"rows": rows, "splits": SPLITS, "against": "test rows", "conditions": [dict(c) for c in CONDITIONS]}
    once = frozenset(methods) - {"vaery"}
    return Task("given", config, setting, {**methods, "training rows": real}, once=once, data=name)


def peer(name: str, asked: Asked) -> Any:
    """Conditional sampling of an SDV synthesizer at its defaults."""

    def method(s: Setting, seed: int) -> dict[str, Any]:
        epochs = ["3"] if asked.quick and name == "TVAE" else []
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "train.parquet"
            filled(s.train).to_parquet(source)
            took = run_peer(asked.threads, "given", name, source, folder, seed, s.rows, json.dumps(CONDITIONS), *epochs)
            made = [pd.read_parquet(Path(folder) / f"{i}.parquet") for i in range(len(CONDITIONS))]
        return {**judge(s, made, took.pop("seconds_each"), seed), **took}

    return method


def meets(frame: pd.DataFrame, condition: dict[str, str]) -> np.ndarray:
    return np.all([frame[c] == value for c, value in condition.items()], axis=0)


def judge(s: Setting, made: list[pd.DataFrame], seconds: list[float], seed: int) -> dict[str, float]:
    """Rows a second over all conditions; distances, mean over conditions; how many of the rows asked for came."""
    noise, off, met = [], [], []
    for condition, real, rows in zip(CONDITIONS, s.real, made, strict=True):
        rows = filled(rows)
        met.append(meets(rows, condition).mean() if len(rows) else 0.0)
        rest = [c for c in real[0] if c not in condition]
        found = distances(*(part[rest] for part in (*real, rows)), seed) if len(rows) else (np.nan, np.nan)
        noise.append(found[0])
        off.append(found[1])
    came = sum(map(len, made))
    return {
        "rows_per_second": came / sum(seconds),
        "came": came / (s.rows * len(made)),
        "met": float(np.mean(met)),
        "distance": float(np.nanmean(off)),
        "noise": float(np.nanmean(noise)),
        "ratio": float(np.nanmean(off) / np.nanmean(noise)),
    }


def distances(train: pd.DataFrame, test: pd.DataFrame, made: pd.DataFrame, seed: int) -> tuple[float, float]:
    """Of two parts of all real rows, as large as ``train`` and ``test``, from one another; of as many made rows as
    ``train`` holds from ``test``: means over random parts."""
    rng, real = np.random.default_rng(seed), pd.concat([train, test], ignore_index=True)
    between, off = [], []
    for _ in range(SPLITS):
        order = rng.permutation(len(real))
        between.append(distance(real.iloc[order[: len(train)]], real.iloc[order[len(train) :]]))
        some = made.iloc[rng.choice(len(made), len(train), replace=len(made) < len(train))]
        off.append(distance(some, test))
    return float(np.mean(between)), float(np.mean(off))


def distance(a: pd.DataFrame, b: pd.DataFrame) -> float:
    from scipy.stats import ks_2samp

    of_numbers = set(numeric(b))
    each = [float(ks_2samp(a[c], b[c]).statistic) if c in of_numbers else 1 - overlap(a[c], b[c]) for c in b]
    return float(np.mean(each))
