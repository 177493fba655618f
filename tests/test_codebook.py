"""A latent of noisy codes: one book for prior and posterior, known places about their codes, the others drawn."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from vaery.core.errors import ChoiceError
from vaery.core.evidence import Evidence
from vaery.core.random import Random, isolated
from vaery.nets.codebook import UNKNOWN, Codebook, Told
from vaery.nets.places import Gather, Spread
from vaery.posteriors.codebook import Codebook as Posterior
from vaery.priors.codebook import Codebook as Prior

CODES, GROUP, PLACES = 3, 2, 4
SIZE = GROUP * PLACES


@pytest.fixture
def book() -> Codebook:
    with isolated(0):
        made = Codebook(SIZE, 1, CODES, GROUP, hidden=8, ends=True)
        for weight in made.parameters():
            torch.nn.init.normal_(weight, std=0.7)
    return made


def context(draws: int = 1, rows: int = 5) -> Tensor:
    return Random(1).normal((draws, rows, 1))


def seen(code: Tensor, known: Tensor | None = None) -> SimpleNamespace:
    return SimpleNamespace(seen=Evidence(len(code), {"word": code}, {"word": known}))


def stepwise(book: Codebook, z: Tensor, context: Tensor) -> Tensor:
    """``[N, K]`` log p(z_k | z_<k), in the plainest way: after code 1, the end, there is code 0, nothing."""
    over = torch.zeros(len(z), dtype=torch.bool)
    told, state, out = book.begin.expand(len(z), -1), None, []
    for place, here in enumerate(z.unflatten(-1, (PLACES, GROUP)).unbind(1)):
        h, state = book.net(torch.cat([told, context], -1)[:, None], state)
        chance = book.weights(h[:, 0], book.here[place]).exp()
        normal = torch.distributions.Normal(book.means, book.scales().exp())
        each = normal.log_prob(here[:, None]).sum(-1)
        out.append(torch.where(over, each[:, 0], (chance * each.exp()).sum(-1).log()))
        told, over = each.softmax(-1) @ book.heard, over | (each.argmax(-1) == 1)
    return torch.stack(out, 1)


@torch.no_grad()
def test_a_prior_is_a_mixture_at_each_place_given_those_before(book: Codebook) -> None:
    c = context()
    z = Random(2).normal((1, 5, SIZE))
    torch.testing.assert_close(book(c).log_prob(z)[0], stepwise(book, z[0], c[0]).sum(1))


@torch.no_grad()
def test_known_places_are_about_their_codes_and_the_rest_is_drawn_given_them(book: Codebook) -> None:
    code = torch.tensor([[0, 1, UNKNOWN, UNKNOWN], [2, UNKNOWN, 0, UNKNOWN]])
    c = context(1, 2)
    density = book(c, code)
    z = density.sample(Random(3))
    parts = stepwise(book, z[0], c[0])
    own = torch.distributions.Normal(book.means[code.clamp(min=0)], book.scales().exp()[code.clamp(min=0)])
    about = own.log_prob(z[0].unflatten(-1, (PLACES, GROUP))).sum(-1)
    expected = torch.where(code == UNKNOWN, parts, about).sum(1)
    torch.testing.assert_close(density.log_prob(z)[0], expected)
    many = book(c.expand(4000, -1, -1), code).sample(Random(4))
    mean, std = many[:, :, :GROUP].mean(0), many[:, :, :GROUP].std(0)
    torch.testing.assert_close(mean, book.means[code[:, 0]], atol=0.05 * float(std.max()) + 0.02, rtol=0)
    torch.testing.assert_close(std, book.scales().exp()[code[:, 0]], atol=0.05, rtol=0.05)


@torch.no_grad()
@pytest.mark.parametrize("ends", [False, True])
def test_draws_of_a_prior_follow_its_density(ends: bool) -> None:
    """Two places of one unit, against sums over a grid."""
    with isolated(3):
        book = Codebook(2, 0, CODES, 1, hidden=8, ends=ends)
        for weight in book.parameters():
            torch.nn.init.normal_(weight, std=0.7)
        torch.nn.init.normal_(book.log_scales, -0.5, 0.3)
    ticks = torch.linspace(-9, 9, 721)
    grid = torch.cartesian_prod(ticks, ticks)
    chance = book(torch.zeros(1, len(grid), 0)).log_prob(grid[None])[0].exp() * float(ticks[1] - ticks[0]) ** 2
    assert abs(float(chance.sum()) - 1) < 2e-3
    z = book(torch.zeros(1, 40_000, 0)).sample(Random(5))[0]
    for what in (lambda z: z[:, 0], lambda z: z[:, 1], lambda z: z[:, 0] * z[:, 1], lambda z: (z[:, 1] > 0.2).float()):
        drawn = what(z)
        assert abs(float(drawn.mean()) - float(chance @ what(grid))) < 5 * float(drawn.std()) / 200 + 3e-3


@torch.no_grad()
def test_with_nothing_known_the_posterior_is_the_prior() -> None:
    posterior = Posterior(SIZE, 1, field="word", codes=CODES, group=GROUP, hidden=8)
    prior = Prior(SIZE, 1, posterior)
    assert not list(prior.parameters()), "the book is the posterior's"
    c = context(2)
    nothing = seen(torch.zeros(5, 6, dtype=torch.int32), torch.zeros(5, 6, dtype=torch.bool))
    for features in (SimpleNamespace(seen=None), nothing, SimpleNamespace(seen=Evidence(5, {}, {}))):
        q = posterior(features, c)
        z = q.sample(Random(6))
        torch.testing.assert_close(z, prior(c).sample(Random(6)))
        torch.testing.assert_close(q.log_prob(z), prior(c).log_prob(z))


def test_what_is_hidden_and_what_is_beyond_the_latent_have_no_influence() -> None:
    posterior = Posterior(SIZE, 0, field="word", codes=CODES, group=GROUP)
    known = torch.tensor([[True, False, True, True, True, False]])
    one, other = torch.tensor([[1, 2, 0, 1, 2, 2]]), torch.tensor([[1, 0, 0, 1, 0, 1]])
    here = torch.zeros(1, 1, 0)
    a, b = (posterior(seen(code, known), here) for code in (one, other))
    assert torch.equal(a.sample(Random(0)), b.sample(Random(0)))
    short = posterior(seen(torch.tensor([[1, 2]])), here)
    assert short.code.tolist() == [[1, 2, 0, 0]], "beyond the longest there is nothing"


@torch.no_grad()
@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_tempered_densities_integrate_to_one(temperature: float) -> None:
    book = Codebook(1, 0, CODES, 1, hidden=8)
    torch.nn.init.normal_(book.out.weight)
    grid = torch.linspace(-30, 30, 60_001)[None, :, None]
    density = book(torch.zeros(1, grid.shape[1], 0)).tempered(temperature)
    assert abs(float(density.log_prob(grid).exp().sum()) * 0.001 - 1) < 1e-3


def test_gradients_reach_book_and_network(book: Codebook) -> None:
    code = torch.tensor([[0, 1, 2, 0]] * 5)
    q, p = book(context(), code), book(context())
    z = q.sample(Random(0))
    (q.log_prob(z) - p.log_prob(z)).mean().backward()
    for name, weight in book.named_parameters():
        assert weight.grad is not None, name
        assert bool(weight.grad.isfinite().all()), name
        assert float(weight.grad.abs().max()) > 0, name


def test_what_is_carried_on_holds_the_codes_and_a_summary_of_them(book: Codebook) -> None:
    told = Told(book, 3)
    z = book(context(2)).sample(Random(7))
    carried = told(z)
    assert carried.shape == (2, 5, told.size) == (2, 5, 3 + SIZE)
    assert torch.equal(carried[..., 3:], z)
    assert torch.allclose(told(z[:, 2:3]), carried[:, 2:3], atol=1e-6), "rows do not mix"
    turned = z.unflatten(-1, (PLACES, GROUP)).flip(2).flatten(-2)
    assert not torch.allclose(told(turned)[..., :3], carried[..., :3]), "and the order is heard"
    assert {id(p) for p in told.parameters()}.isdisjoint(id(p) for p in book.parameters())


def test_a_latent_that_cannot_be_cut_is_refused() -> None:
    with pytest.raises(ChoiceError, match="write a multiple of 4"):
        Codebook(10, 0, CODES, 4, hidden=8)


def test_a_part_of_the_latent_speaks_of_each_place_at_the_start() -> None:
    spread = Spread(3 + SIZE, 5, PLACES)
    row = torch.zeros(1, 3 + SIZE)
    silent = spread(row, 6)
    assert torch.equal(silent[:, PLACES:], torch.zeros(1, 2, 5)), "of places beyond, nothing is said"
    row[:, 3 + GROUP] = 1.0
    changed = (spread(row, 6) - silent).abs().amax(-1)[0]
    assert [bool(c) for c in changed] == [False, True, False, False, False, False]
    assert spread(row, 2).shape == (1, 2, 5)


def test_short_and_long_rows_are_gathered_alike() -> None:
    gather = Gather(5, 7, PLACES)
    x = Random(0).normal((2, 6, 5))
    torch.testing.assert_close(gather(x), gather(x[:, :PLACES]))
    padded = torch.cat([x[:, :2], torch.zeros(2, 4, 5)], 1)
    torch.testing.assert_close(gather(x[:, :2]), gather(padded))
