"""The check of forecasts: a beginning is shown, what comes after it is asked for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vaery.evaluation.bootstrap import PerColumn, everything, interval
from vaery.evaluation.measure import compared, promised
from vaery.evaluation.series import simple
from vaery.evaluation.series.setting import Floats, Series
from vaery.evaluation.tested import Tested

COVER, SLACK = 0.9, 0.02  # what an interval is asked to hold
AHEAD, LEAST = 24, 4  # steps that are told, at most and at least
MOST = 40  # beginnings


def forecast(setting: Series) -> Tested | None:
    """Show a window of what came before, ask for the next steps, and see how far off they are."""
    ahead = max(LEAST, min(AHEAD, setting.field.window // 4))
    starts = _starts(setting, ahead)
    if not setting.names or not len(starts):
        return None
    truth, told, low, high = (np.full((len(starts), ahead, len(setting.names)), np.nan) for _ in range(4))
    others = {"last value": told.copy(), "mean of what came before": told.copy()}
    spent = 0.0
    for i, start in enumerate(starts):
        part = setting.part(slice(start, start + setting.field.window + ahead))
        hidden = np.zeros(part.line.shape, dtype=bool)
        hidden[-ahead:] = True
        answer, seconds = part.ask("impute", part.changed(hidden), how="median", interval=COVER)
        spent += seconds
        truth[i] = part.line[-ahead:]
        for into, which in ((told, "value"), (low, "low"), (high, "high")):
            into[i] = part.standard(answer[which])[-ahead:]
        before = np.where(hidden, np.nan, part.line)
        others["last value"][i] = simple.carried(before, part.series)[-ahead:]
        others["mean of what came before"][i] = np.nan_to_num(_mean(before))
    setting.kept["forecasts"] = (starts + setting.field.window, told, low, high)
    error = lambda x: _by_start(np.abs(x - truth))
    rng = setting.rng("forecast")
    rivals = {who: error(x) for who, x in others.items()}
    measures = [
        compared("error of the steps to come, in standard deviations", "low", error(told), rivals, len(starts), rng)
    ]
    inside = np.where(np.isfinite(truth), (low - 1e-9 <= truth) & (truth <= high + 1e-9), np.nan)
    held = _by_start(inside)
    name = f"share of numbers to come inside their {COVER:.0%} interval"
    between = interval(held, len(starts), setting.rng("forecast coverage"))
    measures.append(promised(name, "at least", held(everything(len(starts))), COVER, between, SLACK))
    what = f"{len(starts)} times {setting.field.window} steps shown, and the {ahead} after them asked for"
    return Tested("forecast", what, tuple(measures), len(starts), spent)


def _starts(setting: Series, ahead: int) -> NDArray[np.int64]:
    """Where on the line beginnings start that have a window and as many steps as are asked for in one series."""
    need, found = setting.field.window + ahead, []
    for one in np.unique(setting.series):
        rows = np.flatnonzero(setting.series == one)
        found += range(int(rows[0]), int(rows[-1]) + 2 - need, ahead)
    picked = np.linspace(0, len(found) - 1, min(MOST, len(found))).astype(int) if found else []
    return np.array([found[i] for i in picked], dtype=np.int64)


def _mean(x: Floats) -> Floats:
    """Of each channel; NaN where nothing is known."""
    known = np.isfinite(x)
    with np.errstate(invalid="ignore"):
        return np.where(known, x, 0.0).sum(0) / known.sum(0)


def _by_start(loss: Floats) -> PerColumn:
    """``[N, ahead, C]``, NaN where nothing is known, as the mean over channels of each channel's mean."""
    known = np.isfinite(loss)
    return PerColumn(np.where(known, loss, 0.0).sum(1), known.sum(1).astype(np.float64))
