"""Private training: the accountant's numbers are Opacus's, single rows are clipped, noise has the stated scale, nothing
else of the rows gets into the model, and what was spent is said wherever the model goes."""

from __future__ import annotations

import functools
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats
from test_train import MODEL, PLAN, rows, weights
from test_train import joint as with_dropout
from typer.testing import CliRunner

from vaery import VAE, checkpoint, load
from vaery.advice import advise, pick_objective, settle
from vaery.build import build
from vaery.cli.app import app
from vaery.core.errors import ChoiceError, ModelFileError
from vaery.core.random import Random, isolated
from vaery.joint import Joint
from vaery.objectives.elbo import Elbo
from vaery.posteriors.gaussian import Gaussian
from vaery.private import Private, noise
from vaery.private.accountant import multiplier, spent
from vaery.private.gradients import RowGradients, clipped
from vaery.private.scores import noisy
from vaery.private.trainer import PrivateTrainer
from vaery.schema import Schema
from vaery.train import Trainer

pytest.importorskip("opacus")

QUICK = {"steps": 32, "batch": 64, "width": 16, "depth": 1, "latent": 2, "threads": 1}
MULTIPLIER, SPENT = functools.cache(multiplier), functools.cache(spent)
ASKED = {"epsilon": 3.0, "delta": 1e-5, "seed": 5}


def people(n: int = 300, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "age": rng.integers(18, 80, n),
            "town": rng.choice(["p", "q", "r"], n),
            "pay": rng.lognormal(10, 1, n),
            "gain": np.where(rng.random(n) < 0.7, 0.0, rng.lognormal(3, 1, n)),
        }
    )
    return table.mask(rng.random(table.shape) < 0.1).astype({"town": object})


def fitted(table: Any = None, private: Any = ASKED, how: dict[str, Any] | None = None, **settings: Any) -> VAE:
    model = VAE(**{**QUICK, "private": private, **settings})
    return model.fit(people() if table is None else table, verbose=False, **(how or {}))


def bits(model: VAE) -> torch.Tensor:
    return torch.cat([t.double().flatten() for t in model.joint_.state_dict().values()])


@pytest.fixture(scope="module")
def model() -> VAE:
    return fitted()


@pytest.fixture(autouse=True)
def counted_once(monkeypatch):
    """The accountant takes a second a question, and the same question has the same answer."""
    import vaery.private.trainer

    monkeypatch.setattr(vaery.private.trainer, "multiplier", MULTIPLIER)
    monkeypatch.setattr(vaery.private.trainer, "spent", SPENT)


# ------------------------------------------------------------------ the accountant


def test_epsilon_is_what_opacus_says():
    from opacus.accountants import PRVAccountant, RDPAccountant

    ours = spent(1.1, 1e-5, 0.01, 1000)
    prv, rdp = PRVAccountant(), RDPAccountant()
    for accountant in (prv, rdp):
        for _ in range(1000):
            accountant.step(noise_multiplier=1.1, sample_rate=0.01)
    assert ours == pytest.approx(prv.get_epsilon(1e-5), abs=0.02)
    assert ours <= rdp.get_epsilon(1e-5)
    assert ours > prv.get_epsilon(1e-5) - 0.04


def test_one_step_of_all_rows_is_the_gaussian_mechanism():
    """δ(ε) of the Gaussian mechanism in closed form (Balle and Wang, 2018, theorem 8)."""
    sigma, epsilon = 2.0, spent(2.0, 1e-5, 1.0, 1)
    delta = stats.norm.cdf(0.5 / sigma - epsilon * sigma) - math.exp(epsilon) * stats.norm.cdf(
        -0.5 / sigma - epsilon * sigma
    )
    assert delta <= 1e-5 * (1 + 1e-6)
    assert delta > 0.9e-5


