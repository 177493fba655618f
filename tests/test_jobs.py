"""Jobs against models whose answers are known: linear Gaussian and enumerable ones, built by hand."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from vaery.core.cells import CellSpec
from vaery.core.errors import ChoiceError, QueryError
from vaery.core.evidence import Evidence
from vaery.core.field import Field
from vaery.core.gaussian import Gaussian
from vaery.core.job import Points
from vaery.core.random import Random
from vaery.core.region import Region
from vaery.core.stop import Same, Stop
from vaery.inference import locate, propose
from vaery.jobs.embed import embed
from vaery.jobs.generate import generate
from vaery.jobs.impute import impute
from vaery.jobs.score import score
from vaery.joint import Joint
from vaery.likelihoods.any_order import AnyOrder
from vaery.likelihoods.independent import Independent

# ---------------------------------------------------------------- a field, and models with closed-form answers


@dataclass(frozen=True)
class Block(Field):
    """Cells whose raw data is an array ``[B, D]``, NaN where missing; numbers are packed as raw / scale."""

    kind = "block"
    names: tuple[str, ...]
    levels: tuple[int, ...]  # 0: a number
    scale: float = 1.0

    @property
    def event(self) -> tuple[int, ...]:
        return (len(self.names), 2)

    @property
    def mask(self) -> tuple[int, ...]:
        return (len(self.names),)

    @property
    def cells(self) -> list[CellSpec]:
        return [CellSpec(n) if n else CellSpec(family="normal") for n in self.levels]

    @property
    def cell_names(self) -> tuple[str, ...]:
        return self.names

    @property
    def number(self) -> torch.Tensor:
        return torch.tensor([n == 0 for n in self.levels])

    def pack(self, raw: Any) -> tuple[torch.Tensor, torch.Tensor | None]:
        raw = torch.as_tensor(raw, dtype=torch.float32)
        known = ~raw.isnan()
        clean = raw.nan_to_num()
        value = torch.where(
            self.number, torch.stack([torch.zeros_like(clean), clean / self.scale]), torch.stack([clean, 0 * clean])
        )
        return value.movedim(0, -1), None if bool(known.all()) else known

    def unpack(
        self, value: torch.Tensor, known: Any = None, like: Any = None, keep: bool = False, given: Any = None
    ) -> Any:
        return torch.where(self.number, value[..., 1] * self.scale, value[..., 0]).numpy()

    def summarise(
        self, value: torch.Tensor, weight: torch.Tensor, how: str | float, like: Any = None, keep: bool = False
    ) -> Any:
        raw, w = self.unpack(value), weight.numpy()
        out = np.empty(raw.shape[1:])
        for row, column in np.ndindex(*out.shape):
            v, p = raw[:, row, column], w[:, row]
            if self.levels[column]:
                out[row, column] = np.bincount(v.astype(int), p).argmax()
            elif how == "mean":
                out[row, column] = v @ p
            else:
                order = v.argsort()
                share = 0.5 if isinstance(how, str) else how
                out[row, column] = v[order][np.searchsorted(p[order].cumsum(), share).clip(max=len(v) - 1)]
        return out

    def log_jacobian(self, value: torch.Tensor) -> torch.Tensor | None:
        return torch.where(self.number, -math.log(self.scale), 0.0).expand(value.shape[:-1])


class Flat(nn.Module):
    """An encoder that hides nothing: numbers (or codes) and mask, side by side."""

    def forward(self, value: torch.Tensor, known: torch.Tensor | None) -> torch.Tensor:
        known = torch.ones(value.shape[:-1], dtype=torch.bool) if known is None else known
        return torch.cat([value.sum(-1), known.float()], -1)


class StandardNormal(nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.zeros = nn.Parameter(torch.zeros(size))

    def forward(self, context: torch.Tensor) -> Gaussian:
        zero = self.zeros.expand(*context.shape[:-1], -1)
        return Gaussian(zero, zero)


W, BIAS, SIGMA = torch.tensor([1.0, -0.8, 0.5]), torch.tensor([0.3, 1.0, -0.5]), 0.6


class LinearPosterior(nn.Module):
    """The exact posterior of x = W z₀ + BIAS + SIGMA ε for any known cells; z₁ is idle. ``slack`` spoils it."""

    def __init__(self, slack: float) -> None:
        super().__init__()
        self.slack = slack

    def forward(self, features: Any, context: torch.Tensor) -> Gaussian:
        x, known = features.values[:, 0].chunk(2, -1)
        precision = 1 + (known * W**2).sum(-1) / SIGMA**2
        mean = (known * W * (x - BIAS)).sum(-1) / SIGMA**2 / precision
        loc = torch.stack([mean + 0.2 * (self.slack - 1), torch.zeros_like(mean)], -1)
        log_scale = torch.stack([-0.5 * precision.log() + math.log(self.slack), torch.zeros_like(mean)], -1)
        return Gaussian(loc.expand(len(context), -1, -1), log_scale.expand(len(context), -1, -1))


def linear(slack: float = 1.0, scale: float = 1.0) -> Joint:
    field = Block("x", "independent", ("a", "b", "c"), (0, 0, 0), scale)
    head = Independent(field.cells, context=2, depth=0)
    with torch.no_grad():
        head.body.weight.zero_()
        head.body.weight[0::2, 0], head.body.bias[0::2], head.body.bias[1::2] = W, BIAS, math.log(SIGMA)
    z = Stop("z", StandardNormal(2), LinearPosterior(slack), latent=True, carry=Same())
    return Joint([field], [z, Stop("x", head)], {"x": Flat()}).eval()


COV = torch.outer(W, W) + SIGMA**2 * torch.eye(3)
LAW = stats.multivariate_normal(BIAS.numpy(), COV.numpy())


class Rough(nn.Module):
    """A posterior that looks at the data, if not well."""

    def __init__(self, features: int, size: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features, size)

    def forward(self, features: Any, context: torch.Tensor) -> Gaussian:
        loc = 0.3 * self.linear(features.values.flatten(1)).expand(len(context), -1, -1)
        return Gaussian(loc, torch.full_like(loc, -0.1))


def blocks(ordered: bool, levels: tuple[int, ...] = (3, 0, 2, 0), seed: int = 0) -> Joint:
    """A random model of mixed cells with one latent; nothing about it is in closed form but its own densities."""
    torch.manual_seed(seed)
    field = Block("x", "any", tuple("pqrstuvw"[: len(levels)]), levels, scale=2.0)
    if ordered:
        head: nn.Module = AnyOrder(field.cells, context=1, width=16, depth=1, dropout=0.0)
        nn.init.normal_(head.out.weight, std=0.3)  # type: ignore[union-attr]
    else:
        head = Independent(field.cells, context=1, depth=0)
        nn.init.normal_(head.body.weight, std=1.0)
    z = Stop("z", StandardNormal(1), Rough(2 * len(levels), 1), latent=True, carry=Same())
    return Joint([field], [z, Stop("x", head)], {"x": Flat()}).eval()


def evidence(joint: Joint, raw: Any) -> Evidence:
    value, known = joint.fields["x"].pack(raw)
    return Evidence(len(value), {"x": value}, {"x": known})


def shared(seed: int = 0) -> Random:
    return Random(seed, share_rows=True)


def summary(joint: Joint, points: Points, how: str | float | None = None) -> np.ndarray:
    return joint.fields["x"].summarise(points.values["x"], points.weight, points.how if how is None else how)


def region(low: list[float], high: list[float], levels: list[list[bool]] | None = None) -> Region:
    """One interval a cell; NaN: the cell is free."""
    lo, hi = torch.tensor([low])[..., None], torch.tensor([high])[..., None]
    allowed = torch.zeros(1, len(low), 0, dtype=torch.bool) if levels is None else torch.tensor([levels])
    asked = ~lo[..., 0].isnan() | (allowed.any(-1) & ~allowed.all(-1))
    return Region(asked, allowed, lo.nan_to_num(-torch.inf), hi.nan_to_num(torch.inf))


X = torch.tensor(LAW.rvs(200, random_state=0), dtype=torch.float32)
HOLES = torch.where(torch.rand(200, 3, generator=torch.Generator().manual_seed(1)) < 0.4, torch.nan, X)


# ---------------------------------------------------------------- score and embed


def test_the_score_is_the_density_in_the_datas_own_units() -> None:
    joint = linear(scale=10.0)
    packed = evidence(joint, X * 10)
    expected = LAW.logpdf(X) - 3 * math.log(10)
    np.testing.assert_allclose(score(joint, packed, rng=shared()), expected, atol=1e-4)


def test_more_draws_tighten_the_score_of_a_wrong_posterior() -> None:
    joint = linear(slack=1.6)
    rows = evidence(joint, X[:20])
    mean = lambda k: np.mean([float(score(joint, rows, rng=shared(seed), draws=k).mean()) for seed in range(100)])  # noqa: E731
    gaps = [LAW.logpdf(X[:20]).mean() - mean(k) for k in (1, 8, 256)]
    assert gaps[0] > gaps[1] > abs(gaps[2])
    assert abs(gaps[2]) < 0.01


def test_rows_with_gaps_are_scored_for_what_is_known() -> None:
    joint = linear()
    row = torch.tensor([[X[0, 0], torch.nan, X[0, 2]]])
    expected = stats.multivariate_normal(BIAS[[0, 2]].numpy(), COV[[0, 2]][:, [0, 2]].numpy()).logpdf(X[0, [0, 2]])
    assert float(score(joint, evidence(joint, row), rng=shared())) == pytest.approx(expected, abs=1e-4)
    assert float(score(joint, evidence(joint, torch.full((1, 3), torch.nan)), rng=shared())) == pytest.approx(
        0, abs=1e-5
    )


def test_the_embedding_is_the_posterior_mean() -> None:
    joint = linear()
    mean = (W * (X - BIAS)).sum(-1) / SIGMA**2 / (1 + (W**2).sum() / SIGMA**2)
    z = embed(joint, evidence(joint, X), rng=shared())
    np.testing.assert_allclose(z[:, 0], mean, atol=1e-5)
    np.testing.assert_array_equal(z[:, 1], 0)


@pytest.mark.parametrize("job", [score, embed])
@pytest.mark.parametrize("ordered", [False, True])
def test_a_row_has_the_same_answer_in_any_batch(job: Any, ordered: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    joint = blocks(ordered)
    raw = np.column_stack([np.arange(40) % 3, np.linspace(-2, 2, 40), np.arange(40) % 2, np.linspace(3, -3, 40)])
    raw[::3, 1] = np.nan
    together = job(joint, evidence(joint, raw), rng=Random(0))
    alone = torch.cat([job(joint, evidence(joint, raw[i : i + 1]), rng=Random(0)) for i in (0, 7, 39)])
    np.testing.assert_allclose(together[[0, 7, 39]], alone, rtol=1e-5, atol=1e-5)
    monkeypatch.setattr("vaery.inference.BATCH", 48)
    np.testing.assert_allclose(job(joint, evidence(joint, raw), rng=Random(0)), together, rtol=1e-5, atol=1e-5)


def test_no_rows_have_no_scores() -> None:
    joint = linear()
    nothing = evidence(joint, X[:0])
    assert score(joint, nothing, rng=shared()).shape == (0,)
    assert embed(joint, nothing, rng=shared()).shape == (0, 2)
    assert impute(joint, nothing, rng=shared()).values["x"].shape[1:] == (0, 3, 2)  # type: ignore[union-attr]


# ---------------------------------------------------------------- generate


def conditioned(joint: Joint, where: Region | None = None, raw: list[float] | None = None) -> Evidence:
    if raw is None:
        return Evidence(1, {}, {}, {} if where is None else {"x": where})
    value, known = joint.fields["x"].pack([raw])
    return Evidence(1, {"x": value}, {"x": known}, {} if where is None else {"x": where})


def test_what_is_generated_follows_the_model() -> None:
    joint = linear()
    new = generate(joint, conditioned(joint), rng=Random(0), n=20000)
    x = joint.fields["x"].unpack(new.values["x"])
    assert new.rows == 20000
    assert new.effective_sample_size == 32
    np.testing.assert_allclose(x.mean(0), BIAS, atol=0.03)
    np.testing.assert_allclose(np.cov(x.T), COV, atol=0.05)


@pytest.mark.parametrize("make", [lambda: linear(1.3), lambda: blocks(False), lambda: blocks(True)])
def test_given_values_come_back_bit_for_bit(make: Any) -> None:
    joint = make()
    nan = math.nan
    raw = [0.1, nan, 0.7] if joint.fields["x"].levels == (0, 0, 0) else [2, nan, nan, 0.7]
    asked = conditioned(joint, raw=raw)
    new = generate(joint, asked, rng=Random(0), n=50)
    known = asked.known["x"][0]
    assert torch.equal(new.values["x"][:, known], asked.values["x"][:, known].expand(50, -1, -1))
    assert new.values["x"][:, ~known].std(0).sum() > 0


@pytest.mark.parametrize("slack", [1.0, 1.5])
def test_the_rest_follows_the_conditional_law(slack: float) -> None:
    joint = linear(slack)
    new = generate(joint, conditioned(joint, raw=[1.5, math.nan, math.nan]), rng=Random(0), n=8000)
    x = joint.fields["x"].unpack(new.values["x"])
    gain = COV[1:, 0] / COV[0, 0]
    np.testing.assert_allclose(x[:, 1:].mean(0), BIAS[1:] + gain * (1.5 - BIAS[0]), atol=0.04)
    np.testing.assert_allclose(np.cov(x[:, 1:].T), COV[1:, 1:] - torch.outer(gain, COV[0, 1:]), atol=0.05)
    assert 1 <= new.effective_sample_size <= 32


def test_the_weight_of_a_range_is_its_probability() -> None:
    joint = linear()
    asked = conditioned(joint, region([1.0, math.nan, math.nan], [1.4, math.nan, math.nan]))
    weight = propose(joint, asked, rng=Random(0), candidates=20000).bound
    law = stats.norm(float(BIAS[0]), float(COV[0, 0]) ** 0.5)
    assert float(weight.detach().exp()) == pytest.approx(law.cdf(1.4) - law.cdf(1.0), rel=0.02)


def test_draws_inside_a_range_follow_the_truncated_law() -> None:
    joint = linear()
    asked = conditioned(joint, region([1.0, math.nan, math.nan], [1.4, math.nan, math.nan]))
    x = joint.fields["x"].unpack(generate(joint, asked, rng=Random(0), n=6000).values["x"])
    assert x[:, 0].min() >= 1.0
    assert x[:, 0].max() <= 1.4
    all_of_it = LAW.rvs(400_000, random_state=1)
    kept = all_of_it[(all_of_it[:, 0] >= 1.0) & (all_of_it[:, 0] <= 1.4)]  # rejection: the slow and certain way
    np.testing.assert_allclose(x.mean(0), kept.mean(0), atol=0.04)
    np.testing.assert_allclose(np.cov(x.T), np.cov(kept.T), atol=0.04)


def test_a_rare_condition_costs_what_a_common_one_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    joint = linear()
    walks: list[int] = []
    walk = Joint.trace
    monkeypatch.setattr(Joint, "trace", lambda self, *a, **k: walks.append(1) or walk(self, *a, **k))
    counts = []
    for low, high in ((-1.0, 1.0), (4.5, 9.0)):  # one in two, one in a hundred thousand
        walks.clear()
        asked = conditioned(joint, region([low, math.nan, math.nan], [high, math.nan, math.nan]))
        new = generate(joint, asked, rng=Random(0), n=300, sweeps=0)
        counts.append(len(walks))
        assert float(new.values["x"][:, 0, 1].min()) >= low
    assert counts[0] == counts[1]


def test_uneven_weights_get_more_rounds() -> None:
    joint = linear()
    asked = conditioned(joint, region([4.0, math.nan, math.nan], [9.0, math.nan, math.nan]))
    exact = LAW.rvs(3_000_000, random_state=2)
    exact = exact[exact[:, 0] >= 4.0].mean(0)
    means = [
        joint.fields["x"]
        .unpack(generate(joint, asked, rng=Random(0), n=2000, candidates=8, sweeps=k).values["x"])
        .mean(0)
        for k in (0, None)
    ]
    error = [np.abs(m - exact).max() for m in means]
    assert error[1] < error[0] / 2  # one round of eight is biased; the chain is not


@pytest.mark.parametrize("ordered", [False, True])
def test_a_set_of_levels_agrees_with_enumeration(ordered: bool) -> None:
    joint = blocks(ordered, (3, 2))
    allowed = [[True, False, True], [True, True, True]]
    asked = conditioned(joint, region([math.nan] * 2, [math.nan] * 2, allowed))
    new = generate(joint, asked, rng=Random(0), n=8000).values["x"][..., 0].long()
    first, second, weight = chain(joint)
    table = (weight[:, None, None] * first[..., None] * second).sum(0)[[0, 2]]
    found = torch.zeros(3, 2).index_put((new[:, 0], new[:, 1]), torch.ones(len(new)), accumulate=True)
    assert found[1].sum() == 0
    np.testing.assert_allclose(found[[0, 2]] / len(new), table / table.sum(), atol=0.025)


def chain(joint: Joint) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """p(first | z) ``[G, K]``, p(second | first, z) ``[G, K, L]`` and p(z) ``[G]`` of two categories on a grid of z."""
    z = torch.linspace(-5, 5, 401)
    k = len(joint.stops[1].prior(torch.zeros(1, 1, 1)).given(torch.zeros(1, 2, 2), no(1, 2)).code_log_probs(0)[0, 0])
    density = joint.stops[1].prior(z[None, :, None])
    value = torch.zeros(401, 2, 2)
    first = density.given(value, no(401, 2)).code_log_probs(0)[0].exp()
    second = []
    for code in range(k):
        value[:, 0, 0] = code
        known = torch.tensor([True, False]).expand(401, 2)
        second.append(density.given(value, known).code_log_probs(1)[0].exp())
    return first.detach(), torch.stack(second, 1).detach(), torch.softmax(-0.5 * z**2, 0)


def no(*shape: int) -> torch.Tensor:
    return torch.zeros(shape, dtype=torch.bool)


# ---------------------------------------------------------------- impute


def expected_given(row: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Means and standard deviations of the unknown cells of a row, given the known ones."""
    k, u = ~row.isnan(), row.isnan()
    gain = torch.linalg.solve(COV[k][:, k], COV[k][:, u]).T if k.any() else torch.zeros(int(u.sum()), 0)
    mean = BIAS[u] + gain @ (row[k] - BIAS[k])
    return mean.numpy(), (COV[u][:, u] - gain @ COV[k][:, u]).diagonal().sqrt().numpy()


