"""The two scores that hold one factor still and ask which one it was."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vaery.core.errors import DataError
from vaery.evaluation.disentanglement.factors import Factors, codes_of

GROUP = 64  # rows that share a value, for each vote
FEW = 8  # values of a factor that fewer rows have are not held still
AT_ONCE = 500  # votes


def factor_vae(codes: ArrayLike, factors: Factors, votes: int = 10_000, seed: int = 0) -> float:
    """The FactorVAE score (Kim and Mnih, 2018).

    Each vote takes 64 rows that share the value of one factor, and names the unit that varies least among them, beside
    how it varies over all rows. Each unit stands for the factor it was named for most often; the score is how often
    that is right, in half as many new votes. From 1 / K (chance) to 1.

    Args:
        codes: ``[N, Z]``; constant units are left out.
        factors: of the same rows.
        votes: to learn from.
        seed: of the votes.

    Raises:
        DataError: too few rows share any value of a factor.

    >>> v = np.random.default_rng(0).integers(0, 4, (500, 3))
    >>> factor_vae(v * 2.0, Factors.of(v), votes=500)
    1.0
    """
    array = codes_of(codes, len(factors))
    spread = array.std(0)
    array = array[:, spread > 0] / spread[spread > 0]
    k, found = _votes(factors, votes + votes // 2, seed, lambda draw, factor: _stillest(array, draw, factor))
    unit = found[:, 0].astype(np.int64)
    table = np.zeros((array.shape[1], len(factors.names)))
    np.add.at(table, (unit[:votes], k[:votes]), 1)
    return float((table.argmax(1)[unit[votes:]] == k[votes:]).mean())


def beta_vae(codes: ArrayLike, factors: Factors, votes: int = 10_000, seed: int = 0) -> float:
    """The β-VAE score (Higgins et al., 2017).

    Each vote takes 64 pairs of rows; the two of a pair share the value of one factor, the same for all pairs. From the
    mean distance of the two in each unit a linear classifier tells which factor it was; the score is how often that is
    right, in half as many new votes. From 1 / K (chance) to 1; a rotated code may have 1, too.

    Args:
        codes: ``[N, Z]``.
        factors: of the same rows.
        votes: to learn from.
        seed: of the votes.

    Raises:
        DataError: too few rows share any value of a factor.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    array = codes_of(codes, len(factors))
    k, apart = _votes(factors, votes + votes // 2, seed, lambda draw, factor: _apart(array, draw, factor))
    apart = StandardScaler().fit_transform(apart)
    return float(LogisticRegression(max_iter=1000).fit(apart[:votes], k[:votes]).score(apart[votes:], k[votes:]))


class _Draw:
    """Rows that share a value of one factor; every value with rows enough is as likely."""

    def __init__(self, factors: Factors, factor: int, rng: np.random.Generator) -> None:
        level = factors.levels[:, factor]
        count = np.bincount(level)
        self.order, self.rng = np.argsort(level, kind="stable"), rng
        enough = count >= FEW
        if not enough.any():
            raise DataError(
                f"factor {factors.names[factor]!r}: no value is shared by {FEW} rows, so it cannot be held still; "
                "give more rows, or cut its values into fewer"
            )
        self.start, self.count = (np.cumsum(count) - count)[enough], count[enough]

    def __call__(self, values: tuple[int, ...], rows: int) -> NDArray[np.int64]:
        """``[*values, rows]``: as many values as asked for, and rows that have each."""
        value = self.rng.integers(0, len(self.count), values)[..., None]
        nth = (self.rng.random((*values, rows)) * self.count[value]).astype(np.int64)
        return self.order[self.start[value] + nth]


def _votes(
    factors: Factors, votes: int, seed: int, look: Callable[[_Draw, int], NDArray[np.float64]]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Which factor was held still, ``[votes]``, and what was seen, ``[votes, …]``, in random order."""
    rng = np.random.default_rng(seed)
    asked = np.sort(rng.integers(0, len(factors.names), votes))
    seen = []
    for factor, many in zip(*np.unique(asked, return_counts=True), strict=True):
        draw = _Draw(factors, int(factor), rng)
        for start in range(0, int(many), AT_ONCE):
            seen.append(look(draw, min(AT_ONCE, int(many) - start)))
    order = rng.permutation(votes)
    return asked[order], np.concatenate(seen)[order]


def _stillest(array: NDArray[np.float64], draw: _Draw, votes: int) -> NDArray[np.float64]:
    """``[votes, 1]`` the unit with the smallest variance."""
    return array[draw((votes,), GROUP)].var(1).argmin(1)[:, None].astype(np.float64)


def _apart(array: NDArray[np.float64], draw: _Draw, votes: int) -> NDArray[np.float64]:
    """``[votes, Z]`` the mean distance of pairs that share a value."""
    pairs = array[draw((votes, GROUP), 2)]
    return np.abs(pairs[:, :, 0] - pairs[:, :, 1]).mean(1)
