"""Optimise: where the best is known, it is found with fewer calls than at random, and conditions are kept."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_digits
from typer.testing import CliRunner

import vaery
from vaery import VAE, between, one_of
from vaery.cli.app import app
from vaery.core.errors import ChoiceError, DataError, MissingExtra, QueryError
from vaery.core.evidence import Evidence
from vaery.core.random import Random
from vaery.optimisation import search as loop
from vaery.optimisation import surrogate as surrogates
from vaery.optimisation.pool import Pool
from vaery.optimisation.search import at_random, promising, search

KINDS = ("a", "b", "c")


def recipes(rows: int = 800, seed: int = 0) -> pd.DataFrame:
    """Four numbers, a kind, and a yield that is linear in them: its best is known."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 4)) @ np.array([[1, 0.5, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0.3], [0, 0, 0, 1]])
    kind = rng.integers(0, 3, rows)
    table = pd.DataFrame(x.round(3), columns=["heat", "salt", "time", "cost"])
    table["kind"] = np.array(KINDS)[kind]
    table["yield"] = (2 * x[:, 0] - x[:, 2] + kind + rng.normal(0, 0.2, rows)).round(3)
    return table


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return recipes()


@pytest.fixture(scope="module")
def model(table) -> VAE:
    return VAE(steps=200, random_state=0).fit(table)


@pytest.fixture
def brisk(monkeypatch):
    """Few rounds, small pools: for what must hold however good the search is."""
    monkeypatch.setattr(loop, "POOL", 96)
    monkeypatch.setattr(loop, "ROUNDS", 4)


def hill(rows: pd.DataFrame) -> np.ndarray:
    """Highest, at zero, where heat is 1.5, time is -1 and the kind is b."""
    return -np.square(rows.heat - 1.5) - np.square(rows.time + 1) - (rows.kind != "b")


class Counting:
    """A function that remembers what it was called with."""

    def __init__(self, function):
        self.function, self.rows, self.sizes = function, [], []

    def __call__(self, rows):
        self.rows.append(rows)
        self.sizes.append(len(rows))
        return self.function(rows)


# ------------------------------------------------------------------ the loop, without a model


@dataclass
class Cube:
    """Points of the unit cube, of which those on a slope are refused."""

    size: int = 6
    limit: float = 9.0
    drawn: list[int] = field(default_factory=list)

    def draw(self, n, rng):
        return self._pool(rng.uniform((n, self.size)))

    def vary(self, parents, rng):
        x = parents.rows.values["x"]
        return self._pool((x + 0.2 * rng.normal(tuple(x.shape)) * (rng.uniform(tuple(x.shape)) < 0.5)).clamp(0, 1))

    def _pool(self, x):
        x = x[x.sum(1) < self.limit].clone()
        self.drawn.append(len(x))
        return Pool(Evidence(len(x), {"x": x}, {"x": None}), None, x.double(), tuple(r.numpy().tobytes() for r in x))


def peak(pool: Pool) -> torch.Tensor:
    return -(pool.features - torch.tensor([0.1, 0.9, 0.3, 0.7, 0.5, 0.2])).square().sum(1)


@pytest.mark.parametrize(("name", "more"), [("gp", 4), ("forest", 1)])
def test_the_loop_beats_draws_at_random_on_a_quadratic(name, more):
    space = Cube()
    empty = space.draw(1, Random(0))[:0]
    best, rough = [], []
    for seed in range(2):
        _, y = search(space, peak, calls=50, surrogate=surrogates.SURROGATES[name], rng=Random(seed), start=empty)
        best.append(float(y.max()))
        rough.append(float(at_random(space, peak, calls=50 * more, rng=Random(seed), start=empty)[1].max()))
        assert len(y) == 50
    assert min(best) > max(rough)  # which had so many times as many calls
    assert max(best) > -0.05


def test_the_loop_never_calls_a_candidate_twice_and_stays_where_it_may():
    space = Cube(limit=2.0)
    tried, y = search(
        space, peak, calls=80, surrogate=surrogates.forest, rng=Random(0), start=space.draw(9, Random(1))[:3]
    )
    assert len(set(tried.keys)) == len(y) == 80
    assert (tried.features.sum(1) < 2.0).all()


