"""How odd rows are, by what is usual."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from vaery import VAE
from vaery.core.evidence import Evidence
from vaery.core.random import Random
from vaery.surprise import mix
from vaery.typical import HIGH, SHARPEST, Bits, Typical, Usual, auroc


def rows(n: int = 2000, seed: int = 0) -> Bits:
    """Bits of three columns of very different spread, all known, and the totals."""
    rng = np.random.default_rng(seed)
    return these(torch.tensor(np.column_stack([rng.normal(3, 5, n), rng.normal(1, 0.2, n), rng.normal(2, 1, n)])))


def these(columns: torch.Tensor, total: torch.Tensor | None = None) -> Bits:
    return Bits(columns, torch.ones(columns.shape, dtype=torch.bool), columns.sum(1) if total is None else total)


@pytest.fixture
def typical() -> Typical:
    return Typical.of(rows(), rows(seed=1), rows().columns)


def test_what_is_usual_is_mean_and_deviation_of_what_is_known() -> None:
    x = torch.tensor([[1.0, 5.0], [3.0, 7.0], [9.0, 7.0]])
    known = torch.tensor([[True, True], [True, True], [False, True]])
    usual = Usual.of(x, known)
    np.testing.assert_allclose(usual.mean, [2, 19 / 3])
    np.testing.assert_allclose(usual.sd, [1, x[:, 1].std(correction=0)])
    assert float(Usual.of(torch.ones(4)).sd) == SHARPEST


def test_the_tail_of_a_normal() -> None:
    tail = Usual.tail(torch.randn(200_000, generator=torch.Generator().manual_seed(0)))
    assert float(tail.mean) == pytest.approx(0, abs=0.01)
    assert float(tail.sd) == pytest.approx(1.645, abs=0.02)


def test_the_chance_to_be_larger() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 9, 50), rng.integers(2, 12, 70)
    expected = roc_auc_score(np.repeat([0, 1], [50, 70]), np.concatenate([a, b]))
    assert auroc(torch.tensor(a), torch.tensor(b)) == pytest.approx(expected)


def test_columns_are_not_looked_at_where_only_the_whole_tells() -> None:
    """Mixed rows whose columns are each as usual, and whose whole is not: pixels of two pictures."""
    plain = rows(seed=1)
    whole = Bits(plain.columns, plain.known, plain.total + 30)
    assert not Typical.of(rows(), plain, rows().columns, whole).both
    assert Typical.of(rows(), plain, rows().columns, plain).both
    cells = these(plain.columns + torch.tensor([0.0, 3.0, 0.0]))
    assert Typical.of(rows(), plain, rows().columns, cells).both
    odd = Typical.of(rows(), plain, rows().columns, whole).oddness(rows(seed=2))
    assert torch.equal(odd.argsort(), rows(seed=2).total.argsort())


def test_mixed_rows_hold_cells_of_two() -> None:
    value = torch.arange(1.0, 301.0).view(300, 1, 1).expand(300, 2, 2).clone()
    value = torch.cat([value, -value], 1)[:300]
    known = torch.rand(300, 4, generator=torch.Generator().manual_seed(0)) < 0.8
    rows = Evidence(300, {"x": value * known[..., None]}, {"x": known})
    mixed = mix(rows, Random(0, share_rows=True))
    theirs = mixed.values["x"][..., 0].abs()
    own = (theirs == value[..., 0].abs()) & mixed.known["x"] & known
    share = own.sum() / (mixed.known["x"] & known).sum()
    assert 0.4 < float(share) < 0.6
    assert (theirs[~mixed.known["x"]] == 0).all()
    assert float(mixed.known["x"].double().mean()) == pytest.approx(float(known.double().mean()), abs=0.03)


def test_about_one_ordinary_row_in_twenty_is_as_odd_as_one(typical: Typical) -> None:
    odd = typical.oddness(rows(20_000, seed=2))
    assert 0.04 < float((odd > 1).double().mean()) < 0.11  # two looks, and the larger counts


def test_a_narrow_column_is_not_drowned_by_a_wide_one(typical: Typical) -> None:
    plain = torch.tensor([[3.0, 1.0, 2.0]])
    odd = plain + torch.tensor([[0.0, 2.0, 0.0]])  # ten deviations of its own, less than half of one of the row
    assert float(typical.oddness(these(odd))) > 3
    assert float(typical.oddness(these(plain))) < 0.3


def test_far_too_ordinary_is_odd_as_well(typical: Typical) -> None:
    assert float(typical.oddness(these(torch.tensor([[3 - 15.0, 1 - 0.6, 2 - 3.0]])))) > 2


def test_one_cell_counts_for_so_much_and_no_more(typical: Typical) -> None:
    columns = torch.tensor([[3.0, 1.0 + 0.2 * HIGH, 2.0], [3.0, 1e6, 2.0]])
    near, far = typical.oddness(these(columns, torch.full((2,), 6.0)))  # as if the row's surprise were as usual
    assert float(near) == pytest.approx(float(far), rel=0.05)


def test_an_unknown_cell_is_neither_odd_nor_ordinary(typical: Typical) -> None:
    known = torch.tensor([False, True, True]).expand(2000, 3)
    seen = rows(seed=2).columns * known
    other = seen.clone()
    other[:, 0] = 77.0
    some = typical.oddness(Bits(seen, known, seen.sum(1)))
    assert torch.equal(typical.oddness(Bits(other, known, seen.sum(1))), some)
    assert abs(float(some.median())) < 0.3


def test_as_plain_data_and_back(typical: Typical) -> None:
    again = Typical.from_json(json.loads(json.dumps(typical.to_json())))
    np.testing.assert_allclose(again.oddness(rows(seed=2)), typical.oddness(rows(seed=2)), atol=1e-3)


def test_without_columns_the_order_is_that_of_the_surprise() -> None:
    total = torch.randn(50, generator=torch.Generator().manual_seed(0))
    none = these(torch.zeros(50, 0), total)
    assert torch.equal(Typical.of(none, none, none.columns).oddness(none).argsort(), total.argsort())


def test_ordinary_rows_are_as_often_odd_as_p_values_say_and_odd_ones_stand_out() -> None:
    rng = np.random.default_rng(0)
    draw = lambda n: rng.normal(size=(n, 1)) * [[3.0, 1.0, 0.2]] + rng.normal(size=(n, 3)) * [[0.3, 0.1, 0.05]]  # noqa: E731
    model = VAE(width=32, depth=1, dropout=0.0, steps=300, threads=1, random_state=0).fit(draw(3000))
    found = model.detect(draw(2000), reasons=0, by="typical")
    for level in (0.05, 0.2, 0.5):
        assert (found["p_value"] <= level).mean() == pytest.approx(level, abs=0.07)
    broken = draw(200)
    broken[:, 1] = rng.permutation(broken[:, 1])
    assert model.detect(broken, reasons=0, by="typical")["odd"].mean() > found["odd"].mean() + 1
