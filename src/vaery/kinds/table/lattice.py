"""Lattices coarser than the last digit: values that people round to tens, thousands, quarters of an hour."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaery.kinds.table import arrays
from vaery.kinds.table.column import Column

ROWS = 20  # rows that must agree before a lattice is believed in
VALUES = 5  # different values, likewise
OFF = 0.005  # the share of the rows that may lie off it …
MOST_OFF = 16  # … and on how many values
FEW_OFF = 0.1  # … which are this share of all values, at most
LARGEST = 2.0**53


def lattice_of(base: Column, values: NDArray[Any], counts: NDArray[np.int64]) -> tuple[Column, NDArray[np.bool_]]:
    """The column with the coarsest lattice that its numbers lie on, and which few values are off it (these become
    levels, so that nothing is lost).

    Args:
        base: with its decimals.
        values: distinct native values.
        counts: how often each occurs; zero for those that are levels already.
    """
    nothing = np.zeros(len(values), dtype=bool)
    numbers = counts > 0
    if base.decimals is None or base.step != 1 or base.origin or arrays.is_time(base.type):
        return base, nothing
    if numbers.sum() < VALUES or counts.sum() < ROWS:
        return base, nothing
    units = values[numbers].astype(np.float64) * 10.0**base.decimals
    if np.abs(units).max() >= LARGEST:
        return base, nothing
    found = coarsest(np.rint(units).astype(np.int64), counts[numbers])
    if found is None:
        return base, nothing
    multiple, phase, on = found
    off = nothing.copy()
    off[numbers] = ~on
    return replace(base, multiple=multiple, phase=phase), off


def coarsest(units: NDArray[np.int64], counts: NDArray[np.int64]) -> tuple[int, int, NDArray[np.bool_]] | None:
    """The largest step between whole numbers, the remainder they share and which of them do; ``None``: it is one.

    >>> coarsest(np.array([5, 15, 25, 45, 95]), np.full(5, 9))[:2]
    (10, 5)
    """
    whole = int(np.gcd.reduce(units - units[0]))
    for step in _round_numbers(whole, int(units.max() - units.min()) // VALUES):
        on = _agree(units, counts, step)
        if on is not None:
            left = units[on]
            step = int(np.gcd.reduce(left - left[0]))
            return step, int(left[0]) % step, on
    return (whole, int(units[0]) % whole, np.ones(len(units), dtype=bool)) if whole > 1 else None


def _agree(units: NDArray[np.int64], counts: NDArray[np.int64], step: int) -> NDArray[np.bool_] | None:
    """Which numbers lie on the lattice of this step, if almost all do."""
    remainder = units % step
    kinds, place = np.unique(remainder, return_inverse=True)
    on = remainder == kinds[np.bincount(place, counts).argmax()]
    off = counts[~on].sum() / counts.sum()
    few = (~on).sum() <= min(MOST_OFF, FEW_OFF * len(units)) and on.sum() >= VALUES
    return on if few and off <= OFF else None


def _round_numbers(above: int, most: int) -> list[int]:
    """1, 2 or 5 times a power of ten, the largest first."""
    found = [d * 10**k for k in range(16) for d in (1, 2, 5)]
    return [n for n in reversed(found) if above < n <= most]