def test_a_finite_space_ends_when_all_of_it_was_called():
    class Corners(Cube):
        def _pool(self, x):
            return super()._pool(x.round())

    space = Corners(size=3)
    tried, y = search(space, lambda pool: pool.features.sum(1), calls=50, surrogate=surrogates.forest,
                      rng=Random(0), start=space.draw(1, Random(0))[:0])  # fmt: skip
    assert len(y) == 8
    assert tried[y.argmax()[None]].features.tolist() == [[1, 1, 1]]


def test_promising_takes_each_candidate_once():
    assert promising(torch.tensor([[1.0, 3.0, 2.0], [1.0, 3.0, 2.0], [0.0, 0.0, -1.0]])).tolist() == [1, 2, 0]


def test_a_surrogate_knows_what_it_was_told_and_not_what_it_was_not():
    x = torch.linspace(0, 1, 30, dtype=torch.float64)[:, None]
    y = (6 * x[:, 0]).sin()
    far = torch.cat([x, x + 3])
    for guess in (surrogates.gp, surrogates.forest):
        assert torch.corrcoef(torch.stack([guess(x, y, x, 200, Random(0)).mean(0), y]))[0, 1] > 0.98
    draws = surrogates.gp(x, y, far, 200, Random(0))
    assert draws[:, 30:].std(0).min() > 5 * draws[:, :30].std(0).max()


def test_a_process_that_cannot_be_fitted_still_guesses(monkeypatch):
    import botorch
    from botorch.exceptions import ModelFittingError

    def failing(*args, **options):
        raise ModelFittingError("no")

    monkeypatch.setattr(botorch, "fit_gpytorch_mll", failing)
    x = torch.linspace(0, 1, 20, dtype=torch.float64)[:, None]
    assert surrogates.gp(x, x[:, 0], x, 50, Random(0)).mean(0).argmax() > 15


# ------------------------------------------------------------------ functions of raw rows


def test_a_function_is_raised_above_what_draws_reach(model):
    found = model.optimise(hill, n=5, calls=60, compare=True)
    assert found.regret > 0
    assert found.values[0] > -0.1
    assert len(found.random) == len(found.trace) == found.calls == 60
    assert (found.records.kind == "b").all()
    np.testing.assert_array_equal(found.values, hill(found.records))
    assert not found.predicted


@pytest.mark.usefixtures("brisk")
def test_lowering_is_raising_the_opposite(model):
    up = model.optimise(hill, n=3, calls=40)
    down = model.optimise(lambda rows: -hill(rows), direction="min", n=3, calls=40)
    pd.testing.assert_frame_equal(up.records, down.records)
    np.testing.assert_array_equal(up.trace, -down.trace)


@pytest.mark.usefixtures("brisk")
def test_calls_are_counted_and_no_candidate_comes_twice(model):
    target = Counting(hill)
    found = model.optimise(target, n=4, calls=37)
    rows = pd.concat(target.rows)
    assert sum(target.sizes) == found.calls == len(found.trace) == 37
    assert not rows.duplicated().any()
    np.testing.assert_array_equal(found.trace, np.maximum.accumulate(hill(rows)))
    np.testing.assert_array_equal(found.values, np.sort(hill(rows))[::-1][:4])


@pytest.mark.usefixtures("brisk")
def test_conditions_are_kept_in_all_that_is_called(model, table):
    target, cost = Counting(hill), table.cost.iloc[3]
    given = {"cost": cost, "salt": between(-0.5, 0.5), "kind": one_of("a", "c")}
    found = model.optimise(target, given=given, feasible=lambda rows: rows.heat > rows.time, n=5, calls=40)
    for rows in [*target.rows, found.records]:
        assert (rows.cost == cost).all()  # bit for bit
        assert rows.salt.between(-0.5, 0.5).all()
        assert rows.kind.isin(["a", "c"]).all()
        assert (rows.heat > rows.time).all()
    assert list(found.records.columns) == list(table.columns)
    assert (found.records.dtypes == table.dtypes).all()


@pytest.mark.usefixtures("brisk")
def test_the_same_seed_finds_the_same(model):
    a, b, c = (model.optimise(hill, n=3, calls=30, seed=seed) for seed in (5, 5, 6))
    pd.testing.assert_frame_equal(a.records, b.records)
    np.testing.assert_array_equal(a.trace, b.trace)
    assert not np.array_equal(a.trace, c.trace)


