"""The linear part of a block of cells: factor analysis says what closed forms say."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from vaery import VAE, load
from vaery.core.cells import CellHeads, CellSpec
from vaery.core.random import Random
from vaery.likelihoods.any_order import AnyOrder
from vaery.likelihoods.mixture import Mixture
from vaery.likelihoods.normal import Normal
from vaery.likelihoods.student import Student
from vaery.nets.factors import BROADEST, Factors

NUMBERS = [CellSpec(family="normal")] * 8
MIXED = [CellSpec(family="normal"), CellSpec(levels=3), CellSpec(levels=1, family="normal", positions=(2.0,))]


def rows(n: int = 3000, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Draws of a linear Gaussian model with three factors, and its mean and covariance; unit variances."""
    torch.manual_seed(seed)
    loading, noise = torch.randn(8, 3), 0.05 + 0.3 * torch.rand(8)
    covariance = loading @ loading.T + noise.diag()
    size = covariance.diag().sqrt()
    x = (torch.randn(n, 3) @ loading.T + torch.randn(n, 8) * noise.sqrt()) / size + 0.3
    return x, torch.full((8,), 0.3), covariance / size[:, None] / size


def learned(share: float = 0.7) -> tuple[Factors, torch.Tensor, torch.Tensor]:
    x, _, covariance = rows()
    known = torch.rand(x.shape) < share
    factors = Factors(NUMBERS, rank=3)
    factors.learn(x * known, torch.zeros_like(x), known, sweeps=200)
    return factors, x, covariance


def test_gaps_do_not_hide_the_covariance() -> None:
    factors, _, covariance = learned()
    found = factors.loading @ factors.loading.T + factors.noise.diag()
    torch.testing.assert_close(found, covariance, atol=0.08, rtol=0)
    torch.testing.assert_close(factors.mean, torch.full((8,), 0.3), atol=0.08, rtol=0)


def test_it_says_what_the_gaussian_conditional_says() -> None:
    factors, x, _ = learned()
    covariance = factors.loading @ factors.loading.T + factors.noise.diag()
    for pattern in range(1, 20):
        known = torch.tensor([(pattern >> i) & 1 == 1 for i in range(8)])
        mean, sd = factors(x[:4], torch.zeros(4, 8), known.expand(4, 8))
        o, u = known.nonzero()[:, 0], (~known).nonzero()[:, 0]
        gain = covariance[u][:, o] @ torch.linalg.inv(covariance[o][:, o])
        torch.testing.assert_close(
            mean[:, u], factors.mean[u] + (x[:4, o] - factors.mean[o]) @ gain.T, atol=1e-4, rtol=0
        )
        exact = (covariance[u][:, u] - gain @ covariance[o][:, u]).diag().sqrt()
        torch.testing.assert_close(sd[:, u], exact.expand(4, -1).clamp(max=BROADEST), atol=1e-4, rtol=0)


def test_it_fits_better_with_every_sweep() -> None:
    """Expectation-maximisation never lowers the likelihood of what is known (here: nearly; there is a small ridge)."""
    x, _, _ = rows(500)
    known = torch.rand(x.shape) < 0.6
    likelihoods = []
    for sweeps in (0, 1, 3, 10, 60):
        factors = Factors(NUMBERS, rank=3)
        factors.learn(x * known, torch.zeros_like(x), known, sweeps=sweeps)
        covariance = factors.loading @ factors.loading.T + factors.noise.diag()
        total = 0.0
        for row, seen in zip(x[:200], known[:200], strict=True):
            if seen.any():
                normal = torch.distributions.MultivariateNormal(factors.mean[seen], covariance[seen][:, seen])
                total += float(normal.log_prob(row[seen]))
        likelihoods.append(total)
    assert all(later > sooner - 0.5 for sooner, later in pairwise(likelihoods)), likelihoods
    assert likelihoods[-1] > likelihoods[0] + 20


def test_what_is_hidden_has_no_influence() -> None:
    factors, x, _ = learned()
    known = torch.rand(x[:50].shape) < 0.5
    noisy = torch.where(known, x[:50], 100 * torch.randn(50, 8))
    for a, b in zip(factors(x[:50], noisy, known), factors(noisy, x[:50], known), strict=True):
        torch.testing.assert_close(a, b)