@pytest.mark.parametrize(("epsilon", "rate", "steps"), [(3.0, 0.02, 500), (0.5, 0.25, 100), (20.0, 1.0, 50)])
def test_the_noise_spends_what_was_asked_and_not_more(epsilon, rate, steps):
    sigma = multiplier(epsilon, 1e-5, rate, steps)
    assert 0.99 * epsilon < spent(sigma, 1e-5, rate, steps, epsilon) <= epsilon
    assert spent(sigma, 1e-5, rate, steps // 2, epsilon) < 0.9 * epsilon


def test_the_noise_is_about_that_of_opacus():
    from opacus.accountants.utils import get_noise_multiplier

    theirs = get_noise_multiplier(
        target_epsilon=2.0, target_delta=1e-5, sample_rate=0.1, steps=200, accountant="prv", epsilon_tolerance=0.01
    )
    assert multiplier(2.0, 1e-5, 0.1, 200) == pytest.approx(theirs, rel=0.02)


# ------------------------------------------------------------------ gradients of single rows


def table_case(**settings: Any) -> tuple[Any, Any, Any]:
    schema, raw = Schema.describe(people(24))
    chosen = VAE(**{"private": 3.0, "width": 8, "depth": 1, **settings})
    advice = advise(chosen, schema.fields, 24)
    model = build(schema.fields, settle(chosen, schema.fields, advice), seed=1)
    for i, p in enumerate(model.parameters()):  # no zeros, behind which other gradients would hide
        torch.nn.init.normal_(p, std=0.3, generator=torch.Generator().manual_seed(i))
    return model, schema.pack(raw), pick_objective(chosen.objective, schema.fields, advice, 24)


CASES: dict[str, dict[str, Any]] = {
    "default": {},
    "independent": {"likelihood": "independent"},
    "student": {"likelihood": {"pay": "student"}},
    "mixture": {"prior": "mixture"},
    "vamp": {"prior": "vamp"},
    "flow": {"prior": "flow"},
    "levels": {"latent": [2, 3]},
    "iwae": {"objective": {"name": "masked", "objective": "iwae"}},
    "point": {"posterior": "point"},
    "draws": {"objective": {"name": "elbo", "draws": 3}},
}


class Fixed(Random):
    """The same draws for every row, whoever else is in the batch."""

    def normal(self, shape: tuple[int, ...]) -> torch.Tensor:
        return torch.linspace(-1, 1, math.prod((shape[0], *shape[2:]))).view(shape[0], 1, *shape[2:]).expand(shape)

    def uniform(self, shape: tuple[int, ...]) -> torch.Tensor:
        return torch.linspace(0.05, 0.95, math.prod((shape[0], *shape[2:]))).view(shape[0], 1, *shape[2:]).expand(shape)


@pytest.mark.parametrize("case", CASES)
def test_clipped_sums_are_those_of_a_loop_over_rows(case):
    """Side by side, each row by itself, and a loop written out here: the same sum. No draws are compared: every draw is
    made the same for all rows."""
    model, evidence, objective = table_case(**CASES[case])

    rng = Fixed(0)

    def loss(row: Any) -> torch.Tensor:
        return objective(model.infer(row, rng=rng, draws=objective.draws, estimate=0.5), 0.5).minimise

    parameters = list(model.parameters())
    single = [
        torch.autograd.grad(loss(evidence[slice(i, i + 1)]), parameters, allow_unused=True, materialize_grads=True)
        for i in range(evidence.rows)
    ]
    lengths = [math.sqrt(sum(float(g.double().square().sum()) for g in each)) for each in single]
    clip = float(np.median(lengths))  # half of them are clipped
    want = [
        sum(g * min(1.0, clip / length) for g, length in zip(each, lengths, strict=True))
        for each in zip(*single, strict=True)
    ]
    for together in (True, False):
        made = RowGradients(model, loss, rng, clip, together=together)
        for p, ours, theirs in zip(made.parameters, made.sum(evidence), want, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4 * clip, msg=lambda m, p=p: f"{p}: {m}")
        assert made.together == together


def test_no_row_is_longer_than_the_clip():
    gradients = [torch.randn(50, 3, 4) * 10, torch.randn(50, 7), torch.randn(50)]
    for i in range(50):
        one = clipped([g[i : i + 1] for g in gradients], 1.0)
        assert 0.999 < math.sqrt(sum(float(g.square().sum()) for g in one)) <= 1.0


def test_a_short_gradient_is_left_as_it_is():
    (one,) = clipped([torch.tensor([[0.3, 0.4]])], 1.0)
    assert torch.equal(one, torch.tensor([0.3, 0.4]))


def test_a_row_without_a_finite_gradient_has_no_say():
    bad = torch.tensor([[1.0, 0.0], [math.nan, 1.0], [math.inf, 0.0], [0.0, 1.0]])
    (total,) = clipped([bad], 5.0)
    assert torch.equal(total, torch.tensor([1.0, 1.0]))


def trainer(folder: Path | None = None, n: int = 200, **asked: Any) -> PrivateTrainer:
    steps = asked.pop("steps", 32)
    plan, private = replace(PLAN, steps=steps, evaluations=4, batch=16), Private.of({**ASKED, "delta": 1e-4, **asked})
    assert private is not None
    return PrivateTrainer(linear(), rows(n), rows(0), Elbo(), plan, private=private, rng=Random(7), folder=folder)


def linear() -> Joint:
    """A small joint without dropout, so that all rows go side by side."""
    with isolated(0):
        return MODEL.joint([Gaussian(2, 0, 1, 8)]).float()


def test_one_row_moves_a_sum_by_the_clip_at_most():
    """Sensitivity, which is what the accountant builds on: the gradient with and without one row."""
    t, data = trainer(n=40), rows(40)
    t.rng = t.gradients.rng = Fixed(0)
    outlier = replace(data, values={"x": data.values["x"].clone()})
    outlier.values["x"][39] *= 1e6
    for batch in (data, outlier):
        whole, less = t.gradients.sum(batch), t.gradients.sum(batch[slice(0, 39)])
        moved = math.sqrt(sum(float((a - b).double().square().sum()) for a, b in zip(whole, less, strict=True)))
        assert moved <= t.private.clip * (1 + 1e-4)
    assert moved > 0.99 * t.private.clip


# ------------------------------------------------------------------ batches and noise


def test_noise_has_the_stated_scale():
    t = trainer(clip=0.25)
    t.state.noise = 8.0
    found = []
    for _ in range(40):
        t._backward(t.train[torch.zeros(0, dtype=torch.long)])  # an empty batch: what is left is the noise
        found.append(torch.cat([p.grad.flatten() for p in t.parameters if p.grad is not None]))
        t.state.taken = len(found)
    drawn = torch.stack(found).double() * t.rate * t.train.rows
    assert float(drawn.std()) == pytest.approx(8.0 * 0.25, rel=0.03)
    assert abs(float(drawn.mean())) < 4 * 2.0 / drawn.numel() ** 0.5
    assert stats.kstest(drawn.flatten().numpy() / 2.0, "norm").pvalue > 1e-4
    assert len({float(g[0]) for g in found[:20]}) == 20  # another one each step


def test_rows_come_by_coins_of_their_own():
    batches = [noise.members([1, 2], step, 500, 0.1) for step in range(400)]
    sizes = np.array([len(b) for b in batches])
    assert sizes.mean() == pytest.approx(50, abs=4 * math.sqrt(45 / 400))
    assert sizes.var() == pytest.approx(45, rel=0.35)  # n q (1 - q): not all of one size
    count = torch.bincount(torch.cat(batches), minlength=500)
    assert stats.chisquare(count.numpy()).pvalue > 1e-4


def test_each_use_of_the_key_has_numbers_of_its_own():
    like = [torch.zeros(1000)]
    a, b = (noise.normal([3, 4], step, like, 1.0)[0] for step in (0, 1))
    assert abs(float((a * b).mean())) < 0.15
    assert torch.equal(a, noise.normal([3, 4], 0, like, 1.0)[0])
    assert not torch.equal(a, noise.normal([3, 5], 0, like, 1.0)[0])


def test_keys_come_from_the_system_unless_seeded():
    assert noise.new_key() != noise.new_key()
    assert noise.new_key(1) == noise.new_key(1) != noise.new_key(2)
    assert all(0 <= word < 2**64 for word in noise.new_key())


# ------------------------------------------------------------------ training


def test_the_same_seed_gives_the_same_bits_and_no_seed_does_not(model):
    assert torch.equal(bits(model), bits(fitted()))
    assert model.calibration_ == fitted().calibration_
    secret = fitted(private={"epsilon": 3.0, "delta": 1e-5})
    assert not torch.equal(bits(model), bits(secret))
    assert not secret.private_["seeded"]
    assert model.private_["seeded"]


def test_it_learns():
    """ε large and rows many: private training finds the density nearly as well as plain training does."""
    plan, private = replace(PLAN, steps=200, batch=300), Private(epsilon=50.0, clip=3.0, seed=1)
    t = PrivateTrainer(linear(), rows(2000), rows(0), Elbo(warmup=0.1), plan, private=private, rng=Random(7))
    from vaery.held_out import evaluate

    before, _ = evaluate(t.joint, rows(100, 1), Elbo(), seed=0)
    t.fit()
    after, _ = evaluate(t.joint, rows(100, 1), Elbo(), seed=0)
    exact = float(MODEL.log_prob(rows(100, 1).values["x"].double()).mean())
    assert after > before + 0.5 * (exact - before)


@pytest.mark.parametrize("build", [linear, with_dropout], ids=["side by side", "one by one"])
def test_a_killed_fit_goes_on_bit_for_bit_and_keeps_count(tmp_path, monkeypatch, build):
    """Also where it is found out only at the first step that rows have to go one by one."""
    from vaery.checkpoint import resume

    monkeypatch.setitem(globals(), "linear", build)
    whole = trainer()
    whole.fit()
    assert whole.gradients.together == (build is not with_dropout)
    broken = trainer(tmp_path)
    real = broken._evaluate

    def die() -> None:
        real()
        if broken.state.step == 16:
            checkpoint.save(broken, tmp_path)
            raise RuntimeError("killed")

    broken._evaluate = die  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="killed"):
        broken.fit()
    again = trainer(tmp_path)
    again.state.key = [0, 0]  # a fresh fit has another key; the checkpoint's counts
    assert resume(again, tmp_path)
    assert again.state.taken == 16
    again.fit()
    assert again.report() == whole.report()
    assert again.state.taken == 32
    assert torch.equal(weights(again.joint), weights(whole.joint))