@pytest.mark.parametrize("how", ["mean", "median", "mode"])
def test_a_filled_gap_is_the_conditional_mean(how: str) -> None:
    joint = linear(scale=3.0)
    filled = summary(joint, impute(joint, evidence(joint, HOLES * 3), rng=shared(3), how=how)) / 3
    errors = []
    for row, got in zip(HOLES, filled, strict=True):
        mean, deviation = expected_given(row)
        errors.extend((got[row.isnan().numpy()] - mean) / deviation)
    assert np.abs(errors).max() < 0.5  # sixteen draws
    assert np.abs(np.mean(errors)) < 0.2


def test_the_interval_covers_what_it_says() -> None:
    joint = linear()
    result = impute(joint, evidence(joint, HOLES), rng=shared(), interval=0.8)
    assert isinstance(result, dict)
    low, value, high = (summary(joint, result[k]) for k in ("low", "value", "high"))
    gap = HOLES.isnan().numpy()
    assert (low <= value)[gap].all()
    assert (value <= high)[gap].all()
    inside = ((low <= X.numpy()) & (X.numpy() <= high))[gap]
    assert inside.mean() == pytest.approx(0.8, abs=0.07)
    widths = np.concatenate([expected_given(row)[1] for row in HOLES]) * 2 * stats.norm.ppf(0.9)
    np.testing.assert_allclose((high - low)[gap].mean(), widths.mean(), rtol=0.05)


