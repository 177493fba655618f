"""Priors: each against its formula, and all against the contract."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from torch import Tensor, nn

from vaery.core.check import check_prior
from vaery.core.density import Density
from vaery.core.encoded import Encoded
from vaery.core.errors import ChoiceError
from vaery.core.features import Features
from vaery.core.gaussian import Gaussian
from vaery.core.members import member, members
from vaery.core.random import Random, isolated
from vaery.posteriors.flow import Flow as FlowPosterior
from vaery.posteriors.gaussian import Gaussian as GaussianPosterior
from vaery.priors.flow import Flow
from vaery.priors.matching import Matching, Velocity
from vaery.priors.mixture import Mixture
from vaery.priors.normal import Normal
from vaery.priors.vamp import Vamp

QUICK = {"flow": {"transforms": 1, "hidden": 16}, "matching": {"hidden": 32}}


def top(rows: int, draws: int = 1) -> Tensor:
    return torch.zeros(draws, rows, 0)


@pytest.mark.parametrize("name", members("priors"))
def test_the_contract_of_priors(name: str) -> None:
    check_prior(partial(member("priors", name), **QUICK.get(name, {})))


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        (lambda p: setattr(p, "scale", 2.0), "integrate to one"),
        (lambda p: setattr(p, "shift", 0.5), "follow log_prob"),
        (lambda p: p.register_module("mine", p.posterior[0]), "part of the prior"),
    ],
)
def test_the_contract_can_be_broken(broken, says: str) -> None:  # type: ignore[no-untyped-def]
    class Odd(Normal):
        scale, shift = 1.0, 0.0

        def __init__(self, size: int, context: int, posterior: nn.Module, **_: int) -> None:
            super().__init__(size, context)
            self.posterior = (posterior,)
            broken(self)

        def forward(self, context: Tensor) -> Gaussian:
            scale, shift, made = self.scale, self.shift, super().forward(context)

            class Density(Gaussian):
                def log_prob(self, value: Tensor, known: Tensor | None = None) -> Tensor:
                    return scale * super().log_prob(value - shift, known)

            return Density(made.loc, made.log_scale)

    with pytest.raises(AssertionError, match=says):
        check_prior(Odd)


# ------------------------------------------------------------------ normal


def test_without_context_it_is_the_standard_normal() -> None:
    density = Normal(3, 0)(top(5, 2))
    z = density.sample(Random(0))
    assert z.shape == (2, 5, 3)
    assert not list(Normal(3, 0).parameters())
    torch.testing.assert_close(density.log_prob(z), torch.distributions.Normal(0, 1).log_prob(z).sum(-1))


def test_with_context_it_starts_there_and_moves_with_training() -> None:
    prior = Normal(3, 2)
    context = Random(0).normal((2, 5, 2))
    start = prior(context)
    assert torch.equal(start.loc, torch.zeros(2, 5, 3))
    assert torch.equal(start.log_scale, torch.zeros(2, 5, 3))
    (-prior(context).log_prob(torch.full((2, 5, 3), 2.0)).mean()).backward()
    assert prior.net is not None
    assert float(prior.net[-1].bias.grad.abs().min()) > 0  # type: ignore[union-attr]


def test_log_scales_are_bounded_smoothly() -> None:
    from vaery.core.gaussian import from_raw

    raw = torch.linspace(-50, 50, 2001, requires_grad=True)
    log_scale = from_raw(torch.stack([torch.zeros_like(raw), raw], -1)).log_scale[:, 0]
    (slope,) = torch.autograd.grad(log_scale.sum(), raw)
    assert log_scale.min().item() >= -7
    assert log_scale.max().item() <= 2
    assert bool((slope >= 0).all())
    assert bool((slope[(raw > -10) & (raw < 5)] > 0).all())
    torch.testing.assert_close(slope[1000], torch.tensor(1.0))
    assert float(slope.diff().abs().max()) < 0.05, "no kinks"
    assert from_raw(torch.zeros(1, 2, dtype=torch.bfloat16)).loc.dtype == torch.float32


@pytest.mark.parametrize("other", [(0.0, 0.0), (0.7, -0.4)])
def test_the_divergence_of_gaussians_is_that_of_torch(other: tuple[float, float]) -> None:
    rng = Random(0)
    q = Gaussian(rng.normal((2, 5, 3)), 0.3 * rng.normal((2, 5, 3)))
    p = Gaussian(torch.full((2, 5, 3), other[0]), torch.full((2, 5, 3), other[1]))
    normal = torch.distributions.Normal
    expected = torch.distributions.kl_divergence(normal(q.loc, q.log_scale.exp()), normal(p.loc, p.log_scale.exp()))
    torch.testing.assert_close(q.kl(p), expected)
    assert q.kl(Mixture(3, 0)(top(5, 2))) is None, "no closed form is known for a mixture"


# ------------------------------------------------------------------ mixture


def random_mixture(size: int = 3, components: int = 4) -> Mixture:
    prior = Mixture(size, 0, components=components)
    rng = Random(1)
    with torch.no_grad():
        for p in prior.parameters():
            p.copy_(0.7 * rng.normal((1, *p.shape))[0])
    return prior


def scipy_mixture(prior: Mixture) -> tuple[np.ndarray, list]:
    """Log-weights and SciPy's components."""
    a = (torch.tril(prior.lower, -1) + torch.diag_embed(prior.log_diagonal.exp())).detach().double()
    covariance = torch.linalg.inv(a.mT @ a).numpy()
    means = prior.means.detach().double().numpy()
    return prior.logits.log_softmax(0).detach().double().numpy(), [
        multivariate_normal(m, c) for m, c in zip(means, covariance, strict=True)
    ]


