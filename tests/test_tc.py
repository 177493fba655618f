"""The total-correlation objective: its decomposition against sums, integrals and limits that are known."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from exact import evidence, linear_gaussian
from torch import Tensor, nn

from vaery import VAE
from vaery.advice import pick_objective
from vaery.core.errors import ChoiceError
from vaery.core.gaussian import Gaussian, Standard
from vaery.core.objective import Loss
from vaery.core.random import Random
from vaery.core.trace import Site, Trace
from vaery.objectives.elbo import Elbo
from vaery.objectives.masked import Masked
from vaery.objectives.tc import Tc, aggregated, log_shares

NAMES = ("mutual_information", "total_correlation", "dimension_wise_kl")


def trace_of(loc: Tensor, log_scale: Tensor, draws: int = 1, seed: int = 0) -> Trace:
    """Rows with these posteriors, and a field with log p = -3 whatever z is."""
    posterior = Gaussian(loc.expand(draws, *loc.shape), log_scale.expand(draws, *loc.shape))
    z = posterior.sample(Random(seed))
    zero = torch.zeros(draws, *loc.shape)
    latent = Site("z", Standard(zero, loc.shape[-1]), z, posterior=posterior, latent=True)
    return Trace({"z": latent, "x": Site("x", Gaussian(zero, zero), z, scored=torch.full((draws, len(loc)), -3.0))})


def mixtures(loc: Tensor, log_scale: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    """log q(z) and Σ_j log q(z_j) of the mixture over all rows, by torch's own distributions."""
    single = torch.distributions.Normal(loc, log_scale.exp()).log_prob(z[..., None, :])  # [S, B, N, Z]
    return single.sum(-1).logsumexp(-1) - math.log(len(loc)), (single.logsumexp(-2) - math.log(len(loc))).sum(-1)


def some(rows: int = 5, units: int = 3, seed: int = 0) -> tuple[Tensor, Tensor]:
    rng = Random(seed)
    return 1.5 * rng.normal((rows, units)), 0.4 * rng.normal((rows, units)) - 0.8


# ------------------------------------------------------------------ the decomposition


def test_with_the_whole_data_as_the_batch_the_mixture_is_exact() -> None:
    loc, log_scale = some()
    trace = trace_of(loc, log_scale, draws=7)
    z = trace.latent
    for rows in (None, 5):
        found = aggregated(Gaussian(loc, log_scale), z, rows)
        for mine, theirs in zip(found, mixtures(loc, log_scale, z), strict=True):
            torch.testing.assert_close(mine, theirs)


def test_the_three_parts_add_up_to_the_divergence() -> None:
    loc, log_scale = some()
    loss = Tc()(trace_of(loc, log_scale, draws=40_000))
    torch.testing.assert_close(sum(loss.parts[name] for name in NAMES), loss.parts["kl"], rtol=0, atol=0.02)
    exact = 0.5 * ((2 * log_scale).exp() + loc.square() - 1) - log_scale
    torch.testing.assert_close(loss.parts["kl"], exact.sum(-1).mean())


def test_each_part_is_its_integral() -> None:
    """Two units, so that q(z), q(z_1), q(z_2) can be integrated on a grid."""
    loc, log_scale = some(rows=4, units=2, seed=3)
    axis = torch.linspace(-8, 8, 801)
    cell = float(axis[1] - axis[0])
    density = torch.distributions.Normal(loc, log_scale.exp()).log_prob(axis[:, None, None]).exp()  # [G, N, Z]
    single = density.mean(1)  # q(z_j) on the grid
    both = torch.einsum("an,bn->ab", density[..., 0], density[..., 1]) / len(loc)
    tc = (both * (both / (single[:, None, 0] * single[None, :, 1])).log().nan_to_num(neginf=0.0)).sum() * cell**2
    prior = torch.distributions.Normal(0.0, 1.0).log_prob(axis)[:, None]
    dimension_wise = (single * (single.log() - prior).nan_to_num(neginf=0.0)).sum() * cell
    parts = Tc()(trace_of(loc, log_scale, draws=40_000)).parts
    assert float(parts["total_correlation"]) == pytest.approx(float(tc), abs=0.015)
    assert float(parts["dimension_wise_kl"]) == pytest.approx(float(dimension_wise), abs=0.02)


