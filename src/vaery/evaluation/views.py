"""What the pictures show, as plain data: nothing is drawn here."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vaery.evaluation import trends
from vaery.evaluation.bootstrap import everything
from vaery.evaluation.encode import frequent
from vaery.evaluation.layout import Place, as_text, labels, numbers
from vaery.evaluation.setting import Setting

if TYPE_CHECKING:
    from vaery.model import VAE

MOST_COLUMNS = 40  # in a picture
MOST_LEVELS = 12
COLOURS = 10  # that can be told apart on the map
BARS = 30
MOST_PIXELS = 48  # of a side
SHOWN = 12  # pictures of a sort
MOST_POINTS = 1500  # of the map
ODD = 12  # rows
REASONS = 4  # for each of them
USUAL = 200  # rows that tell what is usual
LONG = 40  # letters of a value


def gather(setting: Setting) -> dict[str, Any]:
    """All of it. What there is nothing to show of is left out."""
    found = {
        "marginals": marginals(setting),
        "pairs": pairs(setting),
        "images": [images(setting, name) for name in setting.layout.images],
        "map": latent_map(setting),
        "oddest": oddest(setting),
        "training": training(setting),
    }
    return {name: view for name, view in found.items() if view}


# ---------------------------------------------------------------------- real and made


def marginals(setting: Setting) -> list[dict[str, Any]]:
    """Each column's spread: shares of bins or levels of real and of made rows."""
    return [_marginal(setting, place) for place in setting.places[:MOST_COLUMNS]]


def _marginal(setting: Setting, place: Place) -> dict[str, Any]:
    made, _ = setting.made
    a, b = setting.rows[place.label], made[place.label]
    about = {
        "column": place.label, "sort": place.sort, "likeness": trends.similarity(place, setting.rows, made),
        "nulls": [float(a.isna().mean()), float(b.isna().mean())],
    }  # fmt: skip
    if not place.numeric:
        x, y = labels(a), labels(b)
        names = frequent(x, MOST_LEVELS)
        more = len((set(x) | set(y)) - {None}) - len(names)
        shares = [[float(np.mean(v == name)) for name in names] for v in (x, y)]
        return about | {"levels": [n[:LONG] for n in names], "more": max(0, more), "real": shares[0], "made": shares[1]}
    x, y = (v[np.isfinite(v)] for v in (numbers(a, place.sort), numbers(b, place.sort)))
    low, high = np.quantile(x, [0.005, 0.995])
    low, high = (x.min(), x.max()) if low == high else (low, high)
    edges = _edges(x, float(low), float(high))
    shares = [np.histogram(np.clip(v, edges[0], edges[-1]), edges)[0] / max(1, len(v)) for v in (x, y)]
    return about | {"edges": edges.tolist(), "real": shares[0].tolist(), "made": shares[1].tolist()}


