"""Every likelihood that is a family over scalars: one table of members, generic checks, SciPy as the reference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from vaery.core.check import check_family
from vaery.core.density import Codes, Elementwise, Family, quantile
from vaery.core.members import member, members
from vaery.core.random import Random
from vaery.likelihoods.bernoulli import Bernoulli
from vaery.likelihoods.categorical import Categorical
from vaery.likelihoods.factored import Factored
from vaery.likelihoods.laplace import Laplace
from vaery.likelihoods.logistic_mixture import LogisticMixture
from vaery.likelihoods.mixture import Mixture
from vaery.likelihoods.negative_binomial import NegativeBinomial
from vaery.likelihoods.normal import Normal
from vaery.likelihoods.ordinal import Ordinal
from vaery.likelihoods.poisson import Poisson
from vaery.likelihoods.student import Student
from vaery.likelihoods.zero_inflated import ZeroInflated

Array = np.ndarray
Reference = Callable[[Any, Array], tuple[Array, Array]]  # density, values → probabilities (densities), cdf


def doubles(*tensors: torch.Tensor) -> tuple[Array, ...]:
    return tuple(t.detach().double().numpy() for t in tensors)


def normal(d: Any, x: Array) -> tuple[Array, Array]:
    loc, log_scale = doubles(d.loc, d.log_scale)
    reference = stats.norm(loc, np.exp(log_scale))
    return reference.pdf(x), reference.cdf(x)


def laplace(d: Any, x: Array) -> tuple[Array, Array]:
    loc, log_scale = doubles(d.loc, d.log_scale)
    reference = stats.laplace(loc, np.exp(log_scale))
    return reference.pdf(x), reference.cdf(x)


def student(d: Any, x: Array) -> tuple[Array, Array]:
    loc, log_scale, df = doubles(d.loc, d.log_scale, d.df)
    reference = stats.t(df, loc, np.exp(log_scale))
    return reference.pdf(x), reference.cdf(x)


def weighted(component: Any, d: Any, x: Array) -> tuple[Array, Array]:
    logits, loc, log_scale = doubles(d.logits, d.loc, d.log_scale)
    parts = component(loc, np.exp(log_scale))
    weight, x = special.softmax(logits, -1), x[..., None]
    return (weight * parts.pdf(x)).sum(-1), (weight * parts.cdf(x)).sum(-1)


def mixture(d: Any, x: Array) -> tuple[Array, Array]:
    return weighted(stats.norm, d, x)


def logistics(d: Any, x: Array) -> tuple[Array, Array]:
    return weighted(stats.logistic, d, x)


def discretised(d: Any, x: Array) -> tuple[Array, Array]:
    upto = np.where(x >= d.high, 1.0, logistics(d.smooth, x + 0.5)[1])
    below = np.where(x <= d.low, 0.0, logistics(d.smooth, x - 0.5)[1])
    return upto - below, upto


def table(probs: Array, x: Array) -> tuple[Array, Array]:
    index = np.broadcast_to(x.astype(int), np.broadcast_shapes(x.shape, probs.shape[:-1]))[..., None]
    probs = np.broadcast_to(probs, (*index.shape[:-1], probs.shape[-1]))
    return np.take_along_axis(probs, index, -1)[..., 0], np.take_along_axis(probs.cumsum(-1), index, -1)[..., 0]


def bernoulli(d: Any, x: Array) -> tuple[Array, Array]:
    reference = stats.bernoulli(special.expit(doubles(d.logits)[0]))
    return reference.pmf(x), reference.cdf(x)


def categorical(d: Any, x: Array) -> tuple[Array, Array]:
    return table(special.softmax(doubles(d.logits)[0], -1), x)


def factored(d: Any, x: Array) -> tuple[Array, Array]:
    high, low, rows = doubles(d.high, d.low, d.table)
    given = special.softmax(low[..., None, :] + rows, -1)
    return table((special.softmax(high, -1)[..., None] * given).reshape(*high.shape[:-1], -1), x)


def ordinal(d: Any, x: Array) -> tuple[Array, Array]:
    upto = special.expit(doubles(d.cumulative)[0])
    edges = np.concatenate([np.zeros_like(upto[..., :1]), upto, np.ones_like(upto[..., :1])], -1)
    return table(np.diff(edges, axis=-1), x)


def poisson(d: Any, x: Array) -> tuple[Array, Array]:
    reference = stats.poisson(np.exp(doubles(d.log_rate)[0]))
    return reference.pmf(x), reference.cdf(x)


def negative_binomial(d: Any, x: Array) -> tuple[Array, Array]:
    log_mean, log_dispersion = doubles(d.log_mean, d.log_dispersion)
    failures = np.exp(-log_dispersion)
    reference = stats.nbinom(failures, failures / (failures + np.exp(log_mean)))
    return reference.pmf(x), reference.cdf(x)


def with_zeros(base: Reference) -> Reference:
    def reference(d: Any, x: Array) -> tuple[Array, Array]:
        extra = special.expit(doubles(d.logits)[0])
        p, upto = base(d.base, x)
        other = (1 - extra) * p
        at_zero = extra + other if d.discrete else extra
        return np.where(x == 0, at_zero, other), (1 - extra) * upto + extra * (x >= 0)

    return reference


@dataclass(frozen=True)
class Case:
    """A member with its options, and what SciPy makes of its parameters."""

    name: str
    family: Callable[[], Family]
    reference: Reference
    unimodal: bool = True

    def density(self, positions: int = 6, spread: float = 1.0) -> Elementwise:
        family = self.family()
        with torch.no_grad():
            return family(spread * Random(3).normal((positions, family.size)))

    @property
    def unbounded(self) -> bool:
        return not isinstance(self.density(), Codes) and not hasattr(self.density(), "low")


PRIOR = tuple(1 / (k + 1) for k in range(300))
CASES = [
    Case("normal", Normal, normal),
    Case("mixture", Mixture, mixture, unimodal=False),
    Case("mixture of one", lambda: Mixture(components=1), mixture),
    Case("student", Student, student),
    Case("laplace", Laplace, laplace),
    Case("logistic_mixture", LogisticMixture, logistics, unimodal=False),
    Case("pixels", lambda: LogisticMixture(low=0, high=255), discretised, unimodal=False),
    Case("dice", lambda: LogisticMixture(components=1, low=1, high=6), discretised),
    Case("sound", lambda: LogisticMixture(low=-(2**15), high=2**15 - 1), discretised, unimodal=False),
    Case("bernoulli", Bernoulli, bernoulli),
    Case("categorical", lambda: Categorical(levels=7), categorical),
    Case("factored", lambda: Factored(levels=1000), factored),
    Case("factored with a prior", lambda: Factored(levels=300, prior=PRIOR), factored),
    Case("ordinal", lambda: Ordinal(levels=9), ordinal),
    Case("ordinal of two", lambda: Ordinal(levels=2), ordinal),
    Case("poisson", Poisson, poisson),
    Case("poisson of many", lambda: Poisson(mean=300.0), poisson),
    Case("negative_binomial", lambda: NegativeBinomial(mean=8.0), negative_binomial),
    Case("zero_inflated", ZeroInflated, with_zeros(poisson)),
    Case("zero_inflated normal", lambda: ZeroInflated("normal", floor=0.1), with_zeros(normal), unimodal=False),
]
each = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def values(density: Elementwise, count: int = 200) -> torch.Tensor:
    """Values over the whole of each position's range, and zero."""
    found = quantile(density, torch.linspace(1e-4, 1 - 1e-4, count)[:, None])
    return torch.cat([found, torch.zeros_like(found[:1])]) if not isinstance(density, Codes) else found


