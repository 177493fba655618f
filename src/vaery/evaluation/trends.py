"""How alike two tables are: column by column, and in how columns hang together pair by pair."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vaery.evaluation.encode import frequent
from vaery.evaluation.layout import Place, Rows, labels, numbers

BINS = 10  # of a column of numbers, where it meets categories
LEVELS = 12  # of a column of categories, the others count as one
MOST_PAIRS = 300
STRONG = 0.2  # the association from which columns count as hanging together

Floats = NDArray[np.float64]


def similarity(place: Place, real: Rows, made: Rows) -> float:
    """Of one column, from 0 to 1: one minus the Kolmogorov-Smirnov distance of numbers, the shared mass of levels
    (one minus the total variation distance), nulls being one."""
    a, b = real[place.label], made[place.label]
    if not place.numeric:
        return overlap(labels(a).astype(str), labels(b).astype(str))
    x, y = (v[np.isfinite(v)] for v in (numbers(a, place.sort), numbers(b, place.sort)))
    return 1 - kolmogorov_smirnov(x, y) if len(x) and len(y) else float(len(x) == len(y))


def kolmogorov_smirnov(x: Floats, y: Floats) -> float:
    """The greatest distance of two empirical distribution functions.

    >>> kolmogorov_smirnov(np.array([0.0, 1.0]), np.array([0.5, 2.0]))
    0.5
    """
    at = np.concatenate([x, y])
    f, g = (np.searchsorted(np.sort(v), at, "right") / len(v) for v in (x, y))
    return float(np.abs(f - g).max())


def overlap(a: NDArray[np.generic], b: NDArray[np.generic]) -> float:
    """The mass that two sets of labels share.

    >>> overlap(np.array(["a", "a", "b", "b"]), np.array(["a", "b", "b", "c"]))
    0.75
    """
    both, code = np.unique(np.concatenate([a, b]), return_inverse=True)
    p, q = (np.bincount(part, minlength=len(both)) / len(part) for part in np.split(code, [len(a)]))
    return float(np.minimum(p, q).sum())


@dataclass(frozen=True)
class Coded:
    """A table as codes: numbers in bins, levels, nulls last.

    Attributes:
        codes: ``[N, D]``.
        sizes: ``[D]`` how many codes there are.
        scores: ``[N, D]`` numbers, centred and scaled, 0 where unknown and for categories.
        numeric: ``[D]``.
    """

    codes: NDArray[np.int64]
    sizes: NDArray[np.int64]
    scores: Floats
    numeric: NDArray[np.bool_]

    def take(self, index: NDArray[np.int64]) -> Coded:
        """These rows only."""
        return Coded(self.codes[index], self.sizes, self.scores[index], self.numeric)


def coded(places: list[Place], real: Rows, *others: Rows) -> list[Coded]:
    """Several tables in the same codes: bins of equal width over the real column (as sdmetrics has them), its most
    frequent levels."""
    columns = [_column(place, real, (real, *others)) for place in places]
    numeric = np.array([place.numeric for place in places], dtype=bool)
    sizes = np.array([size for size, _ in columns], dtype=np.int64)
    return [
        Coded(np.stack([parts[i][0] for _, parts in columns], 1), sizes,
              np.stack([parts[i][1] for _, parts in columns], 1), numeric)
        for i in range(1 + len(others))
    ]  # fmt: skip


def _column(place: Place, real: Rows, tables: tuple[Rows, ...]) -> tuple[int, list[tuple[NDArray[np.int64], Floats]]]:
    if place.numeric:
        x = numbers(real[place.label], place.sort)
        x = x[np.isfinite(x)]
        edges = np.histogram_bin_edges(x, BINS)[1:-1]
        mean, sd = float(x.mean()), float(x.std()) or 1.0
        parts = []
        for table in tables:
            values = numbers(table[place.label], place.sort)
            known = np.isfinite(values)
            code = np.where(known, np.searchsorted(edges, np.where(known, values, 0), "right"), BINS)
            parts.append((code, np.where(known, (values - mean) / sd, 0.0)))
        return BINS + 1, parts
    at = {level: i for i, level in enumerate(frequent(labels(real[place.label]), LEVELS))}
    number = lambda t: len(at) + 1 if t is None else at.get(t, len(at))
    parts = []
    for table in tables:
        code = np.array([number(t) for t in labels(table[place.label])], dtype=np.int64)
        parts.append((code, np.zeros(len(code))))
    return len(at) + 2, parts


@dataclass(frozen=True)
class PairTrend:
    """The mean over pairs of columns of how alike two tables are in them, from 0 to 1.

    Of two columns of numbers: one minus half the difference of their correlations; of any other two: the shared mass
    of their contingency tables (as sdmetrics has it).

    Attributes:
        real, made: the tables, row by row as many.
        pairs: which columns.
    """

    real: Coded
    made: Coded
    pairs: tuple[tuple[int, int], ...]

    def __call__(self, rows: NDArray[np.int64]) -> float:
        found = self.each(rows)
        return float(found.mean()) if len(found) else float("nan")

    def each(self, rows: NDArray[np.int64]) -> Floats:
        """``[pairs]``"""
        real, made = self.real.take(rows), self.made.take(rows)
        one, other = _correlations(real.scores), _correlations(made.scores)
        numeric, sizes, out = real.numeric, real.sizes, np.zeros(len(self.pairs))
        for k, (i, j) in enumerate(self.pairs):
            if numeric[i] and numeric[j]:
                out[k] = 1 - abs(one[i, j] - other[i, j]) / 2
                continue
            p, q = (np.bincount(t.codes[:, i] * sizes[j] + t.codes[:, j], minlength=int(sizes[i] * sizes[j])) for t in
                    (real, made))  # fmt: skip
            out[k] = np.minimum(p / len(rows), q / len(rows)).sum()
        return out


def _correlations(scores: Floats) -> Floats:
    centred = scores - scores.mean(0)
    length = np.sqrt(np.square(centred).sum(0))
    length[length == 0] = np.inf
    return centred.T @ centred / np.outer(length, length)


def strong_pairs(real: Coded, most: int = MOST_PAIRS) -> tuple[tuple[int, int], ...]:
    """The pairs of columns that hang together in a table, the strongest first; where none does, all.

    Pairs that do not hang together are alike in any two tables, columns drawn one by one included, and would only blur
    the difference.
    """
    strength = np.maximum(association(real), np.abs(_correlations(real.scores)) * np.outer(real.numeric, real.numeric))
    every = sorted(itertools.combinations(range(len(strength)), 2), key=lambda pair: -strength[pair])
    strong = [pair for pair in every if strength[pair] >= STRONG]
    return tuple((strong or every)[:most])


def association(table: Coded) -> Floats:
    """``[D, D]`` how strongly columns hang together, from 0 to 1: Cramér's V, corrected for its bias (Bergsma, 2013).

    Numbers are in bins. 1 on the diagonal.
    """
    d = table.codes.shape[1]
    out = np.eye(d)
    for i, j in itertools.combinations(range(d), 2):
        flat = table.codes[:, i] * table.sizes[j] + table.codes[:, j]
        counts = np.bincount(flat, minlength=int(table.sizes[i] * table.sizes[j])).reshape(table.sizes[i], -1)
        out[i, j] = out[j, i] = cramers_v(counts[counts.sum(1) > 0][:, counts.sum(0) > 0])
    return out


def cramers_v(counts: NDArray[np.int64]) -> float:
    """Of one contingency table.

    >>> round(cramers_v(np.array([[50, 0], [0, 50]])), 2), cramers_v(np.array([[25, 25], [25, 25]]))
    (1.0, 0.0)
    """
    r, c = counts.shape
    n = counts.sum()
    if min(r, c) < 2 or n < 2:
        return 0.0
    expected = counts.sum(1, keepdims=True) * counts.sum(0, keepdims=True) / n
    phi = float((np.square(counts - expected) / expected).sum() / n)
    phi = max(0.0, phi - (r - 1) * (c - 1) / (n - 1))
    r, c = r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)
    return float(min(1.0, np.sqrt(phi / max(1e-9, min(r, c) - 1))))