@pytest.mark.parametrize("other", [{"epsilon": 9.0}, {"clip": 0.5}, {"delta": 1e-3}])
def test_a_checkpoint_of_another_budget_is_refused(tmp_path, other):
    from vaery.checkpoint import resume

    trainer(tmp_path).fit()
    with pytest.raises(ModelFileError, match="private"):
        resume(trainer(tmp_path, **other), tmp_path)


def test_a_plain_fit_does_not_go_on_from_a_private_one_nor_the_other_way_round(tmp_path):
    from vaery.checkpoint import resume

    private, plan = trainer(tmp_path / "private"), replace(PLAN, steps=32, evaluations=4, batch=16)
    plain = Trainer(linear(), rows(200), rows(0), Elbo(), plan, rng=Random(7))
    for path, fit in ((tmp_path / "private", private), (tmp_path / "plain", plain)):
        path.mkdir()
        checkpoint.save(fit, path)
    with pytest.raises(ModelFileError, match="private"):
        resume(plain, tmp_path / "private")
    with pytest.raises(ModelFileError, match="private"):
        resume(private, tmp_path / "plain")


def test_fewer_steps_spend_less():
    t = trainer()
    real = t._backward

    def interrupted(batch: Any) -> torch.Tensor:
        if t.state.taken == 20:
            raise KeyboardInterrupt
        return real(batch)

    t._backward = interrupted  # type: ignore[method-assign]
    t.fit()
    report = t.report()
    assert report["steps"] == 20
    assert report["epsilon"] == pytest.approx(spent(report["noise"], 1e-4, t.rate, 20, 3.0))
    assert report["epsilon"] < 0.9 * report["asked"]
    assert torch.equal(weights(t.joint), torch.cat([p.flatten() for p in t.averaged]))


