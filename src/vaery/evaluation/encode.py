"""Rows as one array of numbers, for methods that know nothing else: neighbours, linear models, trees."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vaery.evaluation.layout import Layout, Place, Rows, labels, numbers

MOST_LEVELS = 40  # levels of a column that get a number of their own, the most frequent first
SIDE = 8  # pictures are averaged down to this side for trees
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Encoder:
    """Columns as numbers, learned from some rows.

    Numbers in standard deviations from their mean; each level of a category as 0 or 1, divided by √2 so that two
    different levels are 1 apart; pixels in standard deviations of all pixels. NaN: unknown.

    Attributes:
        layout: of the rows.
        middle, spread: mean and standard deviation of each numeric column, by label.
        levels: of each other column.
        grey: mean and standard deviation of the pixels of each picture field.
    """

    layout: Layout
    middle: dict[str, float]
    spread: dict[str, float]
    levels: dict[str, list[str]]
    grey: dict[str, tuple[float, float]]

    @classmethod
    def of(cls, layout: Layout, rows: Rows) -> Encoder:
        """The encoder learned from ``rows``."""
        middle, spread, levels = {}, {}, {}
        for place in layout.places:
            if place.numeric:
                x = numbers(rows[place.label], place.sort)
                x = x[np.isfinite(x)]
                middle[place.label] = float(x.mean()) if len(x) else 0.0
                spread[place.label] = (float(x.std()) if len(x) else 0.0) or 1.0
            else:
                levels[place.label] = frequent(labels(rows[place.label]), MOST_LEVELS)
        grey = {name: (float(pixels.mean()), float(pixels.std()) or 1.0) for name, pixels in rows.images.items()}
        return cls(layout, middle, spread, levels, grey)

    def __call__(self, rows: Rows, without: Collection[str] = ()) -> tuple[Floats, list[str]]:
        """``[N, P]`` and whose each of the P numbers is; columns and pictures in ``without`` are left out."""
        parts: list[Floats] = [np.zeros((len(rows), 0))]
        owners: list[str] = []
        for place in self.layout.places:
            if place.label not in without:
                parts.append(self.column(place, rows))
                owners += [place.label] * parts[-1].shape[1]
        for name, (mean, sd) in self.grey.items():
            if name not in without and name in rows.images:
                pixels = np.ma.filled(np.ma.asarray(rows.images[name]).astype(np.float64), np.nan)
                parts.append((pixels.reshape(len(rows), -1) - mean) / sd)
                owners += [name] * parts[-1].shape[1]
        return np.concatenate(parts, 1), owners

    def column(self, place: Place, rows: Rows) -> Floats:
        """``[N, 1]`` or ``[N, levels]``."""
        values = rows[place.label]
        if place.numeric:
            return ((numbers(values, place.sort) - self.middle[place.label]) / self.spread[place.label])[:, None]
        text = labels(values)
        hot = (text[:, None] == np.array(self.levels[place.label], dtype=object)[None, :]).astype(np.float64)
        hot[np.array([t is None for t in text], dtype=bool)] = np.nan
        return hot / np.sqrt(2)


def frequent(text: NDArray[np.object_], most: int) -> list[str]:
    """The levels, the most frequent first (then by name), at most so many.

    >>> frequent(np.array(["b", "a", "b", None], dtype=object), 5)
    ['b', 'a']
    """
    known = [t for t in text if t is not None]
    found, counts = np.unique(np.array(known, dtype=object).astype(str), return_counts=True)
    return [str(found[i]) for i in np.argsort(-counts, kind="stable")[:most]]


def for_trees(layout: Layout, rows: Rows, levels: dict[str, list[str]], without: Collection[str] = ()) -> Floats:
    """``[N, P]`` for trees: categories by their number in ``levels`` (others one further), pictures averaged down."""
    parts: list[Floats] = [np.zeros((len(rows), 0))]
    for place in (place for place in layout.places if place.label not in without):
        if place.numeric:
            parts.append(numbers(rows[place.label], place.sort)[:, None])
        else:
            number = {level: float(i) for i, level in enumerate(levels[place.label])}
            codes = [np.nan if t is None else number.get(t, float(len(number))) for t in labels(rows[place.label])]
            parts.append(np.array(codes, dtype=np.float64)[:, None])
    parts += [small(pixels) for name, pixels in rows.images.items() if name not in without]
    return np.concatenate(parts, 1)


def which_are_levels(layout: Layout, width: int, without: Collection[str] = ()) -> list[bool]:
    """Which of the columns of :func:`for_trees` are numbers of levels."""
    found = [not place.numeric for place in layout.places if place.label not in without]
    return found + [False] * (width - len(found))


def small(pixels: NDArray[np.generic]) -> Floats:
    """``[N, H, W, …]`` averaged over blocks, to at most ``SIDE × SIDE`` greys: ``[N, P]``.

    >>> small(np.arange(32.0).reshape(2, 4, 4)).shape, small(np.ones((3, 28, 28, 3))).shape
    ((2, 16), (3, 49))
    """
    grey = np.asarray(pixels, dtype=np.float64)
    grey = grey.mean(-1) if grey.ndim == 4 else grey
    n, height, width = grey.shape
    a, b = -(-height // SIDE), -(-width // SIDE)
    whole = grey[:, : height // a * a, : width // b * b]
    return whole.reshape(n, height // a, a, width // b, b).mean((2, 4)).reshape(n, -1)
