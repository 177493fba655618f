"""Images: arrays or folders of picture files, of one size and one scale of values.

Black and white is scored by ``bernoulli``, whole grey levels by a discretised ``logistic_mixture``, continuous values
by ``normal``; where there are levels, each pixel given the latent and those before it near by (:mod:`.local`).
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from vaery.core.errors import DataError
from vaery.kinds.image.arrays import layout_of
from vaery.kinds.image.describe import describe
from vaery.kinds.image.field import ImageField
from vaery.kinds.image.io import CELL, array_shape, is_picture, looks_like_folder, read, write, write_one
from vaery.kinds.image.nets import can_climb, climb, decoder, encoder, plain, reader, suggest
from vaery.kinds.image.pictures import grid

__all__ = [
    "CELL",
    "ImageField",
    "can_climb",
    "climb",
    "decoder",
    "describe",
    "encoder",
    "grid",
    "looks_like",
    "picks",
    "plain",
    "read",
    "reader",
    "suggest",
    "write",
    "write_one",
]

LONGEST = 4  # times the other side: what is longer is rather a series
SMALLEST_SIDE = 8  # a 3-D array with a shorter axis is rather a set of series


def looks_like(raw: Any) -> bool:
    """Whether this is images: 3-D and 4-D arrays, folders of picture files, picture files, ``.npy`` and ``.npz``.

    A 3-D array of continuous numbers could as well be series ``[N, time, channel]``; it counts as images if they are
    square, or all values lie in [0, 1].
    """
    if isinstance(raw, str | os.PathLike):
        return is_picture(raw) or looks_like_folder(raw) or _is_shape(array_shape(raw))
    if isinstance(raw, list | tuple):
        there = [item for item in raw if item is not None]
        return len(there) > 0 and all(_is_one(item) for item in there) and not (_are_rolls(there) or _are_series(there))
    shape, dtype = getattr(raw, "shape", None), getattr(raw, "dtype", None)
    if shape is None or dtype is None or not _is_shape(tuple(shape)):
        return False
    return len(shape) == 4 or _is_pictures(np.asarray(np.ma.getdata(raw)))


def picks(values: list[Any]) -> bool:
    """Whether a frame's column is pictures: their files' paths, arrays or Pillow images, some of them missing."""
    return looks_like(values)


def _is_shape(shape: tuple[int, ...] | None) -> bool:
    if shape is None or len(shape) not in (3, 4):
        return False
    try:
        layout_of(shape)
    except DataError:
        return False
    return len(shape) == 4 or min(shape[1:]) >= SMALLEST_SIDE


def _is_one(item: Any) -> bool:
    """Whether an item of a list is a picture: a file's path, a Pillow image, an array ``[H, W]`` or ``[H, W, C]``."""
    if isinstance(item, str | os.PathLike):
        return is_picture(item)
    if type(item).__module__.startswith("PIL."):
        return True
    return isinstance(item, np.ndarray) and _is_shape((1, *item.shape))


def _are_rolls(raw: list[Any] | tuple[Any, ...]) -> bool:
    """Whether these are rather piano rolls: zeros and ones of unequal length, as wide as a piano or as MIDI."""
    if not all(isinstance(item, np.ndarray) and item.ndim == 2 for item in raw):
        return False
    widths = {item.shape[1] for item in raw}
    binary = (bool(np.isin(np.ma.compressed(item), (0, 1)).all()) for item in raw)
    return widths in ({88}, {128}) and len({len(item) for item in raw}) > 1 and all(binary)


def _are_series(raw: list[Any] | tuple[Any, ...]) -> bool:
    """Whether these are rather series ``[time, channel]``: continuous numbers, as many channels, and unequal lengths or
    none of the marks of pictures."""
    if not all(isinstance(item, np.ndarray) and item.ndim == 2 and item.dtype.kind == "f" for item in raw):
        return False
    if len({item.shape[1] for item in raw}) > 1:
        return False
    return len({len(item) for item in raw}) > 1 or not all(_is_pictures(np.ma.getdata(item)[None]) for item in raw)


def _is_pictures(data: np.ndarray) -> bool:
    """Whether a 3-D array is pictures rather than series."""
    if data.dtype.kind in "biu" or data.shape[1] == data.shape[2]:
        return data.dtype.kind in "biuf"
    if data.dtype.kind != "f" or data.size == 0 or max(data.shape[1:]) > LONGEST * min(data.shape[1:]):
        return False
    return bool(np.nanmin(data) >= 0) and bool(np.nanmax(data) <= 1)
