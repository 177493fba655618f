"""The checks: gaps of three shapes, steps to come, and stretches that belong elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from vaery.evaluation.bootstrap import Area, PerColumn, everything, interval, per_row
from vaery.evaluation.measure import Measure, compared, promised
from vaery.evaluation.series import simple
from vaery.evaluation.series.forecast import COVER, SLACK, forecast
from vaery.evaluation.series.setting import Floats, Mask, Series
from vaery.evaluation.tested import Tested

POINTS, HALF, TENTH = 0.1, 0.5, 0.1  # shares that are hidden
SHORT, LONG = 8, 24  # steps of a hidden stretch
ODD = 10  # steps of an odd one, at most
TRIES = 20  # of finding a stretch that is other than what it replaces


def holes(setting: Series) -> dict[str, Mask]:
    """Name of a shape of gaps → ``[R, C]`` bool, what it hides of what is known."""
    rng, shape = setting.rng("holes"), setting.line.shape
    found = {
        "single cells": rng.random(shape) < POINTS,
        "stretches of one channel": _stretches(setting, HALF, rng, shape[1]),
    }
    if shape[1] > 1:
        found["stretches of all channels"] = np.repeat(_stretches(setting, TENTH, rng, 1), shape[1], 1)
    return {name: mask & np.isfinite(setting.line) for name, mask in found.items()}


def _stretches(setting: Series, share: float, rng: np.random.Generator, channels: int) -> Mask:
    """Stretches at random places, in each channel by itself, until a share is hidden."""
    out = np.zeros((len(setting.line), channels), dtype=bool)
    for column in out.T:
        while column.mean() < share:
            start = int(rng.integers(0, len(column)))
            column[start : start + int(rng.integers(SHORT, LONG + 1))] = True
    return out


def impute(setting: Series) -> Tested | None:
    """Hide cells, fill them, and see how far off that is, beside straight lines."""
    if not setting.names:
        return None
    measures, spent = [], 0.0
    inside, there = np.zeros_like(setting.line), np.zeros_like(setting.line)
    for name, hidden in holes(setting).items():
        raw = setting.changed(hidden)
        answer, seconds = setting.ask("impute", raw, how="median", interval=COVER)
        ends = {end: setting.standard(answer[end]) for end in ("low", "high")}
        filled = {"vaery": setting.standard(answer["value"])} | _simple(setting, hidden)
        losses = {who: setting.by_segment(np.abs(x - setting.line), hidden) for who, x in filled.items()}
        if name == "stretches of one channel":
            setting.kept["fills"] = (hidden, filled["vaery"], ends["low"], ends["high"])
        inside += hidden & (ends["low"] - 1e-9 <= setting.line) & (setting.line <= ends["high"] + 1e-9)
        there += hidden
        spent += seconds
        what = f"error where {name} were hidden, in standard deviations"
        measures.append(compared(what, "low", losses.pop("vaery"), losses, setting.segments, setting.rng(name)))
    held = PerColumn(_sums(setting, inside), _sums(setting, there))
    between = interval(held, setting.segments, setting.rng("coverage"))
    value = held(everything(setting.segments))
    name = f"share of hidden numbers inside their {COVER:.0%} interval"
    measures.append(promised(name, "at least", value, COVER, between, SLACK))
    asked = (
        f"{POINTS:.0%} of the cells hidden; then half of them, in stretches of {SHORT} to {LONG} steps of one channel; "
        f"then {TENTH:.0%} of the steps, in such stretches of all channels"
    )
    return Tested("impute", asked, tuple(measures), len(setting.line), spent)


def _simple(setting: Series, hidden: Mask) -> dict[str, Floats]:
    x = np.where(hidden, np.nan, setting.line)
    return {
        "straight line": simple.straight(x, setting.series),
        "last value": simple.carried(x, setting.series),
    }


def _sums(setting: Series, x: Floats) -> Floats:
    """``[segments, 1]``."""
    total = np.zeros((setting.segments, 1))
    np.add.at(total[:, 0], setting.segment, x.sum(1))
    return total


# ---------------------------------------------------------------------- odd stretches


def plant(setting: Series) -> tuple[Floats, Mask, np.ndarray]:
    """In every second segment a stretch of one channel becomes what that channel holds elsewhere.

    Returns:
        The line with them; ``[R, C]`` where they are; ``[segments]`` the channel of each, -1: there is none.
    """
    rng, line = setting.rng("odd stretches"), setting.line.copy()
    where, channel = np.zeros(line.shape, dtype=bool), np.full(setting.segments, -1)
    for segment in range(1, setting.segments, 2):
        rows = np.flatnonzero(setting.segment == segment)
        length = min(ODD, max(1, len(rows) // 2))
        start = int(rows[0] + rng.integers(0, max(1, len(rows) - length)))
        c = int(rng.integers(0, line.shape[1]))
        mine = slice(start, start + length)
        for donor in rng.integers(0, max(1, len(line) - length), TRIES):
            new = setting.line[donor : donor + length, c]
            if len(new) == length and np.isfinite(new).all() and np.abs(new - setting.line[mine, c]).mean() > 0:
                line[mine, c], where[mine, c], channel[segment] = new, np.isfinite(setting.line[mine, c]), c
                break
    return np.where(where, line, setting.line), where, channel


def detect(setting: Series) -> Tested | None:
    """Put stretches where they do not belong, and see whether they stand out, beside moving medians and jumps."""
    if not setting.names:
        return None
    line, where, channel = plant(setting)
    there = channel >= 0
    if not there.any():
        return None
    clean, _ = setting.detected
    dirty, seconds = setting.ask("detect", setting.changed(where, line), reasons=1, fdr=setting.fdr)
    scores = {"vaery": (_on_line(setting, clean["oddness"]), _on_line(setting, dirty["oddness"]))}
    for name, how in (("distance from the moving median", simple.off_median), ("jumps", simple.jumps)):
        scores[name] = (np.nanmax(how(setting.line, setting.series), 1), np.nanmax(how(line, setting.series), 1))
    areas = {who: Area(setting.highest(a), setting.highest(b), there) for who, (a, b) in scores.items()}
    rng = setting.rng("detect")
    measures = [
        compared("how well segments with an odd stretch rank above those without (AUROC)", "high", areas.pop("vaery"),
                 areas, setting.segments, rng, note="0.5 is a coin's")
    ]  # fmt: skip
    if len(setting.names) > 1:
        measures.append(_named(setting, dirty, line, where, channel, rng))
    low = np.asarray(_on_line(setting, clean["p_value"]) <= setting.fdr, dtype=np.float64)[:, None]
    alarm = setting.by_segment(low, np.ones(low.shape, dtype=bool))
    share = alarm(everything(setting.segments))
    between = interval(alarm, setting.segments, setting.rng("alarms"))
    measures.append(
        promised(f"share of steps as they are with a p-value up to {setting.fdr:g}", "at most", share, setting.fdr,
                 between, SLACK, note="steps that are odd by themselves count as false alarms here")
    )  # fmt: skip
    what = f"a stretch of up to {ODD} steps of one channel replaced by what it holds elsewhere"
    return Tested("detect", what, tuple(measures), len(line), seconds)


def _on_line(setting: Series, found: Floats) -> Floats:
    """What is told of each raw row, in the order of the line."""
    return np.asarray(found, dtype=np.float64)[setting.opened.order]


def _named(
    setting: Series, dirty: Mapping, line: Floats, where: Mask, channel: np.ndarray, rng: np.random.Generator
) -> Measure:
    """Whether the first reason of the oddest step of an odd stretch is its channel."""
    reasons = np.array([r[0]["cell"] if len(r) else "" for r in list(dirty["reasons"])], dtype=object)[
        setting.opened.order
    ]
    odd = _on_line(setting, dirty["oddness"])
    away = simple.off_median(line, setting.series)
    right = {name: np.full(setting.segments, np.nan) for name in ("vaery", "distance from the moving median")}
    for segment in np.flatnonzero(channel >= 0):
        rows = np.flatnonzero((setting.segment == segment) & where.any(1))
        if len(rows):
            own = setting.names[channel[segment]]
            right["vaery"][segment] = reasons[rows[np.nanargmax(odd[rows])]] == own
            highest = np.unravel_index(np.nanargmax(away[rows]), away[rows].shape)[1]
            right["distance from the moving median"][segment] = highest == channel[segment]
    found = {who: per_row(x) for who, x in right.items()}
    return compared("how often the channel of an odd stretch is the first reason", "high", found.pop("vaery"), found,
                    setting.segments, rng)  # fmt: skip


CHECKS: dict[str, Callable[[Series], Tested | None]] = {"impute": impute, "forecast": forecast, "detect": detect}