def test_two_far_apart_rows_tell_one_bit_once_or_twice() -> None:
    """Rows at (5, 5) and (-5, -5): the code tells which (one bit), and each unit tells what the other one does."""
    loc = torch.tensor([[5.0, 5.0], [-5.0, -5.0]])
    parts = Tc()(trace_of(loc, torch.full((2, 2), -2.0), draws=500)).parts
    assert float(parts["mutual_information"]) == pytest.approx(math.log(2), abs=1e-4)
    assert float(parts["total_correlation"]) == pytest.approx(math.log(2), abs=1e-4)
    four = torch.tensor(
        [[5.0, 5.0], [-5.0, -5.0], [5.0, -5.0], [-5.0, 5.0]]
    )  # independent: two bits, none of it shared
    parts = Tc()(trace_of(four, torch.full((4, 2), -2.0), draws=500)).parts
    assert float(parts["mutual_information"]) == pytest.approx(2 * math.log(2), abs=1e-4)
    assert float(parts["total_correlation"]) == pytest.approx(0, abs=1e-4)


# ------------------------------------------------------------------ batches


@pytest.mark.parametrize("batch", [2, 3, 4, 6])
def test_the_estimate_of_a_density_is_unbiased_over_batches(batch: int) -> None:
    loc, log_scale = some(rows=6, units=2)
    log_scale = log_scale + 1.2  # wide enough for rows to overlap
    z = loc[0] + 0.3
    exact = mixtures(loc, log_scale, z[None, None])[0].exp()
    estimates = []
    for others in itertools.combinations(range(1, 6), batch - 1):
        chosen = [0, *others]
        at = z.repeat(1, batch, 1)
        joint, _ = aggregated(Gaussian(loc[chosen], log_scale[chosen]), at, rows=6)
        estimates.append(joint[0, 0].exp())
    assert batch == 6 or torch.stack(estimates).std() > 0.01 * exact[0, 0]  # each by itself is off
    torch.testing.assert_close(torch.stack(estimates).mean(), exact[0, 0])


def test_shares_are_the_authors_averaged_over_which_row_stands_for_the_rest() -> None:
    n, batch = 50, 6
    m = batch - 1
    paper = []
    for special in range(1, batch):  # appendix C.2: 1/N, (N - M)/(N M) for one of the others, 1/M for the rest
        shares = torch.full((batch,), 1 / m)
        shares[0], shares[special] = 1 / n, (n - m) / (n * m)
        paper.append(shares)
        assert float(shares.sum()) == pytest.approx(1)
    torch.testing.assert_close(log_shares(batch, n).exp()[0], torch.stack(paper).mean(0))
    assert log_shares(1, 10).tolist() == [[0.0]]


def test_larger_batches_come_nearer_to_the_truth() -> None:
    loc, log_scale = some(rows=256, units=3)
    truth = float(Tc(rows=256)(trace_of(loc, log_scale, draws=20)).parts["total_correlation"])
    off = []
    for batch in (8, 64):
        parts = [
            Tc(rows=256)(trace_of(loc[i : i + batch], log_scale[i : i + batch], draws=20)).parts["total_correlation"]
            for i in range(0, 256, batch)
        ]
        off.append(abs(float(torch.stack(parts).mean()) - truth))
    assert off[1] < 0.5 * off[0]


# ------------------------------------------------------------------ what is minimised, what is reported


class Free(nn.Module):
    """A posterior that is linear in nothing: every row has parameters of its own."""

    def __init__(self, rows: int, units: int) -> None:
        super().__init__()
        self.loc, self.log_scale = (nn.Parameter(part) for part in some(rows, units))

    def forward(self, features, context):  # type: ignore[no-untyped-def]
        zero = torch.zeros(len(context), *self.loc.shape, dtype=context.dtype)
        return Gaussian(self.loc.to(context.dtype) + zero, self.log_scale.to(context.dtype) + zero)


