"""Holes: cells and halves of pictures that are hidden, to be filled again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vaery.evaluation.layout import Rows
from vaery.evaluation.setting import Setting

SHARE = 0.2  # of the cells that are hidden


@dataclass(frozen=True)
class Holes:
    """Rows with some of their cells hidden.

    Attributes:
        truth: as they were.
        holed: as the methods see them.
        cells: ``[N, places]`` which were hidden.
        pixels: picture field → ``[N, H, W]`` which were hidden.
    """

    truth: Rows
    holed: Rows
    cells: NDArray[np.bool_]
    pixels: dict[str, NDArray[np.bool_]]


def punch(setting: Setting) -> Holes:
    """Hide cells at random, at least one left in every row; of pictures, one half in each row."""
    rng, rows, places = setting.rng("holes"), setting.rows, setting.places
    known = np.stack([rows[p.label].notna().to_numpy() for p in places], 1) if places else _nothing(len(rows))
    hidden = known & (rng.random(known.shape) < SHARE)
    if not setting.layout.images:
        bare = np.flatnonzero((hidden == known).all(1) & hidden.any(1))
        hidden[bare, np.argmax(hidden[bare], 1)] = False
    cells = rows.cells.copy()
    for i, place in enumerate(places):
        cells[place.label] = cells[place.label].mask(hidden[:, i])
    pixels = {name: halves(rows.images[name].shape[:3], rng) for name in rows.images}
    images = {
        name: np.ma.masked_array(rows.images[name], expanded(pixels[name], rows.images[name].shape)) for name in pixels
    }
    return Holes(rows, Rows(cells, images), hidden, pixels)


def halves(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.bool_]:
    """``[N, H, W]`` one half of each picture: top, bottom, left or right."""
    n, height, width = shape
    row, column = np.mgrid[:height, :width]
    sides = np.stack([row < height // 2, row >= height // 2, column < width // 2, column >= width // 2])
    return sides[rng.integers(0, 4, n)]


def expanded(mask: NDArray[np.bool_], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """A mask of pixels for all their channels."""
    return np.broadcast_to(mask.reshape(*mask.shape, *([1] * (len(shape) - 3))), shape)


def _nothing(rows: int) -> NDArray[np.bool_]:
    return np.zeros((rows, 0), dtype=bool)
