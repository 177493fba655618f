"""Raw images as arrays: their layout, and which of their values are known."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from vaery.core.errors import DataError

CHANNELS = (1, 3, 4)  # grey, colour, colour with transparency
SHAPES = "[N, H, W], [N, H, W, C] or [N, C, H, W] with 1, 3 or 4 channels"


def to_array(raw: Any) -> np.ndarray:
    """Arrays, masked arrays, tensors, paths, lists of paths, of arrays or of Pillow images → one numeric array.

    Where something of a list is ``None`` (an empty cell of a column, say), the picture is masked as a whole.

    Raises:
        DataError: the images of a list are of unequal size, or the values are no numbers.
    """
    if isinstance(raw, str | os.PathLike):
        from vaery.kinds.image.io import read

        raw = read(raw)["image"]
    elif isinstance(raw, list | tuple) and len(raw) > 0:
        raw = _stacked(raw)
    array = np.asanyarray(raw)
    if array.dtype.kind not in "biuf":
        raise DataError(f"images must hold numbers; this array holds {array.dtype}")
    return array


def _stacked(items: Sequence[Any]) -> np.ndarray:
    """A list's pictures as one array; masked where there is none."""
    at = [i for i, item in enumerate(items) if item is not None]
    if not at:
        raise DataError("no picture is known here; at least one was expected")
    files = [i for i in at if isinstance(items[i], str | os.PathLike)]
    images = [items[i] for i in at]
    if files:
        from vaery.kinds.image.io import read_files

        read = dict(zip(files, read_files([items[i] for i in files], files), strict=True))
        images = [read.get(i, items[i]) for i in at]
    found = _one_array(images, at)
    if len(at) == len(items):
        return found
    shape = (len(items), *found.shape[1:])
    whole = np.ma.MaskedArray(np.zeros(shape, found.dtype), mask=np.ones(shape, bool))
    whole[at] = found
    return whole


def _one_array(images: Sequence[Any], at: Sequence[int]) -> np.ndarray:
    arrays = [np.asanyarray(image) for image in images]
    for i, array in zip(at, arrays, strict=True):
        if array.shape != arrays[0].shape:
            raise DataError(
                f"image {i} has the shape {array.shape}, image {at[0]} has {arrays[0].shape}: all images of a field "
                "must be of equal size; resize or crop them first, for instance with "
                "PIL.ImageOps.fit(image, (width, height))"
            )
    return np.ma.stack(arrays) if any(isinstance(a, np.ma.MaskedArray) for a in arrays) else np.stack(arrays)


def layout_of(shape: Sequence[int], event: Sequence[int] | None = None) -> str:
    """``"NHW"``, ``"NHWC"`` or ``"NCHW"``. Channels are last if the last axis can be channels.

    Args:
        shape: of the array.
        event: ``(H, W, C)`` the images must have; ``None``: any.

    Raises:
        DataError: the shape is none of these, or the images are not of the size of ``event``.

    >>> layout_of((100, 28, 28)), layout_of((5, 32, 32, 3)), layout_of((5, 3, 32, 32)), layout_of((5, 3, 8, 3))
    ('NHW', 'NHWC', 'NCHW', 'NHWC')
    """
    found = [name for name, sizes in _readings(shape).items() if sizes[2] in CHANNELS]
    if event is not None:
        found = [name for name in found if _readings(shape)[name] == tuple(event)]
    if found:
        return found[0]
    if event is None:
        raise DataError(f"images of shape {SHAPES} were expected; this array has the shape {tuple(shape)}")
    height, width, channels = event
    raise DataError(
        f"images of {height} × {width} pixels (height × width) with {channels} channel{'s' * (channels > 1)} were "
        f"expected, as fitted; this array has the shape {tuple(shape)} (for a single image write x[None])"
    )


def _readings(shape: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """Each layout the shape could be of, with the (H, W, C) it would mean."""
    if len(shape) == 3:
        return {"NHW": (shape[1], shape[2], 1)}
    if len(shape) == 4:
        return {"NHWC": tuple(shape[1:]), "NCHW": (shape[2], shape[3], shape[1])}
    return {}


def channels_last(array: np.ndarray, layout: str) -> np.ndarray:
    """Any layout → ``[N, H, W, C]``."""
    if layout == "NHW":
        return array[..., None]
    return array.transpose(0, 2, 3, 1) if layout == "NCHW" else array


def from_channels_last(array: np.ndarray, layout: str) -> np.ndarray:
    """``[N, H, W, C]`` → any layout."""
    if layout == "NHW":
        return array[..., 0]
    return np.ascontiguousarray(array.transpose(0, 3, 1, 2)) if layout == "NCHW" else array


def known_values(array: np.ndarray) -> np.ndarray | None:
    """Which values are neither masked nor NaN, in the array's own shape; ``None``: all."""
    hidden = np.ma.getmaskarray(array) if np.ma.is_masked(array) else None
    data = np.ma.getdata(array)
    if data.dtype.kind == "f" and np.isnan(data.sum()):
        nan = np.isnan(data)
        hidden = nan if hidden is None else nan | hidden
    return None if hidden is None or not hidden.any() else ~hidden
