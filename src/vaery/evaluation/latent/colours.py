"""Colours of labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaery.core.errors import DataError
from vaery.report import style

OTHER = "other"
SHADES = ("#2b2f77", "#3f90da", "#92dadd", "#ffd9a0", "#ffa90e", style.RED)  # from least to most


@dataclass(frozen=True)
class Colouring:
    """What colour each row has, and what colours mean.

    Attributes:
        rgb: ``[N, 3]`` bytes.
        names: of the labels, with their colours; empty where numbers are shades.
        ends: the least and the most, where numbers are shades.
    """

    rgb: NDArray[np.uint8]
    names: list[tuple[str, str]]
    ends: tuple[float, float] | None = None


def colouring(labels: NDArray[Any]) -> Colouring:
    """Up to ten labels have a colour each; more numbers are shades from blue to red, of more names the commonest keep
    their colours.

    >>> [name for name, _ in colouring(np.array(["b", "a", "b"])).names]
    ['a', 'b']
    >>> colouring(np.arange(100)).ends
    (0.0, 99.0)
    """
    labels = np.asarray(labels)
    if labels.ndim != 1:
        raise DataError(f"labels must be one a row; an array of shape {labels.shape} came")
    numbers = labels.dtype.kind in "iuf"
    texts = np.array([str(label) for label in labels.tolist()], dtype=object)
    found, first, count = np.unique(texts, return_index=True, return_counts=True)
    if len(found) > len(style.COLOURS):
        return _shades(labels.astype(np.float64)) if numbers else _commonest(texts, found, count)
    order = np.argsort(labels[first], kind="stable") if numbers else np.arange(len(found))
    return _named(texts, [str(name) for name in found[order]])


def _named(texts: NDArray[Any], names: list[str]) -> Colouring:
    colour = dict(zip(names, style.COLOURS, strict=False))
    colour |= {OTHER: style.LINE} if OTHER in names and len(names) > len(style.COLOURS) - 1 else {}
    return Colouring(np.array([_rgb(colour[text]) for text in texts], dtype=np.uint8), list(colour.items()))


def _commonest(texts: NDArray[Any], found: NDArray[Any], count: NDArray[np.int64]) -> Colouring:
    keep = found[np.argsort(-count, kind="stable")[: len(style.COLOURS) - 1]]
    texts = np.where(np.isin(texts.astype(str), keep.astype(str)), texts, OTHER)
    return _named(texts, [*sorted(map(str, keep)), OTHER])


def _shades(numbers: NDArray[np.float64]) -> Colouring:
    low, high = float(np.nanmin(numbers)), float(np.nanmax(numbers))
    at = (numbers - low) / max(high - low, 1e-300) * (len(SHADES) - 1)
    stops = np.array([_rgb(shade) for shade in SHADES], dtype=np.float64)
    rgb = np.stack([np.interp(at, np.arange(len(SHADES)), stops[:, i]) for i in range(3)], 1)
    rgb[np.isnan(numbers)] = _rgb(style.LINE)
    return Colouring(np.rint(rgb).astype(np.uint8), [], (low, high))


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
