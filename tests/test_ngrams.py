"""Counts of runs: Kneser-Ney by hand, leaving one out, and a likelihood that mixes them in."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vaery.core import tokens
from vaery.core.random import Random, isolated
from vaery.likelihoods.autoregressive import Autoregressive
from vaery.nets.ngrams import NGrams

CODES, LENGTH = 6, 7
START = CODES + 1
sequences = st.lists(st.lists(st.integers(2, CODES - 1), max_size=LENGTH - 1), min_size=1, max_size=12)


def learned(rows, order: int = 3) -> NGrams:
    made = NGrams(CODES, order)
    made.learn(tokens.packed(rows, LENGTH), None)
    return made


def asked(made: NGrams, rows) -> tuple[torch.Tensor, torch.Tensor]:
    """Each token's context, nearest first, and the token."""
    value = tokens.packed(rows, LENGTH).long()
    told = torch.cat([torch.full_like(value[:, :1], START), value[:, :-1]], 1)
    return made.contexts(told)[value > 0], value[value > 0]


def by_hand(rows, run: tuple[int, ...], order: int = 3) -> float:
    """p(last of ``run`` | the others), by the formula, from lists of runs."""
    whole = [(START, *row, 1) for row in rows]

    def often(of: tuple[int, ...]) -> int:
        if len(of) == order or of[0] == START:
            return sum(row[i : i + len(of)] == of for row in whole for i in range(len(row)))
        return len({row[i - 1] for row in whole for i in range(1, len(row)) if row[i : i + len(of)] == of})

    def discount(size: int) -> float:
        runs = {row[i : i + size] for row in whole for i in range(len(row) - size + 1)} - {(START,)}
        counts = [often(of) for of in runs]
        once, twice = counts.count(1), counts.count(2)
        return min(0.95, max(0.1, once / max(1, once + 2 * twice)))

    p = 1 / (CODES - 1)
    for size in range(1, order + 1):
        of = run[len(run) - size :]
        if len(of) < size:
            break
        each = {code: often((*of[:-1], code)) for code in range(1, CODES)}
        total = sum(each.values())
        if not total:
            break
        d, least = discount(size), 2 if size > 1 else 1
        kept = {code: n - d for code, n in each.items() if n >= least}
        p = kept.get(of[-1], 0.0) / total + (1 - sum(kept.values()) / total) * p
    return p


@given(sequences)
@settings(max_examples=40, deadline=None)
def test_the_formula_by_hand(rows):
    made = learned(rows)
    context, code = asked(made, rows)
    got = made.prob(context, code)
    pairs = zip(context.tolist(), code.tolist(), strict=True)
    runs = [(*(c for c in reversed(past) if c != CODES), now) for past, now in pairs]
    assert got.tolist() == pytest.approx([by_hand(rows, run) for run in runs], rel=1e-4)


@given(sequences, sequences)
@settings(max_examples=40, deadline=None)
def test_adds_up_to_one_and_both_ways_agree(rows, others):
    made = learned(rows, order=4)
    context, code = asked(made, others)
    every = made.every(context)
    assert every.sum(-1).tolist() == pytest.approx([1.0] * len(code), abs=1e-5)
    assert float(every[:, 0].abs().max()) == 0
    assert torch.allclose(every.gather(1, code[:, None])[:, 0], made.prob(context, code), atol=1e-6)


@given(sequences.filter(lambda rows: len(rows) > 1))
@settings(max_examples=30, deadline=None)
def test_a_token_left_out_was_not_counted(rows):
    """The longest run one less often, and all that hangs on it: against counts of the rows without that token, where
    the run is the row's last one (its end), so that taking it away leaves all others."""
    made = learned(rows)
    context, code = asked(made, rows)
    last = code == 1
    got = made.prob(context, code, context)[last]
    for row, p in enumerate(got.tolist()):
        assert p == pytest.approx(without_the_end(rows, row, (START, *rows[row], 1), made), rel=1e-4)


def without_the_end(rows, row: int, whole: tuple[int, ...], made: NGrams) -> float:
    """:func:`by_hand` of the end of a row that has none, with the discounts of all rows."""
    left = [(*r, None) if i == row else (*r, 1) for i, r in enumerate(rows)]
    p, order = 1 / (CODES - 1), 3
    all_rows = [(START, *r) for r in left]
    for size in range(1, order + 1):
        of = whole[len(whole) - size :]
        if len(whole) < size:
            break
        each = {}
        for now in range(1, CODES):
            run = (*of[:-1], now)
            places = [(r, i) for r in all_rows for i in range(len(r) - size + 1) if r[i : i + size] == run]
            long = size == order or run[0] == START
            each[now] = len(places) if long else len({r[i - 1] for r, i in places if i})
        total = sum(each.values())
        if total <= 0:
            continue
        d, least = float(made.discount[size - 1]), 2 if size > 1 else 1
        kept = {now: n - d for now, n in each.items() if n >= least}
        if not kept and not _told(made, whole, size):
            continue
        p = kept.get(of[-1], 0.0) / total + (1 - sum(kept.values()) / total) * p
    return p


