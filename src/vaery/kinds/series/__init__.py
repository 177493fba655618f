"""Sensor series: frames with times, arrays ``[N, T, C]``, lists of arrays ``[T_i, C]`` of different lengths."""

from __future__ import annotations

from typing import Any

import numpy as np

from vaery.kinds.series.describe import describe
from vaery.kinds.series.field import SeriesField
from vaery.kinds.series.io import SUFFIXES, read, write
from vaery.kinds.series.nets import decoder, encoder, suggest
from vaery.kinds.series.pictures import plot

__all__ = [
    "SUFFIXES",
    "SeriesField",
    "decoder",
    "describe",
    "encoder",
    "looks_like",
    "plot",
    "read",
    "suggest",
    "write",
]


def looks_like(raw: Any) -> bool:
    """Whether this is series: an array ``[N, T, C]`` of continuous numbers, a list of ``[T_i, C]`` of those, or a frame
    of numbers whose index is times. Other frames with a column of times are tables, unless one says ``kind="series"``.
    """
    if type(raw).__module__.split(".")[0] == "pandas":
        return _is_dated(raw)
    if isinstance(raw, list | tuple):
        return len(raw) > 0 and all(_is_series(item) and np.ndim(item) == 2 for item in raw)
    return _is_series(raw) and np.ndim(raw) == 3


def _is_series(item: Any) -> bool:
    return isinstance(item, np.ndarray) and item.dtype.kind == "f" and item.ndim in (2, 3) and item.shape[-1] > 0


def _is_dated(frame: Any) -> bool:
    import pandas as pd

    if not (isinstance(frame, pd.DataFrame) and isinstance(frame.index, pd.DatetimeIndex)):
        return False
    kinds = [getattr(dtype, "kind", "O") for dtype in frame.dtypes]
    return len(frame) > 1 and len(kinds) > 0 and all(kind in "biuf" for kind in kinds)
