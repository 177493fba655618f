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

from vaery.core.cells import CellHeads, CellSpec
from vaery.core.check import check_job
from vaery.core.density import Factorised
from vaery.core.errors import ChoiceError, QueryError
from vaery.core.evidence import Evidence
from vaery.core.field import Field
from vaery.core.gaussian import Gaussian
from vaery.core.job import Points
from vaery.core.job import job as mark
from vaery.core.members import member, members
from vaery.core.random import Random
from vaery.core.region import Region
from vaery.core.stop import Same, Stop
from vaery.inference import MOST, _systematic, probabilities, propose
from vaery.jobs.augment import augment
from vaery.jobs.detect import conformal, detect, discoveries, pareto
from vaery.jobs.embed import embed
from vaery.jobs.explain import explain
from vaery.jobs.generate import generate
from vaery.jobs.impute import impute
from vaery.jobs.interpolate import WAYS, interpolate
from vaery.jobs.predict import predict
from vaery.jobs.predict_proba import predict_proba
from vaery.jobs.reconstruct import reconstruct
from vaery.jobs.score import score
from vaery.joint import Joint
from vaery.likelihoods.any_order import AnyOrder
from vaery.likelihoods.independent import Independent
from vaery.likelihoods.normal import NormalDensity
from vaery.priors.mixture import Mixture
from vaery.surprise import shares
from vaery.target import locate

# ---------------------------------------------------------------- a field, and models with closed-form answers


@dataclass(frozen=True)
class Block(Field):
    """Cells whose raw data is an array ``[B, D]``, NaN where missing; numbers are packed as raw / scale."""

    kind = "block"
    names: tuple[str, ...]
    levels: tuple[int, ...]  # 0: a number
    scale: float | tuple[float, ...] = 1.0

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
            self.number,
            torch.stack([torch.zeros_like(clean), clean / torch.tensor(self.scale)]),
            torch.stack([clean, 0 * clean]),
        )
        return value.movedim(0, -1), None if bool(known.all()) else known

    def unpack(
        self, value: torch.Tensor, known: Any = None, like: Any = None, keep: bool = False, given: Any = None
    ) -> Any:
        return torch.where(self.number, value[..., 1] * torch.tensor(self.scale), value[..., 0]).numpy()

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
        return torch.where(self.number, -torch.tensor(self.scale).log(), 0.0).expand(value.shape[:-1])


class Flat(nn.Module):
    """An encoder that hides nothing: numbers (or codes) and mask, side by side."""

    def __init__(self, cells: int) -> None:
        super().__init__()
        self.width = 2 * cells

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


def linear(slack: float = 1.0, scale: float | tuple[float, ...] = 1.0) -> Joint:
    field = Block("x", "independent", ("a", "b", "c"), (0, 0, 0), scale)
    head = Independent(field.cells, context=2, depth=0)
    with torch.no_grad():
        head.body.weight.zero_()
        head.body.weight[0::2, 0], head.body.bias[0::2], head.body.bias[1::2] = W, BIAS, math.log(SIGMA)
    z = Stop("z", StandardNormal(2), LinearPosterior(slack), latent=True, carry=Same())
    return Joint([field], [z, Stop("x", head)], {"x": Flat(len(field.names))}).eval()


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
    return Joint([field], [z, Stop("x", head)], {"x": Flat(len(field.names))}).eval()


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
    mean = lambda k: np.mean([float(score(joint, rows, rng=shared(seed), draws=k).mean()) for seed in range(100)])
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


@pytest.mark.parametrize("make", [linear, lambda: blocks(False), lambda: blocks(True)])
def test_among_few_rows_a_score_hangs_on_nothing_but_its_row(make: Any) -> None:
    joint = make()
    rows = evidence(
        joint, joint.fields["x"].unpack(generate(joint, Evidence(1, {}, {}), rng=Random(0), n=40).values["x"])
    )
    together = score(joint, rows, rng=Random(0))
    alone = torch.cat([score(joint, rows[slice(i, i + 1)], rng=Random(0)) for i in range(40)])
    np.testing.assert_allclose(together, alone, rtol=1e-12)
    in_singles = score(joint, rows[torch.arange(400) % 40], rng=Random(0))[:40]
    np.testing.assert_allclose(together, in_singles, rtol=1e-4, atol=1e-4)


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
    assert new.effective_sample_size == 20000
    np.testing.assert_allclose(x.mean(0), BIAS, atol=0.03)
    np.testing.assert_allclose(np.cov(x.T), COV, atol=0.05)


