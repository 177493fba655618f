"""What anybody would try first: means and modes, neighbours, linear models, columns one by one.

All learn from some rows (``fit``) and answer for others.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from vaery.evaluation.encode import Encoder, Floats
from vaery.evaluation.layout import Layout, Place, Rows, labels, numbers

K = 5  # neighbours


def centre(place: Place, fit: Rows) -> float | str:
    """The mean of a column of numbers, the most frequent level of any other."""
    if place.numeric:
        x = numbers(fit[place.label], place.sort)
        return float(np.nanmean(x)) if np.isfinite(x).any() else 0.0
    text = [t for t in labels(fit[place.label]) if t is not None]
    found, counts = np.unique(np.array(text, dtype=object).astype(str), return_counts=True)
    return str(found[counts.argmax()]) if len(found) else ""


def distances(a: Floats, b: Floats) -> Floats:
    """``[A, B]`` distances over what is known in both, blown up by the share that is not (Dixon, 1979).

    >>> distances(np.array([[0.0, np.nan]]), np.array([[3.0, 5.0]])).tolist()
    [[4.242640687119285]]
    """
    known_a, known_b = ~np.isnan(a), ~np.isnan(b)
    a, b, weight_a, weight_b = np.where(known_a, a, 0), np.where(known_b, b, 0), known_a * 1.0, known_b * 1.0
    square = (a**2) @ weight_b.T + weight_a @ (b**2).T - 2 * a @ b.T
    shared = weight_a @ weight_b.T
    with np.errstate(divide="ignore", invalid="ignore"):
        found = np.sqrt(np.clip(square, 0, None) * a.shape[1] / shared)
    return np.where(shared > 0, found, np.inf)


def neighbours(layout: Layout, fit: Rows, holed: Rows) -> Rows:
    """Every cell and pixel from the ``K`` rows of ``fit`` that are nearest in what is known: mean, or most frequent."""
    import pandas as pd

    encode = Encoder.of(layout, fit)
    (x, _), (known, _) = encode(holed), encode(fit)
    order = np.argsort(distances(x, known), 1, kind="stable")
    made = {}
    for place in layout.places:
        there = fit[place.label].notna().to_numpy()
        near = _nearest(order, there)
        if place.numeric:
            made[place.label] = numbers(fit[place.label], place.sort)[near].mean(1)
        else:
            made[place.label] = _most_frequent(labels(fit[place.label])[near])
    images = {name: np.ma.filled(np.ma.asarray(fit.images[name]).astype(np.float64), np.nan)[order[:, :K]].mean(1)
              for name in holed.images}  # fmt: skip
    return Rows(pd.DataFrame(made, index=range(len(holed))), images)


def _nearest(order: NDArray[np.int64], there: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Of each row's order, the first ``K`` for which something is there (any, where that is nowhere)."""
    if not there.any():
        return order[:, :K]
    passed = there[order]
    first = np.argsort(~passed, 1, kind="stable")[:, : min(K, int(there.sum()))]
    return np.take_along_axis(order, first, 1)


def _most_frequent(votes: NDArray[np.object_]) -> NDArray[np.object_]:
    out = np.empty(len(votes), dtype=object)
    for i, row in enumerate(votes):
        found, counts = np.unique(row.astype(str), return_counts=True)
        out[i] = str(found[counts.argmax()])
    return out


def distance_to_neighbours(layout: Layout, fit: Rows, asked: Rows, same: bool = False) -> Floats:
    """``[N]`` the mean distance to the ``K`` nearest rows of ``fit``: large is odd.

    Args:
        same: ``asked`` are rows of ``fit``, one by one: a row is not its own neighbour.
    """
    encode = Encoder.of(layout, fit)
    apart = distances(encode(asked)[0], encode(fit)[0])
    if same:
        np.fill_diagonal(apart, np.inf)
    return np.sort(apart, 1)[:, : min(K, apart.shape[1] - same)].mean(1)


