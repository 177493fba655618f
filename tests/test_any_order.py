"""Any-order heads and blocks of cells: a block's density is proper whatever is known, and what is hidden is hidden."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from vaery.core.cells import CellHeads, CellSpec
from vaery.core.random import Random
from vaery.core.region import Region
from vaery.likelihoods.any_order import AnyOrder
from vaery.likelihoods.independent import Independent

DISCRETE = [CellSpec(levels=2), CellSpec(levels=3), CellSpec(levels=4, ordered=True), CellSpec(levels=1)]
MIXED = [CellSpec(levels=3), CellSpec(family="normal"), CellSpec(levels=2, family="mixture"), CellSpec(levels=1)]


def shaken(net: torch.nn.Module, seed: int = 1) -> torch.nn.Module:
    """The same network with weights far from where they start."""
    rng = Random(seed)
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.5 * rng.normal(tuple(p.shape)))
    return net.eval()


def blocks(cells: list[CellSpec], **options: int) -> dict[str, torch.nn.Module]:
    any_order = AnyOrder(cells, 2, width=16, depth=1, dropout=0.0, orders=4, **options)
    return {"any_order": shaken(any_order), "independent": shaken(Independent(cells, 2, width=16, depth=1))}


def every_value(cells: list[CellSpec]) -> torch.Tensor:
    codes = torch.tensor(list(itertools.product(*(range(c.levels) for c in cells))), dtype=torch.float32)
    return torch.stack([codes, torch.zeros_like(codes)], -1)


def some_rows(cells: list[CellSpec], rows: int, seed: int = 0) -> torch.Tensor:
    rng = Random(seed)
    code = torch.stack([(rng.uniform((rows,)) * c.codes).floor() for c in cells], 1)
    number = rng.normal((rows, len(cells))) * (code >= torch.tensor([c.levels for c in cells]))
    return torch.stack([code, number], -1)


@pytest.mark.parametrize("name", ["any_order", "independent"])
@pytest.mark.parametrize("known", [[1, 1, 1, 1], [1, 0, 1, 1], [0, 1, 1, 0], [0, 0, 0, 0]])
def test_a_block_of_levels_sums_to_one_over_its_known_cells(name: str, known: list[int]) -> None:
    value = every_value(DISCRETE)
    mask = torch.tensor(known, dtype=torch.bool)
    same = torch.zeros(3, 1, 2).expand(3, len(value), 2)
    log_p = blocks(DISCRETE)[name](same).log_prob(value, mask.expand(len(value), -1))
    assert bool((log_p[..., ~mask] == 0).all())
    copies = math.prod(c.levels for c, k in zip(DISCRETE, known, strict=True) if not k)  # of each known value
    total = log_p.sum(-1).exp().sum(-1) / copies
    torch.testing.assert_close(total, torch.ones(3), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("cells", [DISCRETE, MIXED, [*MIXED, CellSpec(levels=5000), CellSpec(family="normal")]])
def test_cells_answer_alone_as_among_all(cells: list[CellSpec]) -> None:
    """Where a few are asked about, the heads of these alone are."""
    net = AnyOrder(cells, 2, width=16, depth=1, dropout=0.0)
    shaken(net)
    value, known = some_rows(cells, 20)[None], torch.zeros(1, 20, len(cells), dtype=torch.bool)
    known[..., 0] = True
    projected = net._context(Random(0).normal((1, 20, 2)))
    with torch.no_grad():
        whole = net.predict(projected, value, known)
        for only in torch.tensor(list(itertools.product((False, True), repeat=len(cells)))):
            part = net.predict(projected, value, known, only)
            asked = only.expand(value.shape[:-1])
            torch.testing.assert_close(part.log_prob(value, asked), whole.log_prob(value, asked))
            torch.testing.assert_close(part.mode()[..., only, :], whole.mode()[..., only, :])
            drawn = part.sample(Random(1))
            assert bool((drawn[..., only, 0] < torch.tensor([c.codes for c in cells])[only]).all())


def test_few_steps_are_a_proper_density_too() -> None:
    value = every_value(DISCRETE)
    log_p = blocks(DISCRETE, steps=2)["any_order"](torch.zeros(4, len(value), 2)).log_prob(value)
    torch.testing.assert_close(log_p.sum(-1).exp().sum(-1), torch.ones(4), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ["any_order", "independent"])
def test_hidden_cells_have_no_influence(name: str) -> None:
    value, rng = some_rows(MIXED, 64), Random(3)
    known = rng.uniform((64, 4)) > 0.5
    other = torch.where(known[..., None], value, some_rows(MIXED, 64, seed=9))
    density = blocks(MIXED)[name](Random(1).normal((2, 64, 2)))
    for ask in (
        lambda v: density.log_prob(v, known),
        lambda v: density.estimate(v, known, Random(5)),
        lambda v: density.given(v, known).mode(),
        lambda v: density.given_others(v, known).mode(),
        lambda v: density.sample(Random(6), v, known),
    ):
        assert torch.equal(ask(value), ask(other))


@pytest.mark.parametrize("name", ["any_order", "independent"])
def test_known_cells_come_back_bit_for_bit(name: str) -> None:
    value = some_rows(MIXED, 50)
    known = Random(3).uniform((50, 4)) > 0.5
    drawn = blocks(MIXED)[name](torch.zeros(3, 50, 2)).sample(Random(0), value, known)
    assert drawn.shape == (3, 50, 4, 2)
    assert torch.equal(drawn[:, known], value[known].expand(3, -1, -1))


def test_the_one_pass_estimate_is_right_on_average() -> None:
    """Over all orders of three cells, the mean of the chain rule; over many draws, the mean of the estimate."""
    cells = [CellSpec(levels=2), CellSpec(family="normal"), CellSpec(levels=3)]
    net = AnyOrder(cells, 0, width=16, depth=1, dropout=0.0, orders=6)
    shaken(net)
    net.orders = torch.tensor(list(itertools.permutations(range(3))))
    value = some_rows(cells, 5)
    exact = net(torch.zeros(6, 5, 0)).log_prob(value).sum(-1).mean(0)
    noisy = net(torch.zeros(20000, 5, 0)).estimate(value, None, Random(0)).sum(-1)
    error = noisy.std(0) / math.sqrt(len(noisy))
    assert bool(((noisy.mean(0) - exact).abs() < 4 * error).all())


def test_draws_follow_the_density() -> None:
    net = blocks(DISCRETE)["any_order"]
    context = torch.zeros(1, 20000, 2)
    value = every_value(DISCRETE)
    every = net(torch.zeros(24, len(value), 2))
    net.orders = torch.tensor(list(itertools.permutations(range(4))))
    expected = every.log_prob(value).sum(-1).exp().mean(0)  # the mean over all orders
    drawn = torch.cat([net(context[:, :50]).sample(Random(seed))[0] for seed in range(1500)])
    place = torch.tensor([12, 4, 1, 1])
    counts = torch.bincount((drawn[..., 0].long() * place).sum(-1), minlength=len(value)) / len(drawn)
    assert float((counts - expected).detach().abs().sum()) / 2 < 0.03  # total variation


@pytest.mark.parametrize("name", ["any_order", "independent"])
def test_a_region_is_weighed_by_its_probability(name: str) -> None:
    """The mean of the masses met along the way is P(region), by enumeration, and what is drawn lies inside it."""
    net = blocks(DISCRETE)[name]
    if name == "any_order":
        net.orders = torch.tensor(list(itertools.permutations(range(4))))
    levels = torch.ones(1, 4, 4, dtype=torch.bool)
    levels[0, 1, :3] = torch.tensor([True, False, True])
    levels[0, 2] = torch.tensor([False, True, True, False])
    asked = torch.tensor([[False, True, True, False]])
    region = Region(asked, levels, torch.zeros(1, 4, 1), -torch.ones(1, 4, 1))
    masses = []
    for seed in range(400):
        drawn, log_mass = net(torch.zeros(1, 10, 2)).sample_within(Random(seed), None, None, region)
        assert bool(((drawn[..., 1, 0] == 0) | (drawn[..., 1, 0] == 2)).all())
        assert bool(((drawn[..., 2, 0] == 1) | (drawn[..., 2, 0] == 2)).all())
        masses.append(log_mass.exp().mean().detach())
    value = every_value(DISCRETE)
    inside = (value[:, 1, 0] != 1) & ((value[:, 2, 0] == 1) | (value[:, 2, 0] == 2))
    log_p = net(torch.zeros(24, len(value), 2)).log_prob(value, asked.expand(len(value), -1)).sum(-1)
    exact = float(log_p.exp().mean(0)[inside].sum().detach()) / 2  # the first cell is free and has two levels
    assert float(torch.stack(masses).mean()) == pytest.approx(exact, abs=0.02)


def test_numbers_are_drawn_inside_their_interval() -> None:
    cells = [CellSpec(family="normal"), CellSpec(levels=2, family="mixture")]
    density = blocks(cells)["independent"](torch.zeros(1, 2000, 2))
    region = Region(
        torch.ones(1, 2, dtype=torch.bool),
        torch.tensor([[[False, False], [True, False]]]),
        torch.tensor([[[0.5, 2.0], [0.0, 9.0]]]),
        torch.tensor([[[0.6, 2.1], [0.3, 8.0]]]),  # the last interval is empty
    )
    drawn, log_mass = density.sample_within(Random(0), None, None, region)
    first, second = drawn[0, :, 0, 1], drawn[0, :, 1]
    assert bool((((first >= 0.5) & (first <= 0.6)) | ((first >= 2.0) & (first <= 2.1))).all())
    assert bool(((second[:, 0] == 0) | ((second[:, 0] == 2) & (second[:, 1] >= 0) & (second[:, 1] <= 0.3))).all())
    cell = density.groups  # the probability by hand, from the families' own CDFs
    normal = next(d for role, c, d in cell if role == "number" and 0 in c.tolist())
    edges = normal.cdf(torch.tensor([0.5, 0.6, 2.0, 2.1])[:, None, None, None])[:, 0, 0, 0]
    expected = edges[1] - edges[0] + edges[3] - edges[2]
    alone = Region(torch.tensor([[True, False]]), region.levels, region.low, region.high)
    _, log_mass = density.sample_within(Random(0), None, None, alone)
    torch.testing.assert_close(log_mass[0, 0].exp(), expected, atol=1e-5, rtol=1e-4)


def test_quantiles_of_a_mixed_cell_reproduce_its_shares() -> None:
    density = blocks(MIXED)["independent"](torch.zeros(1, 1, 2))
    u = (torch.arange(1000) + 0.5) / 1000
    points = density.quantile(u)[:, 0, 0]
    for column in (0, 2):
        shares = density.code_log_probs(column)[0, 0].exp()
        found = torch.bincount(points[:, column, 0].long(), minlength=len(shares)) / 1000
        torch.testing.assert_close(found, shares, atol=2e-3, rtol=0)


def test_one_call_for_each_family_whatever_the_width() -> None:
    narrow = CellHeads([CellSpec(levels=3), CellSpec(family="normal")])
    wide = CellHeads([CellSpec(levels=3 + i % 2) for i in range(200)] + [CellSpec(family="normal")] * 300)
    assert len(wide.families) == len(narrow.families) == 2


def test_many_levels_are_coded_without_a_wall_of_one_hot() -> None:
    cells = [CellSpec(levels=5000, prior=tuple([1 / 5000] * 5000)), CellSpec(family="normal")]
    net = AnyOrder(cells, 0, width=32, depth=1, dropout=0.0)
    assert net.heads.size < 200
    assert net.see.table is not None
    assert len(net.see.table) < 200
    value = torch.tensor([[[4999.0, 0.0], [0.0, 0.3]], [[17.0, 0.0], [0.0, -1.0]]])
    density = net(torch.zeros(1, 2, 0))
    assert bool(density.log_prob(value).isfinite().all())
    drawn = density.sample(Random(0))
    assert float(drawn[..., 0, 0].min()) >= 0
    assert float(drawn[..., 0, 0].max()) < 5000
