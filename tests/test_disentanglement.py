"""Disentanglement scores: worked out by hand on small tables, and at their extremes."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.metrics import mutual_info_score

from vaery import VAE
from vaery.core.errors import ChoiceError, DataError, QueryError
from vaery.evaluation.disentanglement import Factors, beta_vae, disentanglement, factor_vae, mig, sap
from vaery.evaluation.disentanglement.dci import from_importance
from vaery.evaluation.disentanglement.factors import gap
from vaery.evaluation.disentanglement.mig import information, intervals
from vaery.evaluation.disentanglement.sap import predictability

RNG = np.random.default_rng(0)
GRID = np.stack(np.meshgrid(np.arange(5), np.arange(6), np.arange(4), indexing="ij"), -1).reshape(-1, 3).repeat(12, 0)
ALIGNED = np.column_stack([-3.0 * GRID[:, 1], GRID[:, 2] + 1.0, 0.5 * GRID[:, 0], np.zeros(len(GRID))])
ALIGNED = ALIGNED + 0.02 * RNG.normal(size=ALIGNED.shape)
STANDARD = (GRID - GRID.mean(0)) / GRID.std(0)
ROTATED = STANDARD @ np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))[0]
NOISE = RNG.normal(size=(len(GRID), 4))


def scores(codes: NDArray[Any], **options: Any) -> dict[str, Any]:
    return disentanglement(codes, GRID, **({"votes": 1000} | options))


# ------------------------------------------------------------------ extremes


def test_a_unit_for_each_factor_scores_one() -> None:
    found = scores(ALIGNED)
    for name in ("mig", "sap", "dci_disentanglement", "dci_completeness", "dci_informativeness", "factor_vae"):
        assert found[name] > 0.95, name
    assert found["beta_vae"] > 0.95
    assert found["units"] == [0, 1, 2]  # the fourth carries nothing
    assert [found["by_factor"][f"factor {k}"]["unit"] for k in range(3)] == [2, 0, 1]
    assert [found["by_unit"][j]["factor"] for j in range(3)] == ["factor 1", "factor 2", "factor 0"]
    assert json.loads(json.dumps(found))["rows"] == len(GRID)


def test_a_rotated_code_knows_as_much_and_is_not_disentangled() -> None:
    found = scores(ROTATED)
    assert found["mig"] < 0.25
    assert found["sap"] < 0.45
    assert found["dci_disentanglement"] < 0.5
    assert found["dci_completeness"] < 0.5
    assert found["dci_informativeness"] > 0.9


def test_noise_scores_nothing() -> None:
    found = scores(NOISE)
    for name in ("mig", "sap", "dci_disentanglement", "dci_completeness", "dci_informativeness"):
        assert found[name] < 0.1, name
    assert found["factor_vae"] == pytest.approx(1 / 3, abs=0.06)
    assert found["beta_vae"] == pytest.approx(1 / 3, abs=0.06)


def test_order_scale_and_sign_of_units_do_not_matter() -> None:
    plain, other = scores(ALIGNED), scores(ALIGNED[:, [2, 1, 3, 0]] * [2.0, -4.0, 3.0, 5.0])
    for name in ("mig", "sap", "dci_disentanglement", "dci_completeness", "factor_vae"):
        assert other[name] == pytest.approx(plain[name], abs=0.02), name


def test_the_same_seed_gives_the_same_scores() -> None:
    assert scores(ROTATED, seed=3) == scores(ROTATED, seed=3)
    assert scores(NOISE, seed=3)["factor_vae"] != scores(NOISE, seed=4)["factor_vae"]


# ------------------------------------------------------------------ by hand


def test_mig_by_hand() -> None:
    """The first unit tells a coin rightly in three of four rows: ln 2 - H(¼) of ln 2 nats; the second not at all."""
    coin = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    codes = np.column_stack([[0, 0, 0, 1, 1, 1, 1, 0], [0, 1, 0, 1, 0, 1, 0, 1]]).astype(float)
    told = 1 - (-(0.25 * math.log2(0.25) + 0.75 * math.log2(0.75)))
    factors = Factors.of({"coin": coin})
    np.testing.assert_allclose(information(codes, factors)[:, 0], [told, 0], atol=1e-12)
    assert mig(codes, factors)[0] == pytest.approx(told)
    three = np.column_stack([codes, coin])  # a unit that tells all: the lead shrinks to what the first leaves
    assert mig(three, factors)[0] == pytest.approx(1 - told)
    assert mig(coin[:, None].astype(float), factors)[0] == pytest.approx(1)  # no second


def test_a_factor_of_four_values_told_by_two_units() -> None:
    """Each unit tells one bit of two: half of the factor each, so there is no lead."""
    value = np.arange(4).repeat(3)
    codes = np.column_stack([value // 2, value % 2]).astype(float)
    np.testing.assert_allclose(information(codes, Factors.of(value))[:, 0], [0.5, 0.5])
    assert mig(codes, Factors.of(value))[0] == pytest.approx(0, abs=1e-12)


def test_information_is_what_scikit_learn_finds() -> None:
    factors = Factors.of(GRID)
    cut = intervals(ROTATED[:, 0], 20)
    entropy = mutual_info_score(GRID[:, 1], GRID[:, 1])
    assert information(ROTATED, factors)[0, 1] == pytest.approx(mutual_info_score(GRID[:, 1], cut) / entropy)


def test_dci_by_hand() -> None:
    """Two units for one factor, one for the other: entropies of (½, ½) and of (¼, ¾)."""
    importance = np.array([[0.5, 0.25], [0.5, 0.0], [0.0, 0.75]])
    found = from_importance(importance, np.array([0.8, 0.6]))
    h = lambda *p: -sum(q * math.log(q) for q in p if q)
    np.testing.assert_allclose(found.disentanglement, [1 - h(2 / 3, 1 / 3) / math.log(2), 1, 1])
    np.testing.assert_allclose(found.weight, [0.375, 0.25, 0.375])
    np.testing.assert_allclose(found.completeness, [1 - math.log(2) / math.log(3), 1 - h(0.25, 0.75) / math.log(3)])
    expected = 0.375 * (1 - h(2 / 3, 1 / 3) / math.log(2)) + 0.625
    assert found.scores()["dci_disentanglement"] == pytest.approx(expected)
    assert found.scores()["dci_informativeness"] == pytest.approx(0.7)
    nothing = from_importance(np.zeros((3, 2)), np.zeros(2))
    assert all(score == pytest.approx(0, abs=1e-12) for score in nothing.scores().values())


def test_sap_by_hand() -> None:
    """R² of numbers; of classes the balanced accuracy, of which one threshold gets two classes of three."""
    x = np.array([1.0, 2.0, 3.0, 4.0])
    y = np.array([1.0, 2.0, 4.0, 3.0])  # correlation .8
    found = predictability(np.column_stack([x, y]), Factors.of({"n": x}))
    np.testing.assert_allclose(found[:, 0], [1, 0.64])
    np.testing.assert_allclose(sap(np.column_stack([x, y]), Factors.of({"n": x})), [0.36])
    kind = np.array(["a", "b", "c"]).repeat(200)
    level = np.array([0.0, 1.0, 2.0]).repeat(200)
    codes = np.column_stack([level, np.minimum(level, 1.0), np.zeros(600)])
    found = predictability(codes, Factors.of({"kind": kind}))[:, 0]
    np.testing.assert_allclose(found, [1, 2 / 3, 1 / 3], atol=1e-9)


def test_the_lead_is_over_the_second() -> None:
    np.testing.assert_allclose(gap(np.array([[0.2], [0.9], [0.5]])), [0.4])
    np.testing.assert_allclose(gap(np.array([[0.2]])), [0.2])


def test_factor_vae_cannot_tell_factors_that_share_a_unit() -> None:
    """Two factors summed in one unit, one in another: the summed one is the stillest for both or for neither."""
    codes = np.column_stack([STANDARD[:, 0], STANDARD[:, 0]])  # only the first factor
    alone = factor_vae(codes, Factors.of(GRID), votes=600)
    assert alone < 0.55  # the other two are never told apart
    assert factor_vae(ALIGNED[:, :3], Factors.of(GRID), votes=600) == 1.0


def test_beta_vae_forgives_a_rotation() -> None:
    assert beta_vae(ROTATED, Factors.of(GRID), votes=600) > 0.9


# ------------------------------------------------------------------ factors


def test_factors_of_frames_arrays_and_dicts() -> None:
    frame = pd.DataFrame({"shape": ["disc", "star", "disc"], "big": [True, False, True], "x": [0.5, 0.25, 1.0]})
    for raw in (frame, {name: frame[name].to_numpy() for name in frame}):
        found = Factors.of(raw)
        assert found.names == ["shape", "big", "x"]
        assert found.ordered.tolist() == [False, False, True]
        assert found.levels.tolist() == [[0, 1, 1], [1, 0, 0], [0, 1, 2]]
    assert Factors.of(np.array([1, 2, 3])).names == ["factor 0"]
    assert Factors.of(GRID, classes=[1]).ordered.tolist() == [True, False, True]
    assert not Factors.of(GRID, classes="all").ordered.any()


def test_numbers_of_many_values_are_cut() -> None:
    x = RNG.normal(size=1000)
    found = Factors.of({"x": x}, bins=20)
    assert found.count(0) == 20
    assert np.bincount(found.levels[:, 0]).tolist() == [50] * 20
    np.testing.assert_array_equal(found.values[:, 0], x)


@pytest.mark.parametrize(
    ("codes", "factors", "options", "error", "words"),
    [
        (ALIGNED[:10], GRID, {}, DataError, r"\[1440, units\]"),
        (ALIGNED, np.zeros_like(GRID), {}, DataError, "'factor 0' has one value"),
        (ALIGNED, np.where(np.arange(len(GRID)) == 7, np.nan, GRID[:, 0]), {}, DataError, "missing in row 7"),
        (ALIGNED, GRID, {"classes": ["shape"]}, ChoiceError, "'shape'; the factors are factor 0"),
        (ALIGNED * 1e-4, GRID, {}, DataError, "active=0"),
        (np.where(np.arange(len(GRID))[:, None] == 3, np.inf, ALIGNED), GRID, {}, DataError, "row 3"),
        (ALIGNED, {"id": [str(i) for i in range(len(GRID))]}, {}, DataError, "shared by 8 rows"),
        (ALIGNED, GRID[None], {}, DataError, "must be"),
    ],
)
def test_what_does_not_fit_is_said(codes: Any, factors: Any, options: Any, error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        disentanglement(codes, factors, votes=100, **options)


def test_of_a_model() -> None:
    rng = np.random.default_rng(1)
    v = rng.integers(0, 5, (600, 2))
    x = np.column_stack([v[:, 0], v[:, 0], v[:, 1], v[:, 1]]) + 0.05 * rng.normal(size=(600, 4))
    model = VAE(latent=3, steps=60, random_state=0).fit(x)
    found = disentanglement(model, v, rows=x, votes=200)
    direct = disentanglement(model.transform(x), v, votes=200)
    assert found == direct
    with pytest.raises(QueryError, match="rows="):
        disentanglement(model, v)
