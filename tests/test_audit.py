"""The privacy gate: copies fail, fresh draws from the truth pass, and the numbers are those of closed forms."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score
from typer.testing import CliRunner

from vaery import VAE, load
from vaery.audit import audit, intervals, plant
from vaery.audit.canaries import exposure
from vaery.audit.copies import closer, rare
from vaery.audit.distance import Nearest, Space, distances, nearest
from vaery.cli.app import app
from vaery.core.errors import ChoiceError, DataError, QueryError
from vaery.schema import Schema


class Source:
    """A model that is no model: its rows are drawn from where the training rows came from."""

    def __init__(self, draw: Any, train: Any, score: Any = None) -> None:
        self.draw, self.schema_ = draw, Schema.describe(train)[0]
        self.score_samples = score or (lambda rows: np.random.default_rng(len(rows)).normal(size=len(rows)))

    def generate(self, n: int, seed: int) -> pd.DataFrame:
        return self.draw(np.random.default_rng([1, seed]), n)


def numbers(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    x = rng.normal(size=(rows, 4))
    return pd.DataFrame(x + np.outer(x[:, 0], [0, 1, 0, 2]), columns=list("abcd"))


def people(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    hours = rng.integers(0, 60, rows).astype(float)
    hours[rng.random(rows) < 0.1] = np.nan
    return pd.DataFrame(
        {
            "town": rng.choice(["p", "q", "r", "s"], rows, p=[0.5, 0.3, 0.15, 0.05]),
            "age": rng.integers(18, 80, rows),
            "gain": np.where(rng.random(rows) < 0.6, 0, rng.lognormal(6, 1.5, rows)).round(),
            "born": pd.Timestamp("1950-01-01") + pd.to_timedelta(rng.integers(0, 20_000, rows), unit="D"),
            "hours": hours,
        }
    )


def levels(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    return pd.DataFrame(rng.integers(0, 4, (rows, 3)).astype(str), columns=list("abc"))


SOURCES = {"numbers": numbers, "people": people, "levels": levels}


def sets(name: str, seed: int, rows: int = 600) -> tuple[Source, pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    train, test = SOURCES[name](rng, rows), SOURCES[name](rng, rows // 2)
    return Source(SOURCES[name], train), train, test


# ---------------------------------------------------------------------- the verdict


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("seed", range(6))
def test_fresh_draws_pass(name, seed):
    found = audit(*sets(name, seed), seed=seed)
    assert found.passed, found
    assert bool(found)
    assert found.verdict == "pass"


@pytest.mark.parametrize("name", ["numbers", "people"])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("share", [0.1, 1.0])
def test_a_generator_that_copies_fails(name, seed, share):
    source, train, test = sets(name, seed)
    made = source.generate(600, seed)
    count = int(share * 600)
    made = pd.concat([train.sample(count, random_state=seed), made[count:]], ignore_index=True)
    found = audit(source, train, test, made)
    failed = found.to_dict()["failed"]
    assert not found.passed
    assert {"copies", "near copies"} <= set(failed)
    if share == 1:
        assert {"closer", "distance ratio", "attack by distance"} <= set(failed)
        assert found["closer"].value > 0.65


def test_a_generator_that_copies_and_blurs_fails():
    source, train, test = sets("numbers", 0)
    made = train + np.random.default_rng(0).normal(size=train.shape) * 0.01
    failed = audit(source, train, test, made).to_dict()["failed"]
    assert {"closer", "distance ratio", "near copies", "attack by distance"} <= set(failed)
    assert "copies" not in failed


def test_rows_that_everybody_has_may_be_repeated():
    """Of 64 kinds of rows, each is there about ten times: a copy gives nobody away."""
    source, train, test = sets("levels", 0)
    assert audit(source, train, test, train).passed


def test_copies_are_named():
    source, train, test = sets("numbers", 0)
    made = source.generate(300, 0)
    made.iloc[17] = train.iloc[41]
    first = audit(source, train, test, made).look_at[0]
    assert (first["row"], first["train"]) == (17, 41)
    assert first["distance"] == pytest.approx(0, abs=1e-6)
    assert first["next"] > 0.01


def test_a_model_that_remembers_its_rows_fails_by_its_score():
    """Members score N(1, 1), others N(0, 1): the AUC is Phi(1 / sqrt 2)."""
    rng = np.random.default_rng(0)
    train, test = numbers(rng, 3000), numbers(rng, 3000)
    members = set(train.a)
    source = Source(numbers, train, lambda rows: rng.normal(size=len(rows)) + rows.a.isin(members))
    found = audit(source, train, test, most=3000)
    part = found["attack by score"]
    assert not part.passed
    assert part.low < stats.norm.cdf(1 / math.sqrt(2)) < part.high
    sure = found["sure hits by score"]
    assert sure.low < stats.norm.sf(stats.norm.isf(0.01) - 1) < sure.high
    assert not sure.passed
    assert found["closer"].passed


def test_limits_are_arguments():
    source, train, test = sets("numbers", 0)
    assert not audit(source, train, test, closer=0.1).passed
    assert audit(source, train, test, train, closer=1, ratio=0, copies=1, near_copies=1, auc=1, tpr=1).passed
    assert audit(source, train, test, closer=0.6).settings["closer"] == 0.6


def test_the_same_seed_gives_the_same_audit_and_the_cap_holds():
    source, train, test = sets("people", 0)
    one, two = (audit(source, train, test, most=100, seed=4) for _ in range(2))
    assert one.to_dict() == two.to_dict()
    assert dict(one.rows) == {"training": 100, "held_out": 100, "synthetic": 100}
    assert one.to_dict() != audit(source, train, test, most=100, seed=5).to_dict()


def test_what_is_found_is_readable_and_plain():
    source, train, test = sets("people", 0)
    found = audit(source, train, test, train)
    text = repr(found)
    assert text.startswith("privacy audit: fail\n")
    for part in found.parts:
        assert part.name in text
    again = json.loads(json.dumps(found.to_dict()))
    assert again["verdict"] == "fail"
    assert [part["name"] for part in again["parts"]] == [part.name for part in found.parts]
    with pytest.raises(KeyError, match="there is: closer"):
        _ = found["nearer"]


def test_too_little_is_said():
    source, train, test = sets("numbers", 0)
    with pytest.raises(DataError, match="19 held-out rows came; an audit needs 20"):
        audit(source, train, test[:19])
    with pytest.raises(DataError, match="no column is called"):
        audit(source, train, test.rename(columns={"a": "z"}))


# ---------------------------------------------------------------------- distances


def gower(a: pd.Series, b: pd.Series, span: pd.Series) -> float:
    """The definition, cell by cell, for values inside the middle range."""
    total = 0.0
    for name in a.index:
        x, y = a[name], b[name]
        if pd.isna(x) or pd.isna(y):
            total += float(pd.isna(x) != pd.isna(y))
        elif name in span:
            total += min(1.0, abs(x - y) / span[name])
        else:
            total += float(x != y)
    return total / len(a)


def test_distances_are_gowers():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"x": rng.random(40), "k": rng.choice(list("abc"), 40), "n": rng.integers(0, 9, 40).astype(float)}
    )
    frame.loc[::7, "n"] = np.nan
    frame.loc[::5, "k"] = None
    schema = Schema.describe(frame)[0]
    from vaery.audit.rows import columns_of

    columns = columns_of(schema, frame, "training")[1]
    at = Space([columns]).place(columns)
    span = frame[["x", "n"]].apply(lambda c: np.diff(np.percentile(c.dropna(), [1, 99]))[0])
    found = distances(at, at)
    for i in range(0, 40, 3):
        for j in range(40):
            assert float(found[i, j]) == pytest.approx(gower(frame.iloc[i], frame.iloc[j], span), abs=1e-5)


@settings(max_examples=40)
@given(st.integers(1, 30), st.integers(2, 30), st.integers(1, 4), st.integers(0, 10**6))
def test_nearest_is_nearest(a, b, width, seed):
    rng = torch.Generator().manual_seed(seed)
    x, y = torch.rand(a, width, generator=rng), torch.rand(b, width, generator=rng)
    leading = 1 + seed % b
    found, gap = nearest(x, y, leading), (x[:, None] - y[None]).abs().mean(-1)
    ordered = gap.sort(1).values
    torch.testing.assert_close(found.first, ordered[:, 0])
    torch.testing.assert_close(found.second, ordered[:, 1])
    torch.testing.assert_close(gap.gather(1, found.which[:, None])[:, 0], found.first)
    torch.testing.assert_close(found.leading, gap[:, :leading].min(1).values)
    torch.testing.assert_close(found.back, gap.min(0).values)


@pytest.mark.parametrize(("width", "near"), [(1, 0.2), (2, 0.5), (3, 0.7)])
def test_the_ratio_of_neighbour_distances_has_its_law(width, near):
    """Where rows lie evenly, P(first / second < r) = r ** width, whatever the norm."""
    rng = torch.Generator().manual_seed(0)
    train = torch.rand(6000, width, generator=rng)
    inside = 0.1 + 0.8 * torch.rand(4000, width, generator=rng)  # away from the edges
    share = float(rare(nearest(inside, train), near).double().mean())
    assert share == pytest.approx(near**width, abs=0.03)


def test_many_rows_at_one_neighbour_are_few_coins():
    """Rows that share a neighbour are one coin: weights 90, 5, 5 are worth 100 ** 2 / (90 ** 2 + 50) rows."""
    near, far = torch.full((100,), 0.1), torch.full((100,), 0.2)
    which = torch.tensor([0] * 90 + [1] * 5 + [2] * 5)
    train = Nearest(near, far, which, near, which, torch.zeros(3))
    test = Nearest(far, far, which, far, which, torch.zeros(3))
    part = closer(train, test, 0.95, 0.53)
    assert part.value == 1
    assert part.detail["effective_rows"] == pytest.approx(10_000 / 8150)
    assert part.passed  # one coin that fell on one side says nothing
    ties = closer(train, train, 0.95, 0.53)
    assert (ties.value, ties.low, ties.high) == (0.5, 0.5, 0.5)


# ---------------------------------------------------------------------- intervals


@given(st.integers(1, 300), st.floats(0, 1), st.sampled_from([0.9, 0.95, 0.99]))
def test_shares_are_scipys(n, share, confidence):
    hits = round(share * n)
    exact = stats.binomtest(hits, n).proportion_ci(confidence, "exact")
    mine = intervals.clopper_pearson(hits, n, confidence)
    assert (mine.low, mine.high) == pytest.approx((exact.low, exact.high), abs=1e-9)
    score = stats.binomtest(hits, n).proportion_ci(confidence, "wilson")
    mine = intervals.wilson(hits / n, n, confidence)
    assert (mine.low, mine.high) == pytest.approx((score.low, score.high), abs=1e-9)


@given(st.lists(st.integers(0, 5), min_size=2, max_size=20), st.lists(st.integers(0, 5), min_size=2, max_size=20))
def test_auc_is_scikit_learns(positive, negative):
    found = intervals.auc(np.array(positive, float), np.array(negative, float), 0.95)
    truth = roc_auc_score([1] * len(positive) + [0] * len(negative), positive + negative)
    assert found.value == pytest.approx(truth)
    assert found.low <= found.value <= found.high


def covered(draw, truth: float, times: int = 400) -> float:
    found = [draw(np.random.default_rng(seed)) for seed in range(times)]
    return float(np.mean([e.low <= truth <= e.high for e in found]))


def test_intervals_cover():
    """Nominal 95 %: 400 tries are within 3 points of it, those that are careful by design above."""
    z = stats.norm
    area = covered(lambda r: intervals.auc(r.normal(size=80) + 1, r.normal(size=60), 0.95), z.cdf(1 / math.sqrt(2)))
    assert 0.92 < area < 0.98
    mean = covered(lambda r: intervals.exponential_mean(r.exponential(2, 10), 0.95), 2)
    assert 0.92 < mean < 0.98
    gap = covered(
        lambda r: intervals.excess(r.binomial(200, 0.1) / 200, 200, r.binomial(300, 0.05) / 300, 300, 0.95), 0.05
    )
    assert 0.92 < gap < 0.98
    ratio = covered(lambda r: intervals.ratio(r.pareto(1.1, 200), r.pareto(1.1, 200), 200, 0.95), 1)
    assert 0.92 < ratio < 0.98
    sure = covered(
        lambda r: intervals.tail(r.normal(size=900) + 1, r.normal(size=900), 0.01, 0.95).share, z.sf(z.isf(0.01) - 1)
    )
    assert sure > 0.95


def test_the_chance_of_sure_hits_is_exact():
    """Among exchangeable scores, the p-value is below a level as often as that level, or less."""
    rng = np.random.default_rng(0)
    p = np.array([intervals.tail(rng.normal(size=60), rng.normal(size=100), 0.05, 0.95).p_value for _ in range(3000)])
    for level in (0.01, 0.05, 0.2):
        assert (p <= level).mean() <= level + 2.5 * math.sqrt(level * (1 - level) / 3000)
    assert (p <= 0.2).mean() > 0.1


# ---------------------------------------------------------------------- canaries


@pytest.mark.parametrize("kind", ["pandas", "numpy", "polars", "arrow", "records"])
def test_canaries_are_new_rows_of_old_values(kind):
    frame = people(np.random.default_rng(0), 200)
    raw = {
        "pandas": lambda: frame,
        "numpy": lambda: frame[["age", "gain", "hours"]].to_numpy(),
        "polars": lambda: pytest.importorskip("polars").from_pandas(frame),
        "arrow": lambda: pytest.importorskip("pyarrow").Table.from_pandas(frame),
        "records": lambda: frame[["town", "age"]].to_dict("records"),
    }[kind]()
    planted, canaries = plant(raw, 7, seed=3, times=2)
    assert type(planted) is type(canaries) is type(raw)
    as_frame = lambda x: x.to_pandas() if hasattr(x, "to_pandas") else pd.DataFrame(x)
    whole, before, new = as_frame(planted), as_frame(raw), as_frame(canaries)
    assert (len(whole), len(new)) == (214, 7)
    pd.testing.assert_frame_equal(whole[:200], before)
    assert list(whole.dtypes) == list(before.dtypes)
    assert len(new.drop_duplicates()) == 7
    assert len(before.merge(new.drop_duplicates())) == 0
    for name in new:
        assert set(new[name].dropna()) <= set(before[name].dropna())
    again = plant(raw, 7, seed=3, times=2)[1]
    pd.testing.assert_frame_equal(as_frame(again), new)


def test_canaries_that_cannot_be():
    with pytest.raises(DataError, match="only 0 of 3 canaries"):
        plant(pd.DataFrame({"a": [1, 2, 3]}), 3)
    with pytest.raises(ChoiceError, match="at least 1"):
        plant(pd.DataFrame({"a": [1, 2, 3]}), 0)


def test_exposure_is_carlinis():
    references = np.arange(1023.0)
    part = exposure(np.array([5000.0, 511.0]), references, confidence=0.95, limit=3, again=0)
    assert part.detail["bits"] == pytest.approx([10, 10 - math.log2(513)])
    assert part.chance == pytest.approx(1.4427, abs=1e-4)


def test_exposure_without_memory_is_chance():
    rng = np.random.default_rng(0)
    found = [
        exposure(rng.normal(size=10), rng.normal(size=1000), confidence=0.95, limit=3, again=0) for _ in range(400)
    ]
    assert np.mean([p.value for p in found]) == pytest.approx(1 / math.log(2), abs=0.1)
    assert 0.92 < np.mean([p.low <= p.chance <= p.high for p in found]) < 0.98
    assert all(p.passed for p in found)


@pytest.mark.parametrize("remembers", [False, True])
def test_a_model_that_remembers_canaries_fails(remembers):
    rng = np.random.default_rng(0)
    train, test = people(rng, 500), people(rng, 300)
    planted, canaries = plant(train, 10)
    secret = set(canaries.itertuples(index=False, name=None))

    def score(rows: pd.DataFrame) -> np.ndarray:
        known = [row in secret for row in rows.itertuples(index=False, name=None)]
        return rng.normal(size=len(rows)) + 9 * remembers * np.array(known)

    part = audit(Source(people, planted, score), planted, test, canaries=canaries)["canaries"]
    assert part.passed != remembers
    made = pd.concat([people(rng, 400), canaries[:1]], ignore_index=True)
    found = audit(Source(people, planted), planted, test, made, canaries=canaries)["canaries"]
    assert not found.passed
    assert found.detail["synthetic"] == 1


# ---------------------------------------------------------------------- a real model, and the command line


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Any:
    folder = tmp_path_factory.mktemp("audit")
    rng = np.random.default_rng(0)
    planted, canaries = plant(people(rng, 300), 5)
    test = people(rng, 120)
    test.loc[0, "town"] = "elsewhere"
    for name, frame in {"train": planted, "test": test, "canaries": canaries}.items():
        frame.to_csv(folder / f"{name}.csv", index=False)
    model = VAE(steps=12, width=32, depth=1, latent=2, threads=1).fit(str(folder / "train.csv"), verbose=False)
    model.save(folder / "m.vaery")
    return folder


def test_a_fitted_model_is_audited(files):
    names = [str(files / f"{name}.csv") for name in ("train", "test", "canaries")]
    found = load(files / "m.vaery").audit(*names[:2], canaries=names[2])
    assert dict(found.rows) == {"training": 305, "held_out": 120, "synthetic": 305}
    assert found["attack by score"].detail["left_out"] == 1  # a town that the model never saw
    assert found.passed, found


def test_pictures_have_no_audit():
    x = np.random.default_rng(0).random((30, 8, 8)).astype(np.float32)
    model = VAE(steps=2, width=16, depth=1, latent=2, threads=1).fit(x, verbose=False)
    with pytest.raises(QueryError, match="rows of tables"):
        model.audit(x, x)


def run(files: Any, *words: str) -> Any:
    plain = [str(files / word) if word.endswith((".csv", ".vaery")) else word for word in words]
    return CliRunner().invoke(app, ["audit", *plain])


def test_the_command_line_audits(files):
    passed = run(files, "m.vaery", "train.csv", "test.csv", "--gate")
    assert passed.exit_code == 0
    assert passed.stdout.startswith("privacy audit: pass")
    failed = run(files, "m.vaery", "train.csv", "test.csv", "--synthetic", "train.csv", "--json")
    assert failed.exit_code == 0  # a fail is an answer
    about = json.loads(failed.stdout)
    assert (about["command"], about["verdict"]) == ("audit", "fail")
    assert "copies" in about["failed"]
    gated = run(files, "m.vaery", "train.csv", "test.csv", "--synthetic", "train.csv", "--gate")
    assert gated.exit_code == 3
    assert "FAIL  copies" in gated.stdout


def test_the_command_line_refuses(files):
    assert run(files, "m.vaery", "train.csv", "none.csv").exit_code == 1
    wrong = run(files, "m.vaery", "train.csv", "test.csv", "--set", "nearer=1")
    assert wrong.exit_code == 2
    assert "closer" in wrong.stderr
    assert run(files, "m.vaery", "train.csv", "test.csv", "--set", "closer=x").exit_code == 2