@each
def test_keeps_the_contract(case: Case) -> None:
    check_family(case.family())


@each
def test_log_prob_and_cdf_match_scipy(case: Case) -> None:
    density = case.density()
    x = values(density)
    if case.name == "dice":
        x = x.clamp(min=1)
    p, upto = case.reference(density, x.double().numpy())
    np.testing.assert_allclose(density.log_prob(x).numpy(), np.log(p), atol=2e-4, rtol=2e-5)
    np.testing.assert_allclose(density.cdf(x).numpy(), upto, atol=2e-5)


@pytest.mark.parametrize("case", [c for c in CASES if c.unbounded], ids=lambda case: case.name)
def test_far_tails_match_scipy(case: Case) -> None:
    """Beyond where a cdf can be told from one in single precision."""
    density = case.density()
    x = values(density)[-2] + torch.tensor([5.0, 20.0])[:, None].round()
    p, _ = case.reference(density, x.double().numpy())
    there = p > 1e-300
    assert there.any()
    np.testing.assert_allclose(density.log_prob(x).numpy()[there], np.log(p[there]), atol=1e-3, rtol=1e-4)


@each
def test_all_probability_sums_to_one(case: Case) -> None:
    density = case.density()
    if isinstance(density, Codes):
        total = density.log_probs().exp().sum(-1)
    elif density.discrete:
        low, high = (int(quantile(density, torch.tensor(u)).max()) for u in (1e-6, 1 - 1e-6))
        low, high = getattr(density, "low", 0), getattr(density, "high", 3 * high)
        total = density.log_prob(torch.arange(low, high + 1.0)[:, None]).exp().sum(0)
    else:
        grid = torch.linspace(-120, 120, 200_001)[:, None] + 1e-5  # next to zero, where a point mass may be
        total = torch.trapezoid(density.log_prob(grid).exp(), grid, dim=0)
        if case.name.startswith("zero"):
            total = total + density.log_prob(torch.zeros(())).exp()
    torch.testing.assert_close(total, torch.ones_like(total), atol=2e-3, rtol=0)


