"""Slips of units: a share of a column's values that are off by a factor."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vaery.xray.column import Seen
from vaery.xray.table import Table

Floats = NDArray[np.float64]
Rows = NDArray[np.bool_]

FACTORS: dict[float, str] = {
    10: "a decimal point or a digit", 100: "cents for euros, percent for shares, cm for m", 1000: "g for kg, m for km",
    1e6: "units for millions", 1e9: "nanoseconds for seconds", 2.54: "cm for inches", 25.4: "mm for inches",
    3.28084: "feet for metres", 30.48: "cm for feet", 2.20462: "pounds for kilograms", 453.592: "grams for pounds",
    28.3495: "grams for ounces", 1.60934: "kilometres for miles", 60: "minutes for hours", 3600: "seconds for hours",
    24: "hours for days", 7: "days for weeks", 12: "months for years", 365.25: "days for years", 4.184: "kJ for kcal",
    3.78541: "litres for gallons", 3.6: "km/h for m/s", 18.0182: "mg/dl for mmol/l", 88.42: "µmol/l for mg/dl",
    1024**2: "bytes for megabytes", 57.2958: "degrees for radians", 6.89476: "kPa for psi", 7.50062: "mmHg for kPa",
}  # fmt: skip
POWERS = (10, 100, 1000, 1e6, 1e9)  # of two factors that would do, the likelier ones
LEAST, SHARE, MOST = 5, 0.0005, 0.4  # values that are off: at least so many, and this share; at most that share
APART = 6.0  # spreads of the bulk between it and the values that are off
EXACT = 0.01  # on the scale of log10: how near the distance must be to that of a factor (two percent)
REGRESSED, RANKED = 10_000, 2000  # rows that regressions are fitted to, and that columns are compared on
PLAIN = 2.0  # given other columns, only factors of this and more are told from a skewed tail


@dataclass(frozen=True)
class Slip:
    """Values off by a factor.

    Attributes:
        factor: they are this many times too large (below one: too small).
        rows: ``[rows]`` which.
        given: what they are compared with: ``""`` all other values, or what is expected given other columns.
    """

    factor: float
    rows: NDArray[np.bool_]
    given: str = ""


def slips(table: Table, column: Seen) -> list[Slip]:
    """The slips of a column: against all its values, else against what the other columns lead one to expect."""
    if column.name not in table.kept:
        table.kept[column.name] = _slips(table, column)
    return table.kept[column.name]


def _slips(table: Table, column: Seen) -> list[Slip]:
    if not suits(column):
        return []
    x = column.clean
    log = np.log10(np.where(x > 0, x, np.nan))
    found = [Slip(factor, rows) for factor, rows in off_by_a_factor(log)]
    if found or len(table.columns) < 2:
        return found
    rest = expected_rest(table, column, log)
    return [Slip(f, rows, "the other columns") for f, rows in off_by_a_factor(rest) if max(f, 1 / f) >= PLAIN]


def suits(column: Seen) -> bool:
    """Amounts: many values, hardly any of them zero or negative."""
    if not column.measured or column.known.sum() < 100:
        return False
    x = column.clean[~np.isnan(column.clean)]
    return len(x) > 0 and float((x > 0).mean()) > 0.95


def off_by_a_factor(log: Floats) -> Iterator[tuple[float, NDArray[np.bool_]]]:
    """(factor, rows) for each second cluster of ``log`` (log10 of values, NaN: unknown) at the distance of a factor.

    The bulk must be narrow beside that distance, the second cluster as narrow as the bulk, and hardly anything may lie
    between them or beyond: a heavy tail has no second cluster.
    """
    known = ~np.isnan(log)
    if known.sum() < 100:
        return
    r = log - np.median(log[known])
    inner = np.abs(r[known])
    spread = max(1.4826 * float(np.median(inner)), 1e-3)
    least = max(LEAST, SHARE * known.sum())
    for sign in (1.0, -1.0):
        found: list[tuple[float, float, NDArray[np.bool_]]] = []
        for factor in FACTORS:
            shift = math.log10(factor)
            rows = _cluster(sign * r, known, shift, spread, least) if shift >= APART * spread else None
            if rows is not None:
                found.append((abs(float(np.median(sign * r[rows])) - shift), factor, rows))
        while found:  # the nearest factor of those that the same rows would do for
            _, factor, rows = min(found, key=lambda hit: (hit[1] not in POWERS, hit[0]))
            yield factor**sign, rows
            found = [hit for hit in found if not (hit[2] & rows).any()]


def _cluster(
    r: Floats, known: NDArray[np.bool_], shift: float, spread: float, least: float
) -> NDArray[np.bool_] | None:
    width = min(0.3 * shift, 4 * spread)
    with np.errstate(invalid="ignore"):
        rows = known & (np.abs(r - shift) <= width)
        between = known & (r > 0.5 * shift) & (r < shift - width)
        beyond = known & (r > shift + width)
        opposite = known & (r < -0.7 * shift)
    count = int(rows.sum())
    others = max(int(between.sum()) / 0.1, int(beyond.sum()) / 0.2, int(opposite.sum()) / 0.5)
    if count < least or count > MOST * known.sum() or others > count:
        return None
    own = r[rows]
    middle, narrow = float(np.median(own)), 1.4826 * float(np.median(np.abs(own - np.median(own))))
    doubt = 3 * 1.2533 * spread / math.sqrt(count)
    if abs(middle - shift) > EXACT + min(doubt, 0.05) or (count >= 10 and not 0.4 * spread <= narrow <= 2 * spread):
        return None
    return rows


def expected_rest(table: Table, column: Seen, log: Floats) -> Floats:
    """``log`` less what the other columns lead one to expect: a linear regression on them, refitted without the rows
    that it misses most."""
    features, owners = table.features
    known = ~np.isnan(log)
    usable = np.flatnonzero([owner != column.name for owner in owners])
    rows = np.flatnonzero(known)[:: max(1, int(known.sum()) // REGRESSED)]
    x, y = features[rows][:, usable].astype(np.float64), log[rows]
    usable, x = _others(x, y, usable)
    if len(usable) < 2 or len(rows) < 5 * len(usable):
        return np.full(len(log), np.nan)
    kept, weights = np.ones(len(rows), dtype=bool), np.zeros(len(usable))
    for _ in range(3):
        gram = x[kept].T @ x[kept] + 1e-3 * kept.sum() * np.eye(len(usable))
        weights = np.linalg.solve(gram, x[kept].T @ y[kept])
        rest = y - x @ weights
        rest = np.abs(rest - np.median(rest))
        kept = rest <= 3 * 1.4826 * np.median(rest)
    every = np.zeros(len(owners), dtype=np.float32)
    every[usable] = weights
    return log - features @ every


def _others(x: Floats, y: Floats, usable: NDArray[np.int64]) -> tuple[NDArray[np.int64], Floats]:
    """Features that are not the column itself in other words: they would be off with it."""
    some = slice(0, RANKED)
    ranks = np.argsort(np.argsort(np.c_[y[some], x[some]], axis=0, kind="stable"), axis=0).astype(np.float64)
    alike = np.nan_to_num(np.abs(np.asarray(np.corrcoef(ranks, rowvar=False))[0, 1:])) < 0.995
    return usable[alike], x[:, alike]
