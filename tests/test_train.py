"""The training loop: it learns, it survives, and a fit that was killed goes on as if it had not been."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from exact import evidence, linear_gaussian
from torch import nn

from vaery.adamw import AdamW
from vaery.allowance import Allowance, rounds_within
from vaery.checkpoint import resume
from vaery.core.errors import DataError, ModelFileError
from vaery.core.random import Random, isolated
from vaery.held_out import best_row, evaluate
from vaery.joint import Joint
from vaery.nets.mlp import Residual
from vaery.objectives.elbo import Elbo
from vaery.objectives.masked import Masked
from vaery.posteriors.gaussian import Gaussian
from vaery.train import Plan, Trainer

MODEL = linear_gaussian(columns=4, latent=2)
PLAN = Plan(steps=120, batch=32, evaluations=6, learning_rate=1e-2, patience=math.inf)


class Blurred(nn.Module):
    """A posterior with dropout in it, so that training draws from the global stream as well."""

    def __init__(self) -> None:
        super().__init__()
        self.block, self.head = Residual(8, dropout=0.2), Gaussian(2, 0, 1, 8)

    def forward(self, features, context):
        return self.head(replace(features, values=self.block(features.values)), context)


def joint(seed: int = 0) -> Joint:
    with isolated(seed):
        model = MODEL.joint([Blurred()]).float()
    for p in model.stops[-1].parameters():
        nn.init.normal_(p, generator=torch.Generator().manual_seed(seed))
    return model


def rows(n: int, seed: int = 0):
    return evidence(MODEL.sample(n, Random(seed)).float())


def trainer(folder: Path | None = None, plan: Plan = PLAN, n: int = 200, **options: object) -> Trainer:
    objective = options.pop("objective", Masked())
    return Trainer(joint(), rows(n), rows(100, 1), objective, plan, rng=Random(7), folder=folder, **options)  # type: ignore[arg-type]


def weights(model: Joint) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_it_learns_the_density_the_data_came_from() -> None:
    plan = replace(PLAN, steps=1500, batch=128)
    t = trainer(plan=plan, n=2000, objective=Elbo(warmup=0.1))
    t.fit()
    exact = float(MODEL.log_prob(rows(100, 1).values["x"].double()).mean())
    bound, _ = evaluate(t.joint, rows(100, 1), Elbo(), seed=0)
    assert exact - 0.35 < bound <= exact + 0.05


class Contrary(Elbo):
    """What it reports falls while what it is about rises."""

    def __call__(self, trace, progress=1.0):
        loss = super().__call__(trace, progress)
        return replace(loss, bound=-loss.bound, goal=loss.bound)


def test_weights_are_kept_by_what_the_objective_is_about() -> None:
    t = trainer(objective=Contrary(warmup=0.0))
    history = t.fit().history
    found, parts = evaluate(t.joint, t.held_out, t.objective, seed=t.evaluation_seed)
    assert best_row(history)["goal"] == max(row["goal"] for row in history) > history[0]["goal"]
    assert (parts["goal"], found) == pytest.approx((best_row(history)["goal"], best_row(history)["bound"]))
    assert best_row([]) == {}


@pytest.mark.parametrize("beta", [0.1, 1.0])
def test_a_divergence_of_another_price_is_kept_at_that_price(beta: float) -> None:
    t = trainer(objective=Elbo(beta=beta))
    last = t.fit().history[-1]
    assert ("goal" in last) == (beta != 1)
    assert last["bound"] == pytest.approx(last["log_likelihood"] - last["kl"])
    assert last.get("goal", last["bound"]) == pytest.approx(last["log_likelihood"] - beta * last["kl"])


def test_the_same_seed_gives_the_same_bits() -> None:
    torch.manual_seed(1)
    first = trainer()
    first.fit()
    torch.manual_seed(2)  # the global stream has no say
    second = trainer()
    second.fit()
    assert torch.equal(weights(first.joint), weights(second.joint))


@pytest.mark.parametrize("steps", [1, 5, 15])
def test_few_steps_are_steps_as_well(steps: int) -> None:
    t = trainer(plan=replace(PLAN, steps=steps, evaluations=1))
    before, bound = weights(t.joint).clone(), evaluate(t.joint, rows(100, 1), Elbo(), seed=0)[0]
    t.fit()
    assert not torch.equal(weights(t.joint), before)
    assert evaluate(t.joint, rows(100, 1), Elbo(), seed=0)[0] > bound


def test_the_global_stream_is_left_as_it_was() -> None:
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    trainer().fit()
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("stop_at", [20, 60, 100])
def test_a_killed_fit_goes_on_to_the_very_same_weights(tmp_path: Path, stop_at: int) -> None:
    whole = trainer(tmp_path / "whole")
    (tmp_path / "whole").mkdir()
    whole.fit()

    class Killed(Exception):
        pass

    def kill(progress: object) -> None:
        if cut.state.step > stop_at:
            raise Killed

    (tmp_path / "cut").mkdir()
    cut = trainer(tmp_path / "cut", watch=kill)
    cut._tell = lambda: kill(None)  # type: ignore[method-assign]
    with pytest.raises(Killed):
        cut.fit()
    again = trainer(tmp_path / "cut")
    assert resume(again, tmp_path / "cut")
    assert 0 < again.state.step <= stop_at + 20
    again.fit()
    assert torch.equal(weights(whole.joint), weights(again.joint))
    drop = lambda history: [{k: v for k, v in row.items() if k != "seconds"} for row in history]
    assert drop(whole.state.history) == drop(again.state.history)


def test_an_empty_folder_starts_afresh_and_other_settings_are_refused(tmp_path: Path) -> None:
    assert not resume(trainer(tmp_path), tmp_path)
    trainer(tmp_path).fit()
    with pytest.raises(ModelFileError, match="other settings"):
        resume(trainer(tmp_path, plan=replace(PLAN, batch=16)), tmp_path)
    with pytest.raises(ModelFileError, match="200 rows"):
        resume(trainer(tmp_path, n=150), tmp_path)


def test_an_interrupt_leaves_a_usable_model() -> None:
    t = trainer()
    before = weights(t.joint)
    calls = []

    def interrupt(batch: object) -> None:
        calls.append(batch)
        if len(calls) > 30:
            raise KeyboardInterrupt
        return step(batch)  # type: ignore[arg-type, return-value]

    step = t.step
    t.step = interrupt  # type: ignore[method-assign, assignment]
    state = t.fit()
    assert "interrupted at step 30" in state.trouble[-1]
    assert bool(weights(t.joint).isfinite().all())
    assert not torch.equal(weights(t.joint), before)
    assert not t.joint.training


def test_a_non_finite_step_is_rolled_back_named_and_survived() -> None:
    data = rows(200)
    data.values["x"][17, 2] = 1e30  # its square is beyond single precision
    t = Trainer(joint(), data, rows(100, 1), Elbo(), PLAN, rng=Random(7))
    state = t.fit()
    assert "1 row(s) left out" in state.trouble[0]
    assert "x" in state.trouble[0]
    assert "1e+30" in state.trouble[0]
    assert state.left_out == [17]
    assert state.step == PLAN.steps
    assert bool(weights(t.joint).isfinite().all())


def test_steps_that_are_too_long_halve_the_rate() -> None:
    t = trainer(objective=Elbo())
    real, calls = t.step, []

    def step(batch):
        calls.append(1)
        return real(batch) * (math.nan if len(calls) == 30 else 1.0)

    t.step = step  # type: ignore[method-assign]
    state = t.fit()
    assert state.rate == 0.5
    assert "halved" in state.trouble[0]


def test_what_never_stays_finite_is_an_error_and_not_a_model() -> None:
    data = rows(64)
    data.values["x"][:] = math.inf
    t = Trainer(joint(), data, rows(100, 1), Elbo(), PLAN, rng=Random(7))
    with pytest.raises(DataError, match="does not stay finite"):
        t.fit()


def test_schedules_hang_on_the_share_of_the_plan() -> None:
    seen: list[float] = []

    class Watched(Elbo):
        def __call__(self, trace, progress=1.0):
            seen.append(progress)
            return super().__call__(trace, progress)

    trainer(plan=replace(PLAN, steps=40), objective=Watched()).fit()
    training = [p for p in seen if p < 1]
    assert training == sorted(training)
    assert training[0] == 0
    assert training[-1] == pytest.approx(39 / 40)


def test_a_time_budget_is_kept() -> None:
    t = trainer(plan=replace(PLAN, steps=10**6, seconds=1.0, evaluations=10**5))
    state = t.fit()
    assert state.step < 10**6
    assert 0.9 < state.history[-1]["seconds"] < 3.0


def test_patience_ends_a_fit_whose_bound_no_longer_rises() -> None:
    t = trainer(plan=replace(PLAN, steps=4000, evaluations=100, patience=0.05, learning_rate=0.3), n=20)
    state = t.fit()
    assert state.step < 4000
    assert state.best == max(row["bound"] for row in state.history)


def test_gradients_are_clipped_as_by_hand() -> None:
    """The norm is divided away inside the kernel; the weights move as after clip_grad_norm_."""
    t, other = trainer(plan=replace(PLAN, clip=0.01)), trainer(plan=replace(PLAN, clip=math.inf))
    batch = t.train[slice(0, 32)]
    for each in (t, other):
        torch.manual_seed(0)
        each._loss(batch).backward()
        each.optimizer.eps = 1.0  # far from the regime in which Adam does not see the length of a gradient
    nn.utils.clip_grad_norm_(other.parameters, 0.01)
    for each in (t, other):
        each.optimizer.step(1e-3)
    torch.testing.assert_close(weights(t.joint), weights(other.joint), rtol=1e-6, atol=1e-9)
    assert not torch.equal(weights(t.joint), weights(joint()))


def test_the_optimiser_steps_as_torchs_own() -> None:
    """Same kernel, no detours: weights agree with torch.optim.AdamW bit for bit, and one without a gradient stays."""
    torch.manual_seed(0)
    start = [torch.randn(3, 4), torch.randn(5), torch.randn(2)]
    ours, theirs = ([p.clone().requires_grad_() for p in start] for _ in range(2))
    optimizer = AdamW(ours, weight_decay=0.1, clip=math.inf)
    reference = torch.optim.AdamW(theirs, lr=0.01, weight_decay=0.1, fused=True)
    for step in range(5):
        gradients = [torch.randn_like(p) for p in start[:2]] + [torch.ones(2) if step > 2 else None]
        for p, q, g in zip(ours, theirs, gradients, strict=True):
            p.grad, q.grad = (None, None) if g is None else (g.clone(), g.clone())
        optimizer.step(0.01)
        reference.step()
        assert step > 2 or torch.equal(ours[2], start[2])
    for p, q in zip(ours, theirs, strict=True):
        torch.testing.assert_close(p, q, rtol=0, atol=0)


def test_a_step_with_an_exploding_gradient_is_left_out() -> None:
    """Clipping alone would keep its direction; and gradients that stay long count as usual after a while."""
    weight = torch.ones(3, requires_grad=True)
    optimizer = AdamW([weight], clip=1.0, skip=30.0)

    def step(length: float) -> bool:
        before = weight.detach().clone()
        weight.grad = torch.full((3,), length)
        optimizer.step(0.01)
        return not torch.equal(before, weight.detach())

    assert all(step(1.0) for _ in range(20))
    assert not step(100.0)
    assert int(optimizer.skipped) == 1
    assert step(1.0)
    assert any(step(100.0) for _ in range(30))


def test_what_is_learned_last_has_what_is_left_of_a_budget(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("vaery.allowance.time.perf_counter", lambda: now[0])
    allowance = Allowance(200.0, last=0.1, begun=100.0)
    assert allowance.training == pytest.approx(160)
    now[0] += 160
    assert allowance.left() == pytest.approx(40)  # training ended early
    now[0] += 60
    assert allowance.left() == pytest.approx(10)  # late: half of its share all the same
    assert Allowance(None, 0.1).left() is None
    assert rounds_within(None, 1.0, 7) == 7
    assert [rounds_within(left, 0.5, 7) for left in (-1.0, 0.4, 2.2, 90.0)] == [0, 0, 4, 7]
