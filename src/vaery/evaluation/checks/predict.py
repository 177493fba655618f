"""Predict: a column from all the others, beside its mean or most frequent level and a linear model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaery.evaluation import baselines
from vaery.evaluation.bootstrap import PerColumn, per_row
from vaery.evaluation.layout import Place, Rows, labels, numbers
from vaery.evaluation.measure import Measure, compared
from vaery.evaluation.setting import Setting
from vaery.evaluation.tested import Tested

MOST = 16  # columns that are predicted where none is named
FEWER = 500  # rows that each of them is predicted for
LEAST = 1e-4  # no probability counts as less
BINS = 10  # of the calibration curve

Floats = NDArray[np.float64]
MEASURES = {
    "right": ("share of classes that were right", "high"),
    "bits": ("surprise at the true class, in bits", "low"),
    "error": ("error of numbers, in standard deviations", "low"),
}


@dataclass(frozen=True)
class Guessed:
    """One column, predicted.

    Attributes:
        losses: measure → method → ``[N]`` loss (or hit) of each row; NaN where the truth is unknown.
        sure: ``[N]`` the model's probability of what it says; empty of numbers.
        hit: ``[N]`` whether that is true.
        seconds: that the model took.
    """

    losses: dict[str, dict[str, Floats]]
    sure: Floats
    hit: Floats
    seconds: float


def predict(setting: Setting) -> Tested | None:
    """Predict the target, or each column, from all others."""
    named = setting.target is not None
    places = [setting.target] if setting.target is not None else setting.places[:MOST]
    if not places or len(setting.layout.places) + len(setting.layout.images) < 2:
        return None
    index = np.arange(len(setting.rows) if named else min(FEWER, len(setting.rows)))
    found = {place.label: guess(setting, place, index) for place in places}
    measures, columns = [], []
    for what, (name, best) in MEASURES.items():
        of = {label: g.losses[what] for label, g in found.items() if what in g.losses}
        if of:
            rng = setting.rng(f"predict {what}")
            measures.append(_measure(name, best, list(of.values()), what, rng))
            columns += [_measure(name, best, [loss], what, rng).of_column(label) for label, loss in of.items()]
    what = f"{places[0].label} from all else" if named else f"each of {len(places)} columns from all others"
    notes = [setting.learned_from]
    if len(setting.places) > len(places) and not named:
        notes.append(f"the first {MOST} of {len(setting.places)} columns; target= names another")
    seconds = sum(g.seconds for g in found.values())
    return Tested("predict", what, tuple(measures), len(index) * len(places), seconds,
                  tuple(columns) if len(found) > 1 else (), reliability(found), tuple(notes))  # fmt: skip


def _measure(name: str, best: Any, losses: list[dict[str, Floats]], what: str, rng: np.random.Generator) -> Measure:
    """One or several columns, averaged."""
    methods = {who: _together([loss[who] for loss in losses], root=what == "error") for who in losses[0]}
    return compared(name, best, methods.pop("vaery"), methods, len(losses[0]["vaery"]), rng)


def _together(losses: list[Floats], root: bool) -> PerColumn:
    each = [per_row(loss) for loss in losses]
    return PerColumn(np.concatenate([e.total for e in each], 1), np.concatenate([e.count for e in each], 1), root)


def guess(setting: Setting, place: Place, index: NDArray[np.int64]) -> Guessed:
    """Predict one column of the rows ``index``, by the model and by simple methods."""
    some = setting.rows.take(index)
    return _numbers(setting, place, some, index) if place.numeric else _classes(setting, place, some, index)


def _numbers(setting: Setting, place: Place, some: Rows, index: NDArray[np.int64]) -> Guessed:
    import pandas as pd

    answer, seconds = setting.ask("predict", some, target=place.label)
    truth = numbers(some[place.label], place.sort)
    spread = np.nanstd(numbers(setting.rows[place.label], place.sort)) or 1.0
    centre = lambda fit, asked: np.full(len(asked), float(baselines.centre(place, fit)))
    line = lambda fit, asked: baselines.linear_number(setting.layout, fit, asked, place)
    guesses = {
        "vaery": numbers(pd.Series(answer), place.sort),
        "mean": setting.crossed(centre)[index],
        "linear regression": setting.crossed(line)[index],
    }
    off = {who: np.square((x - truth) / spread) for who, x in guesses.items()}
    return Guessed({"error": off}, np.zeros(0), np.zeros(0), seconds)


def _classes(setting: Setting, place: Place, some: Rows, index: NDArray[np.int64]) -> Guessed:
    answer, seconds = setting.ask("predict_proba", some, target=place.label)
    import pandas as pd

    classes = list(labels(pd.Series(setting.model.classes(place.label))))
    flat = lambda fit, asked: baselines.frequencies(setting.layout, fit, asked, place, classes)
    line = lambda fit, asked: baselines.logistic(setting.layout, fit, asked, place, classes)
    chances = {
        "vaery": np.asarray(answer, dtype=np.float64),
        "most frequent": setting.crossed(flat)[index],
        "logistic regression": setting.crossed(line)[index],
    }
    at = {name: i for i, name in enumerate(classes)}
    truth = np.array([-1 if t is None else at.get(t, -1) for t in labels(some[place.label])])
    known = truth >= 0
    right = {who: np.where(known, p.argmax(1) == truth, np.nan) for who, p in chances.items()}
    bits = {who: np.where(known, surprise(p, truth), np.nan) for who, p in chances.items()}
    ours = chances["vaery"]
    return Guessed({"right": right, "bits": bits}, ours.max(1)[known], right["vaery"][known], seconds)


def surprise(chances: Floats, truth: NDArray[np.int64]) -> Floats:
    """``[N]`` -log2 of the probability of the true class, none counted as less than :data:`LEAST`.

    >>> surprise(np.array([[0.25, 0.75]]), np.array([0])).tolist()
    [2.0]
    """
    return -np.log2(np.maximum(chances[np.arange(len(truth)), truth], LEAST))


def reliability(found: dict[str, Guessed]) -> tuple[dict[str, float], ...]:
    """How often what is said with some probability is true: one point for each tenth of the answers."""
    sure = np.concatenate([g.sure for g in found.values()])
    hit = np.concatenate([g.hit for g in found.values()])
    if not len(sure):
        return ()
    parts = np.array_split(np.argsort(sure, kind="stable"), min(BINS, max(1, len(sure) // 20)))
    return tuple({"said": float(sure[p].mean()), "seen": float(hit[p].mean()), "count": float(len(p))} for p in parts)