def test_steps_that_are_rolled_back_stay_spent_and_the_budget_is_never_passed():
    t = trainer()
    real, broken = t._backward, []

    def once(batch: Any) -> torch.Tensor:
        loss = real(batch)
        if t.state.taken == 9 and not broken:
            broken.append(9)
            for p in t.parameters:
                p.grad = torch.full_like(p, math.nan)
        return loss

    t._backward = once  # type: ignore[method-assign]
    t.fit()
    assert t.state.trouble
    assert t.state.taken == 32
    assert t.report()["epsilon"] <= 3.0
    assert weights(t.joint).isfinite().all()


def test_a_budget_of_time_is_spent_by_the_steps_that_were_taken():
    report = fitted(how={"budget": "3s"}, steps="auto").private_
    assert report["steps"] > 0
    assert report["epsilon"] <= 3.0
    assert report["epsilon"] == pytest.approx(
        spent(report["noise"], report["delta"], report["rate"], report["steps"], 3.0)
    )


# ------------------------------------------------------------------ nothing else looks at rows


def test_nothing_but_the_trainer_reads_numbers_off_rows(model):
    assert model.calibration_["gaps"] == {}
    assert set(model.calibration_) == {"score", "alone", "rows", "gaps"}
    assert all(set(row) == {"step", "seconds"} for row in model.history_)
    assert math.isnan(model.held_out_bound())
    assert model.choices_.prior == {"name": "normal"}
    factors = model.joint_.stops[-1].prior.factors
    assert not factors.loading.any()
    assert not factors.mean.any()
    assert (factors.noise == 1).all()


