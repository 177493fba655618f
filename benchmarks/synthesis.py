"""Synthesis: rows that look like those of a table, against baselines that are hard to beat and today's synthesizers.

10,000 rows are fitted, as many are made, and 10,000 others judge them. Nulls of text are a level of their own ("?") for
everybody, so that all work on the same table; "vaery (nulls as nulls)" gets the nulls as they are and makes nulls of
its own, which are coded afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import datasets
import metrics
import pandas as pd
import synthesizers
from census import filled
from common import Clock
from datasets import Target
from task import Asked, Task, fit

TABLES = ("california", "default_credit", "bank_marketing", "adult")
ROWS = 10_000
SLOW = frozenset({"TVAE", "CTGAN", "GaussianCopula"})


@dataclass(frozen=True)
class Setting:
    """Rows to fit on, rows to judge by, and what is to be learned from synthetic rows."""

    train: pd.DataFrame
    test: pd.DataFrame
    target: Target


def task(asked: Asked, name: str) -> Task:
    rows = 1000 if asked.quick else ROWS
    target = datasets.TARGETS[name]

    def setting(seed: int) -> Setting:
        train, test = datasets.parts(asked.data, name, rows, rows, seed)
        return Setting(train, test, target.settled(train))

    def ours(s: Setting, seed: int) -> dict[str, Any]:
        return vaery(asked, s, filled(s.train), seed)

    def ours_nulls(s: Setting, seed: int) -> dict[str, Any]:
        return vaery(asked, s, s.train, seed)

    def smote(s: Setting, seed: int) -> dict[str, Any]:
        return baseline(synthesizers.smote(asked, s.target))(s, seed)

    methods = {
        "vaery": ours,
        **({"vaery (nulls as nulls)": ours_nulls} if name == "adult" else {}),
        "real rows": baseline(synthesizers.real),
        "independent columns": baseline(synthesizers.independent),
        "sequential CART": baseline(synthesizers.cart),
        "SMOTE": smote,
        "GaussianCopula": baseline(synthesizers.peer("GaussianCopula", asked)),
        "TVAE": baseline(synthesizers.peer("TVAE", asked)),
        "CTGAN": baseline(synthesizers.peer("CTGAN", asked)),
    }
    mine = frozenset(method for method in methods if method.startswith("vaery"))
    return Task("synthesis", {"rows": rows, "c2st_rows": 5000}, setting, methods, once=SLOW, ours=mine, data=name)


def vaery(asked: Asked, s: Setting, rows: pd.DataFrame, seed: int) -> dict[str, Any]:
    model, took = fit(asked, rows, seed)
    with Clock() as clock:
        made = model.generate(len(rows), seed=seed)
    return {**judge(s, made), **took, "sample_seconds": clock.wall}


def baseline(synthesizer: Any) -> Any:
    def method(s: Setting, seed: int) -> dict[str, Any]:
        with Clock() as clock:
            made, about = synthesizer(filled(s.train), seed)
        return {**judge(s, made), "fit_seconds": clock.wall, "fit_cpu_seconds": clock.cpu, **about}

    return method


def judge(s: Setting, made: pd.DataFrame) -> dict[str, float]:
    """Everything that is asked of synthetic rows."""
    train, test = filled(s.train), filled(s.test)
    made = filled(made)[list(train)].reset_index(drop=True)
    return {
        **metrics.two_sample(test, made),
        "shapes": metrics.shapes(test, made),
        "pairs": metrics.pairs(test, made, strong=0.3),
        "all_pairs": metrics.pairs(test, made),
        **metrics.downstream(made, test, s.target),
        **metrics.closeness(train, test, made),
    }
