"""Detect: one cell of a row replaced by another row's, to be found; and rows left as they are, not to be."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaery.evaluation import baselines
from vaery.evaluation.bootstrap import Area, per_row
from vaery.evaluation.layout import Rows, labels
from vaery.evaluation.measure import Measure, compared, promised
from vaery.evaluation.setting import Setting
from vaery.evaluation.tested import Tested

FDR = 0.05
SHARE = 0.1  # of the rows that hold an error where false discoveries are counted
MIXES = 40  # different tenths that it is averaged over
TRIES = 50  # of finding a row with another value

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Planted:
    """Rows with one error each.

    Attributes:
        rows: with the error.
        where: ``[N]`` which of the columns (then pictures) it is in; -1: none could be planted.
    """

    rows: Rows
    where: NDArray[np.int64]


def detect(setting: Setting) -> Tested | None:
    """Plant errors, and see whether their rows stand out and the cell is named, beside columns one by one."""
    planted = plant(setting)
    there = planted.where >= 0
    if not there.any():
        return None
    clean, _ = setting.detected
    dirty, seconds = setting.ask("detect", planted.rows, reasons=1, fdr=FDR)
    n, rng = len(setting.rows), setting.rng("detect")
    odd = {
        "vaery": tuple(np.asarray(f["oddness"], dtype=np.float64) for f in (clean, dirty)),
        **_simple(setting, planted),
    }
    areas = {who: Area(before, after, there) for who, (before, after) in odd.items()}
    found = [
        compared("how well rows with an error rank above those without (AUROC)", "high", areas.pop("vaery"), areas, n,
                 rng, note="0.5 is a coin's")
    ]  # fmt: skip
    found += _named(setting, planted, dirty, rng)
    p = tuple(np.asarray(f["p_value"], dtype=np.float64) for f in (clean, dirty))
    found += false_alarms(p[0], p[1][there], len(setting.model.calibration_["score"]), setting.rng("mixes"))
    what = " or ".join(
        ["one cell"] * bool(setting.places) + ["the lower half of the picture"] * bool(setting.rows.images)
    )
    return Tested("detect", f"{what} of a row replaced by what another row holds there", tuple(found), n, seconds,
                  notes=(setting.learned_from,))  # fmt: skip


# ---------------------------------------------------------------------- errors


def plant(setting: Setting) -> Planted:
    """In each row one cell, chosen at random, becomes what another row holds there, and is another value."""
    rng, rows, places = setting.rng("errors"), setting.rows, setting.places
    texts = [labels(rows[place.label]) for place in places]
    cells = [np.array(rows[place.label].to_numpy(dtype=object, na_value=None), dtype=object) for place in places]
    images = {name: np.array(pixels) for name, pixels in rows.images.items()}
    where = np.full(len(rows), -1)
    for row in range(len(rows)):
        here = [i for i, text in enumerate(texts) if text[row] is not None]
        here += [len(texts) + i for i in range(len(images))]
        column = int(rng.choice(here)) if here else -1
        if column >= len(texts):
            name = list(images)[column - len(texts)]
            other, half = int((row + rng.integers(1, len(rows))) % len(rows)), rows.images[name].shape[1] // 2
            images[name][row, half:] = rows.images[name][other, half:]
            where[row] = column
        elif column >= 0 and (other := _donor(texts[column], row, rng)) is not None:
            cells[column][row], where[row] = rows[places[column].label].iloc[other], column
    frame = rows.cells.copy()
    for place, values in zip(places, cells, strict=True):
        frame[place.label] = _typed(values, rows[place.label])
    return Planted(Rows(frame, images), where)


def _donor(text: NDArray[np.object_], row: int, rng: np.random.Generator) -> int | None:
    """Another row that holds another value, if some tries find one."""
    tries = rng.integers(0, len(text), TRIES)
    return next((int(other) for other in tries if text[other] not in (None, text[row])), None)


def _typed(values: NDArray[np.object_], like: Any) -> Any:
    """Values of a column in its own type."""
    import pandas as pd

    return pd.Series(values, index=like.index, dtype=like.dtype)


def _simple(setting: Setting, planted: Planted) -> dict[str, tuple[Floats, Floats]]:
    """Simple scores of the rows as they were and with their errors."""
    layout = setting.layout
    wise = lambda fit, asked: baselines.column_wise(layout, fit, asked)
    near = lambda fit, asked: baselines.distance_to_neighbours(layout, fit, asked)
    cells = tuple(setting.crossed(wise, rows) for rows in (setting.rows, planted.rows))
    setting.kept["column-wise"] = cells[1]
    return {
        "column-wise z-score": (cells[0].max(1), cells[1].max(1)),
        "distance to neighbours": (setting.crossed(near), setting.crossed(near, planted.rows)),
    }


def _named(setting: Setting, planted: Planted, dirty: Any, rng: np.random.Generator) -> list[Measure]:
    """Whether the first reason of a row with an error is the cell with the error."""
    names = [place.cell for place in setting.places] + list(setting.rows.images)
    if len(names) < 2:
        return []
    there = planted.where >= 0
    truth = [names[i] if i >= 0 else "" for i in planted.where]
    first = [reasons[0]["cell"] for reasons in dirty["reasons"]]
    ours = np.array([a == b for a, b in zip(first, truth, strict=True)], dtype=np.float64)
    at = {place.label: i for i, place in enumerate(setting.layout.places)}
    columns = [at[place.label] for place in setting.places]
    columns += range(len(at), len(at) + len(setting.rows.images))
    theirs = (setting.kept["column-wise"][:, columns].argmax(1) == planted.where).astype(np.float64)
    score = lambda hits: per_row(np.where(there, hits, np.nan))
    return [
        compared("how often the cell with the error is the first reason", "high", score(ours),
                 {"column-wise z-score": score(theirs)}, len(ours), rng,
                 note=f"chance: about {1 / len(names):.3f}")
    ]  # fmt: skip


# ---------------------------------------------------------------------- false alarms


def false_alarms(
    clean: Floats, dirty: Floats, held_out: int, rng: np.random.Generator, goal: float = FDR
) -> list[Measure]:
    """What the p-values promise: of clean rows a share ``goal`` at most lies below ``goal``; of the rows named at
    ``fdr=goal``, among which one in ten holds an error, a share ``goal`` at most is clean.

    Args:
        clean, dirty: p-values of rows without and with an error.
        held_out: how many scores the p-values were calibrated on; their number makes p-values uncertain, too.
    """
    share, spread = (
        float((clean <= goal).mean()),
        math.sqrt(goal * (1 - goal) * (1 / len(clean) + 1 / max(1, held_out))),
    )
    about = (share - 2 * spread, share + 2 * spread)
    first = promised(
        f"share of rows without an error with a p-value of at most {goal:g}", "at most", share, goal, about
    )
    false, named = mixes(clean, dirty, rng, goal)
    if not named.sum():
        note = f"at fdr={goal:g} no row was named: {held_out} held-out scores are too few for errors as slight as these"
        return [Measure(first.name, first.best, first.ours, {}, first.low, first.high, first.verdict, goal, note=note)]
    rate = np.divide(false, named, out=np.zeros(len(named)), where=named > 0)
    wide = 2 * math.sqrt(goal * (1 - goal) / named.mean() + float(rate.var()) / len(rate))
    mean = float(rate.mean())
    return [
        first,
        promised(f"share of false ones among the rows named at fdr={goal:g}", "at most", mean, goal,
                 (mean - wide, mean + wide), note=f"one row in ten has an error; {named.mean():.1f} were named"),
    ]  # fmt: skip


def mixes(clean: Floats, dirty: Floats, rng: np.random.Generator, goal: float) -> tuple[Floats, Floats]:
    """``[MIXES]`` how many clean rows were named, and how many rows in all, in mixtures of clean and dirty rows."""
    import torch

    from vaery.jobs.detect import discoveries

    count = min(len(dirty), max(1, round(SHARE / (1 - SHARE) * len(clean))))
    false, named = np.zeros(MIXES), np.zeros(MIXES)
    for i in range(MIXES):
        some = rng.choice(dirty, count, replace=False)
        picked = discoveries(torch.as_tensor(np.concatenate([clean, some])), goal).numpy()
        false[i], named[i] = picked[: len(clean)].sum(), picked.sum()
    return false, named