def test_a_row_without_a_say_changes_nothing(monkeypatch):
    """With no row ever in a batch, tables of one description give the same weights: nothing looks past the trainer."""
    import vaery.private.trainer

    monkeypatch.setattr(vaery.private.trainer, "members", lambda *_: torch.zeros(0, dtype=torch.long))
    table = people().fillna({"age": 30, "town": "p", "pay": 1.0, "gain": 0.0})
    other = table.assign(**{c: table[c].to_numpy()[::-1] for c in table})  # the same columns, other rows in each place
    shuffled = table.assign(pay=table.pay.sample(frac=1, random_state=0).to_numpy())  # and other rows altogether
    first = bits(fitted(table))
    assert torch.equal(first, bits(fitted(other)))
    assert torch.equal(first, bits(fitted(shuffled)))


def test_held_out_rows_were_not_trained_on():
    from vaery.privately import PrivateRegime

    regime = PrivateRegime(Private(epsilon=3.0))
    schema, raw = Schema.describe(pd.DataFrame({"a": np.arange(5000.0)}))
    train, held = regime.split(schema.pack(raw), Random(0))
    assert train.rows + held.rows == 5000
    assert held.rows == pytest.approx(500, abs=100)
    both = torch.cat([train[slice(0, None)].values["table"], held.values["table"]])[:, 0].unique(dim=0)
    assert len(both) == 5000
    few = regime.split(schema.pack(raw[:5]), Random(0))
    assert (few[0].rows, few[1].rows) == (5, 0)


def test_noisy_scores_give_p_values_near_the_true_ones_and_rather_too_large():
    from vaery.jobs.detect import conformal

    made, held, new = (torch.randn(n, generator=torch.Generator().manual_seed(n)) for n in (2000, 1500, 3000))
    found = noisy(held, made, epsilon=1.0, key=[1, 2])
    exact, ours = conformal(new, sorted(held.tolist())), conformal(new, found)
    assert float((ours - exact).abs().max()) < 0.06
    assert float((ours - exact).mean()) > 0
    assert float((ours < 0.05).double().mean()) < 0.06
    noisier = noisy(held, made, epsilon=0.05, key=[1, 2])
    assert abs(len(noisier) - 1500) > abs(len(found) - 1500)


def test_one_row_moves_one_count():
    """With the same noise, one row more is one score more."""
    made, held = torch.randn(1000), torch.randn(400)
    without = noisy(held[:-1], made, epsilon=2.0, key=[9, 9])
    whole = noisy(held, made, epsilon=2.0, key=[9, 9])
    assert len(whole) - len(without) in (0, 1)  # none where the count stays negative
    left = list(whole)
    for one in without:
        left.remove(one)
    assert len(left) <= 1


# ------------------------------------------------------------------ what is said