def test_a_mixtures_density_is_that_of_scipy() -> None:
    prior = random_mixture()
    log_weights, parts = scipy_mixture(prior)
    z = 2 * Random(0).normal((2, 7, 3))
    expected = logsumexp([w + part.logpdf(z.numpy()) for w, part in zip(log_weights, parts, strict=True)], axis=0)
    torch.testing.assert_close(prior(top(7, 2)).log_prob(z), torch.tensor(expected).float(), rtol=1e-4, atol=1e-4)


def test_a_mixtures_draws_have_its_moments() -> None:
    prior = random_mixture()
    log_weights, parts = scipy_mixture(prior)
    weights = np.exp(log_weights)
    mean = sum(w * p.mean for w, p in zip(weights, parts, strict=True))
    second = sum(w * (p.cov + np.outer(p.mean, p.mean)) for w, p in zip(weights, parts, strict=True))
    density = prior(top(200_000))
    z = density.sample(Random(0))[0].detach().double().numpy()
    assert np.allclose(z.mean(0), mean, atol=5 * z.std(0) / 200_000**0.5)
    assert np.allclose(z.T @ z / len(z), second, rtol=0.05, atol=0.05)
    assert np.allclose(density.mean()[0, 0].detach().numpy(), mean, atol=1e-5)


def test_a_mixture_starts_close_to_the_standard_normal() -> None:
    with isolated(0):
        z = Mixture(4, 0)(top(100_000)).sample(Random(0))[0]
    torch.testing.assert_close(z.T.cov(), torch.eye(4), rtol=0, atol=0.2)


def three_heaps(rows: int) -> Tensor:
    rng = Random(0)
    heap = rng.integers(0, 3, (rows,))
    centres = torch.tensor([[4.0, 0.0], [-3.0, 3.0], [0.0, -4.0]])
    return centres[heap] + rng.normal((rows, 2)) @ torch.tensor([[0.5, 0.0], [0.3, 0.4]])


def test_fitting_a_mixture_finds_the_heaps() -> None:
    z = three_heaps(900)
    prior = Mixture(2, 0, components=30)
    prior.fit_to(Encoded.alone(z[:600]), Random(0))
    held_out = prior(top(300)).log_prob(z[None, 600:]).mean().item()
    truth = -math.log(3) - 1 - math.log(2 * math.pi) - math.log(0.5 * 0.4)  # heaps do not overlap
    assert abs(held_out - truth) < 0.1
    assert int((prior.logits.softmax(0) > 1e-9).sum()) == 6, "a component for each hundred rows"


def test_held_out_rows_decide_how_many_components_a_mixture_has() -> None:
    z = three_heaps(4000)
    prior = Mixture(2, 0)
    options = prior.fit_to(Encoded.alone(z[:3000]), Random(0), Encoded.alone(z[3000:]))
    assert 3 <= options["components"] < 30, "of three heaps, thirty ellipsoids are no better"
    assert prior.means.shape == (options["components"], 2)
    again = Mixture(2, 0, **options)
    again.load_state_dict(prior.state_dict())
    assert torch.equal(again(top(5)).log_prob(z[None, :5]), prior(top(5)).log_prob(z[None, :5]))


@pytest.mark.parametrize("rows", [2, 3, 50])
def test_a_mixture_of_few_rows_is_one_gaussian(rows: int) -> None:
    z = three_heaps(rows)
    prior = Mixture(2, 0, components=5)
    prior.fit_to(Encoded.alone(z), Random(0))
    gap = z.double() - z.double().mean(0)
    expected = multivariate_normal(z.double().mean(0), gap.T @ gap / rows + 1e-4 * torch.eye(2)).logpdf(z)
    torch.testing.assert_close(
        prior(top(rows)).log_prob(z[None])[0], torch.tensor(expected).float(), rtol=1e-3, atol=1e-2
    )