@pytest.mark.usefixtures("brisk")
def test_a_start_is_called_first_and_does_not_come_back(model, table):
    start = table.head(2)
    target = Counting(hill)
    found = model.optimise(target, start=start, n=5, calls=30)
    np.testing.assert_array_equal(found.start, hill(start))
    np.testing.assert_array_equal(target.rows[0], start)
    assert sum(target.sizes) == found.calls == 30
    assert len(pd.concat([found.records, start]).drop_duplicates()) == 7


@pytest.mark.usefixtures("brisk")
def test_within_a_distance_of_the_start(model, table):
    start = table.head(1)
    near = lambda start, rows: np.abs(rows.salt - start.salt.iloc[0]) < 0.2
    assert near(start, model.optimise(hill, start=start, within=near, n=5, calls=30).records).all()
    found = model.optimise(hill, start=start, within=0.3, n=5, calls=30)
    z = model.transform(model.generate(256, seed=0))
    far = np.linalg.norm(model.transform(found.records) - model.transform(start), axis=1)
    assert (far <= 0.35 * np.median(torch.pdist(torch.as_tensor(z)))).all()
    assert found.refused["within"] > 0


@pytest.mark.usefixtures("brisk")
def test_constraints_of_the_fit_are_kept(table):
    priced = table.assign(total=(table.cost + table.salt).round(3))
    model = VAE(steps=60, constraints=["total = cost + salt"]).fit(priced)
    target = Counting(hill)
    model.optimise(target, given={"total": between(0, 1)}, n=3, calls=20)
    for rows in target.rows:
        np.testing.assert_allclose(rows.total, rows.cost + rows.salt, atol=1e-9)
        assert rows.total.between(0, 1).all()


@pytest.mark.usefixtures("brisk")
def test_pictures_with_a_label():
    pixels, label = load_digits(return_X_y=True)
    data = {"image": pixels[:300].reshape(-1, 8, 8).astype(np.uint8), "label": label[:300].astype(str)}
    model = VAE(steps=20).fit(data)
    dark = lambda records: records["image"].mean((1, 2))
    found = model.optimise(dark, direction="min", given={"label": "3"}, n=4, calls=20, distinct="image")
    assert found.records["image"].shape == (4, 8, 8)
    assert set(found.records["label"].tolist()) == {"3"}
    np.testing.assert_array_equal(found.values, dark(found.records))


@pytest.mark.usefixtures("brisk")
def test_arrays_come_back_as_arrays(table):
    model = VAE(steps=60).fit(table[["heat", "salt", "time"]].to_numpy())
    found = model.optimise(lambda x: -np.abs(x).sum(1), n=3, calls=20)
    assert isinstance(found.records, np.ndarray)
    assert found.records.shape == (3, 3)


# ------------------------------------------------------------------ columns


@pytest.mark.usefixtures("brisk")
def test_a_column_is_raised_by_the_models_own_prediction(model, table):
    found = model.optimise("yield", given={"cost": between(high=0.5)}, n=5, calls=50, compare=True)
    assert found.predicted
    assert found.regret > 0
    assert (found.records.cost <= 0.5).all()
    np.testing.assert_allclose(found.values, model.predict(found.records, target="yield", draws=16), rtol=1e-4)
    np.testing.assert_allclose(found.values, found.records["yield"], rtol=1e-4)
    truth = 2 * found.records.heat - found.records.time + found.records.kind.map(KINDS.index)
    assert (truth > table["yield"].quantile(0.95)).all()  # it is really high, and not for the model alone


@pytest.mark.usefixtures("brisk")
def test_a_column_is_not_raised_where_the_model_finds_rows_improbable(model):
    found = model.optimise("yield", n=10, calls=80)
    probable = lambda rows: model.score_samples(rows.drop(columns="yield"))
    usual = probable(model.generate(400, seed=1))
    assert found.refused["ordinary"] > 0
    assert probable(found.records).min() > np.quantile(usual, 0.01)


@pytest.mark.usefixtures("brisk")
def test_a_column_of_levels_says_what_to_write(model):
    with pytest.raises(QueryError, match="predict_proba"):
        model.optimise("kind")
    found = model.optimise(lambda rows: model.predict_proba(rows, target="kind")[:, -1], n=2, calls=15)
    assert 0 <= found.values[0] <= 1


# ------------------------------------------------------------------ what goes wrong


