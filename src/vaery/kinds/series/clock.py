"""Clocks: how far apart the steps of series are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from vaery.kinds.series.raw import Raw

UNEVEN = 0.2  # gaps that differ by more than this share from the usual one make a series irregular: months do not
NARROWEST = 2.0**-10  # usual steps: rows nearer than this count as so far apart


@dataclass(frozen=True)
class Clock:
    """The times of a data set.

    Attributes:
        column: they come from, ``"<index>"``, or ``""``: rows are one step apart.
        stamp, zone: type and zone of the times.
        first: the first time of the fit: nanoseconds or plain numbers.
        step: from one row to the next, usually.
        even: all steps are (nearly) the usual one. Else the gap before each row is a channel like any: its logarithm
            to base 2, 0 where it is the usual one.
    """

    column: str = ""
    stamp: str = ""
    zone: str = ""
    first: float = 0.0
    step: float = 1.0
    even: bool = True

    @classmethod
    def of(cls, raw: Raw) -> Clock:
        """What the times of some series have in common."""
        if raw.time is None or raw.rows == 0:
            return cls()
        gap, inner = gaps(raw)
        between = gap[inner & (gap > 0)]
        step = float(np.median(between)) if len(between) else 1.0
        even = bool((np.abs(gap[inner] / step - 1) < UNEVEN).all()) and step > 0
        return cls(raw.roles.time, raw.stamp, raw.zone, float(raw.time.min()), step, even)

    def channel(self, raw: Raw) -> np.ndarray:
        """``[R]`` the gap before each row, packed; 0 before the first of a series."""
        gap, inner = gaps(raw)
        packed = np.zeros(raw.rows, np.float32)
        packed[raw.order] = np.where(inner, np.log2(np.maximum(gap / self.step, NARROWEST)), 0.0)
        return packed

    def times(self, packed: np.ndarray | None, lengths: list[int]) -> np.ndarray:
        """Times of new series, below one another, from their packed gaps ``[R]``; ``None``: they are even."""
        made = []
        ends = np.cumsum(lengths)[:-1]
        for part in np.split(np.zeros(sum(lengths)) if packed is None else packed, ends):
            steps = np.exp2(part.astype(np.float64))
            steps[:1] = 0
            made.append(self.first + self.step * np.cumsum(steps))
        return np.concatenate(made) if made else np.zeros(0)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Clock:
        return cls(**data)


def gaps(raw: Raw) -> tuple[np.ndarray, np.ndarray]:
    """By series and time: ``[R]`` the time since the row before, and whether there is one in that series."""
    assert raw.time is not None
    order = raw.order
    time, series = raw.time[order], raw.series[order]
    inner = np.zeros(raw.rows, bool)
    inner[1:] = series[1:] == series[:-1]
    return np.diff(time, prepend=time[:1]), inner