def test_fitting_to_one_row_changes_nothing() -> None:
    prior = Mixture(2, 0)
    before = prior.means.detach().clone()
    prior.fit_to(Encoded.alone(torch.zeros(1, 2)), Random(0))
    assert torch.equal(prior.means, before)


@pytest.mark.parametrize("prior", [Matching, Vamp])
def test_priors_for_the_top_level_say_what_to_use_below(prior: type[nn.Module]) -> None:
    with pytest.raises(ChoiceError, match="'normal' or 'flow'"):
        prior(2, 3, posterior=GaussianPosterior(2, 3))


# ------------------------------------------------------------------ vamp


def vamp(posterior: type[nn.Module] = GaussianPosterior) -> tuple[Vamp, nn.Module]:
    with isolated(0):
        level = posterior(2, 0, 2, 3)
        return Vamp(2, 0, posterior=level, fields=2, features=3, components=5), level


@pytest.mark.parametrize("posterior", [GaussianPosterior, FlowPosterior])
def test_a_vamp_prior_is_an_even_mixture_of_posteriors(posterior: type[nn.Module]) -> None:
    prior, level = vamp(posterior)
    z = Random(0).normal((2, 7, 2))
    each = []
    for u in prior.inputs:
        present = torch.ones(7, 2, dtype=torch.bool)
        each.append(level(Features(u.expand(7, -1, -1), present), top(7, 2)).log_prob(z))
    expected = torch.logsumexp(torch.stack(each), 0) - math.log(5)
    torch.testing.assert_close(prior(top(7, 2)).log_prob(z), expected)


def test_draws_of_a_vamp_prior_have_its_moments() -> None:
    prior, level = vamp()
    parts = level(Features(prior.inputs, torch.ones(5, 2, dtype=torch.bool)), top(5))
    mean = parts.loc[0].mean(0)
    second = (parts.loc[0].T @ parts.loc[0] + torch.diag((2 * parts.log_scale[0]).exp().sum(0))) / 5
    density = prior(top(50_000, 2))
    z = density.sample(Random(0)).flatten(0, 1)
    torch.testing.assert_close(z.mean(0), mean, rtol=0, atol=0.02)
    torch.testing.assert_close(z.T @ z / len(z), second, rtol=0.02, atol=0.02)
    torch.testing.assert_close(density.mean()[0, 0], mean)


def test_every_row_of_a_vamp_prior_draws_by_itself_unless_rows_share() -> None:
    prior, _ = vamp()
    assert len(prior(top(100)).sample(Random(0))[0].unique(dim=0)) == 100
    shared = prior(top(100, 20)).sample(Random(0, share_rows=True))
    assert torch.equal(shared, shared[:, :1].expand(20, 100, 2))
    assert len(shared[:, 0].unique(dim=0)) == 20, "draws differ by more than their component"


def test_a_vamp_prior_starts_from_encoded_rows_and_trains_its_posterior_too() -> None:
    prior, level = vamp()
    values = Random(0).normal((9, 2, 3))
    prior.start_from(Features(values, torch.ones(9, 2, dtype=torch.bool)))
    assert torch.equal(prior.inputs, values[::2])
    assert [name for name, _ in prior.named_parameters()] == ["inputs"]
    prior(top(4)).log_prob(torch.zeros(1, 4, 2)).sum().backward()
    assert all(float(p.grad.abs().sum()) > 0 for p in [prior.inputs, *level.parameters()])  # type: ignore[union-attr]


def test_a_vamp_prior_asks_for_its_posterior() -> None:
    with pytest.raises(ChoiceError, match="posterior="):
        Vamp(2, 0)


# ------------------------------------------------------------------ flow


def bent(size: int, context: int = 0) -> Flow:
    """A flow that is not the identity any more."""
    with isolated(0):
        prior = Flow(size, context, hidden=16)
        for p in prior.parameters():
            p.data.add_(0.3 * torch.randn_like(p))
    return prior


def test_a_flow_starts_as_the_standard_normal() -> None:
    z = 2 * Random(0).normal((1, 50, 3))
    for context in (0, 2):
        density = Flow(3, context)(torch.ones(1, 50, context))
        torch.testing.assert_close(density.log_prob(z), torch.distributions.Normal(0, 1).log_prob(z).sum(-1))


def mass(density: Density) -> Tensor:
    """``[14, 14]`` the probability of each square of side one in [-7, 7]², by the midpoint rule."""
    axis = (torch.arange(280) + 0.5) / 20 - 7
    with torch.no_grad():
        p = density.log_prob(torch.cartesian_prod(axis, axis)[None]).exp()
    return p.view(14, 20, 14, 20).sum((1, 3)) / 20**2