@pytest.mark.usefixtures("brisk")
def test_a_function_that_fails_names_the_candidate(model):
    def broken(rows):
        if (rows.kind == "c").any():
            raise ZeroDivisionError("no c")
        return np.zeros(len(rows))

    with pytest.raises(DataError, match=r"failed for .*'kind': 'c'.*ZeroDivisionError: no c") as caught:
        model.optimise(broken, calls=30)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    with pytest.raises(DataError, match=r"gave nan for .*'kind': 'c'.*finite"):
        model.optimise(lambda rows: np.where(rows.kind == "c", np.nan, 1.0), calls=30)
    with pytest.raises(QueryError, match="one number for each"):
        model.optimise(lambda rows: 1.0, calls=30)
    with pytest.raises(QueryError, match=r"feasible= .*one truth value for each"):
        model.optimise(hill, feasible=lambda rows: True, calls=30)


@pytest.mark.usefixtures("brisk")
def test_conditions_that_nothing_meets_are_told_of(model):
    with pytest.raises(QueryError, match=r"meet every condition .*refused by feasible"):
        model.optimise(hill, feasible=lambda rows: np.zeros(len(rows), dtype=bool), calls=30)


@pytest.mark.usefixtures("brisk")
def test_too_few_candidates_are_told_of():
    few = pd.DataFrame({"a": ["x", "y"] * 100, "b": ["u", "v", "v", "u"] * 50})
    found = VAE(steps=30).fit(few).optimise(lambda rows: (rows.a == "x") * 1.0, n=10, calls=30)
    assert len(found.records) == found.calls == 4
    assert "only 4 of 10 candidates" in found.note
    assert "only 4 of 10 candidates" in repr(found)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"target": "yeild"}, ChoiceError, "Did you mean 'yield'"),
        ({"direction": "up"}, ChoiceError, "direction"),
        ({"n": 20, "calls": 10}, QueryError, "n=20"),
        ({"n": 0}, QueryError, "at least one"),
        ({"within": 0.3}, QueryError, "start="),
        ({"given": {"yield": 3.0}}, QueryError, "both the target and in given="),
        ({"surrogate": "oracle"}, ChoiceError, "forest"),
        ({"distinct": "image"}, ChoiceError, "distinct"),
        ({"start": recipes(12), "n": 1, "calls": 10}, QueryError, "calls=10 is too few"),
    ],
)
def test_what_cannot_be_asked(model, options, error, words):
    with pytest.raises(error, match=words):
        model.optimise(**{"target": "yield", **options})


def test_without_botorch_a_forest_guesses(model, monkeypatch):
    monkeypatch.setattr(surrogates.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"pip install 'vaery\[optimise\]'"):
        model.optimise(hill, surrogate="gp")
    assert surrogates.surrogate_called("auto")[0] == "forest"


# ------------------------------------------------------------------ the edges


@pytest.mark.usefixtures("brisk")
def test_the_result_as_plain_data_and_as_a_picture(model, tmp_path):
    found = model.optimise(hill, n=3, calls=20, compare=True)
    told = json.loads(json.dumps(found.to_dict()))
    assert told["target"] == "hill"
    assert told["calls"] == len(told["trace"]) == len(told["random"]) == 20
    assert found.picture().save(tmp_path / "p.png").stat().st_size > 5000


@pytest.mark.usefixtures("brisk")
def test_the_command(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model.save("m.vaery")
    words = "optimise m.vaery --raise yield --given kind=b --given cost=..0.5 -n 3 --calls 20 -o best.csv --json"
    ran = CliRunner().invoke(app, words.split(), catch_exceptions=False)
    assert ran.exit_code == 0, ran.stderr
    told, best = json.loads(ran.stdout), pd.read_csv("best.csv")
    assert told["calls"] == 20
    np.testing.assert_allclose(told["values"], best["yield"], rtol=1e-4)
    assert (best.kind == "b").all()
    assert (best.cost <= 0.5).all()
    ran = CliRunner().invoke(app, ["optimise", "m.vaery", "--raise", "yield", "--lower", "cost"])
    assert ran.exit_code == 2
    assert "--lower" in ran.stderr


def test_importing_vaery_does_not_import_botorch():
    import subprocess
    import sys

    code = f"import sys, vaery; assert 'botorch' not in sys.modules; print('{vaery.__version__}')"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0
