"""Which grey levels an array holds: found by looking at its values, not at its dtype alone."""

from __future__ import annotations

import numpy as np

MOST = 65535  # more levels than this are treated as a continuous scale
SCALED = ((0.0, 1.0), (-1.0, 1.0))  # how floats hold 8-bit pixels: values of level 0 and level 255
TOPS = (255, 1023, 4095, MOST)  # 8, 10, 12 and 16 bits
SHORT = 64  # a brightest pixel below this is the top of a short scale and not a dark photograph
CHUNK = 1 << 18


def grey_levels(values: np.ndarray) -> tuple[int, float, float]:
    """``(levels, low, high)``: values are ``low + (high − low) · k / levels`` for whole k; ``levels=0``: continuous.

    Args:
        values: known, finite values, ``[n]``, at least one.

    >>> grey_levels(np.array([0, 17, 200], np.uint8)), grey_levels(np.array([0.0, 16.0, 3.0]))
    ((255, 0.0, 255.0), (16, 0.0, 16.0))
    >>> grey_levels(np.array([0, 255, 255], np.uint8)), grey_levels(np.array([0.2, 0.4, 1.0]))
    ((1, 0.0, 255.0), (5, 0.0, 1.0))
    >>> grey_levels(np.array([0.123, 0.456]))
    (0, 0.123, 0.456)
    """
    low, high = float(values.min()), float(values.max())
    if values.dtype == bool:
        return 1, 0.0, 1.0
    start, integers = min(low, 0.0), values.dtype.kind in "iu"
    if high - start <= MOST:
        used = used_levels(values, start, 1.0, MOST)
        if used is not None and (integers or len(used) <= 256):
            return _whole_levels(used, start, high)
    for start, end in SCALED:
        if not integers and low >= start and high <= end:
            used = used_levels(values, start, (end - start) / 255, 255)
            if used is not None:
                return 255 // int(np.gcd.reduce(used, initial=255)), start, end
    return 0, low, high


def used_levels(values: np.ndarray, start: float, step: float, top: int) -> np.ndarray | None:
    """Which levels ``start + step · k``, k = 0 … top, occur; ``None`` if some value is none of them."""
    used = np.zeros(top + 1, dtype=bool)
    slack = 0.0 if step == 1.0 else rounding(values.dtype, top)  # whole numbers are held exactly
    for at in range(0, len(values), CHUNK):
        level = (values[at : at + CHUNK].astype(np.float64) - start) / step
        whole = np.rint(level)
        if np.abs(level - whole).max() > slack:
            return None
        used[whole.astype(np.int64)] = True
    return np.flatnonzero(used)


def rounding(dtype: np.dtype, levels: int) -> float:
    """How far a level held as a share of the range may be from a whole number, in this dtype."""
    return 1e-3 + (levels * float(np.finfo(dtype).eps) if dtype.kind == "f" else 0.0)


def _whole_levels(used: np.ndarray, start: float, high: float) -> tuple[int, float, float]:
    """For whole numbers. A common factor is a step: {0, 255} is black and white, and nothing between was possible."""
    step = int(np.gcd.reduce(used))
    if step > 1:
        return int(used[-1]) // step, start, high
    if start == 0 and high >= SHORT:
        high = float(next(top for top in TOPS if high <= top))
    return max(1, int(high - start)), start, max(high, start + 1)
