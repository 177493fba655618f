"""Sounds: samples and how many of them there are a second."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from vaery.core.errors import DataError


@dataclass(frozen=True, eq=False)
class Sound:
    """A recording.

    Attributes:
        samples: ``[n]`` (mono) or ``[n, channels]``; whole numbers of a width (int16, say) or floats from −1 to 1.
            Masked or NaN: not known.
        rate: samples a second.
        name: of the file it came from.

    >>> Sound(np.zeros(4000), 8000).seconds
    0.5
    """

    samples: np.ndarray
    rate: int
    name: str = ""

    def __len__(self) -> int:
        return len(self.samples)

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / self.rate

    @property
    def channels(self) -> int:
        """1: mono."""
        return 1 if self.samples.ndim == 1 else self.samples.shape[1]

    def hide(self, start: float, end: float) -> Sound:
        """The same sound, not known from one second to another.

        >>> int(np.ma.getmaskarray(Sound(np.zeros(4000), 8000).hide(0.1, 0.2).samples).sum())
        800
        """
        samples = np.ma.array(self.samples, mask=np.ma.getmaskarray(self.samples), copy=True)
        samples[round(start * self.rate) : round(end * self.rate)] = np.ma.masked
        return replace(self, samples=samples)

    def cut(self, start: float, end: float | None = None) -> Sound:
        """From one second to another; ``None``: to its end."""
        return replace(
            self, samples=self.samples[round(start * self.rate) : None if end is None else round(end * self.rate)]
        )


def sounds(arrays: Any, rate: int) -> list[Sound]:
    """Arrays of samples ``[n]`` or ``[n, channels]``, of any lengths, as sounds; ``[N, n]`` are N of one length.

    >>> [s.seconds for s in sounds([np.zeros(80), np.zeros(40)], 8000)]
    [0.01, 0.005]
    """
    return [Sound(np.asanyarray(one), rate) for one in arrays]


def windows(sound: Sound, seconds: float) -> list[Sound]:
    """A long recording as pieces of so many seconds, side by side; the last may be shorter.

    >>> [len(w) for w in windows(Sound(np.zeros(100), 10), 4.0)]
    [40, 40, 20]
    """
    size = max(1, round(seconds * sound.rate))
    return [replace(sound, samples=sound.samples[at : at + size]) for at in range(0, max(1, len(sound)), size)]


def joined(pieces: Sequence[Sound]) -> Sound:
    """The inverse of :func:`windows`: sounds one after the other."""
    return replace(pieces[0], samples=np.ma.concatenate([piece.samples for piece in pieces]))


@dataclass(frozen=True)
class Wave:
    """A sound as numbers to reckon with.

    Attributes:
        x: ``[n, channels]`` float64 in [−1, 1] (floats: as they are), zero where not known.
        known: ``[n]`` bool; ``None``: all.
    """

    x: np.ndarray
    known: np.ndarray | None


def wave(sound: Sound, where: str) -> Wave:
    """The samples of a sound as numbers, whole numbers as shares of their range.

    Raises:
        DataError: not one or two axes, no numbers, or infinite ones; the message begins with ``where``.
    """
    data, mask = np.ma.getdata(sound.samples), np.ma.getmaskarray(sound.samples)
    if data.ndim not in (1, 2) or data.dtype.kind not in "iuf":
        raise DataError(
            f"{where} has the shape {data.shape} of {data.dtype}; "
            "numbers [samples] or [samples, channels] were expected"
        )
    data, mask = (t[:, None] if t.ndim == 1 else t for t in (data, mask))
    hidden: np.ndarray = mask.any(1)
    if data.dtype.kind == "f":
        hidden = hidden | np.isnan(data).any(1)
        wrong = np.isinf(data).any(1) & ~hidden
        if wrong.any():
            raise DataError(
                f"{where} is infinite at sample {int(wrong.argmax())}; write NaN where a sample is not known"
            )
    x = data.astype(np.float64)
    if data.dtype.kind in "iu":
        half = 2.0 ** (8 * data.dtype.itemsize - 1)
        x = x / half - (data.dtype.kind == "u")
    if hidden.any():
        return Wave(np.where(hidden[:, None], 0.0, x), ~hidden)
    return Wave(x, None)


def as_dtype(x: np.ndarray, dtype: np.dtype | str) -> np.ndarray:
    """Numbers in [−1, 1] as samples of a dtype: whole numbers are rounded, and cut to their range."""
    dtype = np.dtype(dtype)
    if dtype.kind not in "iu":
        return x.astype(dtype)
    half, ends = 2.0 ** (8 * dtype.itemsize - 1), np.iinfo(dtype)
    return np.clip(np.rint((x + (dtype.kind == "u")) * half), ends.min, ends.max).astype(dtype)


def is_path(item: Any) -> bool:
    """Whether an item of a list is a path."""
    return isinstance(item, str | os.PathLike)


def with_channels(x: np.ndarray, channels: int) -> np.ndarray:
    """``[n, C]`` with another number of channels: their mean, repeated."""
    return x if x.shape[1] == channels else x.mean(1, keepdims=True).repeat(channels, 1)
