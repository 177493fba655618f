"""Tokens one after the other: one joint density, with gaps and without."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vaery.core import tokens
from vaery.core.check import check_density
from vaery.core.density import Density
from vaery.core.gaussian import Gaussian, Standard
from vaery.core.random import Random, isolated
from vaery.likelihoods import autoregressive
from vaery.likelihoods.autoregressive import Autoregressive
from vaery.nets import vocabulary
from vaery.nets.places import Spread
from vaery.nets.sequence import SequenceEncoder
from vaery.priors.flow import Flow
from vaery.priors.matching import Matching
from vaery.priors.mixture import Mixture
from vaery.priors.vamp import Vamp

CODES, LENGTH, CONTEXT = 5, 5, 3
NETS = ("recurrent", "transformer", "marked")  # the last: recurrent, the context heard at each place by itself
ROWS = tokens.packed([[2, 3], [], [4, 4, 3, 2], [2], [3, 3, 3], [4, 2]], LENGTH)
ALL = tokens.packed([c for n in range(LENGTH) for c in itertools.product(range(2, CODES), repeat=n)], LENGTH)


def net(kind: str = "recurrent", **options) -> Autoregressive:
    """A network whose answers hang on everything they may hang on, in double precision."""
    if kind == "marked":
        kind, options = "recurrent", {"places": 4, **options}
    with isolated(0):
        made = Autoregressive(CODES, LENGTH, CONTEXT, width=32, net=kind, dropout=0.0, **options).eval().double()
        for p in made.parameters():
            torch.nn.init.normal_(p, std=0.3)
    return made


def context(rows: int, draws: int = 1) -> torch.Tensor:
    return Random(0).normal((draws, rows, CONTEXT)).double()


def mask(seed: int, rows: int = len(ROWS)) -> torch.Tensor:
    return Random(seed).uniform((rows, LENGTH)) < 0.5


@given(st.lists(st.lists(st.integers(2, 9), max_size=6), max_size=5))
def test_sequences_come_back(sequences):
    assert [tokens.symbols(row) for row in tokens.packed(sequences, 7)] == sequences


@pytest.mark.parametrize("kind", NETS)
def test_is_a_density(kind):
    density = net(kind)(context(len(ROWS), draws=2))
    check_density(density, ROWS)
    for seed in range(3):
        check_density(density, ROWS, mask(seed))


@pytest.mark.parametrize("kind", NETS)
@pytest.mark.parametrize("hidden", [(), (0, 2), (1, 2, 4), (3, 4)])
def test_what_is_known_adds_up_to_one(kind, hidden):
    """Over all that could be known, for any cells that are hidden: one joint density."""
    known = torch.ones(LENGTH, dtype=torch.bool)
    known[list(hidden)] = False
    seen = torch.unique(ALL * known, dim=0)
    at = context(1).expand(1, len(seen), CONTEXT)
    total = net(kind)(at).log_prob(seen, known.expand(len(seen), LENGTH)).detach().sum(-1).exp().sum()
    assert float(total) == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize("kind", NETS)
def test_teacher_forced_is_the_sum_of_single_steps(kind):
    made, z = net(kind), context(len(ROWS))
    whole = made(z).log_prob(ROWS)[0].detach()
    for row, length in enumerate(tokens.reach(ROWS > 0).tolist()):
        state, code = None, torch.tensor([CODES + 1])
        for step in range(length):
            one = z[0, row : row + 1]
            here = made.spread(one, LENGTH)[:, step]
            before, state = made.net.step(made.vocabulary(code) + here, one, state)
            x = made.features(before, made.later.nothing[None], here, one)
            logits = made.vocabulary.logits(x)
            logits[:, 0] = -torch.inf
            table = logits.detach().log_softmax(-1) if step + 1 < LENGTH else torch.zeros_like(logits)
            code = ROWS[row, step][None].long()
            assert float(table[0, code]) == pytest.approx(float(whole[row, step]), abs=1e-9)
    assert not whole[ROWS == 0].any()


def test_draws_follow_the_density():
    made, n = net(), 4000
    drawn = made(context(1).expand(1, n, CONTEXT)).sample(Random(1))[0]
    likely = made(context(1).expand(1, len(ALL), CONTEXT)).log_prob(ALL)[0].sum(-1).exp()
    share = (drawn[:, None] == ALL).all(-1).double().mean(0)
    assert float(share.sum()) == 1.0
    assert float((share - likely).abs().max()) < 4 * (0.25 / n) ** 0.5


@pytest.mark.parametrize("kind", NETS)
def test_gaps_are_filled_with_exactly_their_places(kind):
    density = net(kind)(context(len(ROWS), draws=20))
    for seed in range(4):
        known = mask(seed)
        for drawn in density.sample(Random(seed), ROWS, known).flatten(0, 1):
            ends = (drawn == tokens.END).nonzero()[:, 0].tolist()
            assert len(ends) == 1
            assert (drawn[: ends[0]] >= tokens.FIRST).all()
            assert not drawn[ends[0] + 1 :].any()


def test_a_token_given_all_others_is_blind_to_itself():
    density, changed = net()(context(len(ROWS))).given_others(ROWS, None), ROWS.clone()
    log_p = density.log_prob(ROWS)
    changed[2, 1] = 3
    other = density.log_prob(changed)
    assert not torch.isclose(log_p[0, 2, 1], other[0, 2, 1])  # another token, another probability …
    assert not torch.isclose(log_p[0, 2, 3], other[0, 2, 3])  # … and others hang on it, on both sides
    assert not torch.isclose(log_p[0, 2, 0], other[0, 2, 0])
    made, z = net(), context(3).expand(1, 3, CONTEXT)[:, :1].expand(1, 3, CONTEXT)
    row = tokens.packed([[2, symbol, 3] for symbol in range(2, CODES)], LENGTH)
    table = made(z).given_others(row, None).log_prob(row)[0, :, 1].exp()
    assert float(table.sum()) < 1.0  # they share one softmax, which also holds the end


@pytest.mark.parametrize("kind", NETS)
def test_a_row_does_not_hang_on_its_batch(kind):
    made, z, known = net(kind), context(len(ROWS)), mask(2)
    together, guess = made(z).log_prob(ROWS, known), made(z).given(ROWS, known).mode()
    drawn = made(z).sample(Random(3, share_rows=True), ROWS, known)
    for row in range(len(ROWS)):
        alone = made(z[:, row : row + 1])
        one = slice(row, row + 1)
        assert torch.allclose(alone.log_prob(ROWS[one], known[one]), together[:, one], atol=1e-12)
        assert torch.equal(alone.given(ROWS[one], known[one]).mode(), guess[:, one])
        assert torch.equal(alone.sample(Random(3, share_rows=True), ROWS[one], known[one]), drawn[:, one])


def test_estimate_is_log_prob_at_the_end_of_training(monkeypatch):
    monkeypatch.setattr(autoregressive, "LESSON", 1)
    density = net()(context(len(ROWS)).requires_grad_())
    found = density.estimate(ROWS, mask(1), Random(0), progress=1.0)
    assert torch.allclose(found.detach(), density.log_prob(ROWS, mask(1)).detach(), atol=1e-9)
    assert density.module.later.gru.weight_ih_l0.grad is None
    found.sum().backward()
    assert float(density.module.later.gru.weight_ih_l0.grad.abs().sum()) > 0  # the lesson of gaps


def test_a_large_vocabulary_is_compared_with_a_part_of_it(monkeypatch):
    monkeypatch.setattr(vocabulary, "SAMPLED", 100)
    with isolated(0):
        words = vocabulary.Vocabulary(400, 2, 8)
    x, code, allowed = Random(0).normal((50, 8)), Random(1).integers(2, 400, (50,)), torch.zeros(50, dtype=torch.bool)
    exact = words.log_prob(x, code, allowed)
    many = torch.stack([words.sampled(x, code, allowed, Random(seed)) for seed in range(200)])
    assert float((many.mean(0) - exact).abs().max()) < 0.05  # a logarithm's mean is a little off
    assert float(many.std(0).max()) < 0.3


def test_learns_to_go_on_and_to_fill():
    """Words are aba or cdc: the first letter tells the rest, and the last one what came before it."""
    rows = tokens.packed([[2, 3, 2], [4, 5, 4]] * 16, 6)
    with isolated(0):
        made = Autoregressive(6, 6, 1, width=16, dropout=0.0)
    optimizer, z, rng = torch.optim.Adam(made.parameters(), 0.02), torch.zeros(1, 32, 1), Random(0)
    for step in range(150):
        optimizer.zero_grad()
        (-made(z).estimate(rows, None, rng, step / 150).sum() / 32).backward()
        optimizer.step()
    made.eval()
    known = torch.tensor([[False, False, True, True, True, True]]).expand(32, 6)
    assert torch.equal(made(z).sample(rng, rows * known, known)[0], rows)  # the beginning, from the end alone
    known = torch.tensor([[True, False, False, False, False, False]]).expand(32, 6)
    assert torch.equal(made(z).sample(rng, rows * known, known)[0], rows)
    odd = tokens.packed([[2, 5, 2]], 6)
    bits = -made(z[:, :1]).given_others(odd, None).log_prob(odd)[0, 0]
    assert int(bits.argmax()) == 1


@settings(max_examples=10)
@given(st.integers(0, 100), st.sampled_from([0, 4]))
def test_encoder_is_blind_to_what_is_hidden_and_to_other_rows(seed, places):
    with isolated(0):
        encoder = SequenceEncoder(CODES, 8, places=places).double()
    known, filled = mask(seed), ROWS.clone()
    whole = encoder(ROWS * known, known)
    filled[~known] = 3
    assert torch.equal(encoder(filled, known), whole)
    for row in range(len(ROWS)):
        one = slice(row, row + 1)
        assert torch.allclose(encoder(ROWS[one] * known[one], known[one]), whole[one], atol=1e-12)
    assert torch.allclose(encoder(ROWS), encoder(ROWS, torch.ones_like(known)))


def test_a_place_is_told_by_the_latent_and_tells_it():
    with isolated(0):
        encoder, spread = SequenceEncoder(CODES, 8, places=4).double(), Spread(3, 6, 4).double()
        plain = Spread(3, 6, 0)
    turned = torch.stack([ROWS[2], ROWS[2].flip(0)])
    said = encoder.gather(encoder.embedding(turned.long()))
    assert not torch.allclose(said[0], said[1])  # the same tokens elsewhere say something else
    heard = spread(context(2)[0], LENGTH)
    assert heard.shape == (2, LENGTH, 6)
    assert not torch.allclose(heard[:, 0], heard[:, 1])
    assert torch.equal(spread(context(2)[0], 2), heard[:, :2])
    assert not plain(context(2)[0], LENGTH).any()
    assert not list(plain.parameters())


# ------------------------------------------------------------------ temperature


def test_tokens_are_drawn_more_carefully():
    made, n = net(), 2000
    at = made(context(1).expand(1, n, CONTEXT))
    greedy = at.mode()[0, 0]
    assert (at.tempered(temperature=1e-3).sample(Random(0))[0] == greedy).all()
    assert (at.tempered(top_p=1e-6).sample(Random(0))[0] == greedy).all()
    usual, careful, bold = (at.tempered(t).sample(Random(0))[0] for t in (1.0, 0.5, 2.0))
    likely = [float(at.log_prob(drawn).sum(-1).mean()) for drawn in (careful, usual, bold)]
    assert likely == sorted(likely, reverse=True)
    first = at.tempered(top_p=0.5).sample(Random(1))[0, :, 0].unique()
    table = made(context(1).expand(1, CODES, CONTEXT))
    share = torch.bincount(at.sample(Random(2))[0, :, 0], minlength=CODES) / n
    assert share[first].sum() >= 0.5 - 0.05
    assert len(first) < int((share > 0).sum())
    assert table.tempered(0.5).log_prob(ROWS[:CODES]).equal(table.log_prob(ROWS[:CODES]))  # scores stay what they are


class _Posterior(torch.nn.Module):
    def forward(self, features, context):
        loc = features.values[None, :, 0, :2]
        return Gaussian(loc, torch.full_like(loc, -1.0))


def latent(name: str, rows: int) -> Density:
    at = torch.zeros(1, rows, 0)
    with isolated(0):
        if name == "gaussian":
            return Gaussian(torch.ones(1, rows, 2), torch.zeros(1, rows, 2))
        if name == "standard":
            return Standard(at, 2)
        if name == "vamp":
            return Vamp(2, 0, posterior=_Posterior(), features=4, components=3)(at)
        prior = {"mixture": Mixture, "flow": Flow, "matching": Matching}[name](2, 0)
        for p in prior.parameters() if name == "flow" else ():
            torch.nn.init.normal_(p, std=0.2)
        return prior(at)


@pytest.mark.parametrize("name", ["standard", "gaussian", "mixture", "flow", "matching", "vamp"])
@torch.no_grad()
def test_latents_spread_less_and_stay_densities(name):
    wide, narrow = latent(name, 4000).sample(Random(0)), latent(name, 4000).tempered(0.5).sample(Random(0))
    assert float(narrow.std(1).mean()) < 0.95 * float(wide.std(1).mean())
    far = torch.linspace(-7, 7, 141)
    grid = torch.stack(torch.meshgrid(far, far, indexing="ij"), -1).view(1, -1, 2)
    log_p = latent(name, grid.shape[1]).tempered(0.5).log_prob(grid)
    assert float(log_p.exp().sum()) * 0.1**2 == pytest.approx(1.0, abs=0.03)
