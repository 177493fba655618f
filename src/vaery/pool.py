"""Pooling: one answer from the analyses of several completed tables (Rubin's rules).

``model.impute(df, draws=m)`` gives m complete tables. Analyse each as if it had no gaps, then pool what came out: the
spread between the answers is what the gaps cost, and it goes into the standard error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vaery.core.errors import DataError, QueryError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Pooled:
    """What m analyses say together. Every attribute has the shape of one estimate.

    Attributes:
        estimate: the mean of the m estimates.
        standard_error: the square root of the total variance.
        df: degrees of freedom of the reference t distribution; infinite where the gaps cost nothing.
        low, high: ends of the interval.
        fraction_missing: the share of the information on the estimate that the gaps took (Rubin, 1987, eq. 3.1.10).
        within: mean of the m variances: the variance that there would be without gaps.
        between: variance of the m estimates.
        level: what the interval is meant to hold, 0.95 say.
    """

    estimate: Floats
    standard_error: Floats
    df: Floats
    low: Floats
    high: Floats
    fraction_missing: Floats
    within: Floats
    between: Floats
    level: float

    def p_value(self, null: ArrayLike = 0.0) -> Floats:
        """Two-sided p-value of the hypothesis that what is estimated equals ``null``, by the same t distribution."""
        from scipy.stats import t

        distance = np.abs(self.estimate - np.asarray(null, dtype=float))
        ratio = np.divide(distance, self.standard_error, out=_where_exact(distance), where=self.standard_error > 0)
        return np.where(self.df > 0, 2 * t.sf(ratio, np.maximum(self.df, 1e-9)), 1.0)

    def to_frame(self, names: Iterable[Any] | None = None) -> Any:
        """One row for each estimate, as a pandas frame.

        Args:
            names: what the estimates are called; ``None``: they are numbered.
        """
        import pandas as pd

        columns = ("estimate", "standard_error", "df", "low", "high", "fraction_missing")
        table = pd.DataFrame({name: np.ravel(getattr(self, name)) for name in columns} | {"p": self.p_value().ravel()})
        return table if names is None else table.set_axis(list(names), axis=0)


def pool(estimates: ArrayLike, variances: ArrayLike, *, df: float = np.inf, level: float = 0.95) -> Pooled:
    r"""Pool estimates from m completed tables by Rubin's rules.

    With :math:`\bar Q` the mean of the estimates, W the mean of their variances and B the variance of the estimates,
    the total variance is :math:`T = W + (1 + 1/m) B`, and :math:`(\bar Q - Q)/\sqrt T` follows a t distribution. Its
    degrees of freedom are those of Rubin (1987) for a large table, and of Barnard and Rubin (1999) where ``df`` is
    given: then they are never more than there would be without gaps.

    Estimates should be about normally distributed: pool log odds and not odds, Fisher's z and not correlations.

    Args:
        estimates: ``[m, …]``, one estimate (or a vector of coefficients) of each table.
        variances: of the same shape: their *squared* standard errors.
        df: degrees of freedom of the analysis of a complete table, rows less coefficients for a regression.
        level: share of the intervals that are to hold the truth.

    Raises:
        QueryError: there are fewer than two tables, or ``level`` or ``df`` is out of range.
        DataError: shapes differ, or an entry is not finite, or a variance is negative.

    Two tables, estimates 0 and 2, each with variance 1: W = 1, B = 2, T = 1 + 1.5 · 2 = 4, λ = 3/4, ν = 1/λ² = 16/9.

    >>> pooled = pool([0.0, 2.0], [1.0, 1.0])
    >>> float(pooled.estimate), float(pooled.standard_error), round(float(pooled.df), 3)
    (1.0, 2.0, 1.778)

    Source: Rubin, Multiple Imputation for Nonresponse in Surveys (1987), section 3.1; Barnard and Rubin,
    "Small-sample degrees of freedom with multiple imputation", Biometrika 86 (1999), 948-955.
    """
    from scipy.stats import t

    q, u = _checked(estimates, variances)
    if not 0 < level < 1:
        raise QueryError(f"level={level} is not a share; write level=0.95 for intervals that hold 19 truths in 20")
    if not df > 0:
        raise QueryError(f"df={df} are no degrees of freedom; give rows less coefficients, or leave it out")
    m = len(q)
    estimate, within, between = q.mean(0), u.mean(0), q.var(0, ddof=1)
    extra = (1 + 1 / m) * between
    total = within + extra
    share = np.divide(extra, total, out=np.zeros_like(total), where=total > 0)  # λ
    freedom = _freedom(m, share, df)
    r = np.divide(extra, within, out=_where_exact(extra), where=within > 0)
    missing = np.where(np.isinf(r), 1.0, (np.where(np.isinf(r), 0, r) + 2 / (freedom + 3)) / (1 + r))
    missing = np.where(between > 0, missing, 0.0)
    half = np.where(freedom > 0, t.ppf(0.5 + level / 2, np.maximum(freedom, 1e-9)), np.inf) * np.sqrt(total)
    return Pooled(
        *map(np.asarray, (estimate, np.sqrt(total), freedom, estimate - half, estimate + half, missing)),
        within=np.asarray(within),
        between=np.asarray(between),
        level=level,
    )


def pool_over(
    tables: Iterable[Any],
    analyse: Callable[[Any], tuple[ArrayLike, ArrayLike]],
    *,
    df: float = np.inf,
    level: float = 0.95,
) -> Pooled:
    """Analyse each table and pool the results.

    Args:
        tables: as ``model.impute(df, draws=20)`` gives them.
        analyse: table → (estimates, their squared standard errors).
        df, level: as for :func:`pool`.

    >>> import numpy as np
    >>> tables = [np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 6.0])]
    >>> mean = pool_over(tables, lambda x: (x.mean(), x.var(ddof=1) / len(x)), df=2)
    >>> float(mean.estimate), bool(mean.df < 2)
    (2.5, True)
    """
    found = [analyse(table) for table in tables]
    estimates, variances = ([np.asarray(pair[i], dtype=float) for pair in found] for i in (0, 1))
    return pool(estimates, variances, df=df, level=level)


def _checked(estimates: ArrayLike, variances: ArrayLike) -> tuple[Floats, Floats]:
    q, u = np.asarray(estimates, dtype=float), np.asarray(variances, dtype=float)
    if q.shape != u.shape:
        raise DataError(f"estimates and variances must have the same shape; they have {q.shape} and {u.shape}")
    if q.ndim == 0 or len(q) < 2:
        raise QueryError("pooling needs the results of two tables at least: write impute(df, draws=20)")
    for name, values in (("estimates", q), ("variances", u)):
        if not np.isfinite(values).all():
            at = int(np.argwhere(~np.isfinite(values))[0, 0])
            raise DataError(f"{name} of table {at} are not all finite: {values[at]}")
    if (u < 0).any():
        at = int(np.argwhere(u < 0)[0, 0])
        raise DataError(f"variances of table {at} are negative ({u[at]}); give squared standard errors")
    return q, u


def _freedom(m: int, share: Floats, complete: float) -> Floats:
    """Degrees of freedom: 1 / (1/ν_old + 1/ν_obs), with ν_old = (m - 1) / λ² and ν_obs = (1 - λ) ν (ν + 1)/(ν + 3),
    ν those of the complete table."""
    share = np.asarray(share)
    inverse = share**2 / (m - 1)
    if np.isfinite(complete):
        observed = (1 - share) * complete * (complete + 1) / (complete + 3)
        inverse = inverse + np.divide(1.0, observed, out=np.full_like(share, np.inf), where=observed > 0)
    return np.divide(1.0, inverse, out=np.full_like(share, np.inf), where=inverse > 0)


def _where_exact(distance: Any) -> Floats:
    """What to divide into where the divisor is zero: infinite, or zero for no distance."""
    return np.where(np.asarray(distance) > 0, np.inf, 0.0)
