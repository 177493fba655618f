"""Rubin's rules: against closed forms, against each other, and by how often the intervals hold the truth."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t as student

from vaery import VAE
from vaery.core.errors import DataError, QueryError
from vaery.pool import Pooled, pool, pool_over


def test_two_tables_by_hand() -> None:
    pooled = pool([0.0, 2.0], [1.0, 1.0])
    assert float(pooled.estimate) == 1
    assert (float(pooled.within), float(pooled.between)) == (1, 2)
    assert float(pooled.standard_error) == pytest.approx(2)  # T = 1 + 1.5 · 2
    assert float(pooled.df) == pytest.approx(16 / 9)  # (1 + 1/r)², r = 3
    assert float(pooled.fraction_missing) == pytest.approx((3 + 2 / (16 / 9 + 3)) / 4)
    half = student.ppf(0.975, 16 / 9) * 2
    assert [float(pooled.low), float(pooled.high)] == pytest.approx([1 - half, 1 + half])
    assert float(pooled.p_value()) == pytest.approx(2 * student.sf(0.5, 16 / 9))
    assert float(pooled.p_value(1.0)) == pytest.approx(1)


def test_small_tables_by_hand() -> None:
    """λ = 3/4 and ν_com = 9: ν_obs = (1/4) · 9 · 10/12 = 15/8; 1/ν = 9/16 + 8/15."""
    assert float(pool([0.0, 2.0], [1.0, 1.0], df=9).df) == pytest.approx(1 / (9 / 16 + 8 / 15))


def test_rubin_is_the_limit_of_barnard_and_rubin() -> None:
    q, u = np.random.default_rng(0).normal(size=(2, 5, 4))
    u = u**2 + 0.1
    np.testing.assert_allclose(pool(q, u, df=1e12).df, pool(q, u).df, rtol=1e-6)
    for freedom in (2.0, 10.0, 300.0):
        adjusted = pool(q, u, df=freedom).df
        assert (adjusted < freedom).all()
        assert (adjusted < pool(q, u).df).all()


@pytest.mark.parametrize("df", [np.inf, 7.0])
def test_without_gaps_nothing_changes(df: float) -> None:
    pooled = pool([[3.0, -1.0]] * 4, [[4.0, 0.25]] * 4, df=df)
    np.testing.assert_allclose(pooled.estimate, [3, -1])
    np.testing.assert_allclose(pooled.standard_error, [2, 0.5])
    np.testing.assert_array_equal(pooled.fraction_missing, 0)
    np.testing.assert_allclose(pooled.df, np.inf if df == np.inf else 7 * 8 / 10)  # Barnard and Rubin's λ = 0
    np.testing.assert_allclose(pooled.high - pooled.estimate, student.ppf(0.975, pooled.df) * [2, 0.5])


def test_nothing_but_gaps() -> None:
    pooled = pool([0.0, 1.0, 2.0], [0.0, 0.0, 0.0])
    assert float(pooled.fraction_missing) == 1
    assert float(pooled.df) == pytest.approx(2)  # m - 1
    small = pool([0.0, 1.0, 2.0], [0.0, 0.0, 0.0], df=5)
    assert (float(small.df), float(small.p_value())) == (0, 1)  # the gaps took everything
    assert np.isinf([small.low, small.high]).all()


def test_units_and_order_do_not_matter() -> None:
    rng = np.random.default_rng(1)
    q, u = rng.normal(size=(6, 3)), rng.uniform(0.5, 2, size=(6, 3))
    one, scaled, turned = pool(q, u, df=40), pool(100 * q, 1e4 * u, df=40), pool(q[::-1], u[::-1], df=40)
    for name in ("estimate", "standard_error", "low", "high"):
        np.testing.assert_allclose(100 * getattr(one, name), getattr(scaled, name))
        np.testing.assert_allclose(getattr(one, name), getattr(turned, name))
    np.testing.assert_allclose(one.df, scaled.df)
    np.testing.assert_allclose(one.fraction_missing, scaled.fraction_missing)


def test_a_vector_is_its_entries() -> None:
    rng = np.random.default_rng(2)
    q, u = rng.normal(size=(4, 3)), rng.uniform(0.5, 2, size=(4, 3))
    together = pool(q, u, df=20)
    for i in range(3):
        alone = pool(q[:, i], u[:, i], df=20)
        for name in ("estimate", "standard_error", "df", "low", "high", "fraction_missing"):
            assert getattr(together, name)[i] == pytest.approx(float(getattr(alone, name)))
    table = together.to_frame(["a", "b", "c"])
    assert list(table.index) == ["a", "b", "c"]
    np.testing.assert_allclose(table["p"], together.p_value())


def imputed_mean(rng: np.random.Generator, rows: int, missing: float, tables: int) -> Pooled:
    """The mean of normal numbers, gaps filled by proper draws: the variance and the mean from their posterior first
    (Rubin, 1987, example 3.2)."""
    x = rng.normal(size=rows)
    seen = x[rng.random(rows) >= missing]
    n, gaps = len(seen), rows - len(seen)
    scale = np.sqrt(seen.var(ddof=1) * (n - 1) / rng.chisquare(n - 1, tables))
    centre = seen.mean() + scale * rng.normal(size=tables) / np.sqrt(n)
    drawn = centre[:, None] + scale[:, None] * rng.normal(size=(tables, gaps))
    full = np.concatenate([np.broadcast_to(seen, (tables, n)), drawn], 1)
    return pool(full.mean(1), full.var(1, ddof=1) / rows, df=rows - 1)


@pytest.mark.parametrize(("rows", "missing", "tables"), [(200, 0.4, 5), (25, 0.3, 10)])
def test_intervals_hold_the_truth_as_often_as_they_say(rows: int, missing: float, tables: int) -> None:
    rng = np.random.default_rng(3)
    results = [imputed_mean(rng, rows, missing, tables) for _ in range(3000)]
    held = np.mean([float(r.low) <= 0 <= float(r.high) for r in results])
    assert abs(held - 0.95) < 0.014  # noise of 3,000 trials: .004
    if rows >= 100:  # of a mean of many, what is missing of the information is what is missing of the rows
        assert np.mean([float(r.fraction_missing) for r in results]) == pytest.approx(missing, abs=0.1)
    single = [pool([r.estimate] * 2, [r.within] * 2, df=rows - 1) for r in results]  # as if nothing had been missing
    assert np.mean([float(r.low) <= 0 <= float(r.high) for r in single]) < held - 0.03


def test_a_regression_on_imputed_tables() -> None:
    """y = 1 + 2 x + noise with a third of x lost: the slope comes back, with a wider interval than without gaps."""
    rng = np.random.default_rng(4)
    x = rng.normal(size=300)
    full = np.stack([x, 1 + 2 * x + rng.normal(size=300)], 1)
    holed = full.copy()
    holed[rng.random(300) < 1 / 3, 0] = np.nan

    def regress(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        design = np.column_stack([np.ones(len(table)), table[:, 0]])
        slope, (rest,), *_ = np.linalg.lstsq(design, table[:, 1], rcond=None)
        return slope, rest / (len(table) - 2) * np.diag(np.linalg.inv(design.T @ design))

    model = VAE(width=32, depth=1, latent=2, steps=600, learning_rate=5e-3, threads=1).fit(holed, verbose=False)
    pooled = pool_over(model.impute(holed, draws=10, seed=0), regress, df=298)
    assert pooled.estimate[1] == pytest.approx(2, abs=0.35)
    assert pooled.standard_error[1] > np.sqrt(regress(full)[1][1])
    assert 0 < pooled.fraction_missing[1] < 0.8


@pytest.mark.parametrize(
    ("estimates", "variances", "options", "error", "words"),
    [
        ([1.0], [1.0], {}, QueryError, "draws="),
        (1.0, 1.0, {}, QueryError, "two tables"),
        ([1.0, 2.0], [1.0], {}, DataError, r"\(2,\) and \(1,\)"),
        ([1.0, np.nan], [1.0, 1.0], {}, DataError, "table 1"),
        ([1.0, 2.0], [1.0, -1.0], {}, DataError, "squared standard errors"),
        ([1.0, 2.0], [1.0, 1.0], {"level": 95}, QueryError, "level=0.95"),
        ([1.0, 2.0], [1.0, 1.0], {"df": 0}, QueryError, "degrees of freedom"),
    ],
)
def test_errors_say_what_to_write(estimates, variances, options, error, words: str) -> None:
    with pytest.raises(error, match=words):
        pool(estimates, variances, **options)