def _told(made: NGrams, whole: tuple[int, ...], size: int) -> bool:
    context = torch.tensor([list(reversed(whole[:-1]))[: size - 1]], dtype=torch.int64).view(1, size - 1)
    return bool(made._after(size - 1, context)[2])


def test_hidden_tokens_are_in_no_run():
    rows = [[2, 3, 4], [2, 3, 4], [2, 3, 5]]
    value = tokens.packed(rows, LENGTH)
    known = torch.ones_like(value, dtype=torch.bool)
    known[:, 1] = False
    made = NGrams(CODES, 3)
    made.learn(value, known)
    assert made._table("run", 2).numel() == 0
    seen = learned([[2, 4], [2, 4], [2, 4]])
    away = seen.prob(torch.tensor([[CODES, 2]]), torch.tensor([4]))
    assert float(away) == pytest.approx(float(seen.prob(torch.tensor([[CODES, CODES]]), torch.tensor([4]))))


def test_nothing_rare_is_kept():
    made = learned([[2, 3], [2, 4], [2, 4]])
    assert 2 * made.base + 3 not in made._table("run", 1).tolist()
    assert (START * made.base + 2) * made.base + 4 in made._table("run", 2).tolist()


def test_saved_and_loaded():
    made, empty = learned([[2, 3], [2, 3], [4, 5, 5]], order=4), NGrams(CODES, 4)
    assert empty.empty
    empty.load_state_dict(made.state_dict())
    context, code = asked(made, [[2, 3, 5]])
    assert torch.equal(made.prob(context, code), empty.prob(context, code))


def test_runs_are_as_long_as_whole_numbers_can_tell():
    assert NGrams(60_000).order == 3
    assert NGrams(1000).order == 4


# ------------------------------------------------------------------ in a likelihood

ALL = tokens.packed([c for n in range(5) for c in itertools.product(range(2, 5), repeat=n)], 5)
ROWS = tokens.packed([[2, 3], [2, 3, 4], [2, 3, 4], [4, 4], [2, 3]], 5)


def likelihood() -> Autoregressive:
    with isolated(0):
        made = Autoregressive(5, 5, 3, width=16, dropout=0.0, runs=3).eval()
        for p in made.parameters():
            torch.nn.init.normal_(p, std=0.3)
    made.learn(ROWS, None)
    return made


@pytest.mark.parametrize("hidden", [(), (0, 2), (1, 3)])
def test_is_one_joint_density(hidden):
    known = torch.ones(5, dtype=torch.bool)
    known[list(hidden)] = False
    seen = torch.unique(ALL * known, dim=0)
    at = Random(0).normal((1, 1, 3)).expand(1, len(seen), 3)
    total = likelihood()(at).log_prob(seen, known.expand(len(seen), 5)).detach().sum(-1).exp().sum()
    assert float(total) == pytest.approx(1.0, abs=1e-4)


def test_draws_are_of_the_mixture():
    n, made = 4000, likelihood()
    z = Random(1).normal((1, 1, 3))
    rows = torch.cat([made(z.expand(1, n, 3)).sample(Random(s))[0] for s in range(3)])
    p = made(z.expand(1, len(ALL), 3)).log_prob(ALL)[0].detach().sum(-1).exp()
    share = (rows[:, None] == ALL[None]).all(-1).double().mean(0)
    assert float((share - p).abs().max()) < 4 * (0.25 / len(rows)) ** 0.5


def test_the_network_learns_as_if_it_were_alone():
    """Its gradient is that of its own log-probability; what it trusts has the mixture's."""
    made, z = likelihood(), Random(2).normal((1, len(ROWS), 3))
    made.word_dropout = 0.0

    def gradients(of: Autoregressive) -> dict[str, torch.Tensor]:
        of.zero_grad()
        of(z).estimate(ROWS, None, Random(3)).sum().backward()
        return {name: p.grad.clone() for name, p in of.named_parameters() if p.grad is not None}

    both = gradients(made)
    assert float(both["trust.bias"].abs().sum()) > 0
    runs, made.runs = made.runs, None
    alone = gradients(made)
    made.runs = runs
    assert all(torch.allclose(both[name], grad, atol=1e-6) for name, grad in alone.items() if "trust" not in name)


def test_training_rows_are_left_out_of_what_they_are_told():
    """Where gradients are needed, a row does not see its own runs."""
    made, z = likelihood(), Random(2).normal((1, len(ROWS), 3))
    made.word_dropout = 0.0
    torch.nn.init.zeros_(made.trust.weight)
    torch.nn.init.constant_(made.trust.bias, 30.0)
    seen = made(z).log_prob(ROWS).detach()[0]
    left = made(z).estimate(ROWS, None, Random(3)).detach()[0]
    assert float(left[3].sum()) < float(seen[3].sum()) - 0.5  # the only row with two fours
