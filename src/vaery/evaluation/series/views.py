"""What the pictures of series show, as plain data."""

from __future__ import annotations

from typing import Any

import numpy as np

from vaery.evaluation.series.setting import Series
from vaery.evaluation.views import ODD, REASONS, curve, short

CHANNELS, LENGTH = 4, 160  # that are drawn, and steps of each


def gather(setting: Series) -> dict[str, Any]:
    """All of it. What there is nothing to show of is left out."""
    found = {
        "fills": fills(setting),
        "forecasts": forecasts(setting),
        "oddest": oddest(setting),
        "training": curve(setting.model),
    }
    return {name: view for name, view in found.items() if view}


def fills(setting: Series) -> list[dict[str, Any]]:
    """Some channels: what they hold, what was hidden, what was filled in and between which ends."""
    if "fills" not in setting.kept:
        return []
    hidden, value, low, high = setting.kept["fills"]
    found = []
    for c in np.argsort(-hidden.sum(0), kind="stable")[:CHANNELS]:
        start = int(np.argmax(hidden[:, c]))
        start = max(0, min(start - LENGTH // 8, len(hidden) - LENGTH))
        at = slice(start, start + LENGTH)
        same = setting.series[at] == setting.series[start]
        shown = lambda x, at=at, c=c, same=same: [
            round(float(v), 4) if np.isfinite(v) else None for v in setting.raw_units(x, c)[at][same]
        ]
        found.append({"channel": setting.names[c], "first": start, "truth": shown(setting.line), "fill": shown(value),
                      "low": shown(low), "high": shown(high), "hidden": hidden[at, c][same].tolist()})  # fmt: skip
    return found


def forecasts(setting: Series) -> list[dict[str, Any]]:
    """The same of some channels and what was told of them: some steps before, and those that came after."""
    if "forecasts" not in setting.kept:
        return []
    starts, value, low, high = setting.kept["forecasts"]
    ahead = value.shape[1]
    found = []
    for i in range(min(CHANNELS, len(setting.names))):
        c, n = i % len(setting.names), (i * len(starts)) // CHANNELS
        before = min(3 * ahead, setting.field.window)
        at = slice(int(starts[n]) - before, int(starts[n]) + ahead)
        unit = lambda x, c=c: [
            round(float(v * setting.scale[1][c] + setting.scale[0][c]), 4) if np.isfinite(v) else None for v in x
        ]
        told = lambda x, n=n, c=c, before=before, unit=unit: [None] * before + unit(x[n, :, c])
        found.append({"channel": setting.names[c], "first": at.start, "truth": unit(setting.line[at, c]),
                      "fill": told(value), "low": told(low), "high": told(high),
                      "hidden": [False] * before + [True] * ahead})  # fmt: skip
    return found


def oddest(setting: Series) -> dict[str, Any]:
    """The steps that surprise most, the oddest of each segment alone, with the channels that are to blame."""
    found, _ = setting.detected
    bits, reasons = np.asarray(found["bits"], dtype=np.float64), list(found["reasons"])
    odd = np.asarray(found["oddness"], dtype=np.float64)
    rows = np.argsort(setting.opened.order)  # the place of each raw row on the line
    best: dict[int, int] = {}
    for row in np.argsort(-odd, kind="stable"):
        best.setdefault(int(setting.segment[rows[row]]), int(row))
        if len(best) == ODD:
            break
    listed = []
    for row in best.values():
        told = [{**r, "value": short(r.get("value")), "expected": short(r.get("expected"))}
                for r in reasons[row][:REASONS] if r["bits"] > 0]  # fmt: skip
        held = {name: short(float(v)) for name, v in zip(setting.names, setting.line_at(rows[row]), strict=True)}
        listed.append({"row": row, "bits": float(bits[row]), "reasons": told, "values": held,
                       "p_value": float(np.asarray(found["p_value"])[row])})  # fmt: skip
    known = bits[np.isfinite(bits)]
    return {"rows": listed, "usual": float(np.median(known)), "of": len(bits), "bits": np.sort(known).round(2).tolist()}
