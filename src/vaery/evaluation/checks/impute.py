"""Impute: cells hidden at random, filled again; halves of pictures likewise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaery.evaluation import baselines
from vaery.evaluation.bootstrap import PerColumn, everything, interval
from vaery.evaluation.holes import SHARE, Holes, expanded, punch
from vaery.evaluation.layout import Layout, Place, Rows, labels, numbers
from vaery.evaluation.measure import Measure, compared, promised
from vaery.evaluation.setting import Setting
from vaery.evaluation.tested import Tested

COVER = 0.9  # what an interval is asked to hold
CURVE = (0.5, 0.8)  # further intervals, for the picture …
FEWER = 400  # … on so many rows
SLACK = 0.02

Floats = NDArray[np.float64]


def impute(setting: Setting) -> Tested | None:
    """Hide cells, fill them, and see how far off that is, beside means and neighbours."""
    holes = punch(setting)
    if not holes.cells.any() and not holes.pixels:
        return None
    answer, seconds = setting.ask("impute", holes.holed, interval=COVER, everywhere=True)
    filled = {name: setting.layout.open(part) for name, part in answer.items()}
    methods = {
        "vaery": filled["value"],
        "mean or most frequent": _crossed(setting, holes, _centres),
        f"{baselines.K} nearest neighbours": _crossed(setting, holes, baselines.neighbours),
    }
    measures, columns = [], []
    for what in ("numbers", "categories", "pictures"):
        found = {name: losses(setting, holes, made, what) for name, made in methods.items()}
        if found["vaery"].count.any():
            measures.append(_measure(setting, found, what))
            columns += _by_column(setting, found, what)
    inside = covered(setting, holes, filled["low"], filled["high"])
    if inside.count.any():
        between = interval(inside, len(setting.rows), setting.rng("coverage"))
        value = inside(everything(len(setting.rows)))
        name = f"share of hidden numbers inside their {COVER:.0%} interval"
        note = "values that many rows share make intervals hold more"
        measures.append(promised(name, "at least", value, COVER, between, SLACK, note=note))
    cells = f"{SHARE:.0%} of the known cells" if setting.places else ""
    asked = " and ".join(part for part in (cells, "a half of each picture" if setting.layout.images else "") if part)
    return Tested("impute", f"{asked} hidden at random, and filled from what is left of the row", tuple(measures),
                  len(setting.rows), seconds, tuple(columns), _curve(setting, holes, inside),
                  (setting.learned_from,))  # fmt: skip


# ---------------------------------------------------------------------- simple methods


def _crossed(setting: Setting, holes: Holes, fill: Callable[[Layout, Rows, Rows], Rows]) -> Rows:
    """What a simple method fills in, learned from rows that it is not asked about."""
    import pandas as pd

    parts, order = [], []
    for fit, index in setting.folds:
        parts.append(fill(setting.layout, fit, holes.holed.take(index)))
        order.append(index)
    back = np.argsort(np.concatenate(order), kind="stable")
    cells = pd.concat([part.cells for part in parts], ignore_index=True).iloc[back].reset_index(drop=True)
    images = {name: np.concatenate([part.images[name] for part in parts])[back] for name in holes.pixels}
    return Rows(cells, images)


def _centres(layout: Layout, fit: Rows, holed: Rows) -> Rows:
    import pandas as pd

    places = layout.places
    made = pd.DataFrame({p.label: [baselines.centre(p, fit)] * len(holed) for p in places}, index=range(len(holed)))
    images = {name: np.repeat(np.asarray(fit.images[name], dtype=np.float64).mean(0)[None], len(holed), 0)
              for name in holed.images}  # fmt: skip
    return Rows(made, images)


# ---------------------------------------------------------------------- how far off


def losses(setting: Setting, holes: Holes, made: Rows, what: str) -> PerColumn:
    """Squared errors in standard deviations (numbers, pictures), or hits (categories), of what was hidden."""
    total, count = [], []
    if what == "pictures":
        for name, hidden in holes.pixels.items():
            truth = np.asarray(holes.truth.images[name], dtype=np.float64)
            mask = expanded(hidden, truth.shape)
            off = np.square(
                (np.ma.filled(np.ma.asarray(made.images[name]), 0).astype(np.float64) - truth) / truth.std()
            )
            total.append((off * mask).reshape(len(truth), -1).sum(1))
            count.append(mask.reshape(len(truth), -1).sum(1))
        return _per_column(total, count, len(holes.truth), root=True)
    for i, place in enumerate(setting.places):
        if place.numeric != (what == "numbers"):
            continue
        hidden = holes.cells[:, i]
        truth, guess = holes.truth[place.label], made[place.label]
        if place.numeric:
            x = numbers(truth, place.sort)
            off = np.square((_made_numbers(guess, place) - x) / (np.nanstd(x) or 1.0))
        else:
            off = (labels(guess) == labels(truth)).astype(np.float64)
        total.append(np.where(hidden, np.nan_to_num(off), 0.0))
        count.append(hidden)
    return _per_column(total, count, len(holes.truth), root=what == "numbers")


def _made_numbers(values: Any, place: Place) -> Floats:
    """Simple methods fill times as days already."""
    return numbers(values, "numeric" if values.dtype.kind == "f" else place.sort)


def _per_column(total: list[Floats], count: list[NDArray[np.bool_]], rows: int, root: bool) -> PerColumn:
    if not total:
        return PerColumn(np.zeros((rows, 0)), np.zeros((rows, 0)), root)
    return PerColumn(np.stack(total, 1), np.stack(count, 1).astype(np.float64), root)


def covered(setting: Setting, holes: Holes, low: Rows, high: Rows) -> PerColumn:
    """Whether hidden numbers lie between ``low`` and ``high``, ends included."""
    inside, count = np.zeros(len(holes.truth)), np.zeros(len(holes.truth))
    for i, place in enumerate(setting.places):
        if place.numeric:
            x, hidden = numbers(holes.truth[place.label], place.sort), holes.cells[:, i]
            a, b = (numbers(ends[place.label], place.sort) for ends in (low, high))
            tiny = 1e-9 * np.nanstd(x)
            inside += hidden & (a - tiny <= x) & (x <= b + tiny)
            count += hidden
    return PerColumn(inside[:, None], count[:, None])


def _curve(setting: Setting, holes: Holes, main: PerColumn) -> tuple[dict[str, float], ...]:
    """What share of hidden numbers intervals of several widths hold."""
    if not main.count.any():
        return ()
    some = np.arange(min(FEWER, len(setting.rows)))
    part = Holes(holes.truth.take(some), holes.holed.take(some), holes.cells[some], {})
    found = []
    for said in CURVE:
        ends, _ = setting.ask("impute", part.holed, interval=said, everywhere=True)
        inside = covered(setting, part, setting.layout.open(ends["low"]), setting.layout.open(ends["high"]))
        found.append({"said": said, "seen": inside(some), "count": float(inside.count.sum())})
    whole = main(everything(len(setting.rows)))
    return (*found, {"said": COVER, "seen": whole, "count": float(main.count.sum())})


# ---------------------------------------------------------------------- what is told

NAMES = {
    "numbers": "error of hidden numbers, in standard deviations",
    "categories": "share of hidden categories that were right",
    "pictures": "error of hidden pixels, in standard deviations",
}


def _measure(setting: Setting, found: dict[str, PerColumn], what: str) -> Measure:
    others = {name: loss for name, loss in found.items() if name != "vaery"}
    best = "high" if what == "categories" else "low"
    return compared(NAMES[what], best, found["vaery"], others, len(setting.rows), setting.rng(f"impute {what}"))


def _by_column(setting: Setting, found: dict[str, PerColumn], what: str) -> list[dict[str, Any]]:
    if what == "pictures":
        return []
    names = [place.label for place in setting.places if place.numeric == (what == "numbers")]
    listed = []
    for i, name in enumerate(names):
        if found["vaery"].count[:, i].any():
            own = {who: loss.column(i) for who, loss in found.items()}
            listed.append(_measure(setting, own, what).of_column(name))
    return listed
