"""Cells each by itself: beside closed forms, and what they add to what is odd."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from exact import evidence, linear_gaussian
from scipy import stats

from vaery import VAE
from vaery.core.random import Random
from vaery.marginal import marginal
from vaery.oddness import ALONE, held_out, learn, odd_alone, oddness
from vaery.surprise import BITS, alone


@pytest.mark.parametrize("second", [0, 2])
def test_a_cell_by_itself_has_the_density_of_its_column(second: int) -> None:
    model = linear_gaussian(columns=4, latent=2, second=second)
    x = model.sample(40, Random(1))
    scale = model.covariance.diagonal().sqrt()
    expected = stats.norm.logpdf(x.numpy(), model.bias.numpy(), scale.numpy())
    joint = model.joint()
    found = marginal(joint, evidence(x), "x", rng=Random(0), draws=20_000)
    near = (x - model.bias).abs() < 2.5 * scale  # few draws of the latent lead further out
    assert near.sum() > 140
    np.testing.assert_allclose(found[near], expected[near.numpy()], atol=0.1)
    np.testing.assert_allclose(found, expected, atol=0.5)
    known = torch.rand(x.shape, generator=torch.Generator().manual_seed(0)) < 0.5
    half = marginal(joint, evidence(x, known), "x", rng=Random(0), draws=20_000)
    assert torch.equal(half, torch.where(known, found, torch.zeros(())))


def alike() -> tuple[pd.DataFrame, int]:
    """Rows of three columns, of which some that come first are odd, and like one another."""
    rng, n, k = np.random.default_rng(0), 1000, 40
    a = rng.normal(size=n)
    x = np.c_[a, a + 0.3 * rng.normal(size=n), rng.gamma(2, size=n)]
    x[:k] = np.array([4.0, -4.0, 9.0]) + 0.1 * rng.normal(size=(k, 3))
    return pd.DataFrame(x, columns=list("abc")), k


@pytest.fixture(scope="module")
def fitted() -> VAE:
    return VAE(random_state=0, steps=600, width=64, threads=1).fit(alike()[0], verbose=False)


def test_odd_rows_that_are_alike_are_odd_by_what_their_cells_are_each_by_itself(fitted: VAE) -> None:
    x, k = alike()
    found = fitted.detect(x, reasons=1)
    assert found["bits"][:k].median() < found["bits"][k:].quantile(0.5)  # learned as ordinary
    assert found["oddness"][:k].min() > found["oddness"][k:].quantile(0.7)
    first = [reasons[0] for reasons, odd in zip(found["reasons"][:k], found["oddness"][:k], strict=True) if odd > 1]
    assert first
    assert {reason["why"] for reason in first} == {"rare by itself"}
    assert all(len(reasons) == 2 for reasons in found["reasons"])


def test_all_reasons_add_up_with_it(fitted: VAE) -> None:
    x, _ = alike()
    found = fitted.detect(x[:60], reasons=3)
    sums = [sum(reason["bits"] for reason in reasons) for reasons in found["reasons"]]
    np.testing.assert_allclose(sums, found["bits"], rtol=1e-4, atol=1e-4)
    assert any("why" in reasons[0] for reasons in found["reasons"])
    assert all(len({reason["cell"] for reason in reasons}) == 4 for reasons in found["reasons"])


def test_what_a_row_is_by_itself_hangs_on_nothing_that_is_hidden(fitted: VAE) -> None:
    x, _ = alike()
    holed, other = x[:100].copy(), x[:100].copy()
    holed["b"] = np.nan
    cells = lambda rows: alone(fitted.joint_, fitted.schema_.pack(rows))
    (full,), (part,) = cells(other).values(), cells(holed).values()
    assert (part[:, 1] == 0).all()
    assert torch.equal(part[:, [0, 2]], full[:, [0, 2]])


def test_bits_of_cells_count_in_the_surprise_s_unit() -> None:
    bits = torch.arange(0.0, 101.0)
    flat = torch.zeros(101)
    flat[-1] = 40.0  # a rare level: nine of ten rows are alike
    usual = learn({"bits": bits, ALONE: flat})
    assert usual[ALONE] == [0.0, 40.0]
    asked = {"bits": torch.tensor([50.0, 50.0, 170.0]), ALONE: torch.tensor([40.0, 80.0, 100.0])}
    assert oddness(asked, usual).tolist() == [1.0, 2.0, 3.0]
    assert odd_alone(asked, usual).tolist() == [False, True, False]  # not beyond nine of ten; yes; the surprise is
    assert odd_alone({"bits": bits}, usual).tolist() == [False] * 101


def test_held_out_rows_are_as_odd_as_detect_finds_them(fitted: VAE) -> None:
    odd = held_out(fitted.calibration_)
    assert np.median(odd) == pytest.approx(0, abs=0.05)
    assert np.quantile(odd, 0.9) == pytest.approx(1, abs=0.05)
    rng = np.random.default_rng(1)
    a = rng.normal(size=500)
    new = pd.DataFrame(np.c_[a, a + 0.3 * rng.normal(size=500), rng.gamma(2, size=500)], columns=list("abc"))
    p = fitted.detect(new, reasons=0)["p_value"]
    assert 0.02 < (p <= 0.1).mean() < 0.2


def test_one_named_cell_is_told_by_the_surprise() -> None:
    x = np.random.default_rng(0).normal(size=(100, 1))
    model = VAE(latent=1, steps=10, threads=1).fit(x, verbose=False)
    assert "odd" not in model.calibration_
    found = model.detect(x, reasons=0)
    scores = -np.array(model.calibration_["score"]) * BITS
    assert np.corrcoef(found["bits"], found["oddness"])[0, 1] == pytest.approx(1)
    assert held_out(model.calibration_).max() == pytest.approx(
        (scores.max() - np.sort(scores)[(len(scores) - 1) // 2])
        / (np.quantile(scores, 0.9) - np.sort(scores)[(len(scores) - 1) // 2]), rel=1e-3
    )  # fmt: skip
