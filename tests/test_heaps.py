"""Numbers that people round: the heaps are levels, and a network is told where among the numbers they lie."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch

from vaery.core.cells import CellSpec
from vaery.kinds.table import describe
from vaery.nets.cells import CellInput
from vaery.nets.dropout import dropout

RNG = np.random.default_rng(0)


def test_heaps_are_levels_and_their_neighbours_are_not() -> None:
    hours = np.clip(RNG.normal(38, 12, 20_000).round(), 1, 99).astype(int)
    heaped = RNG.random(len(hours)) < 0.4
    hours[heaped] = (hours[heaped] / 10).round().astype(int) * 10
    (column,) = describe(pd.DataFrame({"hours": hours})).columns
    assert {20, 30, 40, 50, 60} <= set(column.levels)
    assert not {19, 21, 31, 39, 41, 59} & set(column.levels)
    assert column.family == "mixture"


def test_smooth_numbers_have_no_heaps() -> None:
    frame = pd.DataFrame({
        "whole": RNG.poisson(400, 20_000),
        "skewed": RNG.geometric(0.02, 20_000),
        "real": RNG.normal(size=20_000),
        "rounded": RNG.normal(size=20_000).round(2),
    })  # fmt: skip
    assert [len(c.levels) for c in describe(frame).columns] == [0, 0, 0, 0]


def test_a_repeated_reading_among_real_numbers_is_a_level() -> None:
    x = np.r_[RNG.normal(size=5000), np.full(300, 0.123456)]
    (column,) = describe(pd.DataFrame({"x": x})).columns
    assert column.levels == (0.123456,)


def test_a_level_is_read_where_it_lies_among_the_numbers() -> None:
    """With the same weights, the level at 1.5 and the number 1.5 differ by the level's own embedding only."""
    see = CellInput([CellSpec(levels=2, family="normal", positions=(-1.0, 1.5)), CellSpec(family="normal")], width=4)
    assert see.table is not None
    level = torch.tensor([[[1.0, 0.0], [0.0, 0.3]]])
    number = torch.tensor([[[2.0, 1.5], [0.0, 0.3]]])
    torch.testing.assert_close(see(level) - see.table[1], see(number) - see.table[2])


def test_positions_follow_the_columns_scale() -> None:
    x = np.r_[RNG.exponential(size=5000).round(4), np.zeros(3000), np.full(500, 9.0)]
    (column,) = describe(pd.DataFrame({"x": x})).columns
    assert column.levels == (0.0, 9.0)
    np.testing.assert_allclose(column.cell.positions, column.scale.forward(np.array([0.0, 9.0])))
    assert column.cell.positions[0] < 0 < column.cell.positions[1]


def test_dropout_keeps_the_mean_and_drops_its_share() -> None:
    torch.manual_seed(0)
    x = torch.ones(400, 501, requires_grad=True)
    y = dropout(x, 0.1)
    assert abs(float((y == 0).float().mean()) - 26 / 256) < 0.005
    assert abs(float(y.detach().mean()) - 1) < 0.01
    y.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, y.detach())  # the same coins on the way back
    torch.manual_seed(0)
    assert torch.equal(dropout(x, 0.1), y)
