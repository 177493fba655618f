"""Piano rolls: lists of binary arrays ``[time, pitch]`` of different lengths."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from vaery.core.errors import DataError
from vaery.kinds.music.piece import PITCHES, Piece

LOWEST = {88: 21, 128: 0}  # pitch of the first column, by the number of columns: the keys of a piano, or all of MIDI


def as_read(raw: Any) -> list[Any]:
    """A list of pieces or rolls; a path, or a list of paths, is read."""
    listed = not isinstance(raw, str | os.PathLike)
    if listed and not (len(raw) > 0 and all(isinstance(item, str | os.PathLike) for item in raw)):
        return list(raw)
    from vaery.kinds.music.io import read

    return list(read(raw))


def looks_like_rolls(raw: Any) -> bool:
    """Whether this is a list of piano rolls: 2-D, of zeros and ones, 88 or 128 wide, and not all of one length."""
    if not isinstance(raw, list | tuple) or len(raw) == 0 or not all(isinstance(item, np.ndarray) for item in raw):
        return False
    if any(item.ndim != 2 for item in raw) or len({item.shape[1] for item in raw}) != 1:
        return False
    return raw[0].shape[1] in LOWEST and len({len(item) for item in raw}) > 1 and all(map(is_binary, raw))


def is_binary(roll: np.ndarray) -> bool:
    """Whether all that is known is zero or one."""
    data = np.ma.getdata(roll)
    return data.dtype == bool or (data.dtype.kind in "uif" and bool(np.isin(np.ma.compressed(roll), (0, 1)).all()))


def codes_of(roll: Any, width: int, where: str) -> tuple[np.ndarray, np.ndarray | None]:
    """One roll → codes ``[t, width]`` uint8, and which are known (``None``: all).

    Raises:
        DataError: it is no such array.
    """
    array = np.asanyarray(roll)
    if array.ndim != 2 or array.shape[1] != width:
        raise DataError(
            f"{where} has the shape {array.shape}; a piano roll [time, {width}] was expected, as fitted (for a single "
            "piece write [roll])"
        )
    if array.dtype.kind not in "buif" or not is_binary(array):
        raise DataError(f"{where} holds other numbers than 0 and 1; write roll > 0")
    mask = np.ma.getmaskarray(array) if np.ma.is_masked(array) else None
    codes = np.ma.getdata(array).astype(np.uint8)
    return (codes, None) if mask is None else (np.where(mask, 0, codes).astype(np.uint8), ~mask)


def piece_of_roll(roll: Any) -> Piece:
    """A roll as a piece for a piano, to be written or drawn: a step is a quarter note, what goes on is held."""
    array = np.ma.masked_array(roll)
    lowest = LOWEST[array.shape[1]]
    shown = np.ma.filled(array, 0).astype(np.uint8)
    held = np.zeros_like(shown)
    held[1:] = shown[1:] & shown[:-1]
    codes = np.zeros((len(shown), 1, PITCHES), dtype=np.uint8)
    codes[:, 0, lowest : lowest + array.shape[1]] = shown + held
    if not np.ma.is_masked(array):
        return Piece(codes, grid=1)
    mask = np.zeros(codes.shape, dtype=bool)
    mask[:, 0, lowest : lowest + array.shape[1]] = np.ma.getmaskarray(array)
    return Piece(np.ma.MaskedArray(codes, mask=mask), grid=1)