def test_generating_under_conditions_tells_how_far_it_is() -> None:
    joint, told = linear(), []
    asked = conditioned(joint, raw=[1.5, math.nan, math.nan])
    watched = generate(joint, asked, rng=Random(0), n=8000, watch=told.append)
    assert told == sorted(told)
    assert 0 < told[0] < 0.5 < told[-1] < 1
    alone = generate(joint, asked, rng=Random(0), n=8000)
    torch.testing.assert_close(watched.values["x"], alone.values["x"])


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
    assert 4000 < new.effective_sample_size <= 8000


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


def test_what_a_rare_condition_costs_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    joint = linear()
    walks: list[int] = []
    walk = Joint.trace
    monkeypatch.setattr(Joint, "trace", lambda self, *a, **k: walks.append(1) or walk(self, *a, **k))
    worth = []
    for low, high in ((-1.0, 1.0), (4.5, 9.0)):  # one in two, one in a hundred thousand
        walks.clear()
        asked = conditioned(joint, region([low, math.nan, math.nan], [high, math.nan, math.nan]))
        new = generate(joint, asked, rng=Random(0), n=300)
        worth.append(new.effective_sample_size)
        assert len(walks) <= 2 * MOST
        assert float(new.values["x"][:, 0, 1].min()) >= low
    assert worth[0] == 300
    assert 1 <= worth[1] < 300


def test_uneven_weights_get_a_larger_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    joint = linear()
    asked = conditioned(joint, region([4.0, math.nan, math.nan], [9.0, math.nan, math.nan]))
    exact = LAW.rvs(3_000_000, random_state=2)
    exact = exact[exact[:, 0] >= 4.0].mean(0)

    def error(most: int) -> tuple[float, float]:
        monkeypatch.setattr("vaery.inference.MOST", most)
        made = [generate(joint, asked, rng=Random(seed), n=100) for seed in range(40)]
        means = np.array([joint.fields["x"].unpack(new.values["x"]).mean(0) for new in made])
        return float(((means - exact) ** 2).mean()), np.mean([new.effective_sample_size for new in made])

    (small, worth_little), (large, worth_more) = error(1), error(16)
    assert large < small / 2
    assert worth_more > 3 * worth_little


def test_each_candidate_is_picked_as_often_as_its_weight_says() -> None:
    share = torch.softmax(torch.randn(50, generator=torch.Generator().manual_seed(0)).double() * 2, 0)
    times = torch.bincount(_systematic(share, 1000, Random(0)), minlength=50)
    assert int(times.sum()) == 1000
    assert float((times - 1000 * share).abs().max()) <= 1
    many = torch.stack([torch.bincount(_systematic(share, 3, Random(s)), minlength=50) for s in range(4000)])
    np.testing.assert_allclose(many.double().mean(0), 3 * share, atol=0.03)


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
    joint, gap = linear(), HOLES.isnan().numpy()
    inside, wide = [], []
    for seed in range(20):  # sixteen latents, the same for all rows, leave a width of one seed 7 % off
        result = impute(joint, evidence(joint, HOLES), rng=shared(seed), interval=0.8)
        assert isinstance(result, dict)
        low, value, high = (summary(joint, result[k]) for k in ("low", "value", "high"))
        assert (low <= value)[gap].all()
        assert (value <= high)[gap].all()
        inside.append(((low <= X.numpy()) & (X.numpy() <= high))[gap].mean())
        wide.append((high - low)[gap].mean())
    assert np.mean(inside) == pytest.approx(0.8, abs=0.07)
    widths = np.concatenate([expected_given(row)[1] for row in HOLES]) * 2 * stats.norm.ppf(0.9)
    np.testing.assert_allclose(np.mean(wide), widths.mean(), rtol=0.05)


@pytest.mark.parametrize("draws", [0, 1, 16, 100])
def test_points_of_many_latents_reach_as_far_into_the_tails_as_one(draws: int) -> None:
    zeros = torch.zeros(max(1, draws), 2, 3)  # every latent says the same
    same = Factorised(NormalDensity(zeros, zeros), event_dims=1, mask_dims=1)
    x = same.points(probabilities(linear(), draws)).flatten(0, 1)
    assert 100 <= len(x) <= 400
    for share in (0.05, 0.5, 0.95):
        np.testing.assert_allclose(x.quantile(share, 0), stats.norm.ppf(share), atol=0.05)


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


# ---------------------------------------------------------------- predict


