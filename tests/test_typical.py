"""How odd rows are, by what is usual."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from vaery import VAE
from vaery.typical import HIGH, SHARPEST, Typical, Usual


def rows(n: int = 2000, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Bits of three columns of very different spread, all known, and the totals."""
    rng = np.random.default_rng(seed)
    bits = torch.tensor(np.column_stack([rng.normal(3, 5, n), rng.normal(1, 0.2, n), rng.normal(2, 1, n)]))
    return bits, torch.ones(n, 3, dtype=torch.bool), bits.sum(1)


def test_what_is_usual_is_mean_and_deviation_of_what_is_known() -> None:
    x = torch.tensor([[1.0, 5.0], [3.0, 7.0], [9.0, 7.0]])
    known = torch.tensor([[True, True], [True, True], [False, True]])
    usual = Usual.of(x, known)
    np.testing.assert_allclose(usual.mean, [2, 19 / 3])
    np.testing.assert_allclose(usual.sd, [1, x[:, 1].std(correction=0)])
    assert float(Usual.of(torch.ones(4)).sd) == SHARPEST


def test_a_narrow_column_is_not_drowned_by_a_wide_one() -> None:
    typical = Typical.of(*rows(), rows()[0])
    bits, known = torch.tensor([[3.0, 1.0, 2.0]]), torch.ones(1, 3, dtype=torch.bool)
    odd = bits.clone()
    odd[0, 1] += 2.0  # ten standard deviations of its own, less than half of one of the row
    assert float(typical.oddness(odd, known, odd.sum(1))) > 5
    assert float(typical.oddness(bits, known, bits.sum(1))) < 0.5


def test_far_too_ordinary_is_odd_as_well() -> None:
    typical = Typical.of(*rows(), rows()[0])
    bits, known = torch.tensor([[3 - 15.0, 1 - 0.6, 2 - 3.0]]), torch.ones(1, 3, dtype=torch.bool)
    assert float(typical.oddness(bits, known, bits.sum(1))) > 3


def test_one_cell_counts_for_so_much_and_no_more() -> None:
    typical = Typical.of(*rows(), rows()[0])
    bits, known = torch.tensor([[3.0, 1.0 + 0.2 * HIGH, 2.0], [3.0, 1e6, 2.0]]), torch.ones(2, 3, dtype=torch.bool)
    total = torch.full((2,), 6.0)  # as if the row's own surprise were as usual
    near, far = typical.oddness(bits, known, total)
    assert float(near) == pytest.approx(float(far), rel=0.05)


def test_an_unknown_cell_is_neither_odd_nor_ordinary() -> None:
    bits, known, total = rows()
    typical = Typical.of(bits, known, total, bits)
    holes = known.clone()
    holes[:, 0] = False
    seen = bits * holes
    some = typical.oddness(seen, holes, seen.sum(1))
    other = seen.clone()
    other[:, 0] = 77.0
    assert torch.equal(typical.oddness(other, holes, seen.sum(1)), some)
    assert abs(float(some.mean())) < 0.5


def test_as_plain_data_and_back() -> None:
    typical = Typical.of(*rows(), rows()[0])
    again = Typical.from_json(json.loads(json.dumps(typical.to_json())))
    bits, known, total = rows(seed=1)
    np.testing.assert_allclose(again.oddness(bits, known, total), typical.oddness(bits, known, total), atol=1e-3)


def test_without_columns_the_order_is_that_of_the_surprise() -> None:
    none = torch.zeros(50, 0)
    total = torch.randn(50, generator=torch.Generator().manual_seed(0))
    odd = Typical.of(none, none.bool(), total, none).oddness(none, none.bool(), total)
    assert torch.equal(odd.argsort(), total.argsort())


def test_ordinary_rows_are_as_often_odd_as_p_values_say_and_odd_ones_stand_out() -> None:
    rng = np.random.default_rng(0)
    draw = lambda n: rng.normal(size=(n, 1)) * [[3.0, 1.0, 0.2]] + rng.normal(size=(n, 3)) * [[0.3, 0.1, 0.05]]  # noqa: E731
    model = VAE(width=32, depth=1, dropout=0.0, steps=300, threads=1, random_state=0).fit(draw(3000))
    found = model.detect(draw(2000), reasons=0)
    for level in (0.05, 0.2, 0.5):
        assert (found["p_value"] <= level).mean() == pytest.approx(level, abs=0.07)
    broken = draw(200)
    broken[:, 1] = rng.permutation(broken[:, 1])
    assert model.detect(broken, reasons=0)["odd"].mean() > found["odd"].mean() + 2
