"""Generate: synthetic census rows, against baselines that are hard to beat and today's neural synthesizers.

10,000 official training rows are fitted, as many rows are made, and 10,000 official test rows judge them. Nulls are
coded as a level of their own ("?") for everybody, so that all work on the same table; "vaery (nulls as nulls)" gets the
nulls as they are and makes nulls of its own, which are coded afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import metrics
import pandas as pd
import synthesizers
from census import adult, filled, sample
from common import Clock
from task import Asked, Task, fit


@dataclass(frozen=True)
class Setting:
    train: pd.DataFrame
    test: pd.DataFrame


def task(asked: Asked) -> Task:
    rows = 1000 if asked.quick else 10_000

    def setting(seed: int) -> Setting:
        train, test = adult(asked.data)
        return Setting(sample(train, rows, seed), sample(test, rows, seed))

    def ours(s: Setting, seed: int) -> dict[str, Any]:
        return vaery(asked, s, filled(s.train), seed)

    def ours_nulls(s: Setting, seed: int) -> dict[str, Any]:
        return vaery(asked, s, s.train, seed)

    methods = {
        "vaery": ours,
        "vaery (nulls as nulls)": ours_nulls,
        "real rows": baseline(synthesizers.real),
        "independent columns": baseline(synthesizers.independent),
        "sequential CART": baseline(synthesizers.cart),
        "TVAE": baseline(synthesizers.peer("TVAE", asked)),
        "CTGAN": baseline(synthesizers.peer("CTGAN", asked)),
    }
    return Task(
        "generate",
        {"rows": rows, "c2st_rows": 5000},
        setting,
        methods,
        once=frozenset({"TVAE", "CTGAN"}),
        ours=frozenset({"vaery", "vaery (nulls as nulls)"}),
    )


def vaery(asked: Asked, s: Setting, rows: pd.DataFrame, seed: int) -> dict[str, Any]:
    model, took = fit(asked, rows, seed)
    with Clock() as clock:
        made = model.generate(len(rows), seed=seed)
    return {**judge(filled(s.train), filled(s.test), filled(made)), **took, "sample_seconds": clock.wall}


def baseline(synthesizer: Any) -> Any:
    def method(s: Setting, seed: int) -> dict[str, Any]:
        train, test = filled(s.train), filled(s.test)
        with Clock() as clock:
            made, about = synthesizer(train, seed)
        return {**judge(train, test, made), "fit_seconds": clock.wall, "fit_cpu_seconds": clock.cpu, **about}

    return method


def judge(train: pd.DataFrame, test: pd.DataFrame, made: pd.DataFrame) -> dict[str, float]:
    """Everything that is asked of synthetic rows."""
    made = made[list(train)].reset_index(drop=True)
    return {
        **metrics.two_sample(test, made),
        "shapes": metrics.shapes(test, made),
        "pairs": metrics.pairs(test, made, strong=0.3),
        "all_pairs": metrics.pairs(test, made),
        **metrics.downstream(made, test),
        **metrics.closeness(train, test, made),
    }