def losses(objective: Tc | Elbo, progress: float = 1.0) -> tuple[Loss, Tensor]:
    posterior = Free(6, 2)
    model = linear_gaussian(4, 2)
    joint = model.joint([posterior])
    loss = objective(joint.infer(evidence(model.sample(6, Random(1))), rng=Random(0)), progress)
    (slope,) = torch.autograd.grad(loss.minimise, [posterior.loc])
    return loss, slope


@pytest.mark.parametrize("progress", [0.05, 1.0])
def test_at_equal_weights_it_is_the_elbo(progress: float) -> None:
    for weight in (1.0, 2.5):
        (mine, my_slope), (theirs, slope) = losses(Tc(weight, weight, weight), progress), losses(Elbo(weight), progress)
        torch.testing.assert_close(mine.minimise, theirs.minimise)
        torch.testing.assert_close(mine.bound, theirs.bound)
        torch.testing.assert_close(my_slope, slope)


def test_the_weights_price_their_parts_and_the_bound_stays_the_elbo() -> None:
    plain, slope = losses(Tc(1.0))
    for name, part in (("beta", "total_correlation"), ("alpha", "mutual_information"), ("gamma", "dimension_wise_kl")):
        priced, other = losses(Tc(**{"beta": 1.0, name: 3.0}))
        assert torch.equal(priced.bound, plain.bound)
        assert not torch.allclose(slope, other)
        costs = plain.parts[part]
        if name == "gamma":  # what is left of the divergence, which is in closed form
            costs = plain.parts["kl"] - plain.parts["mutual_information"] - plain.parts["total_correlation"]
        torch.testing.assert_close(priced.minimise - plain.minimise, 2 * costs)


def test_pricing_total_correlation_lowers_it() -> None:
    loc = torch.tensor([[2.0, 2.0], [-2.0, -2.0], [0.5, 0.5], [-1.0, -1.0]]).requires_grad_()
    log_scale = torch.full((4, 2), -1.0)
    optimizer = torch.optim.Adam([loc], 0.05)
    loss = lambda: Tc(beta=5.0, gamma=0.0, alpha=0.0, warmup=0.0)(trace_of(loc, log_scale, draws=64))
    before = loss().parts["total_correlation"].item()
    for _ in range(100):
        optimizer.zero_grad()
        loss().minimise.backward()
        optimizer.step()
    assert loss().parts["total_correlation"].item() < 0.3 * before


# ------------------------------------------------------------------ in a fit


def test_fit_tells_it_how_many_rows_there_are() -> None:
    x = np.random.default_rng(0).normal(size=(300, 4))
    model = VAE(objective={"name": "tc", "beta": 3.0}, latent=3, steps=20, random_state=0).fit(x)
    assert {"total_correlation", "mutual_information", "kl"} <= set(model.history_[-1])
    assert pick_objective("tc", (), {}, 123) == Tc(rows=123)
    assert pick_objective(Tc(rows=7), (), {}, 123) == Tc(rows=7)
    masked = pick_objective({"name": "masked", "objective": "tc", "options": {"beta": 2.0}}, (), {}, 123)
    assert isinstance(masked, Masked)
    assert masked.inner == Tc(beta=2.0, rows=123)
    assert pick_objective("elbo", (), {}, 123) == Elbo()


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"latent": (2, 2)}, "2 levels"),
        ({"posterior": "flow"}, "the posterior"),
        ({"posterior": "point"}, "the posterior"),
        ({"prior": "mixture"}, "a prior"),
    ],
)
def test_other_models_are_refused_in_words(options: dict, what: str) -> None:
    x = np.random.default_rng(0).normal(size=(100, 3))
    with pytest.raises(ChoiceError, match=f"{what}.*write VAE"):
        VAE(objective="tc", steps=5, random_state=0, **options).fit(x)