PRIOR = torch.tensor([0.6, 0.3, 0.1])
TABLES = (  # p(u | y), p(v | y)
    torch.tensor([[0.7, 0.1, 0.1, 0.1], [0.1, 0.7, 0.1, 0.1], [0.25, 0.25, 0.25, 0.25]]),
    torch.tensor([[0.8, 0.1, 0.1], [0.3, 0.4, 0.3], [0.05, 0.15, 0.8]]),
)


class Heads(nn.Module):
    """Cells whose raw numbers do not hang on the context."""

    def __init__(self, cells: list[CellSpec], raw: torch.Tensor) -> None:
        super().__init__()
        self.heads, self.raw = CellHeads(cells), nn.Parameter(raw)

    def forward(self, context: torch.Tensor) -> Any:
        return self.heads(self.raw.expand(*context.shape[:2], -1))


class BayesRule(nn.Module):
    """p(y | the known cells of x), exactly."""

    def __init__(self, cells: list[CellSpec]) -> None:
        super().__init__()
        self.heads = CellHeads(cells)

    def forward(self, features: Any, context: torch.Tensor) -> Any:
        codes, known = features.values[:, 0].chunk(2, -1)
        tables = [torch.where(known[:, [i]] > 0, t.log().T[codes[:, i].long()], 0.0) for i, t in enumerate(TABLES)]
        raw = nn.functional.pad(PRIOR.log() + sum(tables), (0, 1))
        return self.heads(raw.expand(len(context), -1, -1))


class OneHot(nn.Module):
    def forward(self, value: torch.Tensor) -> torch.Tensor:
        return nn.functional.one_hot(value[..., 0, 0].long(), 3).float()


def labelled() -> Joint:
    """A label before the latent, two categories that depend on it, and a latent that does nothing."""
    y, x = Block("y", "any", ("y",), (3,)), Block("x", "any", ("u", "v"), (4, 3))
    head = Independent(x.cells, context=4, depth=0)
    with torch.no_grad():
        head.body.weight.zero_(), head.body.bias.zero_()
        head.body.weight[:4, :3], head.body.weight[4:7, :3] = TABLES[0].log().T, TABLES[1].log().T
    label = Stop("y", Heads(y.cells, nn.functional.pad(PRIOR.log(), (0, 1))), BayesRule(y.cells), carry=OneHot())
    z = Stop("z", StandardNormal(1), Idle(1), latent=True, carry=Same())
    return Joint([y, x], [label, z, Stop("x", head)], {"x": Flat(2)}).eval()


