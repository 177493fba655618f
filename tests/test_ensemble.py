"""Several members as one model: the closed form of a mixture of exact models, and what a fit of several keeps."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from exact import Labelled, LinearGaussian, evidence, linear_gaussian
from scipy.stats import ks_2samp
from torch import Tensor
from typer.testing import CliRunner

import vaery.train
from vaery import VAE, between, load
from vaery.cli.app import app
from vaery.core.check import check_density
from vaery.core.choose import from_either, from_prior, from_prior_given
from vaery.core.errors import ChoiceError
from vaery.core.evidence import Evidence
from vaery.core.random import Random, log_mean_exp
from vaery.core.switched import SomeRows, Switched, places
from vaery.ensemble import MEMBER, Ensemble
from vaery.file import card
from vaery.inference import complete, conditionals, sample_conditional
from vaery.jobs.score import score

MODELS = [linear_gaussian(4, 2, seed=seed) for seed in range(3)]
TWO_LEVELS = [linear_gaussian(4, 2, second=2, seed=seed) for seed in range(2)]


@pytest.fixture(params=[MODELS, TWO_LEVELS], ids=["three", "two of two levels"])
def models(request: pytest.FixtureRequest) -> list[LinearGaussian]:
    return request.param


def mixture(models: list[LinearGaussian]) -> Ensemble:
    return Ensemble([model.joint() for model in models]).double()


def log_probs(models: list[LinearGaussian], x: Tensor, known: Tensor | None = None) -> Tensor:
    """``[M, B]``"""
    return torch.stack([model.log_prob(x, known) for model in models])


def some_rows(models: list[LinearGaussian], rows: int = 40) -> tuple[Tensor, Tensor]:
    rng = Random(3)
    x = torch.cat([model.sample(rows, rng) for model in models])[:: len(models)]
    known = rng.uniform(tuple(x.shape)) > rng.uniform((len(x), 1))
    known[0], known[1] = True, False
    return x, known


# ------------------------------------------------------------------ closed forms


@pytest.mark.parametrize("draws", [1, 3, 7])
def test_a_row_is_as_likely_as_the_members_find_it_on_average(models: list[LinearGaussian], draws: int) -> None:
    x, known = some_rows(models)
    trace = mixture(models).infer(evidence(x, known), rng=Random(0), draws=draws)
    expected = log_mean_exp(log_probs(models, x, known))
    torch.testing.assert_close(trace.bound, expected, rtol=0, atol=1e-6)
    assert len(trace.log_weight) % len(models) == 0, "no member is asked more often than another"


def test_weights_say_which_member_a_row_is_of(models: list[LinearGaussian]) -> None:
    x, known = some_rows(models)
    trace = mixture(models).infer(evidence(x, known), rng=Random(0), draws=len(models))
    torch.testing.assert_close(trace.weight, log_probs(models, x, known).softmax(0), rtol=0, atol=1e-6)


def test_what_is_hidden_is_told_by_each_member_as_far_as_it_fits(models: list[LinearGaussian]) -> None:
    x, known = some_rows(models, 12)
    means = torch.stack([model.conditional(x, known)[0] for model in models])
    expected = (log_probs(models, x, known).softmax(0)[..., None] * means).sum(0)
    trace = mixture(models).infer(evidence(x, known), rng=Random(0), draws=30_000, fill=True)
    filled = (trace.weight[..., None] * trace["x"].chosen).sum(0)
    torch.testing.assert_close(filled, expected, rtol=0, atol=0.06)
    assert torch.equal(trace["x"].chosen[:, known], x[known].expand(len(trace.weight), -1))


def test_conditional_draws_agree_with_rejection_sampling(models: list[LinearGaussian]) -> None:
    joint = mixture(models)
    free = joint.trace(300_000, from_prior(Random(0)))["x"].chosen[0].detach()
    near = free[(free[:, 0] - 1.0).abs() < 0.03]
    assert len(near) > 500
    x = torch.ones(1, 4).double()
    known = torch.tensor([[True, False, False, False]])
    drawn = sample_conditional(joint, evidence(x, known), 3000, rng=Random(1)).values["x"]
    rows = complete(joint, evidence(x, known).repeat(3000), rng=Random(2), candidates=12)["x"]
    for column in range(1, 4):
        assert ks_2samp(near[:, column], drawn[:, column]).pvalue > 1e-3
        assert ks_2samp(near[:, column], rows[:, column]).pvalue > 1e-3


def test_from_the_prior_each_member_draws_its_share() -> None:
    trace = mixture(MODELS).trace(60_000, from_prior(Random(0)))
    which, x = trace[MEMBER].chosen[0], trace["x"].chosen[0]
    for number, model in enumerate(MODELS):
        mine = x[which == number].detach()
        assert len(mine) / len(x) == pytest.approx(1 / 3, abs=0.01)
        torch.testing.assert_close(mine.T.cov(), model.covariance, rtol=0, atol=0.15)
        torch.testing.assert_close(mine.mean(0), model.bias, rtol=0, atol=0.06)


def test_from_the_prior_the_mean_weight_is_the_mixtures_likelihood() -> None:
    x, known = some_rows(MODELS, 8)
    given = evidence(x, known)
    for choose in (
        from_prior_given(given, Random(0), fill=False),
        from_either(mixture(MODELS).encode(given), given, Random(0)),
    ):
        trace = mixture(MODELS).trace(len(x), choose, 90_000)
        torch.testing.assert_close(trace.bound, log_mean_exp(log_probs(MODELS, x, known)), rtol=0, atol=0.12)


def test_labels_before_the_latent_are_summed_out_in_every_member() -> None:
    models = [Labelled(seed=seed) for seed in (0, 1)]
    y, x = models[0].sample(30, Random(0))
    known = Random(1).uniform((30,)) < 0.5
    given = Evidence(30, {"y": y * known, "x": x}, {"y": known, "x": None})
    joint = Ensemble([model.joint for model in models])
    each = torch.stack([model.log_joint(x) for model in models])
    told = each.gather(2, y.long().expand(2, -1)[..., None])[..., 0]
    expected = log_mean_exp(torch.where(known, told, each.logsumexp(2)))
    for draws in (1, 3):
        trace = joint.infer(given, rng=Random(0), draws=draws, each=True)
        torch.testing.assert_close(trace.bound, expected, rtol=0, atol=1e-5)


# ------------------------------------------------------------------ invariants


def test_one_member_is_that_member(models: list[LinearGaussian]) -> None:
    x, known = some_rows(models)
    given, one = evidence(x, known), models[0].joint()
    alone, among = (joint.infer(given, rng=Random(0), draws=4).log_weight for joint in (one, Ensemble([one])))
    torch.testing.assert_close(alone, among, rtol=0, atol=1e-12)


def test_hidden_cells_have_no_influence_bit_for_bit(models: list[LinearGaussian]) -> None:
    x, known = some_rows(models)
    joint = mixture(models)
    other = torch.where(known, x, 1e6)
    a, b = (joint.infer(evidence(v, known), rng=Random(0), draws=6, fill=True) for v in (x, other))
    assert torch.equal(a.log_weight, b.log_weight)
    assert torch.equal(a["x"].chosen, b["x"].chosen)


def test_a_rows_score_is_the_same_in_any_batch(models: list[LinearGaussian]) -> None:
    x, known = some_rows(models)
    joint = mixture(models)
    all_, some = (score(joint, evidence(x, known)[rows], rng=Random(0)) for rows in (slice(0, 40), slice(5, 9)))
    torch.testing.assert_close(all_[5:9], some, rtol=0, atol=1e-6)


def test_the_same_seed_gives_the_same_bits(models: list[LinearGaussian]) -> None:
    x, known = some_rows(models)
    made = [complete(mixture(models), evidence(x, known), rng=Random(7))["x"] for _ in range(2)]
    assert torch.equal(*made)


def test_every_density_of_the_walk_keeps_the_contract(models: list[LinearGaussian]) -> None:
    x, known = some_rows(models)
    trace = mixture(models).infer(evidence(x, known), rng=Random(0), draws=6)
    check_density(trace["x"].density, x, known)
    for site in trace.latents:
        check_density(site.density, site.chosen[0].detach())


def test_densities_that_take_turns_by_rows_keep_the_contract_too() -> None:
    x, known = some_rows(MODELS)
    trace = mixture(MODELS).trace(len(x), from_prior_given(evidence(x, known), Random(0)))
    density = trace["x"].density
    assert isinstance(density, Switched)
    assert isinstance(density.parts[0][0], SomeRows)
    check_density(density, x, known)


def test_quantiles_lie_where_the_member_of_each_draw_has_them() -> None:
    x, known = some_rows(MODELS)
    points = conditionals(mixture(MODELS), evidence(x, known), rng=Random(0), draws=6)
    assert points.weight.shape[1] == len(x)
    torch.testing.assert_close(points.weight.sum(0), torch.ones(len(x)).double())
    expected = torch.stack([model.conditional(x, known)[0] for model in MODELS])
    expected = (log_probs(MODELS, x, known).softmax(0)[..., None] * expected).sum(0)
    many = conditionals(mixture(MODELS), evidence(x, known), rng=Random(0), draws=3000)
    mean = (many.weight[..., None] * many.values["x"]).sum(0)
    torch.testing.assert_close(mean[~known], expected[~known], rtol=0, atol=0.12)


def test_draws_whose_rows_are_of_other_members_are_refused() -> None:
    with pytest.raises(ValueError, match="another for each row"):
        places(torch.tensor([[0, 1], [1, 0]]), 2)


# ------------------------------------------------------------------ fits


def frame(rows: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    kind = rng.choice(["a", "b", "c"], rows)
    size = rng.normal(size=rows) + (kind == "a") * 3
    return pd.DataFrame(
        {"kind": kind, "size": size, "weight": 2 * size + rng.normal(size=rows), "count": rng.poisson(3, rows)}
    )


@pytest.fixture(scope="module")
def fitted() -> VAE:
    return VAE(members=3, random_state=0).fit(frame(), epochs=3)


def test_a_fit_of_several_answers_every_job(fitted: VAE, tmp_path: Path) -> None:
    rows = frame(40)
    gaps = rows.mask(np.random.default_rng(1).uniform(size=rows.shape) < 0.3)
    assert len(fitted.joint_.members) == 3
    assert list(fitted.generate(20).columns) == list(rows.columns)
    assert set(fitted.generate(30, given={"kind": "b", "size": between(0, 1)})["kind"]) == {"b"}
    assert not fitted.impute(gaps).isna().any().any()
    assert len(fitted.impute(gaps, draws=4)) == 4
    assert fitted.transform(rows).shape == (40, fitted.get_feature_names_out().size)
    assert {"bits", "p_value", "outlier", "reasons"} <= set(fitted.detect(rows).columns)
    assert fitted.predict_proba(rows, target="kind").sum(1) == pytest.approx(1)
    assert fitted.reconstruct(rows).shape == rows.shape
    assert len(fitted.interpolate(rows[:2], rows[2:4], steps=4)) == 8
    assert len(fitted.vary(rows[:3], n=4)) == 12
    assert fitted.explain(rows)["units"]
    assert len(fitted.augment(rows, target="kind")) >= 40


def test_the_score_is_that_of_the_mixture(fitted: VAE) -> None:
    rows = frame(30)
    given = fitted.schema_.pack(rows)
    each = [log_mean_exp(m.infer(given, rng=Random(0), draws=400).log_weight) for m in fitted.joint_.members]
    whole = log_mean_exp(fitted.joint_.infer(given, rng=Random(0), draws=1200).log_weight)
    torch.testing.assert_close(whole, log_mean_exp(torch.stack(each)), rtol=0, atol=0.3)
    assert not torch.allclose(whole, each[0], rtol=0, atol=0.3), "and not that of one of them"


def test_members_differ_and_the_first_is_the_model_alone(fitted: VAE) -> None:
    alone = VAE(random_state=0).fit(frame(), epochs=3)
    first, second = (m.state_dict() for m in fitted.joint_.members[:2])
    for name, weight in alone.joint_.state_dict().items():
        if "prior" not in name:  # what is fitted after training draws anew
            assert torch.equal(weight, first[name])
    assert any(not torch.equal(weight, second[name]) for name, weight in first.items() if name in second)


def test_saved_and_loaded_it_is_the_same(fitted: VAE, tmp_path: Path) -> None:
    fitted.save(tmp_path / "m.vaery")
    again, rows = load(tmp_path / "m.vaery"), frame(30)
    assert again.members == again.info()["members"] == 3
    told = CliRunner().invoke(app, ["info", str(tmp_path / "m.vaery")], catch_exceptions=False).output
    assert "a mixture of 3 members" in told
    assert "mixture of 3 members" in card(again)
    assert np.array_equal(fitted.score_samples(rows), again.score_samples(rows))
    assert fitted.generate(20, seed=5).equals(again.generate(20, seed=5))


def test_a_killed_fit_of_several_goes_on_to_the_very_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = lambda folder, **how: VAE(members=2, threads=1).fit(frame(), epochs=4, checkpoint=tmp_path / folder, **how)
    whole = fit("whole").joint_.state_dict()
    saved, save = 0, vaery.train.checkpoint.save

    def killed(*args: object) -> None:
        nonlocal saved
        save(*args)  # type: ignore[arg-type]
        saved += 1
        if saved == 6:  # in the second member
            raise RuntimeError("killed")

    monkeypatch.setattr(vaery.train.checkpoint, "save", killed)
    with pytest.raises(RuntimeError, match="killed"):
        fit("cut")
    monkeypatch.undo()
    again = fit("cut", resume=True).joint_.state_dict()
    assert whole.keys() == again.keys()
    assert all(torch.equal(weight, again[name]) for name, weight in whole.items())


def test_an_interrupt_keeps_the_members_that_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    steps, step = 0, vaery.train.Trainer.step

    def interrupted(self: vaery.train.Trainer, batch: Evidence) -> Tensor:
        nonlocal steps
        steps += 1
        if steps == 30:
            raise KeyboardInterrupt
        return step(self, batch)

    monkeypatch.setattr(vaery.train.Trainer, "step", interrupted)
    model = VAE(members=3, steps=20, threads=1).fit(frame())
    assert len(model.joint_.members) == 2
    assert any("member 2: interrupted" in word for word in model.trouble_)
    assert math.isfinite(model.score(frame(20)))


def test_a_budget_is_shared_out() -> None:
    model = VAE(members=2, threads=1).fit(frame(), budget="2s")
    assert model.plan_["seconds"] <= 1.2
    assert len(model.joint_.members) == 2


@pytest.mark.parametrize("count", [0, -1, 1.5, "three", True])
def test_what_is_no_number_of_members_is_refused(count: object) -> None:
    with pytest.raises(ChoiceError, match="members"):
        VAE(members=count).fit(frame(30))  # type: ignore[arg-type]


def test_a_private_fit_of_several_is_refused() -> None:
    with pytest.raises(ChoiceError, match="privacy budget"):
        VAE(members=2, private=3.0).fit(frame(30))


def test_labels_pictures_and_series_take_members_too() -> None:
    rng = np.random.default_rng(0)
    y = np.where(rng.uniform(size=240) < 0.4, rng.integers(0, 2, 240), -1)
    pictures = (rng.uniform(size=(240, 8, 8)) * 255 * (0.5 + 0.5 * (y == 1))[:, None, None]).astype(np.uint8)
    model = VAE(members=2, target="label", steps=20, threads=1).fit({"image": pictures, "label": y})
    assert model.predict_proba({"image": pictures[:20]}, target="label").shape == (20, 2)
    assert model.detect({"image": pictures[:10]})["p_value"].notna().all()
    assert model.denoise({"image": pictures[:3]})["image"].shape == (3, 8, 8)
    series = np.sin(np.arange(400)[:, None] / 7 + np.arange(2))[None].repeat(2, 0)
    waves = VAE(members=2, kind="series", steps=20, threads=1).fit(series)
    holes = series.copy()
    holes[:, 50:60] = np.nan
    assert np.isfinite(waves.impute(holes)).all()
    assert len(waves.detect(series)) == 800
