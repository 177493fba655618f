"""What single likelihoods promise beyond the contract that they share."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import special, stats

from vaery.core.cells import CellHeads, CellSpec
from vaery.core.density import Elementwise, Family, quantile
from vaery.core.random import Random
from vaery.core.raw import bounded
from vaery.likelihoods.bernoulli import Bernoulli
from vaery.likelihoods.categorical import Categorical
from vaery.likelihoods.factored import Factored
from vaery.likelihoods.logistic_mixture import LogisticMixture
from vaery.likelihoods.mixture import Mixture
from vaery.likelihoods.negative_binomial import NegativeBinomial
from vaery.likelihoods.normal import Normal
from vaery.likelihoods.ordinal import Ordinal
from vaery.likelihoods.poisson import Poisson
from vaery.likelihoods.student import Student, StudentDensity
from vaery.likelihoods.zero_inflated import ZeroInflated


def test_bounded_is_the_identity_inside_and_lets_go_back_in() -> None:
    x = torch.tensor([-9.0, -9.0, 0.5, 9.0, 9.0], requires_grad=True)
    y = bounded(x, -1.0, 1.0)
    assert y.tolist() == [-1.0, -1.0, 0.5, 1.0, 1.0]
    (y * torch.tensor([1.0, -1.0, 1.0, 1.0, -1.0])).sum().backward()  # a loss to be minimised
    assert x.grad is not None
    assert x.grad.tolist() == [0.0, -1.0, 1.0, 1.0, 0.0]


@pytest.mark.parametrize(
    ("family", "scale"),
    [
        (Normal(), 1),
        (Student(), 1),
        (Mixture(components=1), 2),
        (LogisticMixture(components=1), 2),
        (LogisticMixture(components=1, low=0, high=255), 2),
    ],
)
def test_a_scale_that_strayed_below_the_floor_comes_back(family: Family, scale: int) -> None:
    raw = torch.zeros(family.size)
    raw[scale] = -30
    raw.requires_grad_()
    (-family(raw).log_prob(torch.tensor(3.0))).backward()  # many scales from the centre: the scale must grow
    assert raw.grad is not None
    assert float(raw.grad[scale]) < 0


def test_floor_is_the_smallest_scale() -> None:
    assert float(Normal(floor=0.25)(torch.tensor([0.0, -9.0])).log_scale.exp()) == pytest.approx(0.25)
    pixels = LogisticMixture(components=1, low=0, high=255, floor=2.0)(torch.tensor([0.0, 0.0, -9.0]))
    assert float(pixels.smooth.log_scale.exp()) == pytest.approx(2.0)  # type: ignore[union-attr]


def test_normal_draws_carry_gradients() -> None:
    raw = torch.zeros(4, 2, requires_grad=True)
    drawn = Normal()(raw).sample(Random(0))
    drawn.sum().backward()
    torch.testing.assert_close(raw.grad, torch.stack([torch.ones(4), drawn.detach()], -1))


def test_student_draws_follow_scipy_in_the_far_tails() -> None:
    n = 200_000
    density = StudentDensity(torch.zeros(n), torch.zeros(n), torch.full((n,), 3.0))
    drawn = density.sample(Random(0)).double().numpy()
    assert stats.kstest(drawn, stats.t(3).cdf).pvalue > 0.01
    for far in (5.0, 10.0):
        expected = n * 2 * stats.t(3).sf(far)
        assert abs((np.abs(drawn) > far).sum() - expected) < 4 * math.sqrt(expected)


def test_pixels_put_all_mass_on_one_value_when_sure_and_never_underflow() -> None:
    family = LogisticMixture(components=1, low=0, high=255)
    at_100 = torch.tensor([0.0, (100 - 127.5) / 127.5, -30.0])
    density = family(at_100)
    assert float(density.log_prob(torch.tensor(100.0))) > -0.02
    # In the tail the bin's mass is e^(−a)(1 − e^(−1/s)), with its near edge a scales away and s = 1/10.
    expected = -(199.5 - 100) * 10 + math.log1p(-math.exp(-10))
    assert float(density.log_prob(torch.tensor(200.0))) == pytest.approx(expected, rel=1e-4)
    assert float(density.mode()) == 100


@pytest.mark.parametrize("value", [0.0, 1.0, 128.0, 254.0, 255.0])
def test_pixel_gradients_lead_to_the_value_from_anywhere(value: float) -> None:
    family = LogisticMixture(components=1, low=0, high=255)
    for loc in (-4.0, 4.0):
        raw = torch.tensor([0.0, loc, -3.0], requires_grad=True)
        (-family(raw).log_prob(torch.tensor(value))).backward()
        assert raw.grad is not None
        toward = math.copysign(1.0, (value - 127.5) / 127.5 - loc)
        beyond = (loc > 0) == (value == 255.0) and value in (0.0, 255.0)  # the tail's own side: nothing left to gain
        assert beyond or float(raw.grad[1]) * toward < 0


def test_pixels_beyond_the_range_count_as_its_ends() -> None:
    density = LogisticMixture(low=0, high=255)(torch.zeros(15))
    assert torch.equal(density.log_prob(torch.tensor([-3.0, 300.0])), density.log_prob(torch.tensor([0.0, 255.0])))


def test_pixel_mean_is_close_to_the_tables() -> None:
    density = LogisticMixture(low=0, high=255)(Random(0).normal((50, 15)))
    levels = torch.arange(256.0)[:, None]
    torch.testing.assert_close(density.mean(), (levels * density.log_prob(levels).exp()).sum(0), atol=0.05, rtol=0)


def test_a_range_needs_both_ends_in_order() -> None:
    with pytest.raises(ValueError, match="both ends"):
        LogisticMixture(low=0)
    with pytest.raises(ValueError, match="write low=0, high=9"):
        LogisticMixture(low=9, high=0)


def test_a_range_of_one_value_is_certain() -> None:
    density = LogisticMixture(low=4, high=4)(Random(0).normal((3, 15)))
    assert density.log_prob(torch.tensor(4.0)).tolist() == [0.0, 0.0, 0.0]
    assert density.sample(Random(0)).tolist() == [4.0, 4.0, 4.0]


def test_grey_pixels_are_a_cross_entropy() -> None:
    logits, grey = Random(0).normal((20,)), Random(1).uniform((20,))
    p = special.expit(logits.double().numpy())
    expected = grey.numpy() * np.log(p) + (1 - grey.numpy()) * np.log1p(-p)
    np.testing.assert_allclose(Bernoulli()(logits[:, None]).log_prob(grey).numpy(), expected, rtol=1e-5)


def test_levels_that_are_ruled_out_are_never_drawn() -> None:
    raw = Random(0).normal((5000, 8))
    raw[:, 5:] = -1e9
    density = Categorical(levels=8)(raw)
    assert set(density.sample(Random(1)).tolist()) == {0.0, 1.0, 2.0, 3.0, 4.0}
    torch.testing.assert_close(density.log_probs()[:, :5], torch.log_softmax(raw[:, :5], -1))


def test_ordinal_location_moves_mass_along_the_order() -> None:
    means = [float(Ordinal(levels=7)(torch.tensor([loc] + [0.0] * 6)).mean()) for loc in (-50.0, -1.0, 0.0, 1.0, 50.0)]
    assert means == sorted(means)
    assert (means[0], means[2], means[-1]) == pytest.approx((0, 3, 6), abs=1e-4)


def test_factored_starts_from_the_prior() -> None:
    prior = torch.softmax(2 * Random(0).normal((777,)), 0)
    with torch.no_grad():
        probs = Factored(levels=777, prior=tuple(prior.tolist()))(torch.zeros(56)).log_probs().exp()
    torch.testing.assert_close(probs, 0.99 * prior + 0.01 / 777, atol=1e-6, rtol=1e-4)


def test_factored_scales_to_many_levels() -> None:
    levels = 300_000
    family = Factored(levels=levels)
    assert family.size < 1100
    with torch.no_grad():
        density = family(Random(0).normal((2, family.size)))
        probs = density.log_probs().exp()
        torch.testing.assert_close(probs.sum(-1), torch.ones(2), atol=1e-4, rtol=0)
        assert torch.equal(density.mode(), probs.argmax(-1).float())
        codes = torch.tensor([0.0, 12_345.0, levels - 1.0])[:, None]
        torch.testing.assert_close(density.log_prob(codes).exp(), probs[:, codes[:, 0].long()].T)
        torch.testing.assert_close(density.cdf(codes), probs.double().cumsum(-1)[:, codes[:, 0].long()].T.float())
        many = family(Random(1).normal((1, 1, family.size)).expand(2000, 1, -1)).sample(Random(2))
        assert float(many.min()) >= 0
        assert float(many.max()) < levels


@pytest.mark.parametrize(
    ("prior", "message"),
    [((0.1,) * 6, "6 entries for 5 levels"), ((0.5, -0.1), "negative"), ((0.0,) * 5, "above zero")],
)
def test_factored_refuses_a_wrong_prior(prior: tuple[float, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Factored(levels=5, prior=prior)


@pytest.mark.parametrize("density", [Poisson(1e6)(torch.zeros(1)), NegativeBinomial(1e6)(torch.tensor([0.0, -10.0]))])
def test_large_counts_keep_their_digits(density: Elementwise) -> None:
    """Neighbours of a large mode are nearly as likely; in single precision inside, they would be whole nats apart."""
    near = density.mode() + torch.arange(-3.0, 4.0)
    assert float(density.log_prob(near).diff().abs().max()) < 1e-3


def test_negative_binomial_moments() -> None:
    density = NegativeBinomial()(torch.tensor([math.log(6.0), math.log(0.5)]).expand(200_000, 2))
    drawn = density.sample(Random(0))
    assert float(drawn.mean()) == pytest.approx(6.0, rel=0.02)
    assert float(drawn.var()) == pytest.approx(6 + 0.5 * 36, rel=0.03)


def test_zero_inflation_of_numbers_is_a_point_mass() -> None:
    density = ZeroInflated("normal")(torch.tensor([1.0, 3.0, 0.0]).expand(20_000, 3))
    share = float((density.sample(Random(0)) == 0).float().mean())
    assert share == pytest.approx(special.expit(1.0), abs=0.01)
    assert float(density.log_prob(torch.tensor(0.0))[0]) == pytest.approx(math.log(special.expit(1.0)))
    assert float(density.mean()[0]) == pytest.approx(3 * special.expit(-1.0))


@pytest.mark.parametrize("family", [Poisson(mean=9.0), NegativeBinomial(mean=9.0), Student(), Factored(levels=500)])
def test_draws_by_shared_noise_follow_the_cdf(family: Family) -> None:
    rng = Random(5, share_rows=True)
    with torch.no_grad():
        density = family(0.3 * Random(0).normal((1, 3, family.size)).expand(4000, 3, family.size))
        drawn = density.sample(rng)
        for u in (0.1, 0.5, 0.9):
            edge = quantile(density, torch.tensor(u))[0]
            share = (drawn <= edge).float().mean(0)
            torch.testing.assert_close(share, density.cdf(edge)[0], atol=0.03, rtol=0)


def test_every_family_serves_in_a_block_of_cells() -> None:
    cells = [
        CellSpec(levels=3),
        CellSpec(levels=6, ordered=True),
        CellSpec(levels=400, prior=(1 / 400,) * 400),
        CellSpec(levels=1, family="mixture", options={"components": 3}),
        CellSpec(family="student"),
        CellSpec(family="logistic_mixture", options={"low": 0, "high": 20}),
        CellSpec(levels=300, family="poisson", options={"mean": 4.0}, prior=(1 / 300,) * 300),
        CellSpec(family="zero_inflated", options={"base": "negative_binomial", "mean": 3.0}),
    ]
    heads = CellHeads(cells)
    density = heads(torch.zeros(2, 5, heads.size))
    value = density.sample(Random(0))
    assert value.shape == (2, 5, len(cells), 2)
    assert density.log_prob(value).isfinite().all()
    assert density.quantile(torch.tensor([0.1, 0.9])).isfinite().all()
    assert (value[..., 1] * (value[..., 0] < density.levels) == 0).all()