class Idle(nn.Module):
    """A posterior that is the prior."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, features: Any, context: torch.Tensor) -> Gaussian:
        zero = torch.zeros(*context.shape[:2], self.size)
        return Gaussian(zero, zero)


def both(joint: Joint, y: Any, x: Any) -> Evidence:
    packed = {"y": joint.fields["y"].pack(y), "x": joint.fields["x"].pack(x)}
    return Evidence(len(x), {k: v for k, (v, _) in packed.items()}, {k: m for k, (_, m) in packed.items()})


def test_probabilities_of_a_label_are_bayes_rule() -> None:
    joint = labelled()
    x = torch.cartesian_prod(torch.arange(4.0), torch.arange(3.0))
    x = torch.cat([x, torch.tensor([[math.nan, 2.0]])])
    rows = both(joint, torch.zeros(13, 1), x)  # the label that is there must not be looked at
    got = predict_proba(joint, rows, rng=shared(), target="y")
    joint_table = PRIOR[:, None, None] * TABLES[0][:, :, None] * TABLES[1][:, None, :]
    expected = torch.cat([joint_table.flatten(1).T, joint_table.sum(1)[:, [2]].T])
    np.testing.assert_allclose(got, expected / expected.sum(1, keepdim=True), atol=1e-5)
    named = predict(joint, rows, rng=shared(), target="y")
    assert (named["field"], named["cell"]) == ("y", 0)
    points = named["points"]
    labels = joint.fields["y"].summarise(points.values["y"], points.weight, points.how)[:, 0]
    np.testing.assert_array_equal(labels, expected.argmax(1))


@pytest.mark.parametrize("ordered", [False, True])
def test_probabilities_of_a_column_agree_with_the_integral_over_the_latent(ordered: bool) -> None:
    joint = blocks(ordered, (3, 2))
    first, second, weight = chain(joint)
    marginal = (weight[:, None, None] * first[..., None] * second).sum(0)
    rows = evidence(joint, [[code, math.nan] for code in range(3)])
    got = predict_proba(joint, rows, rng=shared(), target="q", draws=4000)
    np.testing.assert_allclose(got.sum(1), 1, atol=1e-5)
    np.testing.assert_allclose(got, marginal / marginal.sum(1, keepdim=True), atol=0.02)


def test_a_predicted_number_is_the_conditional_mean() -> None:
    joint = linear(scale=4.0)
    rows = evidence(joint, X[:50] * 4)
    named = predict(joint, rows, rng=shared(5), target="b", draws=64)
    got = (
        joint.fields["x"].summarise(named["points"].values["x"], named["points"].weight, named["points"].how)[:, 1] / 4
    )
    hidden = X[:50].clone()
    hidden[:, 1] = math.nan
    expected = np.array([expected_given(row)[0][0] for row in hidden])
    np.testing.assert_allclose(got, expected, atol=0.15)
    with pytest.raises(QueryError, match="predict"):
        predict_proba(joint, rows, rng=shared(), target="b")


class Mixed(Block):
    """One cell that is one of three levels or a number."""

    @property
    def cells(self) -> list[CellSpec]:
        return [CellSpec(3, family="normal")]


def mixed(chances: list[float]) -> Joint:
    field = Mixed("x", "any", ("m",), (3,))
    raw = torch.cat([torch.tensor(chances).log(), torch.tensor([7.0, 0.0])])
    z = Stop("z", StandardNormal(1), Idle(1), latent=True, carry=Same())
    return Joint([field], [z, Stop("x", Heads(field.cells, raw))], {"x": Flat(1)}).eval()


def test_a_cell_that_is_hardly_ever_a_number_is_predicted_as_a_level() -> None:
    rows = Evidence(2, {"x": torch.zeros(2, 1, 2)}, {"x": None})
    whole = predict(mixed([0.2, 0.3, 0.499, 0.001]), rows, rng=shared(), target="m")["points"].values["x"]
    assert (whole[..., 0] == 2).all()
    often = predict(mixed([0.2, 0.2, 0.1, 0.5]), rows, rng=shared(), target="m")["points"].values["x"]
    assert float((often[:, 0, 0, 0] == 3).float().mean()) == pytest.approx(0.5, abs=0.1)
    assert float(often[often[..., 0] == 3][:, 1].mean()) == pytest.approx(7, abs=0.1)
    table = predict_proba(mixed([0.2, 0.2, 0.1, 0.5]), rows, rng=shared(), target="m")
    np.testing.assert_allclose(table, [[0.4, 0.4, 0.2]] * 2, atol=1e-5)


def test_targets_are_found_by_name() -> None:
    joint = linear()
    assert locate(joint, "b") == ("x", 1)
    assert locate(joint, "x.c") == ("x", 2)
    assert locate(labelled(), "y") == ("y", 0)
    with pytest.raises(ChoiceError, match="there is: a, b, c"):
        locate(joint, "x")


# ---------------------------------------------------------------- detect


@pytest.mark.parametrize("make", [lambda: blocks(False), lambda: blocks(True)])
def test_shares_add_up_to_the_score(make: Any) -> None:
    joint = make()
    raw = np.column_stack([np.arange(40) % 3, np.linspace(-2, 2, 40), np.arange(40) % 2, np.linspace(3, -3, 40)])
    raw[::3, 1] = np.nan
    rows = evidence(joint, raw)
    found = shares(joint, rows, rng=Random(4))
    expected = -score(joint, rows, rng=Random(4)) / math.log(2)
    np.testing.assert_allclose(found.cells["x"].sum(1) + found.together, expected, rtol=1e-5)
    assert (found.cells["x"][::3, 1] == 0).all()
    assert found.cells["x"].shape == (40, 4)


def test_a_label_takes_its_share() -> None:
    joint = labelled()
    rows = both(joint, torch.tensor([[0.0], [2.0], [math.nan]]), torch.tensor([[0.0, 0.0]] * 3))
    found = shares(joint, rows, rng=Random(0))
    np.testing.assert_allclose(found.cells["y"][:, 0], [-math.log2(0.6), -math.log2(0.1), 0], atol=1e-5)
    np.testing.assert_allclose(found.together[:2], 0, atol=1e-5)
    np.testing.assert_allclose(found.total[2], -math.log2((PRIOR * TABLES[0][:, 0] * TABLES[1][:, 0]).sum()), atol=1e-4)


def calibrated(joint: Joint, rows: int = 400) -> dict[str, Any]:
    held_out = torch.tensor(LAW.rvs(rows, random_state=5), dtype=torch.float32)
    return {"score": sorted(score(joint, evidence(joint, held_out), rng=shared()).tolist())}


def test_p_values_of_ordinary_rows_are_uniform() -> None:
    joint = linear(slack=1.3)
    fresh = torch.tensor(LAW.rvs(4000, random_state=6), dtype=torch.float32)
    got = detect(joint, evidence(joint, fresh), rng=shared(), calibration=calibrated(joint, 4000), reasons=0)
    distance = stats.kstest(got["p_value"], "uniform").statistic
    assert distance < 1.63 * math.sqrt(2 / 4000)  # Smirnov's, at one in a hundred: both samples are random
    assert float(got["p_value"].min()) >= 1 / 4001
    assert got["reasons"] == [[] for _ in range(4000)]


def test_a_tail_tells_rows_apart_that_are_odder_than_all_held_out_ones() -> None:
    rng = np.random.default_rng(0)
    held_out = sorted((-rng.chisquare(10, 200) / 2).tolist())
    score_ = torch.tensor([held_out[0] - 20, held_out[0] - 60, held_out[3], held_out[100]], dtype=torch.float64)
    plain, longer = conformal(score_, held_out), pareto(score_, held_out)
    assert plain.tolist() == pytest.approx([1 / 201, 1 / 201, 5 / 201, 102 / 201])
    assert torch.equal(plain[2:], longer[2:])
    assert longer[1] < longer[0] / 10 < plain[0] / 10
    assert torch.equal(pareto(score_, held_out[:40]), conformal(score_, held_out[:40]))
    false = [
        discoveries(pareto(torch.tensor(-rng.chisquare(10, 300) / 2), sorted(-rng.chisquare(10, 200) / 2)), 0.05)
        for _ in range(200)
    ]
    assert np.mean([bool(f.any()) for f in false]) < 0.05


@pytest.mark.parametrize("fdr", [0.02, 0.1, 0.3])
def test_outliers_are_those_of_benjamini_and_hochberg(fdr: float) -> None:
    p = np.concatenate([np.random.default_rng(0).uniform(size=80), np.random.default_rng(1).uniform(size=20) ** 6])
    expected = stats.false_discovery_control(p) <= fdr
    np.testing.assert_array_equal(discoveries(torch.tensor(p), fdr), expected)
    assert expected.any()
    assert not discoveries(torch.linspace(0.5, 1, 20), fdr).any()
    assert discoveries(torch.zeros(0), fdr).shape == (0,)


def test_odd_rows_are_found_and_the_odd_cell_is_named() -> None:
    joint = linear(scale=(1.0, 1.0, 1e4))  # the third column's density is low in its own units, whatever it holds
    raw = X.clone()
    raw[:5, 1] = 9.0
    raw[:, 2] *= 1e4
    held_out = torch.tensor(LAW.rvs(2000, random_state=5), dtype=torch.float32) * torch.tensor([1.0, 1.0, 1e4])
    calibration = {"score": sorted(score(joint, evidence(joint, held_out), rng=shared()).tolist())}
    rows = evidence(joint, raw)
    got = detect(joint, rows, rng=shared(), calibration=calibration, reasons=2)
    np.testing.assert_allclose(got["bits"], -score(joint, rows, rng=shared()) / math.log(2), rtol=1e-5)
    assert got["outlier"][:5].all()
    assert got["outlier"][5:].float().mean() < 0.03
    for row in range(5):
        first, _, last = got["reasons"][row]
        assert (first["cell"], first["value"], last["cell"]) == ("b", 9.0, "together")
        others = torch.tensor([float(X[row, 0]), torch.nan, float(X[row, 2])])
        assert first["expected"] == pytest.approx(float(expected_given(others)[0][0]), abs=0.1)
        assert first["bits"] > 10


def test_all_reasons_of_a_row_add_up_to_its_bits() -> None:
    joint = linear()
    got = detect(joint, evidence(joint, HOLES), rng=shared(), calibration=calibrated(joint), reasons=9)
    sums = [sum(reason["bits"] for reason in row) for row in got["reasons"]]
    np.testing.assert_allclose(sums, got["bits"], rtol=1e-5, atol=1e-5)
    assert [len(row) for row in got["reasons"]] == [int(n) + 1 for n in (~HOLES.isnan()).sum(1)]


def test_detect_says_what_it_needs() -> None:
    joint = linear()
    with pytest.raises(QueryError, match="held-out"):
        detect(joint, evidence(joint, X), rng=shared())
    with pytest.raises(QueryError, match="fdr"):
        detect(joint, evidence(joint, X), rng=shared(), calibration=calibrated(joint), fdr=5.0)


def test_detect_and_predict_answer_the_same_in_any_batch() -> None:
    joint = blocks(True)
    raw = np.column_stack([np.arange(20) % 3, np.linspace(-2, 2, 20), np.arange(20) % 2, np.linspace(3, -3, 20)])
    raw[::3, 1] = np.nan
    held_out = {"score": sorted(score(joint, evidence(joint, raw), rng=Random(0)).tolist())}
    ask = lambda rows: detect(joint, evidence(joint, rows), rng=Random(0), calibration=held_out)
    together, alone = ask(raw), ask(raw[4:5])
    assert float(together["bits"][4]) == pytest.approx(float(alone["bits"][0]), rel=1e-5)
    assert [r["cell"] for r in together["reasons"][4]] == [r["cell"] for r in alone["reasons"][0]]
    table = lambda rows: predict_proba(joint, evidence(joint, rows), rng=Random(0), target="p")
    np.testing.assert_allclose(table(raw)[4], table(raw[4:5])[0], rtol=1e-4)


def test_one_rows_gap_in_a_label_does_not_move_another_row() -> None:
    joint = labelled()
    x = torch.tensor([[1.0, 2.0], [0.0, 1.0]])
    whole, gap = both(joint, torch.tensor([[0.0], [1.0]]), x), both(joint, torch.tensor([[0.0], [math.nan]]), x)
    a, b = (shares(joint, rows, rng=Random(0), draws=3).together[0] for rows in (whole, gap))
    assert float(a) == pytest.approx(float(b), abs=1e-6)


# ---------------------------------------------------------------- reconstruct and interpolate


def test_a_reconstruction_is_the_decoded_posterior_mean() -> None:
    joint = linear(scale=2.0)
    rows = evidence(joint, HOLES[:50] * 2)
    z = embed(joint, rows, rng=shared())[:, 0]
    expected = 2 * (BIAS + W * z[:, None])
    np.testing.assert_allclose(summary(joint, reconstruct(joint, rows, rng=shared())), expected, atol=1e-4)
    drawn = summary(joint, reconstruct(joint, rows, rng=shared(), draws=128, how="median"))
    np.testing.assert_allclose(drawn, expected, atol=0.6)
    with pytest.raises(QueryError):
        reconstruct(joint, rows, rng=shared(), how="best")


def test_an_ordered_block_is_reconstructed_cell_by_cell_from_the_others() -> None:
    joint = blocks(True)
    row = [1.0, 0.4, 0.0, -2.0]
    base = summary(joint, reconstruct(joint, evidence(joint, [row]), rng=shared()))
    with torch.no_grad():
        joint.stops[0]._posterior.linear.weight.zero_()  # so that the cell has no influence by way of the latent
    base = summary(joint, reconstruct(joint, evidence(joint, [row]), rng=shared()))
    other = summary(joint, reconstruct(joint, evidence(joint, [[1.0, 3.0, 0.0, -2.0]]), rng=shared()))
    assert base[0, 1] == pytest.approx(other[0, 1], abs=1e-5)
    assert abs(base[0, 3] - other[0, 3]) > 1e-4


@pytest.mark.parametrize("how", ["straight", "spherical", "dense"])
def test_a_way_starts_and_ends_at_the_reconstructions(how: str) -> None:
    joint = linear()
    a, b = evidence(joint, X[:4]), evidence(joint, X[4:8])
    points = interpolate(joint, (a, b), rng=shared(), steps=5, how=how)
    way = summary(joint, points).reshape(4, 5, 3)
    ends = [summary(joint, reconstruct(joint, e, rng=shared())) for e in (a, b)]
    np.testing.assert_allclose(way[:, 0], ends[0], atol=1e-5)
    np.testing.assert_allclose(way[:, -1], ends[1], atol=1e-5)
    if how != "dense":
        np.testing.assert_allclose(way[:, 2], (ends[0] + ends[1]) / 2, atol=1e-4)  # one line through the middle


def test_a_spherical_way_keeps_its_distance_from_the_middle() -> None:
    a, b = torch.tensor([[2.0, 0.0, 0.0]]), torch.tensor([[0.0, 0.0, 2.0]])
    arc = WAYS["spherical"](a, b, torch.linspace(0, 1, 7))
    np.testing.assert_allclose(arc.norm(dim=-1), 2, atol=1e-5)
    np.testing.assert_allclose(arc[0, 3], [math.sqrt(2), 0, math.sqrt(2)], atol=1e-5)
    assert WAYS["straight"](a, b, torch.linspace(0, 1, 3))[0, 1].norm() < 1.5


def test_what_two_rows_agree_on_stays_on_the_way() -> None:
    joint = blocks(True)
    a, b = evidence(joint, [[2.0, 0.4, 0.0, -1.0]] * 2), evidence(joint, [[2.0, 0.9, 1.0, -1.0]] * 2)
    points = interpolate(joint, (a, b), rng=shared(), steps=6)
    way = summary(joint, points).reshape(2, 6, 4)
    assert (way[:, 1:-1, 0] == 2).all()
    np.testing.assert_allclose(way[:, 1:-1, 3], -1.0)
    np.testing.assert_allclose(way[0], way[1], atol=1e-5)  # the noise is shared
    np.testing.assert_allclose(way[:, 0], summary(joint, reconstruct(joint, a, rng=shared())), atol=1e-5)


def test_a_way_carries_the_nearer_label() -> None:
    joint = labelled()
    x = torch.tensor([[0.0, 0.0]])
    pair = both(joint, torch.tensor([[0.0]]), x), both(joint, torch.tensor([[2.0]]), x)
    points = interpolate(joint, pair, rng=shared(), steps=4)
    assert joint.fields["y"].summarise(points.values["y"], points.weight, "mode")[:, 0].tolist() == [0, 0, 2, 2]


def test_the_dense_way_goes_round_a_hole() -> None:
    """From one end of a horseshoe to the other: straight across the hole nothing lies."""
    prior = Mixture(2, 0, components=8)
    angle = torch.linspace(0.0, math.pi, 8)
    with torch.no_grad():
        prior.means.copy_(3 * torch.stack([angle.cos(), angle.sin()], 1))
        prior.log_diagonal.fill_(math.log(2.0))
    log_p = lambda z: prior(torch.zeros(1, len(z), 0)).log_prob(z[None])[0]
    a, b, t = torch.tensor([[3.0, 0.0]]), torch.tensor([[-3.0, 0.0]]), torch.linspace(0, 1, 17)
    dense, straight = (WAYS[how](a, b, t, log_p)[0].detach() for how in ("dense", "straight"))
    assert torch.equal(dense[[0, -1]], straight[[0, -1]])
    assert float(log_p(straight).min().detach()) < -10
    assert float(log_p(dense).min().detach()) > -8
    assert torch.equal(WAYS["dense"](a, b, t, None)[0], straight)


def test_interpolate_refuses_ways_without_two_ends() -> None:
    joint = linear()
    for a, b, options in ((X[:2], X[:3], {}), (X[:1], X[:1], {"steps": 1}), (X[:1], X[:1], {"how": "bent"})):
        with pytest.raises(QueryError):
            interpolate(joint, (evidence(joint, a), evidence(joint, b)), rng=shared(), **options)


# ---------------------------------------------------------------- augment


def test_every_class_becomes_as_frequent_as_the_most_frequent() -> None:
    joint = labelled()
    y = torch.tensor([[0.0]] * 3000 + [[1.0]] * 20 + [[2.0]] * 5 + [[math.nan]])
    x = torch.zeros(3026, 2)
    x[5, 1] = math.nan
    rows = both(joint, y, x)
    more = augment(joint, rows, rng=shared(), target="y")
    assert more.original == 3026
    for name in ("x", "y"):
        assert torch.equal(more.values[name][:3026], rows.values[name])
        assert more.known[name] is not None
        assert bool(more.known[name][3026:].all())
    assert not bool(more.known["x"][5, 1])
    fresh = slice(3026, None)
    labels = more.values["y"][fresh, 0, 0].long()
    assert torch.bincount(labels).tolist() == [0, 2980, 2995]
    for code in (1, 2):
        for i, table in enumerate(TABLES):
            shares_of = (
                torch.bincount(more.values["x"][fresh][labels == code, i, 0].long(), minlength=table.shape[1])
                / (labels == code).sum()
            )
            np.testing.assert_allclose(shares_of, table[code], atol=0.04)


def test_new_rows_may_keep_the_shares_of_the_classes() -> None:
    joint = blocks(True, (3, 2))
    rows = evidence(joint, [[0.0, 1.0]] * 6 + [[1.0, 0.0]] * 3 + [[2.0, 0.0]])
    more = augment(joint, rows, rng=shared(), target="p", n=25)
    assert torch.bincount(more.values["x"][10:, 0, 0].long()).tolist() == [15, 8, 2]
    balanced = augment(joint, evidence(joint, [[0.0, 1.0], [1.0, 1.0]]), rng=shared(), target="p")
    assert balanced.rows == 2


def test_ways_to_augment_that_there_are_not() -> None:
    joint = labelled()
    rows = both(joint, torch.tensor([[0.0], [1.0]]), torch.zeros(2, 2))
    with pytest.raises(ChoiceError, match="draw"):
        augment(joint, rows, rng=shared(), target="y", how="drawn")
    with pytest.raises(QueryError, match="how='draw'"):
        augment(joint, rows, rng=shared(), target="y", how="vary")


def test_augment_needs_classes() -> None:
    with pytest.raises(QueryError, match="categories"):
        augment(linear(), evidence(linear(), X), rng=shared(), target="a")
    joint = labelled()
    with pytest.raises(QueryError, match="empty"):
        augment(joint, both(joint, torch.full((2, 1), torch.nan), torch.zeros(2, 2)), rng=shared(), target="y")


# ---------------------------------------------------------------- explain


def test_the_unit_that_is_used_is_found() -> None:
    joint = linear()
    report = explain(joint, evidence(joint, X), rng=shared(), steps=5)
    assert [u["active"] for u in report["units"]] == [True, False]
    precision = 1 + float((W**2).sum()) / SIGMA**2
    mean = embed(joint, evidence(joint, X), rng=shared())[:, 0]
    kl = 0.5 * (1 / precision + mean**2 - 1 + math.log(precision)).mean() / math.log(2)
    assert report["units"][0]["kl_bits"] == pytest.approx(float(kl), rel=1e-4)
    assert report["units"][1]["kl_bits"] == pytest.approx(0, abs=1e-5)
    assert report["bits"] == pytest.approx(float(kl), rel=1e-4)
    assert report["sentence"].startswith("1 of 2 latent units carries information")
    does = report["units"][0]["does"]
    assert [d["cell"] for d in does] == ["a", "b", "c"]
    assert does[0]["bits"] / does[2]["bits"] == pytest.approx(float(W[0] / W[2]) ** 2, rel=0.02)
    assert report["traversals"]["units"] == [0]
    assert report["traversals"]["offsets"] == [-2.5, -1.25, 0, 1.25, 2.5]
    way = summary(joint, report["traversals"]["records"])
    steps = np.diff(way, axis=0)
    np.testing.assert_allclose(steps / steps[:, :1], np.tile(W / W[0], (4, 1)), rtol=1e-3)
    np.testing.assert_allclose(way[2], X.mean(0), atol=0.2)


def test_a_traversal_may_start_from_a_row() -> None:
    joint = linear()
    report = explain(joint, evidence(joint, X), rng=shared(), steps=3, reach=1.0, around=3)
    assert report["traversals"]["offsets"] == [-1, 0, 1]
    way = summary(joint, report["traversals"]["records"])
    again = summary(joint, reconstruct(joint, evidence(joint, X[3:4]), rng=shared()))
    np.testing.assert_allclose(way[1], again[0], atol=0.05)
    middle = summary(
        joint, explain(joint, evidence(joint, X), rng=shared(), steps=3, reach=1.0)["traversals"]["records"]
    )
    np.testing.assert_allclose(np.diff(way, axis=0), np.diff(middle, axis=0), atol=1e-4)  # as far, from elsewhere
    for row in (-1, len(X)):
        with pytest.raises(QueryError, match="no such row"):
            explain(joint, evidence(joint, X), rng=shared(), around=row)


def test_a_latent_that_carries_nothing_is_called_that() -> None:
    joint = labelled()
    report = explain(joint, both(joint, torch.tensor([[0.0], [1.0]]), torch.zeros(2, 2)), rng=shared())
    assert report["active"] == 0
    assert "collapsed" in report["sentence"]
    assert "traversals" not in report
    with pytest.raises(QueryError):
        explain(joint, both(joint, torch.zeros(1, 1), torch.zeros(1, 2)), rng=shared())


# ---------------------------------------------------------------- the contract


@pytest.mark.parametrize("name", members("jobs"))
def test_every_job_keeps_the_contract(name: str) -> None:
    check_job(member("jobs", name))


@pytest.mark.parametrize("name", ["score", "embed", "impute", "reconstruct"])
def test_jobs_keep_the_contract_when_run(name: str) -> None:
    joint = blocks(True)
    raw = np.column_stack([np.arange(8) % 3, np.linspace(-2, 2, 8), np.arange(8) % 2, np.linspace(3, -3, 8)])
    raw[0, 0] = np.nan
    check_job(member("jobs", name), joint, evidence(joint, raw))


def test_a_job_that_breaks_the_contract_is_told() -> None:
    def nameless(joint: Any, evidence: Any, *, rng: Any, size: int = 3) -> Any:
        """Do it.

        Args:
            other: what is not there.
        """

    with pytest.raises(AssertionError, match="@job"):
        check_job(nameless)
    with pytest.raises(AssertionError, match="size"):
        check_job(mark("rows", "array")(nameless))