def test_codes_have_a_say() -> None:
    """A number that hangs on a category is expected where the category puts it."""
    torch.manual_seed(0)
    code = torch.randint(0, 3, (2000,)).float()
    value = torch.zeros(2000, 3, 2)
    value[:, 0, 1], value[:, 1, 0] = code - 1 + 0.2 * torch.randn(2000), code
    value[:, 2, 0], value[:, 2, 1] = 1.0, torch.randn(2000)
    net = AnyOrder(MIXED, context=0)
    net.learn(value, None)
    asked = torch.zeros(3, 3, 2)
    asked[:, 1, 0] = torch.arange(3)
    known = torch.tensor([False, True, False]).expand(3, 3)
    _, (centre, spread) = net.raw(None, asked, known)
    torch.testing.assert_close(centre[:, 0], torch.tensor([-1.0, 0.0, 1.0]), atol=0.2, rtol=0)
    assert float(spread[:, 0].max()) < 0.4 < 0.8 < float(spread[:, 2].min())


@pytest.mark.parametrize("family", [Normal(), Mixture(), Student()])
def test_raw_numbers_count_from_the_centre_in_units_of_the_spread(family: Normal | Mixture | Student) -> None:
    """The same raw numbers around (m, s) give the density of m + s x, as long as no scale meets its floor."""
    raw = 0.3 * torch.randn(5, family.size)
    centre, spread = torch.full((5,), 2.0), torch.full((5,), 0.5)
    x = torch.randn(5)
    moved = family(raw, (centre, spread)).log_prob(centre + spread * x)
    torch.testing.assert_close(moved, family(raw).log_prob(x) - spread.log())


def test_heads_pass_the_start_on_to_the_families_that_take_one() -> None:
    heads = CellHeads(
        [CellSpec(levels=3), CellSpec(family="normal"), CellSpec(family="poisson", options={"mean": 4.0})]
    )
    around = (torch.tensor([[[9.0, 2.0, 9.0]]]), torch.tensor([[[9.0, 0.1, 9.0]]]))
    density = heads(torch.zeros(1, 1, heads.size), around)
    torch.testing.assert_close(density.mean()[0, 0, 1, 1], torch.tensor(2.0))
    torch.testing.assert_close(density.mean()[0, 0, 2, 1], heads(torch.zeros(1, 1, heads.size)).mean()[0, 0, 2, 1])


def test_before_it_has_learned_it_knows_nothing() -> None:
    mean, sd = Factors(NUMBERS)(torch.randn(3, 8), torch.zeros(3, 8), torch.ones(3, 8))
    assert torch.equal(mean, torch.zeros(3, 8))
    assert torch.equal(sd, torch.ones(3, 8))


def test_draws_of_untrained_heads_follow_the_linear_model() -> None:
    """Heads whose output is zero are the linear model already: what is drawn has its covariance, roughly."""
    x, _, covariance = rows()
    value = torch.stack([torch.zeros_like(x), x], -1)
    net = AnyOrder(NUMBERS, context=0)
    torch.nn.init.zeros_(net.out.weight)
    net.learn(value, None)
    drawn = net(torch.zeros(1, 4000, 0)).sample(Random(0))[0, ..., 1]
    torch.testing.assert_close(torch.corrcoef(drawn.T), covariance, atol=0.1, rtol=0)


@pytest.mark.parametrize("cells", [[CellSpec(levels=1)], [CellSpec(levels=400)], [CellSpec(levels=2)], NUMBERS[:1]])
def test_blocks_without_anything_to_say(cells: list[CellSpec]) -> None:
    """Constants, very many codes, a single column, no rows at all."""
    net = AnyOrder(cells, context=0)
    value = torch.zeros(30, len(cells), 2)
    net.learn(value, None)
    assert bool(net(torch.zeros(2, 30, 0)).log_prob(value).isfinite().all())
    assert net(torch.zeros(2, 0, 0)).log_prob(value[:0]).shape == (2, 0, len(cells))


def test_a_fit_learns_the_linear_part_and_keeps_it_in_the_file(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=200)
    model = VAE(steps=2, random_state=0).fit(np.stack([x, 2 * x + 0.01 * x**2, -x], 1), verbose=False)
    model.save(tmp_path / "m.vaery")
    for fitted in (model, load(tmp_path / "m.vaery")):
        (factors,) = (part for part in fitted.joint_.modules() if isinstance(part, Factors))
        assert float(factors.loading.abs().max()) > 0.3
        assert float(factors.noise.max()) < 0.1