@each
def test_mode_is_the_likeliest_value(case: Case) -> None:
    density = case.density()
    reached, best = density.log_prob(density.mode()), density.log_prob(values(density, 2000)).amax(0)
    if case.name == "zero_inflated normal":
        extra = density.logits >= 0  # type: ignore[attr-defined]
        assert (density.mode() == torch.where(extra, 0.0, density.base.mode())).all()  # type: ignore[attr-defined]
    else:  # a mixture answers with the centre of a component, which may lie beside the peak
        assert (reached >= best - (1e-4 if case.unimodal else 0.2)).all()


@each
def test_zero_raw_numbers_are_broad(case: Case) -> None:
    family = case.family()
    with torch.no_grad():
        density = family(torch.zeros(1, family.size))
    if isinstance(density, Codes):
        start = torch.tensor(PRIOR)[None].log() if "prior" in case.name else torch.zeros(1, 1)
        level = (density.log_probs() - start).exp()  # the same for all codes, but for the prior's smoothing
        assert float(level.max() / level.min()) < 1.15
    elif density.discrete:
        assert float(quantile(density, torch.tensor(0.99)) - quantile(density, torch.tensor(0.01))) >= 3
    else:
        for far in (-2.0, 2.0):
            assert float(density.log_prob(torch.tensor([far]))) > -5


@each
def test_half_precision_becomes_single(case: Case) -> None:
    family = case.family()
    raw = Random(1).normal((5, family.size)).bfloat16()
    assert torch.equal(family(raw).mean(), family(raw.float()).mean())
    assert family(raw).log_prob(torch.ones(5)).dtype == torch.float32


@each
@settings(max_examples=25)
@given(data=st.data())
def test_any_raw_numbers_give_finite_losses(case: Case, data: st.DataObject) -> None:
    family = case.family()
    numbers = st.floats(-50, 50, width=32)
    some = data.draw(st.lists(numbers, min_size=1, max_size=12))
    raw = torch.tensor((some * family.size)[: family.size])[None].requires_grad_()
    value = family(raw.flip(-1)).sample(Random(0)).detach()
    loss = -family(raw).log_prob(value).sum()
    (gradient,) = torch.autograd.grad(loss, raw)
    assert loss.isfinite()
    assert gradient.isfinite().all()


@pytest.mark.parametrize("case", [c for c in CASES if c.density().discrete], ids=lambda case: case.name)
@settings(max_examples=20)
@given(u=st.floats(0.002, 0.998))
def test_quantile_undoes_cdf(case: Case, u: float) -> None:
    density = case.density()
    k = quantile(density, torch.tensor(u))
    inside = (density.cdf(k) + density.cdf(k - 1)) / 2  # the middle of the step up to k
    assert torch.equal(quantile(density, inside), k)


def test_every_family_is_in_the_table() -> None:
    made = {type(case.family()) for case in CASES}
    for name in members("likelihoods"):
        found = member("likelihoods", name)
        assert not issubclass(found, Family) or found in made, f"{name} is missing in CASES"