def test_drawn_tables_keep_the_known_and_the_spread() -> None:
    joint = linear(1.2)
    row = torch.tensor([[1.5, torch.nan, torch.nan]]).repeat(1500, 1)
    tables = impute(joint, evidence(joint, row), rng=shared(), draws=2)
    assert isinstance(tables, list)
    assert len(tables) == 2
    x = [joint.fields["x"].unpack(t.values["x"]) for t in tables]
    assert (x[0][:, 0] == np.float32(1.5)).all()
    assert np.abs(x[0] - x[1])[:, 1:].min() > 0
    gain = COV[1:, 0] / COV[0, 0]
    np.testing.assert_allclose(np.cov(x[0][:, 1:].T), COV[1:, 1:] - torch.outer(gain, COV[0, 1:]), atol=0.1)


def test_impute_refuses_what_it_does_not_know() -> None:
    joint = linear()
    for wrong in ({"how": "best"}, {"interval": 1.5}, {"interval": 0.9, "draws": 3}):
        with pytest.raises(QueryError):
            impute(joint, evidence(joint, X), rng=shared(), **wrong)


# ---------------------------------------------------------------- finding the target


def test_targets_are_found_by_name() -> None:
    joint = linear()
    assert locate(joint, "b") == ("x", 1)
    assert locate(joint, "x.c") == ("x", 2)
    with pytest.raises(ChoiceError, match="there is: a, b, c"):
        locate(joint, "x")
