"""Values: one raw column as arrays to reckon with, whatever it came in."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

COUNTED = ("number", "time", "clock", "duration")


@dataclass(frozen=True)
class Values:
    """One column of raw rows.

    Attributes:
        sort: ``"number"``, ``"time"`` (a date or a moment), ``"clock"`` (a time of day), ``"duration"``, ``"text"``
            (also bytes) or ``"other"`` (mixed types).
        x: ``[B]`` int64, float64 or Python objects; times are counts of ``tick``. Anything where not ``known``.
        known: ``[B]`` bool, where there is a value.
        tick: nanoseconds of one count; 0 where these are no times.
        zoned: times of a zone, counted in UTC.
        precision: the relative rounding error of the type; 0 where values are exact.
    """

    sort: str
    x: NDArray[Any]
    known: NDArray[np.bool_]
    tick: int = 0
    zoned: bool = False
    precision: float = 0.0

    def __len__(self) -> int:
        return len(self.x)

    @property
    def counted(self) -> bool:
        """They have an order and differences."""
        return self.sort in COUNTED

    def take(self, rows: NDArray[Any]) -> Values:
        """These rows only."""
        return replace(self, x=self.x[rows], known=self.known[rows])

    def put(self, rows: NDArray[Any], x: NDArray[Any]) -> Values:
        """The same column with other values in these rows; where they are known stays."""
        dtype = self.x.dtype if self.x.dtype == np.asarray(x).dtype else np.result_type(self.x, np.asarray(x))
        out = self.x.astype(dtype)
        out[rows] = x
        return replace(self, x=out)

    def tolist(self) -> list[Any]:
        """Python values, ``None`` where there is none."""
        return [v if k else None for v, k in zip(self.x.tolist(), self.known.tolist(), strict=True)]
