"""Objectives: bounds against closed forms, gradients against exact ones, and all against the contract."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import pytest
import torch
from exact import Block, Label, Labelled, LinearGaussian, Seen, Table, evidence, linear_gaussian
from torch import Tensor, nn

from vaery.core.check import check_objective
from vaery.core.density import Factorised
from vaery.core.errors import ChoiceError
from vaery.core.evidence import Evidence
from vaery.core.gaussian import LOG_2PI, Gaussian
from vaery.core.members import member, members
from vaery.core.objective import Loss, Objective, leave_one_out
from vaery.core.random import Random
from vaery.core.trace import Site, Trace
from vaery.joint import Joint
from vaery.objectives.elbo import Elbo
from vaery.objectives.iwae import Iwae
from vaery.objectives.masked import Masked
from vaery.posteriors.flow import Flow
from vaery.posteriors.gaussian import Gaussian as GaussianPosterior
from vaery.posteriors.point import Point

MODEL = linear_gaussian(4, 2)


class Free(nn.Module):
    """A Gaussian q(z | anything before) that is the same for every row, its parameters in the open. Both its mean and
    its scale depend on what was drawn before."""

    def __init__(self, size: int, context: int = 0) -> None:
        super().__init__()
        self.a, self.b = nn.Parameter(torch.full((size,), 0.3)), nn.Parameter(torch.full((size,), -0.4))
        self.slope, self.bend = (nn.Parameter(torch.full((context, size), start)) for start in (0.4, 0.6))

    def forward(self, features, context):  # type: ignore[no-untyped-def]
        before = context.to(self.a.dtype)
        return Gaussian(self.a + before @ self.slope, self.b + torch.tanh(before @ self.bend))


def loss_of(objective: Objective, joint: Joint, given: Evidence, seed: int = 0, progress: float = 1.0) -> Loss:
    return objective(joint.infer(given, rng=Random(seed), draws=objective.draws, each=objective.each), progress)


@pytest.mark.parametrize("name", members("objectives"))
def test_the_contract_of_objectives(name: str) -> None:
    check_objective(member("objectives", name)())


def test_the_contract_holds_with_other_options() -> None:
    for objective in (
        Elbo(beta=2.0, warmup=0.0, free_bits=0.1, draws=3),
        Iwae(draws=1),
        Iwae(draws=5, dreg=False),
        Masked("iwae", share=1.0, options={"draws": 3}),
    ):
        check_objective(objective)


def test_the_contract_can_be_broken() -> None:
    class Boastful(Elbo):
        def __call__(self, trace: Trace, progress: float = 1.0) -> Loss:
            loss = super().__call__(trace, progress)
            return Loss(loss.minimise, loss.bound + trace.latents[0].kl.sum(-1).mean(0), loss.parts)

    with pytest.raises(AssertionError, match="above log p"):
        check_objective(Boastful())


# ------------------------------------------------------------------ the bound


def closed_form(model: LinearGaussian, x: Tensor, q: Free) -> tuple[Tensor, Tensor]:
    """E_q log p(x | z) for each row, and KL(q ‖ N(0, I)), for one level."""
    spread = (model.weight.square() @ (2 * q.b).exp()) / model.scale.square()
    gap = (x - model.bias - model.weight @ q.a) / model.scale
    fit = -0.5 * (gap.square() + spread + LOG_2PI) - model.scale.log()
    kl = 0.5 * ((2 * q.b).exp() + q.a.square() - 1 - 2 * q.b)
    return fit.sum(-1).detach(), kl.sum().detach()


def test_the_elbo_is_what_it_is_on_paper() -> None:
    x, q = MODEL.sample(5, Random(1)), Free(2).double()
    loss = loss_of(Elbo(draws=50_000), MODEL.joint([q]), evidence(x))
    fit, kl = closed_form(MODEL, x, q)
    torch.testing.assert_close(loss.bound, fit - kl, rtol=0, atol=0.1)
    torch.testing.assert_close(loss.minimise, (kl - fit).mean(), rtol=0, atol=0.05)
    torch.testing.assert_close(loss.parts["kl"], kl)  # in closed form
    torch.testing.assert_close(loss.parts["log_likelihood"], fit.mean(), rtol=0, atol=0.05)


@pytest.mark.parametrize("second", [0, 2])
def test_the_elbo_is_log_p_less_the_divergence_from_the_exact_posterior(second: int) -> None:
    model = linear_gaussian(4, 2, second=second)
    x = model.sample(3, Random(1))
    posteriors = [Free(2).double(), *([Free(2, 2).double()] if second else [])]
    joint = model.joint(posteriors)
    trace = joint.infer(evidence(x), rng=Random(0), draws=50_000)
    mean, covariance = model.posterior(x, torch.ones_like(x, dtype=torch.bool))
    exact = torch.distributions.MultivariateNormal(mean, covariance)
    log_q = torch.stack([site.log_q for site in trace.latents]).sum(0)
    divergence = (log_q - exact.log_prob(trace.latent)).mean(0)
    expected = model.log_prob(x) - divergence
    torch.testing.assert_close(Elbo(draws=50_000)(trace).bound, expected, rtol=0, atol=0.15)


@pytest.mark.parametrize("options", [{"beta": 0.1}, {"free_bits": 3.0}, {"beta": 5.0, "free_bits": 0.2}])
def test_schedules_do_not_touch_the_reported_bound(options: dict[str, float]) -> None:
    x, joint = MODEL.sample(5, Random(1)), MODEL.joint([Free(2).double()])
    plain = loss_of(Elbo(), joint, evidence(x))
    for progress in (0.0, 0.1, 1.0):
        other = loss_of(Elbo(**options), joint, evidence(x), progress=progress)  # type: ignore[arg-type]
        assert torch.equal(other.bound, plain.bound)
        assert not torch.allclose(other.minimise, plain.minimise)


def toy_trace(units: Tensor, whole: bool = False) -> Trace:
    """One draw of rows whose latent units cost ``units [B, Z]`` nats, and a field with log p = -7."""

    class Costs(Gaussian):
        def kl(self, other):  # type: ignore[no-untyped-def]
            return None if whole else units[None]

    zero = torch.zeros(1, *units.shape)
    q, p = Costs(zero, zero), Gaussian(zero, zero)
    latent = Site("z", p, zero, posterior=q, latent=True, scored=-units.sum(-1)[None] + q.log_prob(zero))
    return Trace({"z": latent, "x": Site("x", p, zero, scored=torch.full((1, len(units)), -7.0))})


def test_warmup_and_beta_weigh_the_divergence() -> None:
    trace = toy_trace(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    for progress, weight in ((0.0, 0.0), (0.1, 0.25), (0.4, 1.0), (1.0, 1.0)):
        loss = Elbo(beta=3.0, warmup=0.4)(trace, progress)
        assert loss.minimise.item() == pytest.approx(7 + 3 * weight * 5)
    assert Elbo(warmup=0.0)(trace, 0.0).minimise.item() == pytest.approx(12)
    assert Elbo()(trace).bound.tolist() == pytest.approx([-10, -14])


def test_free_bits_floor_each_units_mean_over_the_batch() -> None:
    trace = toy_trace(torch.tensor([[0.0, 2.0], [0.2, 4.0]]))  # means: 0.1, 3
    assert Elbo(free_bits=0.5)(trace).minimise.item() == pytest.approx(7 + 0.5 + 3)
    assert Elbo(free_bits=5.0)(trace).minimise.item() == pytest.approx(7 + 5 + 5)
    assert Elbo(free_bits=0.05)(trace).minimise.item() == pytest.approx(7 + 0.1 + 3)


def test_where_only_a_levels_divergence_is_known_it_has_all_its_units_free_bits() -> None:
    trace = toy_trace(torch.tensor([[0.0, 2.0], [0.2, 4.0]]), whole=True)
    assert trace["z"].kl.shape == (1, 2, 1)
    assert Elbo(free_bits=0.5)(trace).minimise.item() == pytest.approx(7 + 3.1, abs=1e-5)
    assert Elbo(free_bits=2.0)(trace).minimise.item() == pytest.approx(7 + 4.0, abs=1e-5)


def test_free_bits_leave_a_unit_alone_until_it_costs_more() -> None:
    q = Free(2).double()
    loss_of(Elbo(free_bits=10.0), MODEL.joint([q]), evidence(MODEL.sample(5, Random(1)))).minimise.backward()
    fit_only = Free(2).double()
    loss_of(Elbo(beta=0.0), MODEL.joint([fit_only]), evidence(MODEL.sample(5, Random(1)))).minimise.backward()
    assert q.a.grad is not None
    assert fit_only.a.grad is not None
    torch.testing.assert_close(q.a.grad, fit_only.a.grad)


def test_a_plain_autoencoder_has_no_prior_term() -> None:
    joint = MODEL.joint([Point(2, 0, 1, Seen(4).width)])
    loss = loss_of(Elbo(), joint, evidence(MODEL.sample(5, Random(1))))
    assert loss.parts["kl"].item() == 0
    torch.testing.assert_close(loss.minimise, -loss.parts["log_likelihood"])


# ------------------------------------------------------------------ the importance-weighted bound


def test_the_bound_rises_with_draws_towards_log_p() -> None:
    x = MODEL.sample(400, Random(1))
    joint = MODEL.joint([Free(2).double()])
    means = [loss_of(Iwae(draws=k), joint, evidence(x)).bound.mean().item() for k in (1, 2, 5, 20, 200)]
    assert means == sorted(means)
    assert means[0] == pytest.approx(loss_of(Elbo(), joint, evidence(x)).bound.mean().item(), abs=1.5)
    assert means[-1] < MODEL.log_prob(x).mean().item()


def test_with_the_exact_posterior_the_bound_is_log_p_and_its_gradient_has_no_noise() -> None:
    model = linear_gaussian(3, 1)
    x = torch.zeros(1, 3).double() + model.bias
    mean, covariance = model.posterior(x, torch.ones_like(x, dtype=torch.bool))
    q = Free(1).double()
    q.a.data, q.b.data = mean[0], 0.5 * covariance[0, 0].log()
    for seed in range(5):
        loss = loss_of(Iwae(draws=3), model.joint([q]), evidence(x), seed)
        torch.testing.assert_close(loss.bound, model.log_prob(x))
        for g in torch.autograd.grad(loss.minimise, [q.a, q.b]):
            torch.testing.assert_close(g, torch.zeros_like(g), rtol=0, atol=1e-9)


def gradients(objective: Objective, second: int, rows: int, seed: int, progress: float = 1.0) -> dict[str, Tensor]:
    """Of many independent copies of one row: name → gradient."""
    model = linear_gaussian(4, 2, second=second, seed=2)
    joint = model.joint([Free(2).double(), *([Free(2, 2).double()] if second else [])])
    x = model.sample(1, Random(1)).expand(rows, -1)
    loss_of(objective, joint, evidence(x), seed, progress).minimise.backward()
    return {name: p.grad for name, p in joint.named_parameters() if p.grad is not None and p.numel()}


@pytest.mark.parametrize("second", [0, 2])
def test_the_models_gradient_is_the_plain_one(second: int) -> None:
    plain = gradients(Iwae(draws=4, dreg=False), second, 50, seed=0)
    doubly = gradients(Iwae(draws=4), second, 50, seed=0)
    assert plain.keys() == doubly.keys()
    model = [name for name in plain if "_posterior" not in name]
    assert len(model) == (4 if second else 2)
    for name in model:
        torch.testing.assert_close(doubly[name], plain[name])


@pytest.mark.parametrize("progress", [1.0, 0.1])
@pytest.mark.parametrize("second", [0, 2])
def test_the_posteriors_gradient_is_the_plain_one_on_average(second: int, progress: float) -> None:
    """Two unbiased estimates of one gradient, from 40 batches each; the doubly reparameterised one is quieter."""
    estimates = {}
    for dreg in (True, False):
        runs = [gradients(Iwae(draws=4, dreg=dreg), second, 2000, 100 * dreg + seed, progress) for seed in range(40)]
        names = [name for name in runs[0] if "_posterior" in name]
        flat = torch.stack([torch.cat([run[name].flatten() for name in names]) for run in runs])
        estimates[dreg] = flat.mean(0), flat.std(0) / 40**0.5
    (mean, error), (plain, plain_error) = estimates[True], estimates[False]
    assert bool(((mean - plain).abs() < 4.5 * (error.square() + plain_error.square()).sqrt()).all())
    assert bool((mean.abs() > 20 * error).any()), "it is not all noise"
    assert float(error.sum()) < float(plain_error.sum())


def test_the_doubly_reparameterised_gradient_serves_posteriors_that_are_no_gaussians() -> None:
    torch.manual_seed(0)
    q = Flow(2, 0, 1, 8, hidden=8).double()
    for p in q.parameters():
        p.data.add_(0.2 * torch.randn_like(p))
    joint, x = MODEL.joint([q]), MODEL.sample(1, Random(1)).expand(1000, -1)
    means = {}
    for dreg in (True, False):
        runs = []
        for seed in range(12):
            q.zero_grad()
            loss_of(Iwae(draws=3, dreg=dreg), joint, evidence(x), 50 * dreg + seed).minimise.backward()
            runs.append(torch.cat([q.head.bias.grad, q.flow.transform.transforms[0].hyper[-1].bias.grad]))  # type: ignore
        stack = torch.stack(runs)
        means[dreg] = stack.mean(0), stack.std(0) / 12**0.5
    (a, e), (b, f) = means[True], means[False]
    assert bool(((a - b).abs() < 6 * (e.square() + f.square()).sqrt() + 1e-9).all())
    assert bool((a.abs() > 10 * e).any())


def test_warmup_weighs_the_divergence_of_the_importance_weighted_bound_too() -> None:
    joint, x = MODEL.joint([Free(2).double()]), MODEL.sample(5, Random(1))
    for dreg in (True, False):
        objective = Iwae(draws=1, dreg=dreg, warmup=0.5)
        start, end = loss_of(objective, joint, evidence(x)), loss_of(objective, joint, evidence(x), progress=0.0)
        torch.testing.assert_close(start.minimise, -start.bound.mean())
        torch.testing.assert_close(end.minimise, -end.parts["log_likelihood"])
        assert torch.equal(start.bound, end.bound)


def test_without_gradients_nothing_is_different() -> None:
    joint, x = MODEL.joint([Free(2).double()]), MODEL.sample(5, Random(1))
    with torch.no_grad():
        quiet = loss_of(Iwae(), joint, evidence(x))
    loud = loss_of(Iwae(), joint, evidence(x))
    assert torch.equal(quiet.bound, loud.bound)
    torch.testing.assert_close(quiet.minimise, loud.minimise)


# ------------------------------------------------------------------ labels before the latent


class Guess(nn.Module):
    """q(y | x): free logits, the same for every row."""

    def __init__(self) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.tensor([0.5, -0.3, 0.1]))

    def forward(self, features, context):  # type: ignore[no-untyped-def]
        return Factorised(Table(self.logits.expand(*context.shape[:2], -1)), 0, 0)


def guessing() -> tuple[Labelled, nn.Parameter, Tensor]:
    guess = Guess()
    model = Labelled(guess=guess)
    return model, guess.logits, torch.tensor([[0.4, -0.8]]).double()


def average_gradient(objective: Objective, batches: int = 40, rows: int = 2000) -> tuple[Tensor, Tensor]:
    model, logits, x = guessing()
    given = Evidence(rows, {"x": x.expand(rows, -1)}, {"x": None})
    runs = []
    for seed in range(batches):
        loss = loss_of(objective, model.joint, given, seed)
        runs.append(torch.autograd.grad(loss.minimise, logits)[0])
    stack = torch.stack(runs)
    return stack.mean(0), stack.std(0) / batches**0.5


def exact_loss(draws: int) -> Tensor:
    """The gradient of the S-draw bound, by going through all drawn labels; z is summed out by its exact posterior."""
    model, logits, x = guessing()
    log_q = logits.log_softmax(0)
    log_w = model.log_joint(x)[0] - log_q
    total = torch.zeros(())
    for labels in itertools.product(range(3), repeat=draws):
        at = list(labels)
        total = total - log_q[at].sum().exp() * (torch.logsumexp(log_w[at], 0) - math.log(draws))
    return torch.autograd.grad(total, logits)[0]


@pytest.mark.parametrize(
    ("objective", "draws"),
    [(Elbo(), 1), (Elbo(draws=3), 1), (Iwae(draws=1), 1), (Iwae(draws=3), 3), (Iwae(draws=3, dreg=False), 3)],
    ids=str,
)
def test_the_gradient_of_drawn_labels_is_right_on_average(objective: Objective, draws: int) -> None:
    mean, error = average_gradient(objective)
    expected = exact_loss(draws)
    assert bool(((mean - expected).abs() < 4.5 * error + 1e-9).all()), (mean, expected, error)
    assert bool((expected.abs() > 10 * error).any()), "it is not all noise"


def test_the_gradient_summed_over_labels_is_the_exact_one() -> None:
    model, logits, x = guessing()
    given = Evidence(1, {"x": x}, {"x": None})
    loss = loss_of(Elbo(each=True), model.joint, given, 0)
    (found,) = torch.autograd.grad(loss.minimise, logits)
    torch.testing.assert_close(found, exact_loss(1), rtol=1e-5, atol=1e-6)
    log_q = logits.log_softmax(0)
    expected = (log_q.exp() * (model.log_joint(x)[0] - log_q)).sum()
    torch.testing.assert_close(loss.bound[0], expected)


def test_known_labels_train_their_posterior_with_weight_alpha() -> None:
    model, logits, x = guessing()
    y = torch.tensor([0.0, 2.0, 2.0]).double()
    known = torch.tensor([True, True, False])
    given = Evidence(3, {"y": y * known, "x": x.expand(3, -1)}, {"y": known, "x": None})
    for make in (lambda a: Elbo(alpha=a), lambda a: Iwae(draws=2, alpha=a)):
        with_alpha, without = (
            torch.autograd.grad(loss_of(make(alpha), model.joint, given).minimise, logits)[0] for alpha in (2.0, 0.0)
        )
        log_q = logits.log_softmax(0)
        expected = torch.autograd.grad(-2.0 * (log_q[0] + log_q[2]) / 3, logits)[0]
        torch.testing.assert_close(with_alpha - without, expected)


def test_the_bound_counts_known_labels_and_sums_out_unknown_ones() -> None:
    model = Labelled()
    y, x = model.sample(2000, Random(0))
    known = Random(1).uniform((2000,)) < 0.5
    given = Evidence(2000, {"y": y * known, "x": x}, {"y": known, "x": None})
    log_joint = model.log_joint(x)
    exact = torch.where(known, log_joint.gather(1, y.long()[:, None])[:, 0], log_joint.logsumexp(1))
    torch.testing.assert_close(loss_of(Elbo(), model.joint, given).bound, exact, rtol=0, atol=1e-5)
    torch.testing.assert_close(loss_of(Iwae(draws=2), model.joint, given).bound, exact, rtol=0, atol=1e-5)


def test_a_baseline_leaves_out_the_draw_it_is_for() -> None:
    signal = torch.tensor([[1.0, 10.0], [2.0, 20.0], [6.0, 60.0]])
    expected = signal - torch.tensor([[4.0, 40.0], [3.5, 35.0], [1.5, 15.0]])
    torch.testing.assert_close(leave_one_out(signal), expected)
    torch.testing.assert_close(leave_one_out(signal[:1]), torch.tensor([[-9.0, 9.0]]))
    assert torch.equal(leave_one_out(signal[:1, :1]), torch.zeros(1, 1))


# ------------------------------------------------------------------ masked

FIELDS = {"a": Block("a", "normal", 3), "b": Block("b", "normal", 2), "y": Label("y", "categorical", 2)}


def batch(rows: int = 500, known: Callable[[str], Tensor | None] = lambda _: None) -> Evidence:
    values = {name: 1 + Random(i).uniform((rows, *f.event)) for i, (name, f) in enumerate(FIELDS.items())}
    masks = {name: known(name) for name in values}
    return Evidence(rows, {n: v if masks[n] is None else v * masks[n] for n, v in values.items()}, masks)


def test_a_share_of_batches_is_hidden_and_the_others_are_untouched() -> None:
    whole, rng = batch(4), Random(0)
    views = [Masked(share=0.3).view(whole, FIELDS, rng) for _ in range(1000)]
    untouched = [v for v in views if v is whole]
    assert 650 < len(untouched) < 750
    assert Masked(share=0.0).view(whole, FIELDS, rng) is whole


def test_each_row_loses_cells_or_fields_and_never_all_fields() -> None:
    part = Masked(share=1.0).view(batch(), FIELDS, Random(0))
    a, b, y = (part.known[name] for name in FIELDS)
    assert a is not None
    assert b is not None
    assert y is not None
    whole_a, no_a = a.all(1), ~a.any(1)
    assert int((no_a & b.all(1) & y).sum()) > 0
    assert int((no_a & ~b.any(1) & y).sum()) > 0
    assert int((whole_a & ~b.any(1) & ~y).sum()) > 0, "cross-generation is practised"
    assert int((a.any(1) & ~whole_a).sum()) > 0, "so are gaps"
    for name, mask in (("a", a), ("b", b), ("y", y)):
        assert 0.2 < float(mask.double().mean()) < 0.8
        assert bool((part.values[name][~mask] == 0).all())
    by_field = (whole_a | no_a) & (b.all(1) | ~b.any(1))
    nothing = by_field & no_a & ~b.any(1) & ~y
    assert float(nothing.double().mean()) < 0.15, "only where all cells happened to be hidden one by one"


def test_absent_fields_are_not_what_stays() -> None:
    masks = {"a": torch.zeros(500, 3, dtype=torch.bool), "b": None, "y": None}
    part = Masked(share=1.0).view(batch(known=masks.get), FIELDS, Random(0))
    assert not bool(part.present("a").any())
    stays = part.present("b") | part.present("y")
    assert float(stays.double().mean()) > 0.9


def test_a_single_field_of_one_cell_is_left_alone() -> None:
    whole = batch().only("y")
    assert Masked(share=1.0).view(whole, FIELDS, Random(0)) is whole
    nothing = batch().only()
    assert Masked(share=1.0).view(nothing, FIELDS, Random(0)) is nothing


def test_hidden_cells_do_not_leak_into_the_loss() -> None:
    joint = MODEL.joint([GaussianPosterior(2, 0, 1, Seen(4).width)])
    x = MODEL.sample(50, Random(1)).requires_grad_()
    objective = Masked(share=1.0)
    part = objective.view(Evidence(50, {"x": x}, {"x": None}), joint.fields, Random(0))
    (slope,) = torch.autograd.grad(loss_of(objective, joint, part).minimise, x)
    hidden = ~part.known["x"]  # type: ignore[operator]
    assert bool((slope[hidden] == 0).all())
    assert bool((slope[~hidden] != 0).all())


def test_it_is_the_other_objective_on_what_is_seen() -> None:
    joint = MODEL.joint([Free(2).double()])
    given = Masked(share=1.0).view(evidence(MODEL.sample(50, Random(1))), joint.fields, Random(0))
    masked = Masked("iwae", options={"draws": 3})
    assert masked.draws == 3
    assert torch.equal(loss_of(masked, joint, given).minimise, loss_of(Iwae(draws=3), joint, given).minimise)


def test_names_that_name_nothing_are_told_at_once() -> None:
    with pytest.raises(ChoiceError, match="elbo"):
        Masked("elbow")
    with pytest.raises(ChoiceError, match="masked"):
        Masked("masked")
    with pytest.raises(TypeError, match="bta"):
        Masked("elbo", options={"bta": 1.0})


def test_levels_pay_in_proportion_while_the_divergence_is_being_priced() -> None:
    """Two levels that cost 1 and 3 nats a unit pay 1 · ½ and 3 · 1½, on the first of training alone."""
    wide = Gaussian(torch.zeros(1, 2, 2), torch.zeros(1, 2, 2))
    far = Gaussian(torch.full((1, 2, 2), 2.0**0.5), torch.zeros(1, 2, 2))
    further = Gaussian(torch.full((1, 2, 2), 6.0**0.5), torch.zeros(1, 2, 2))
    sites = {
        name: Site(name, wide, value=torch.zeros(1, 2, 2), posterior=q, latent=True)
        for name, q in (("z1", far), ("z2", further))
    }
    sites["x"] = Site("x", wide, scored=torch.zeros(1, 2))
    trace = Trace(sites)
    early, late = (Elbo(warmup=0.2)(trace, progress).minimise for progress in (0.1, 0.5))
    torch.testing.assert_close(float(early), 0.5 * (2 * 1 * 0.5 + 2 * 3 * 1.5), rtol=1e-3, atol=0)
    torch.testing.assert_close(float(late), 8.0)
    torch.testing.assert_close(float(Elbo(warmup=0.2, balance=False)(trace, 0.1).minimise), 4.0)
