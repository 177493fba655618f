"""Posteriors: each against its formula, and all against the contract."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from vaery.core.check import check_posterior
from vaery.core.gaussian import Gaussian as Density
from vaery.core.members import member, members
from vaery.core.random import Random, isolated
from vaery.core.trace import Site
from vaery.posteriors.flow import Flow
from vaery.posteriors.gaussian import Gaussian
from vaery.posteriors.point import Point
from vaery.posteriors.product import Product


class Features(NamedTuple):
    values: Tensor
    present: Tensor


def features(fields: int = 2, rows: int = 6, width: int = 4, absent: tuple[int, ...] = ()) -> Features:
    """Rows of random features; in odd rows the ``absent`` fields are."""
    present = torch.ones(rows, fields, dtype=torch.bool)
    present[1::2, list(absent)] = False
    return Features(Random(0).normal((rows, fields, width)) * present[..., None], present)


def context(size: int = 0, draws: int = 3, rows: int = 6) -> Tensor:
    return Random(1).normal((draws, rows, size))


@pytest.mark.parametrize("name", members("posteriors"))
def test_the_contract_of_posteriors(name: str) -> None:
    check_posterior(member("posteriors", name), normalised=name != "point")


def test_the_contract_can_be_broken() -> None:
    class Odd(Density):
        def kl(self, other):  # type: ignore[no-untyped-def]
            return None if (exact := super().kl(other)) is None else 1.5 * exact

    class Wrong(Gaussian):
        def forward(self, features, context):  # type: ignore[no-untyped-def]
            q = super().forward(features, context)
            return Odd(q.loc, q.log_scale)

    with pytest.raises(AssertionError, match="kl must be"):
        check_posterior(Wrong)
    with pytest.raises(AssertionError, match="integrate to one"):
        check_posterior(Point)


# ------------------------------------------------------------------ gaussian


def test_with_one_field_and_no_context_it_is_one_linear_layer() -> None:
    q = Gaussian(3, 0, fields=1, features=8)
    assert {name: tuple(p.shape) for name, p in q.named_parameters()} == {"head.weight": (6, 8), "head.bias": (6,)}
    seen = features(1, width=8)
    loc, _ = q.head(seen.values[:, 0]).chunk(2, -1)
    torch.testing.assert_close(q(seen, context()).loc, loc.expand(3, 6, 3))


def test_near_zero_the_log_scale_is_what_the_layer_says() -> None:
    q = Gaussian(3, 0, fields=1, features=8)
    nn.init.zeros_(q.head.weight)
    nn.init.constant_(q.head.bias, 0.01)
    torch.testing.assert_close(
        q(features(1, width=8), context()).log_scale, torch.full((3, 6, 3), 0.01), rtol=1e-3, atol=0
    )


def test_each_draw_sees_its_own_context() -> None:
    q = Gaussian(3, 2, fields=2, features=4)
    seen, given = features(), context(2)
    together = q(seen, given).loc
    for draw in range(3):
        torch.testing.assert_close(q(seen, given[draw : draw + 1]).loc[0], together[draw])
    assert not torch.allclose(together[0], together[1])


# ------------------------------------------------------------------ point


def test_a_point_costs_nothing() -> None:
    q = Point(3, 0, fields=2, features=4)(features(), context())
    z = q.sample(Random(0))
    assert torch.equal(z, q.mean())
    prior = Density(torch.zeros(3, 6, 3), torch.zeros(3, 6, 3))
    site = Site("z", prior, z, posterior=q, latent=True)
    assert float(site.kl.abs().sum()) == 0
    assert site.kl.shape == (3, 6, 3)
    assert float(site.log_q.abs().sum()) == 0


# ------------------------------------------------------------------ flow


def test_a_flow_starts_as_its_gaussian() -> None:
    q = Flow(3, 0, fields=2, features=4)
    density = q(features(), context())
    z = density.sample(Random(0))
    torch.testing.assert_close(density.log_prob(z), Density(density.loc, density.log_scale).log_prob(z))
    torch.testing.assert_close(density.mean(), density.loc)


def bent() -> Flow:
    with isolated(0):
        q = Flow(3, 0, fields=1, features=4, hidden=16)
        for p in q.parameters():
            p.data.add_(0.3 * torch.randn_like(p))
    return q


def test_a_flows_density_of_its_own_draws_is_that_of_the_noise_they_came_from() -> None:
    density = bent()(features(1), context())
    z = density.sample(Random(0))
    noise = Random(0).normal((3, 6, 3))
    slopes = torch.autograd.functional.jacobian(lambda n: density._push(n).sum((0, 1)), noise)  # [Z, S, B, Z]
    log_det = torch.linalg.slogdet(slopes.movedim(0, -2)).logabsdet
    expected = torch.distributions.Normal(0, 1).log_prob(noise).sum(-1) - log_det
    torch.testing.assert_close(density.log_prob(z), expected, rtol=1e-3, atol=1e-3)
    gaussian = Density(density.loc, density.log_scale).log_prob(z)
    assert (gaussian - expected).abs().max().item() > 0.5, "it is not the Gaussian any more"


def test_a_flows_mean_is_that_of_many_draws_and_always_the_same() -> None:
    seen = features(1)
    q = bent()
    with torch.no_grad():
        mean = q(seen, context(0, 1)).mean()
        draws = q(seen, context(0, 20_000)).sample(Random(3))
        assert torch.equal(mean, q(seen, context(0, 1)).mean())
    assert float((mean[0] - draws.mean(0)).abs().max()) < 0.25 * float(draws.std(0).max())


# ------------------------------------------------------------------ product


def test_a_product_multiplies_densities() -> None:
    """log q is the sum of the experts' log-densities, up to a constant."""
    q = Product(2, 0, fields=2, features=4)
    seen = features(absent=(1,))
    density = q(seen, context(0, 1))
    z = Random(2).normal((2, 50, 6, 2))
    total = torch.distributions.Normal(0, 1).log_prob(z).sum(-1)
    for n, expert in enumerate(q.experts):
        raw = expert(seen.values[:, n])
        loc, log_scale = raw[:, :2], raw[:, 2:]
        bound = torch.where(log_scale < 0, 7.0, 2.0)
        scale = (bound * torch.tanh(log_scale / bound)).exp()
        total = total + torch.distributions.Normal(loc, scale).log_prob(z).sum(-1) * seen.present[:, n]
    gap = density.log_prob(z.flatten(0, 1)).view(2, 50, 6) - total
    torch.testing.assert_close(gap, gap[:1, :1].expand_as(gap), rtol=0, atol=1e-4)


def test_of_nothing_a_product_knows_nothing() -> None:
    nothing = Features(torch.zeros(6, 2, 4), torch.zeros(6, 2, dtype=torch.bool))
    density = Product(2, 0, fields=2, features=4)(nothing, context())
    torch.testing.assert_close(density.loc, torch.zeros(3, 6, 2))
    torch.testing.assert_close(density.log_scale, torch.zeros(3, 6, 2))


def test_an_absent_field_has_no_say_in_a_product() -> None:
    q = Product(2, 3, fields=2, features=4)
    seen, given = features(absent=(1,)), context(3)
    before = q(seen, given).loc
    q.experts[1].bias.data.add_(1.0)  # type: ignore[union-attr,operator]
    after = q(seen, given).loc
    assert torch.equal(before[:, 1::2], after[:, 1::2])
    assert not torch.allclose(before[:, ::2], after[:, ::2])


def test_every_further_field_makes_a_product_surer() -> None:
    q = Product(2, 0, fields=3, features=4)
    full = features(3)
    scales = []
    for n in range(4):
        present = torch.arange(3).expand(6, 3) < n
        scales.append(q(Features(full.values * present[..., None], present), context()).log_scale)
    assert all(bool((b < a).all()) for a, b in pairwise(scales))
