"""Numbers that people round: what is generated is as round, what is not round is kept."""

from __future__ import annotations

import json
import math
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import vaery
from vaery import VAE, between, one_of
from vaery.core.errors import DataError, QueryError
from vaery.kinds.table.column import Column
from vaery.kinds.table.lattice import coarsest


def limits(n: int = 3000, seed: int = 0) -> np.ndarray:
    """Credit limits: ten thousands, some more popular, and one that is not round."""
    rng = np.random.default_rng(seed)
    x = 10_000 * rng.integers(1, 60, n)
    x[: n // 10] = 50_000
    x[-1] = 16_000
    return rng.permutation(x)


def column(values: np.ndarray, **about: object) -> Column:
    return vaery.describe(pd.DataFrame({"x": values, "y": np.arange(len(values)) % 7}), **about)[0].columns[0]  # type: ignore


@given(st.integers(2, 5000), st.integers(0, 5000), st.integers(5, 60), st.integers(0, 100))
@settings(max_examples=60, deadline=None)
def test_the_step_of_whole_multiples_is_found(step: int, phase: int, n: int, seed: int) -> None:
    k = np.unique(np.concatenate([[0, 1], np.random.default_rng(seed).integers(0, 500, n)]))
    found = coarsest(k * step + phase, np.ones(len(k)))
    assert found is not None
    assert found[:2] == (step, phase % step)
    assert found[2].all()


def test_whole_numbers_have_no_coarser_lattice() -> None:
    rng = np.random.default_rng(0)
    for values in (np.arange(300), np.unique(rng.poisson(50, 2000)), np.unique(rng.integers(0, 10**6, 3000))):
        assert coarsest(values, np.ones(len(values))) is None
    mostly = np.unique(np.concatenate([np.arange(0, 3000, 10), rng.integers(0, 3000, 60)]))  # a fifth is not round
    assert coarsest(mostly, np.ones(len(mostly))) is None


def test_few_exceptions_are_levels_and_the_rest_is_round() -> None:
    found = column(limits())
    assert (found.multiple, found.phase) == (10_000, 0)
    assert {16_000, 50_000} <= set(found.levels)
    assert column(np.arange(12) * 10).multiple == 1  # too few rows to tell
    prices = column(np.random.default_rng(0).integers(1, 200, 500) + 0.99)
    assert (prices.decimals, prices.multiple, prices.phase) == (2, 100, 99)
    assert column(np.random.default_rng(0).normal(size=500)).multiple == 1


def test_steps_at_both_ends_of_a_range() -> None:
    found = column(limits())
    assert found.between(26_000, 53_000) == (30_000, 50_000)
    assert found.between(20_000, 30_000) == (20_000, 30_000)
    low, high = found.between(26_000, 29_000)
    assert low > high
    assert found.between(-math.inf, 44_000) == (-math.inf, 40_000)


def test_a_column_as_plain_data_and_back() -> None:
    found = column(limits())
    assert Column.from_json(json.loads(json.dumps(asdict(found)))) == found
    old = {k: v for k, v in asdict(found).items() if k not in ("multiple", "phase")}
    assert Column.from_json(json.loads(json.dumps(old))).multiple == 1


@pytest.fixture(scope="module")
def model() -> tuple[VAE, pd.DataFrame]:
    x = limits()
    frame = pd.DataFrame(
        {"limit": x, "age": np.random.default_rng(1).integers(18, 90, len(x)), "price": x / 10_000 + 0.99}
    )
    return VAE(width=32, depth=1, dropout=0.0, steps=200, threads=1, random_state=0).fit(frame, verbose=False), frame


def test_generated_values_are_as_round_as_the_data(model: tuple[VAE, pd.DataFrame]) -> None:
    made = model[0].generate(2000, seed=0)
    off = made["limit"] % 10_000 != 0
    assert off.mean() < 0.01
    assert set(made["limit"][off]) <= {16_000}
    assert (made["age"] % 10 != 0).mean() > 0.5
    assert made["limit"].dtype == model[1]["limit"].dtype


def test_conditions_on_a_lattice(model: tuple[VAE, pd.DataFrame]) -> None:
    vae = model[0]
    inside = vae.generate(200, given={"limit": between(26_000, 53_000)}, seed=0)["limit"]
    assert set(inside) <= {30_000, 40_000, 50_000}
    assert set(vae.generate(50, given={"limit": one_of(70_000, 16_000)}, seed=0)["limit"]) <= {70_000, 16_000}
    with pytest.raises(QueryError, match="limit"):
        vae.generate(5, given={"limit": between(26_000, 29_000)})
    assert (vae.generate(5, given={"limit": 26_500})["limit"] == 26_500).all()  # given is given


def test_values_off_the_lattice_come_back_and_have_scores(model: tuple[VAE, pd.DataFrame]) -> None:
    vae, frame = model
    rows = frame.head(20).copy()
    rows["limit"] = 26_500
    rows.loc[rows.index[::2], "age"] = None
    assert (vae.impute(rows)["limit"] == 26_500).all()
    assert np.isfinite(vae.score_samples(rows)).all()


def test_a_score_is_the_probability_of_the_round_value(model: tuple[VAE, pd.DataFrame]) -> None:
    """Of a column alone, over all values it can hold, probabilities sum to one."""
    vae, _ = model
    values = np.unique(np.concatenate([np.arange(-200_000, 900_000, 10_000), [16_000]]))
    rows = pd.DataFrame({"limit": values.astype(float), "age": np.nan, "price": np.nan})
    assert np.exp(vae.score_samples(rows)).sum() == pytest.approx(1, abs=0.08)


def test_a_constraint_is_held_to_the_last_digit_and_not_to_the_lattice() -> None:
    rng = np.random.default_rng(0)
    price, tax = 0.5 * rng.integers(1, 100, 600), 0.5 * rng.integers(1, 20, 600)
    frame = pd.DataFrame({"price": price, "tax": tax, "total": price + tax})
    assert column(frame["total"].to_numpy()).multiple == 5
    frame.loc[7, "total"] += 0.2
    with pytest.raises(DataError, match="broken in 1 of 600 rows"):
        VAE(constraints=["total = price + tax"], steps=5).fit(frame)