def column_wise(layout: Layout, fit: Rows, asked: Rows) -> Floats:
    """``[N, places and pictures]`` how odd each cell is in its own column: |z| of a number; of a level with share p,
    √((1 - p) / p), which is the |z| of the 0 or 1 that says whether it is there. Of a picture: the mean |z| of its
    pixels."""
    out = []
    for place in layout.places:
        if place.numeric:
            x = numbers(fit[place.label], place.sort)
            mean, sd = (np.nanmean(x), np.nanstd(x) or 1.0) if np.isfinite(x).any() else (0.0, 1.0)
            out.append(np.nan_to_num(np.abs(numbers(asked[place.label], place.sort) - mean) / sd))
            continue
        text = labels(fit[place.label])
        found, counts = np.unique([t for t in text if t is not None], return_counts=True)
        share = dict(zip(found.tolist(), (counts / max(1, counts.sum())).tolist(), strict=True))
        rare = 1 / (counts.sum() + 1)
        p = np.array([1.0 if t is None else share.get(t, rare) for t in labels(asked[place.label])])
        out.append(np.sqrt((1 - p) / p))
    for name, pixels in asked.images.items():
        known = np.asarray(fit.images[name], dtype=np.float64)
        sd = known.std(0) + 0.1 * known.std() + 1e-9
        out.append(np.abs((np.asarray(pixels, dtype=np.float64) - known.mean(0)) / sd).reshape(len(asked), -1).mean(1))
    return np.stack(out, 1)


def independent(layout: Layout, fit: Rows, count: int, rng: np.random.Generator) -> Rows:
    """Rows with each column drawn by itself from its own values: right one by one, wrong together. Pixels likewise."""
    import pandas as pd

    frame = {place.label: fit[place.label].iloc[rng.integers(0, len(fit), count)].array for place in layout.places}
    images = {}
    for name, pixels in fit.images.items():
        flat = np.asarray(pixels).reshape(len(fit), -1)
        pick = rng.integers(0, len(fit), (count, flat.shape[1]))
        images[name] = np.take_along_axis(flat, pick, 0).reshape(count, *pixels.shape[1:])
    return Rows(pd.DataFrame(frame, index=range(count)), images)


def linear_number(layout: Layout, fit: Rows, asked: Rows, place: Place) -> Floats:
    """A column of numbers by linear regression (with a little ridge) on all others."""
    from sklearn.linear_model import Ridge

    x, _, new = _xy(layout, fit, asked, place.label)
    truth = numbers(fit[place.label], place.sort)
    known = np.isfinite(truth)
    if known.sum() < 2:
        return np.full(len(asked), truth[known].mean() if known.any() else 0.0)
    return Ridge(alpha=1.0).fit(x[known], truth[known]).predict(new)


def logistic(layout: Layout, fit: Rows, asked: Rows, place: Place, classes: list[str]) -> Floats:
    """``[N, classes]`` the probabilities of a column's levels by logistic regression on all others."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    x, text, new = _xy(layout, fit, asked, place.label)
    known = np.array([t is not None for t in text], dtype=bool)
    out = np.zeros((len(asked), len(classes)))
    seen = np.unique(text[known].astype(str))
    if len(seen) < 2:
        return frequencies(layout, fit, asked, place, classes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = LogisticRegression(max_iter=300).fit(x[known], text[known].astype(str))
    at, chance = {name: i for i, name in enumerate(classes)}, model.predict_proba(new)
    for i, name in enumerate(model.classes_):
        if name in at:
            out[:, at[name]] = chance[:, i]
    return out


def frequencies(layout: Layout, fit: Rows, asked: Rows, place: Place, classes: list[str]) -> Floats:
    """The same for everybody: how frequent each level is."""
    text = labels(fit[place.label])
    counts = np.array([(text == name).sum() for name in classes], dtype=np.float64) + 0.5
    return np.tile(counts / counts.sum(), (len(asked), 1))


def _xy(layout: Layout, fit: Rows, asked: Rows, target: str) -> tuple[Floats, NDArray[np.object_], Floats]:
    """All other columns of both, unknown ones at their mean, and the target's labels."""
    encode = Encoder.of(layout, fit)
    without: Collection[str] = (target,)
    (x, _), (new, _) = encode(fit, without), encode(asked, without)
    fill = np.nan_to_num(np.nanmean(np.where(np.isnan(x).all(0), 0.0, x), 0))
    return np.where(np.isnan(x), fill, x), labels(fit[target]), np.where(np.isnan(new), fill, new)
