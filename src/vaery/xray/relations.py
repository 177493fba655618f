"""Relations between numbers that hold in nearly every row: sums, products, straight lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vaery.xray.column import Seen
from vaery.xray.table import Table
from vaery.xray.words import number

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

HOLDS = 0.95  # the share of rows in which a relation must hold
ROWS = 300  # rows on which relations are looked for
MOST = 60  # columns that are looked at
COARSE = 0.02  # a relation must be this much finer than the usual spread of what it explains
TRIES = 6  # subsets of rows that a sum of many columns is looked for in: some have no row that is wrong
TINY = 1e-9
LOGS = 0.01  # how near logarithms must be, for a product to be tried


@dataclass(frozen=True)
class Relation:
    """``target`` equals an expression of other columns.

    Attributes:
        target: the column that follows.
        others: those it follows from.
        words: the expression.
        holds: ``[rows]`` where it does.
        known: ``[rows]`` where all of them are known.
    """

    target: str
    others: tuple[str, ...]
    words: str
    holds: Mask
    known: Mask


@dataclass(frozen=True)
class Numbers:
    """The numeric columns that relations are looked for among.

    Attributes:
        columns: they.
        x: ``[columns, rows]``, NaN where unknown.
        half: ``[columns]`` half the distance of neighbouring values: what rounding takes away of what is computed.
        loose: the same, but zero for whole numbers, which are counts more often than rounded when others hang on them.
        spread: ``[columns]`` how wide they are.
    """

    columns: tuple[Seen, ...]
    x: Floats
    half: Floats
    loose: Floats
    spread: Floats


def numbers(table: Table) -> Numbers:
    """Columns of many different numbers, each of them once."""
    found: list[Seen] = []
    for column in table:
        if column.role == "number" and column.distinct > 10 and column.known.mean() > 0.3 and len(found) < MOST:
            top = column.counts.max() / column.known.sum()
            if top < 0.9 and not any(np.array_equal(column.clean, c.clean, equal_nan=True) for c in found):
                found.append(column)
    x = np.array([c.clean for c in found]).reshape(len(found), table.rows)
    half = np.array([c.spec.rounding for c in found])
    loose = np.array([0.0 if c.spec.decimals == 0 else c.spec.rounding for c in found])
    spread = np.array([_spread(row[~np.isnan(row)]) for row in x])
    return Numbers(tuple(found), x, half, loose, spread)


def _spread(x: Floats) -> float:
    low, high = np.quantile(x, [0.25, 0.75]) if len(x) else (0.0, 0.0)
    return float(high - low) or float(x.std() if len(x) else 0.0) or 1.0


def relations(n: Numbers) -> list[Relation]:
    """All that hold, the simplest first; of columns that are explained, no second relation is given."""
    if len(n.columns) < 2 or n.x.shape[1] < 30:
        return []
    found: list[Relation] = []
    done: set[frozenset[str]] = set()
    explained: set[str] = set()
    for candidate in (*lines(n), *triples(n, "+"), *triples(n, "×"), *sums(n)):
        names = frozenset((candidate.target, *candidate.others))
        if candidate.target in explained or any(names >= other for other in done):
            continue
        explained.add(candidate.target)
        done.add(names)
        found.append(candidate)
    return found


def settle(
    n: Numbers, target: int, others: tuple[int, ...], value: Floats, tolerance: Floats, words: str
) -> Relation | None:
    """The relation ``target = value``, if it holds in nearly all rows and rounding alone would not make it hold."""
    known = ~np.isnan(n.x[target]) & ~np.isnan(value)
    with np.errstate(invalid="ignore"):
        slack = tolerance + n.half[target] + TINY * (np.abs(value) + n.spread[target])
        holds = known & (np.abs(n.x[target] - value) <= 1.001 * slack)
    if known.sum() < 30 or holds.sum() < HOLDS * known.sum():
        return None
    if float(np.median(np.broadcast_to(slack, known.shape)[known])) > COARSE * n.spread[target]:
        return None
    names = tuple(n.columns[i].name for i in others)
    return Relation(n.columns[target].name, names, words, holds, known)


def lines(n: Numbers) -> Iterator[Relation]:
    """a = k · b + c. Slopes are medians over pairs of rows that lie far apart in b (Theil, 1950; Sen, 1968)."""
    for b in range(len(n.columns)):
        for a in range(b + 1, len(n.columns)):
            both = np.flatnonzero(~np.isnan(n.x[a]) & ~np.isnan(n.x[b]))
            if len(both) < 30:
                continue
            some = both[:: max(1, len(both) // ROWS)]
            order = some[np.argsort(n.x[b, some], kind="stable")]
            third = len(order) // 3
            low, high = order[:third], order[-third:]
            run = n.x[b, high] - n.x[b, low]
            rise = n.x[a, high] - n.x[a, low]
            if (run <= 0).any():
                continue
            k = float(np.median(rise / run))
            k = _nice(k)
            c = float(np.median(n.x[a, some] - k * n.x[b, some]))
            c = 0.0 if abs(c) <= 1e-6 * n.spread[a] + n.half[a] + abs(k) * n.half[b] else float(f"{c:.7g}")
            if k == 0 or (k == 1 and c == 0 and len(both) > 0.98 * n.x.shape[1]):  # said by copies
                continue
            found = settle(
                n, a, (b,), k * n.x[b] + c, np.abs(k) * n.loose[b] + 1e-6 * n.spread[a], _line(k, n.columns[b].name, c)
            )
            if found is not None:
                yield found


def _nice(k: float) -> float:
    """The simplest number within a millionth."""
    for digits in range(1, 8):
        if abs(float(f"{k:.{digits}g}") - k) <= 1e-6 * abs(k):
            return float(f"{k:.{digits}g}")
    return k


def _line(k: float, name: str, c: float) -> str:
    slope = repr(name) if k == 1 else f"-{name!r}" if k == -1 else f"{number(k)} × {name!r}"
    return slope + (f" {'+' if c > 0 else '-'} {number(abs(c))}" if c else "")


def triples(n: Numbers, sign: str) -> Iterator[Relation]:
    """a = b + c, a = b × c, a = b × c²."""
    every = np.flatnonzero(~np.isnan(n.x).any(0))
    rows = every if len(every) >= 30 else np.arange(n.x.shape[1])
    rows = rows[:: max(1, len(rows) // ROWS)]
    x, usable = n.x[:, rows], np.ones(len(n.columns), dtype=bool)
    if sign == "×":
        usable = np.array([np.nanmean(row >= 0) > 0.98 and np.nanmean(row > 0) > 0.3 for row in x])
        with np.errstate(invalid="ignore", divide="ignore"):
            x = np.log(np.where(x > 0, x, np.nan))
    for a in np.flatnonzero(usable):
        for b in np.flatnonzero(usable):
            if a == b:
                continue
            for power in (1, 2) if sign == "×" else (1,):
                tolerance = (
                    2 * (n.half[a] + n.half[b] + n.half) + 1e-6 * n.spread[a] if sign == "+" else LOGS + 0 * n.half
                )
                with np.errstate(invalid="ignore"):
                    near = np.abs(x[a] - x[b] - power * x) <= tolerance[:, None]
                both = ~np.isnan(x[a] - x[b] - x)
                share = near.sum(1) / np.maximum(30, both.sum(1))
                for c in np.flatnonzero((share >= HOLDS - 0.05) & usable):
                    if c in (a, b) or (power == 1 and c < b):
                        continue
                    found = _triple(n, int(a), int(b), int(c), sign, power)
                    if found is not None:
                        yield found


def _triple(n: Numbers, a: int, b: int, c: int, sign: str, power: int) -> Relation | None:
    names = repr(n.columns[b].name), repr(n.columns[c].name) + ("²" if power == 2 else "")
    if sign == "+":
        return settle(n, a, (b, c), n.x[b] + n.x[c], np.asarray(n.loose[b] + n.loose[c]), " + ".join(names))
    factor = n.x[c] ** power
    slack = n.loose[b] * np.abs(factor) + np.abs(n.x[b]) * power * np.abs(n.x[c]) ** (power - 1) * n.loose[c]
    return settle(n, a, (b, c), n.x[b] * factor, slack, " × ".join(names))


def sums(n: Numbers) -> Iterator[Relation]:
    """Weighted sums of several columns: each column on those before it that are not explained themselves."""
    every = np.flatnonzero(~np.isnan(n.x).any(0))
    free: list[int] = []
    rng = np.random.default_rng(0)
    for a in range(len(n.columns)):
        if len(free) >= 2 and len(every) >= 2 * len(free) + 40:
            found = _sum(n, a, free, every, rng)
            if found is not None:
                yield found
                continue
        free.append(a)


def _sum(n: Numbers, a: int, free: list[int], every: NDArray[np.int64], rng: np.random.Generator) -> Relation | None:
    scale = n.spread[free]
    for _ in range(TRIES):
        rows = rng.choice(every, len(free) + 12, replace=False)
        design = np.c_[n.x[free][:, rows].T / scale, np.ones(len(rows))]
        answer, *_ = np.linalg.lstsq(design, n.x[a, rows], rcond=1e-10)
        rest = np.abs(design @ answer - n.x[a, rows])
        weights = answer[:-1] / scale
        rounding = n.half[a] + float(np.abs(weights) @ n.loose[free])
        if rest.max() > rounding + 1e-7 * n.spread[a] or rounding > COARSE * n.spread[a]:
            continue
        used = [i for i in range(len(free)) if abs(answer[i]) > 1e-4 * n.spread[a]]
        if not 2 <= len(used) <= 12:
            continue
        others = tuple(free[i] for i in used)
        nice = [_whole(float(weights[i])) for i in used]
        offset = float(np.median(n.x[a, rows] - np.array(nice) @ n.x[list(others)][:, rows]))
        offset = 0.0 if abs(offset) <= 2 * rounding + 1e-6 * n.spread[a] else offset
        value = np.array(nice) @ n.x[list(others)] + offset
        slack = float(np.abs(nice) @ n.loose[list(others)]) + 1e-6 * n.spread[a]
        found = settle(n, a, others, value, np.asarray(slack), _weighted(n, others, nice, offset))
        if found is not None:
            return found
    return None


def _whole(k: float) -> float:
    return float(round(k)) if abs(k - round(k)) < 1e-3 and round(k) else _nice(float(f"{k:.6g}"))


def _weighted(n: Numbers, others: tuple[int, ...], weights: list[float], offset: float) -> str:
    words = ""
    for i, w in zip(others, weights, strict=True):
        words += (" - " if w < 0 else " + ") if words else ("-" if w < 0 else "")
        words += ("" if abs(w) == 1 else f"{number(abs(w))} × ") + repr(n.columns[i].name)
    return words + (f" {'+' if offset > 0 else '-'} {number(abs(offset))}" if offset else "")