def _edges(x: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """Of bins of equal width; of few whole numbers, one around each."""
    if high - low <= 2 * BARS and np.all(x == np.rint(x)):
        step = max(1, math.ceil((high - low + 1) / BARS))
        return np.arange(math.floor(low), math.floor(high) + step + 1, step, dtype=np.float64) - 0.5
    return np.linspace(low, high, BARS + 1, dtype=np.float64)


def pairs(setting: Setting) -> dict[str, Any] | None:
    """How strongly columns hang together, in real and in made rows, and how alike these are."""
    places = setting.places[:MOST_COLUMNS]
    if len(places) < 2:
        return None
    real, made = trends.coded(places, setting.rows, setting.made[0])
    every = tuple(itertools.combinations(range(len(places)), 2))
    likeness = np.eye(len(places))
    for (i, j), value in zip(every, trends.PairTrend(real, made, every).each(everything(len(real.codes))), strict=True):
        likeness[i, j] = likeness[j, i] = value
    return {
        "columns": [place.label for place in places], "likeness": likeness.tolist(),
        "real": trends.association(real).tolist(), "made": trends.association(made).tolist(),
    }  # fmt: skip


def images(setting: Setting, name: str) -> dict[str, Any]:
    """Some pictures of a field: real ones, made ones, and the oddest of the real ones, from 0 to 1."""
    real, made = np.asarray(setting.rows.images[name], np.float64), np.asarray(setting.made[0].images[name], np.float64)
    low, high = float(real.min()), float(real.max())
    step = max(1, -(-max(real.shape[1:3]) // MOST_PIXELS))
    small = lambda x: ((x[:, ::step, ::step] - low) / ((high - low) or 1.0)).clip(0, 1).round(3).tolist()
    odd = np.argsort(-np.asarray(setting.detected[0]["oddness"], dtype=np.float64), kind="stable")[:SHOWN]
    return {"field": name, "real": small(real[:SHOWN]), "made": small(made[:SHOWN]), "odd": small(real[odd])}


# ---------------------------------------------------------------------- the latent


def latent_map(setting: Setting) -> dict[str, Any] | None:
    """Every row as a point: the latent, in two dimensions, with what to colour it by."""
    some = setting.rows.take(everything(min(MOST_POINTS, len(setting.rows))))
    answer, _ = setting.ask("embed", some)
    latent = np.asarray(answer, dtype=np.float64)
    points, how = flat(latent, setting.seed)
    bits, _ = setting.detected
    columns = [{"name": p.label, **_colours(setting, p, len(some))} for p in setting.places[:MOST_COLUMNS]]
    surprise = np.asarray(bits["bits"], dtype=np.float64)[: len(some)]
    columns.append({"name": "surprise (bits)", "numbers": [round(float(b), 1) for b in surprise]})
    if (aim := setting.aim) is not None:  # what matters comes first
        columns.sort(key=lambda column: column["name"] != aim.label)
    at = [[round(float(x), 3), round(float(y), 3)] for x, y in points]
    return {"points": at, "columns": columns, "units": latent.shape[1], "how": how}


def flat(latent: NDArray[np.float64], seed: int) -> tuple[NDArray[np.float64], str]:
    """``[N, 2]``: the latent itself, or (more than two units) t-SNE of it (van der Maaten and Hinton, 2008)."""
    if latent.shape[1] == 1:
        rng = np.random.default_rng(seed)
        return np.concatenate([latent, rng.random(latent.shape)], 1), "one unit, spread out at random upwards"
    if latent.shape[1] == 2 or latent.std(0).max() == 0:
        return latent[:, :2], "its two units" if latent.shape[1] == 2 else "two of its units"
    from sklearn.manifold import TSNE

    near = float(np.clip(len(latent) / 10, 5, 30))
    made = TSNE(2, perplexity=near, init="pca", random_state=seed, max_iter=500).fit_transform(latent)
    return np.asarray(made, dtype=np.float64), "t-SNE"


def _colours(setting: Setting, place: Place, count: int) -> dict[str, Any]:
    values = setting.rows[place.label].iloc[:count]
    if place.numeric and place.sort != "datetime":
        x = numbers(values)
        return {"numbers": [float(f"{v:.6g}") if np.isfinite(v) else None for v in x]}
    if place.numeric:
        x = numbers(values, place.sort)
        return {"numbers": [float(v) if np.isfinite(v) else None for v in x], "texts": [short(v) for v in values]}
    text = labels(values)
    levels = frequent(text, COLOURS + 1)
    levels = sorted(levels if len(levels) <= COLOURS else levels[: COLOURS - 1])
    number = {level: i for i, level in enumerate(levels)}
    codes = [None if t is None else number.get(t, len(levels)) for t in text]
    other = ["all others"] if len(levels) in codes else []
    return {"levels": [level[:LONG] for level in levels] + other, "codes": codes}


# ---------------------------------------------------------------------- odd rows


def oddest(setting: Setting) -> dict[str, Any] | None:
    """The oddest rows, with the cells that are to blame and what was expected there."""
    whole, _ = setting.detected
    bits = np.asarray(whole["bits"], dtype=np.float64)
    order = np.argsort(-np.asarray(whole["oddness"], dtype=np.float64), kind="stable")[:ODD]
    some, usual = setting.rows.take(order), usual_bits(setting)
    answer, _ = setting.ask("detect", some, reasons=2 * REASONS)
    rows = []
    for i, (row, reasons) in enumerate(zip(order, answer["reasons"], strict=True)):
        told = sorted((_told(r, usual) for r in reasons), key=lambda r: (r["why"] is None, -r["bits"]))
        told = [r for r in told if r["bits"] > 0][:REASONS]
        values = {p.label: short(some[p.label].iloc[i]) for p in setting.layout.places[:MOST_COLUMNS]}
        rows.append({"row": int(setting.came_as[row]), "bits": float(bits[row]), "reasons": told, "values": values,
                     "p_value": float(whole["p_value"].iloc[row])})  # fmt: skip
    return {"rows": rows, "usual": float(np.median(bits)), "of": len(bits), "bits": np.sort(bits).round(2).tolist()}


def _told(reason: Mapping[str, Any], usual: Mapping[str, float]) -> dict[str, Any]:
    """A reason with one number of bits: those against a cell; of what is no cell, those beyond its usual ones."""
    bits = reason["beyond"] if "beyond" in reason else reason["bits"] - usual.get(reason["cell"], 0.0)
    return {"cell": reason["cell"], "bits": float(bits), "value": short(reason.get("value")),
            "expected": short(reason.get("expected")), "why": reason.get("why")}  # fmt: skip


def usual_bits(setting: Setting) -> dict[str, float]:
    """Cell → the bits it usually has (the median over some rows): what is beyond them can be compared between columns
    of different units."""
    from vaery.core.random import Random
    from vaery.reasons import TOGETHER
    from vaery.surprise import shares

    model, some = setting.model, setting.rows.take(everything(min(USUAL, len(setting.rows))))
    joint = model.joint_
    evidence = setting.layout.schema.pack(setting.layout.raw(some)).to(joint.device)
    found = shares(joint, evidence, rng=Random(setting.seed, joint.device, share_rows=True))
    usual = {TOGETHER: float(found.together.median())}
    for name, cells in found.cells.items():
        names = joint.fields[name].cell_names
        if names is None or cells.dim() != 2:
            usual[name] = float(cells.flatten(1).sum(1).median())
        else:
            usual |= dict(zip(map(str, names), cells.median(0).values.tolist(), strict=True))
    return usual


def short(value: Any) -> str | None:
    """A value in few letters; ``None`` where there is none."""
    import pandas as pd

    if value is None or (not isinstance(value, list | dict) and pd.isna(value)):
        return None
    if isinstance(value, float) and not value.is_integer():
        return f"{value:.4g}"
    text = as_text(value)
    return text if len(text) <= LONG else f"{text[: LONG - 1]}…"


# ---------------------------------------------------------------------- training


def training(setting: Setting) -> dict[str, Any] | None:
    """How the fit went."""
    return curve(setting.model)


def curve(model: VAE) -> dict[str, Any] | None:
    """The held-out bound over the steps of the fit, in bits a row (of packed values): lower is better."""
    history = [row for row in model.history_ if "bound" in row and math.isfinite(row["bound"])]
    if len(history) < 2:
        return None
    return {
        "step": [int(row.get("step", i)) for i, row in enumerate(history)],
        "seconds": [float(row.get("seconds", 0.0)) for row in history],
        "bits": [-float(row["bound"]) / math.log(2) for row in history],
    }