@pytest.mark.parametrize("context", [0, 2])
def test_a_flow_integrates_to_one_in_two_dimensions_and_draws_follow_it(context: int) -> None:
    prior, n = bent(2, context), 280**2
    density = prior(torch.ones(1, n, context))
    expected = mass(density)
    assert abs(float(expected.sum()) - 1) < 0.01
    with torch.no_grad():
        square = (density.sample(Random(0))[0] + 7).floor().long().clamp(0, 13)
    found = torch.zeros(14 * 14).index_add_(0, square @ torch.tensor([14, 1]), torch.ones(n)).view(14, 14) / n
    error = 6 * (expected / n).sqrt() + 2e-3
    assert bool(((found - expected).abs() < error).all())
    assert bool(((mass(Normal(2, 0)(top(n))) - expected).abs() > error).any()), "it is not the standard normal any more"


def test_a_flow_undoes_itself() -> None:
    density = bent(3)(top(1000))
    noise = Random(0).normal((1, 1000, 3))
    back, _ = density.flow.call_and_ladj(density._push(noise))  # type: ignore[attr-defined]
    torch.testing.assert_close(back, noise, rtol=1e-3, atol=1e-3)


def test_fitting_a_flow_beats_one_gaussian_and_works_where_gradients_are_off() -> None:
    z = 5 + three_heaps(1000)
    gap = (z - z.mean(0)).double()
    gaussian = multivariate_normal(z.double().mean(0), gap.T @ gap / len(z)).logpdf(z[700:]).mean()
    prior = Flow(2, 0)
    with torch.no_grad():
        prior.fit_to(Encoded.alone(z[:700]), Random(0), steps=200)
        score = prior(top(300)).log_prob(z[None, 700:]).mean().item()
    assert score > gaussian + 0.5
    assert all(p.grad is None for p in prior.parameters())
    other = Flow(2, 0)
    other.load_state_dict(prior.state_dict())
    assert other(top(300)).log_prob(z[None, 700:]).mean().item() == score, "its standardisation is saved with it"


@pytest.mark.parametrize("make", [Mixture, partial(Flow, hidden=32)])
def test_what_was_visited_before_weighs_what_is_fitted(make: Callable[..., Any]) -> None:
    """Three heaps, each of a label of its own: all rows are nearly as probable as one heap makes them."""
    rng = Random(0)
    heap, places = rng.integers(0, 3, (3000,)), torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]])
    centres = torch.tensor([[2.0, 0.0], [-2.0, 0.5], [0.0, -2.0]])[heap]
    rows = Encoded(centres + 0.5 * rng.normal((3000, 2)), places[heap])
    torch.manual_seed(0)
    prior = make(2, 2)
    prior.fit_to(rows[:2000], Random(1), rows[2000:2500])
    with torch.no_grad():
        found = rows[2500:].log_prob(prior).mean().item()
        drawn = prior(places[heap][None]).sample(Random(2))[0]
    exact = multivariate_normal([0, 0], 0.25 * np.eye(2)).logpdf((rows.z - centres)[2500:]).mean()
    assert exact - 0.15 < found < exact + 0.1
    far = torch.stack([(drawn[heap == k].mean(0) - rows.z[heap == k].mean(0)).abs().max() for k in range(3)])
    assert float(far.max()) < 0.15, "draws follow their label"


# ------------------------------------------------------------------ matching


def test_a_stream_is_a_density_and_its_divergence_is_exact() -> None:
    torch.manual_seed(0)
    velocity = Velocity(3, 16)
    torch.nn.init.normal_(velocity.time[-1].weight)  # type: ignore[arg-type]
    z, t = torch.randn(3), torch.tensor([0.3])
    slopes = torch.autograd.functional.jacobian(lambda x: velocity(x, t)[0], z)
    torch.testing.assert_close(velocity(z, t)[1], torch.trace(slopes), rtol=1e-4, atol=1e-5)  # type: ignore[arg-type]


def test_matching_finds_two_heaps_that_no_single_normal_is() -> None:
    rng = np.random.default_rng(0)
    z = torch.tensor(rng.normal(size=(2000, 2)) * 0.3 + 2 * rng.choice([-1, 1], (2000, 1)), dtype=torch.float32)
    prior = Matching(2, 0, hidden=64)
    prior.fit_to(Encoded.alone(z), Random(0), steps=600)
    with torch.no_grad():
        found = float(prior(top(2000)).log_prob(z[None]).mean())
        normal = multivariate_normal(z.mean(0), np.cov(z.T.numpy())).logpdf(z).mean()
        exact = np.log(0.5) + multivariate_normal([0, 0], 0.09 * np.eye(2)).logpdf(z.abs() - 2).mean()
        drawn = prior(top(2000)).sample(Random(1))[0]
    assert normal + 0.3 < found < exact + 0.02
    assert abs(float((drawn[:, 0] > 0).float().mean()) - 0.5) < 0.05
    assert float((drawn.abs() - 2).abs().mean()) < 0.35  # .24 for the heaps themselves