def test_what_was_spent_is_in_info_and_outlives_a_file(model, tmp_path):
    report = model.info()["private"]
    assert 2.9 < report["epsilon"] <= 3.0
    assert (report["delta"], report["clip"], report["steps"]) == (1e-5, 1.0, 32)
    assert "quantiles" in report["leaves_out"]
    model.save(tmp_path / "m.vaery")
    again = load(tmp_path / "m.vaery")
    assert again.info()["private"] == report
    assert torch.equal(bits(again), bits(model))
    from vaery import storage

    manifest, _ = storage.read(tmp_path / "m.vaery")
    assert "seed" not in manifest["settings"]["private"]
    assert "key" not in json.dumps(manifest)


def test_the_card_says_it(model):
    from vaery.file import card

    text = card(model)
    assert "epsilon = " in text
    assert "does not cover the description of the columns" in text
    assert "differential" not in card(VAE(**QUICK).fit(people(60), verbose=False))


def test_delta_is_a_tenth_of_a_row_by_default():
    assert fitted(private=3).private_["delta"] == pytest.approx(1 / 3000)


def test_plain_models_say_none():
    plain = VAE(**QUICK).fit(people(60), verbose=False)
    assert plain.private_ is None
    assert plain.info()["private"] is None


def test_every_job_answers(model):
    table = people(5, seed=9)
    assert len(model.generate(4)) == 4
    assert not model.impute(table).isna().any().any()
    found = model.detect(table)
    assert set(found) >= {"bits", "p_value", "outlier", "reasons"}
    assert ((found.p_value > 0) & (found.p_value <= 1)).all()
    assert np.isfinite(model.score_samples(table)).all()


def test_the_audit_says_it(model):
    found = model.audit(people(100), people(100, seed=3), most=100)
    assert found.to_dict()["private"]["epsilon"] == model.private_["epsilon"]
    assert "differential privacy" in repr(found)
    assert "not covered" in repr(found)


def test_the_command_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    people(120).to_csv("p.csv", index=False)
    quick = [word for k, v in QUICK.items() for word in ("--set", f"{k}={v}")]
    ran = CliRunner().invoke(
        app, ["fit", "p.csv", "-o", "m.vaery", "--private", "2", "--set", "private.clip=0.5", *quick]
    )
    assert ran.exit_code == 0, ran.stderr
    assert "epsilon = " in ran.stdout
    assert "Not covered" in ran.stdout
    told = json.loads(CliRunner().invoke(app, ["info", "m.vaery", "--json"]).stdout)
    assert told["private"]["asked"] == 2.0
    assert told["private"]["clip"] == 0.5
    assert told["held_out_bits"] is None
    assert "does not cover" in CliRunner().invoke(app, ["info", "m.vaery"]).stdout
    wrong = CliRunner().invoke(app, ["fit", "p.csv", "-o", "n.vaery", "--private", "-2"])
    assert wrong.exit_code == 2
    assert "epsilon=-2" in wrong.stderr


# ------------------------------------------------------------------ nonsense


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (0, "epsilon=0.0"),
        (-1.0, "epsilon=-1.0"),
        (math.nan, "epsilon=nan"),
        (math.inf, "epsilon=inf"),
        (True, "number"),
        ("three", "number"),
        ({}, "says no epsilon"),
        ({"delta": 1e-5}, "says no epsilon"),
        ({"epsilon": 3, "delta": 0}, "delta=0"),
        ({"epsilon": 3, "delta": 1.0}, "delta=1.0"),
        ({"epsilon": 3, "delta": "tiny"}, "number"),
        ({"epsilon": 3, "clip": 0}, "clip=0"),
        ({"epsilon": 3, "clip": math.inf}, "clip=inf"),
        ({"epsilon": 3, "seed": 1.5}, "seed"),
        ({"epsilon": 3, "noise": 1.0}, "noise"),
        ({"epsilon": 3, "delta": 0.01}, "promises nothing for 300"),
        ({"epsilon": 1e-9, "delta": 1e-12}, "larger epsilon"),
    ],
)
def test_nonsense_is_refused(asked, says):
    with pytest.raises(ChoiceError, match=says):
        fitted(private=asked)


def test_without_opacus_the_line_that_installs_it(monkeypatch):
    import sys

    from vaery.core.errors import MissingExtra

    monkeypatch.setitem(sys.modules, "opacus.accountants", None)
    with pytest.raises(MissingExtra, match=r"pip install 'vaery\[private\]'"):
        spent(1.0, 1e-5, 0.1, 10)
