"""The report card: its numbers against other people's, its verdicts on models whose worth is known, its page."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import partial
from html.parser import HTMLParser
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from vaery import VAE, errors
from vaery.cli.app import app
from vaery.evaluation import baselines, bootstrap, holes, trees, trends
from vaery.evaluation.bootstrap import PerColumn, everything, per_row
from vaery.evaluation.checks import detect, generate, impute, predict, score
from vaery.evaluation.encode import Encoder
from vaery.evaluation.evaluation import Evaluation
from vaery.evaluation.layout import Layout, Place, Rows, labels, numbers
from vaery.evaluation.measure import BETTER, KEPT, MISSED, SAME, WORSE, Measure, compared, promised
from vaery.evaluation.run import names, prepare, run
from vaery.evaluation.tested import Tested

JOBS = ["generate", "impute", "predict", "detect", "score"]
ROWS = 120
NASTY = "</script><b>&"  # a level that would break a careless page


def table(rows: int, seed: int) -> pd.DataFrame:
    """``y`` follows from ``x``, ``k`` from the sign of ``x``; ``z`` from nothing. Some cells are empty."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=rows)
    k = np.where(x > 0, "up", NASTY)
    frame = pd.DataFrame({"x": x, "y": 2 * x + 0.1 * rng.normal(size=rows), "k": k, "z": rng.integers(0, 9, rows)})
    return frame.mask(rng.random(frame.shape) < 0.03)


TRAIN, TEST = table(400, 0), table(300, 1)


@pytest.fixture(scope="module")
def model() -> VAE:
    return VAE(steps=150, random_state=0, threads=1).fit(TRAIN, verbose=False)


@pytest.fixture(scope="module")
def card(model) -> Evaluation:
    return model.evaluate(TEST, train=TRAIN, rows=ROWS, verbose=False)


@pytest.fixture
def setting(model) -> Any:
    return prepare(model, TEST, TRAIN, None, ROWS, 0)[0]


# ---------------------------------------------------------------------- numbers, against other people's


def test_areas_are_scikit_learns():
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(0)
    below, above = rng.integers(0, 9, 50).astype(float), rng.integers(3, 12, 40).astype(float)
    truth = np.repeat([0, 1], [50, 40])
    assert bootstrap.rank_area(below, above) == pytest.approx(roc_auc_score(truth, np.concatenate([below, above])))
    chances, classes = rng.dirichlet(np.ones(3), 60), rng.integers(0, 3, 60)
    theirs = roc_auc_score(classes, chances, multi_class="ovr", average="weighted")
    assert trees.mean_area(chances, classes, np.arange(60)) == pytest.approx(theirs)


def test_distances_are_scikit_learns():
    from sklearn.metrics.pairwise import nan_euclidean_distances

    rng = np.random.default_rng(0)
    a, b = (np.where(rng.random((n, 4)) < 0.2, np.nan, rng.normal(size=(n, 4))) for n in (9, 7))
    ours, theirs = baselines.distances(a, b), nan_euclidean_distances(a, b)
    np.testing.assert_allclose(ours, np.where(np.isnan(theirs), np.inf, theirs), atol=1e-6)


def plain(frame: pd.DataFrame) -> tuple[Layout, Rows]:
    """A layout of numbers alone, without a model."""
    places = tuple(Place(name, "table", name, "numeric") for name in frame)
    return Layout(SimpleNamespace(fields=()), places, ()), Rows(frame, {})  # type: ignore[arg-type]


def test_neighbours_fill_as_scikit_learn_does():
    from sklearn.impute import KNNImputer

    rng = np.random.default_rng(0)
    known = rng.normal(size=(60, 3))
    known = (known - known.mean(0)) / known.std(0)  # the imputer does not scale
    holed = np.where(rng.random((20, 3)) < 0.3, np.nan, rng.normal(size=(20, 3)))
    holed[np.isnan(holed).all(1), 0] = 0.0
    layout, fit = plain(pd.DataFrame(known, columns=list("abc")))
    made = baselines.neighbours(layout, fit, Rows(pd.DataFrame(holed, columns=list("abc")), {})).cells.to_numpy()
    theirs = KNNImputer(n_neighbors=baselines.K).fit(known).transform(holed)
    np.testing.assert_allclose(made[np.isnan(holed)], theirs[np.isnan(holed)])


def test_likeness_of_columns_is_scipys():
    from scipy.stats import ks_2samp

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=40), rng.normal(0.5, size=70)
    assert trends.kolmogorov_smirnov(x, y) == pytest.approx(ks_2samp(x, y).statistic)


def test_likeness_of_pairs_by_hand():
    frame = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [0.0, 1.0, 2.0, 3.0]})
    _, real = plain(frame)
    places = list(plain(frame)[0].places)
    coded = trends.coded(places, real, Rows(frame.assign(b=[3.0, 2.0, 1.0, 0.0]), {}))
    assert trends.PairTrend(*coded, ((0, 1),))(everything(4)) == pytest.approx(0.0)  # correlation 1 against -1
    levels = [replace(place, sort="categorical") for place in places]
    coded = trends.coded(levels, real, Rows(frame.assign(b=[0.0, 1.0, 3.0, 2.0]), {}))
    assert trends.PairTrend(*coded, ((0, 1),))(everything(4)) == pytest.approx(0.5)  # half of the cells are shared


def test_association_is_none_and_whole():
    rng = np.random.default_rng(0)
    independent = np.histogram2d(rng.integers(0, 4, 5000), rng.integers(0, 5, 5000), (4, 5))[0]
    assert trends.cramers_v(independent.astype(int)) < 0.03
    assert trends.cramers_v(np.diag([40, 30, 30])) == pytest.approx(1.0, abs=0.02)


def test_densities_of_columns_sum_to_one():
    rng = np.random.default_rng(0)
    grid = np.linspace(-40, 40, 4001)
    mass = np.exp(score.kernel_nats(rng.normal(1.0, 2.0, 300), grid)).sum() * (grid[1] - grid[0])
    assert mass == pytest.approx(1.0, abs=1e-3)
    counts = np.exp(score.kernel_nats(rng.poisson(4.0, 300).astype(float), np.arange(-60.0, 60.0), counted=True))
    assert counts.sum() == pytest.approx(1.0, abs=1e-3)
    cell = SimpleNamespace(codes=3, levels=3, family=None)
    fit = np.stack([rng.integers(0, 3, 50), np.zeros(50)], 1).astype(float)
    every = np.stack([np.arange(3), np.zeros(3)], 1).astype(float)
    assert np.exp(score.cell_nats(cell, fit, every)).sum() == pytest.approx(1.0)
    pixels = rng.integers(0, 3, (20, 1, 1, 1))
    assert np.exp(score.pixel_nats(pixels, np.arange(3).reshape(3, 1, 1, 1), 2)).sum() == pytest.approx(1.0)


def test_z_scores_by_hand():
    layout, fit = plain(pd.DataFrame({"a": [1.0, 3.0]}))
    np.testing.assert_allclose(baselines.column_wise(layout, fit, fit.take(np.array([0]))), [[1.0]])
    levels = replace(layout, places=(replace(layout.places[0], sort="categorical"),))
    text = Rows(pd.DataFrame({"a": ["u", "u", "u", "v"]}), {})
    np.testing.assert_allclose(baselines.column_wise(levels, text, text)[:, 0], [3**-0.5] * 3 + [3**0.5])


def test_a_bootstrap_interval_is_the_normal_one():
    x = np.random.default_rng(0).normal(size=400)
    low, high = bootstrap.advantage(per_row(x), per_row(np.zeros(400)), 400, np.random.default_rng(1), 1)
    wide = 1.96 * x.std() / 20
    assert (low, high) == pytest.approx((x.mean() - wide, x.mean() + wide), abs=0.02)


# ---------------------------------------------------------------------- verdicts


def verdict(ours: float, theirs: float, best: Any, rows: int = 200) -> str:
    noise = np.random.default_rng(0).normal(size=(2, rows))
    one, other = per_row(ours + noise[0]), per_row(theirs + noise[1])
    hopeless = per_row(theirs + noise[1] + (9 if best == "low" else -9))
    return compared("m", best, one, {"simple": other, "hopeless": hopeless},
                    rows, np.random.default_rng(1)).verdict  # fmt: skip


def test_verdicts():
    assert verdict(0.0, 1.0, "low") == verdict(1.0, 0.0, "high") == BETTER
    assert verdict(1.0, 0.0, "low") == verdict(0.0, 1.0, "high") == WORSE
    assert verdict(0.0, 0.0, "low") == verdict(0.01, 0.0, "high") == SAME
    assert verdict(0.0, 9.0, "low", rows=10) == SAME, "ten rows tell nothing"


def test_the_rival_is_the_best_of_the_others():
    rows = lambda value: per_row(np.full(30, value))
    measure = compared("m", "low", rows(1.0), {"bad": rows(5.0), "good": rows(0.5)}, 30, np.random.default_rng(0))
    assert (measure.rival, measure.verdict) == ("good", WORSE)
    assert measure.low == measure.high == -0.5


@pytest.mark.parametrize(
    ("found", "job"),
    [
        ([BETTER, SAME], BETTER), ([WORSE, SAME], WORSE), ([BETTER, WORSE], SAME), ([SAME], SAME),
        ([BETTER, MISSED], BETTER), ([WORSE, KEPT, ""], WORSE),
    ],
)  # fmt: skip
def test_the_verdict_on_a_job(found, job):
    measures = tuple(Measure("m", "low", 1.0, {"simple": 2.0}, verdict=v, goal=0.9) for v in found)
    assert Tested("j", "q", measures, 1, 1.0).verdict == job


def test_promises():
    assert promised("m", "at most", 0.08, 0.05, (0.06, 0.1)).verdict == MISSED
    assert promised("m", "at least", 0.89, 0.9, (0.87, 0.91)).verdict == KEPT


def test_p_values_that_lie_are_caught():
    rng = np.random.default_rng(0)
    fair, low = rng.random(1000), rng.random(1000) ** 2
    dirty = rng.random(1000) * 1e-4
    found = detect.false_alarms(fair, dirty, 1000, np.random.default_rng(1))
    assert [m.verdict for m in found] == [KEPT, KEPT]
    assert found[1].ours == pytest.approx(0.045, abs=0.03)  # Benjamini and Hochberg: fdr times the share that is clean
    assert detect.false_alarms(low, dirty, 1000, np.random.default_rng(1))[0].verdict == MISSED
    assert "no row was named" in detect.false_alarms(fair, fair, 1000, np.random.default_rng(1))[0].note


# ---------------------------------------------------------------------- models whose worth is known


class Stub:
    """A model whose answers to some jobs are made up; to others it answers as ``model`` does."""

    def __init__(self, model: VAE, **answers: Any) -> None:
        self.model, self.answers = model, answers

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def run(self, job: str, *raw: Any, **options: Any) -> Any:
        return self.answers[job](*raw, **options) if job in self.answers else self.model.run(job, *raw, **options)


def tried(stub: Any, **options: Any) -> Evaluation:
    """The card of a stub."""
    return run(stub, TEST, **{"train": TRAIN, "target": None, "rows": ROWS, "jobs": None, "seed": 0, "verbose": False}
               | options)  # fmt: skip


def shuffled(frame: pd.DataFrame, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame({name: frame[name].sample(len(frame), random_state=rng).array for name in frame})


def drawn(seed: int = 0) -> pd.DataFrame:
    """The rows that a card is made from."""
    index = np.sort(np.random.default_rng(seed).choice(len(TEST), ROWS, replace=False))
    return TEST.iloc[index].reset_index(drop=True)


def omniscient(
    raw: pd.DataFrame, *, interval: float, seed: int, off: float = 0.0, everywhere: bool = False
) -> dict[str, pd.DataFrame]:
    """Fills gaps with the truth, or this far off."""
    truth = drawn(seed).head(len(raw))
    assert ((truth == raw) | raw.isna()).all(axis=None)
    moved = lambda by: truth.assign(**{c: truth[c] + by for c in ("x", "y", "z")})
    value = moved(off) if not off else moved(off).assign(k="sideways")
    return {"value": value, "low": moved(off - interval), "high": moved(off + interval)}


def test_who_knows_the_truth_fills_without_error(model):
    job = tried(Stub(model, impute=omniscient), jobs=["impute"])["impute"]
    error, right, inside = job.measures
    assert (error.ours, right.ours, inside.ours) == pytest.approx((0.0, 1.0, 1.0), abs=1e-6)
    assert job.verdict == BETTER
    assert all(column["verdict"] == BETTER for column in job.columns if column["column"] in ("x", "y"))


def test_who_fills_nonsense_is_found_out(model):
    job = tried(Stub(model, impute=partial(omniscient, off=50.0)), jobs=["impute"])["impute"]
    assert job.verdict == WORSE
    assert job.measures[-1].verdict == MISSED
    assert "not kept" in job.sentence


def test_who_draws_columns_one_by_one_is_not_better(model):
    made = shuffled(TRAIN, 0).head(ROWS)
    job = tried(Stub(model, generate=lambda **_: made), jobs=["generate"])["generate"]
    assert job.verdict in (SAME, WORSE)


def test_who_makes_real_rows_is_better_and_who_makes_noise_is_not(model):
    honest = table(ROWS, 7)
    noise = pd.DataFrame(np.random.default_rng(0).normal(9, 1, (ROWS, 3)), columns=["x", "y", "z"]).assign(k="up")
    found = [
        tried(Stub(model, generate=lambda made=made, **_: made), jobs=["generate"])["generate"]
        for made in (honest, noise)
    ]
    assert [job.verdict for job in found] == [BETTER, WORSE]
    assert found[0].measures[0].ours == pytest.approx(0.5, abs=0.1)
    assert found[0].measures[-1].ours == pytest.approx(0.5, abs=0.15)
    setting = prepare(model, TEST, TRAIN, None, ROWS, 0)[0]
    assert setting.train is not None
    copies = generate.nearness(setting, setting.train, setting.train.take(everything(ROWS)))
    assert copies.ours > 0.95


def test_who_predicts_and_scores_nonsense_is_found_out(model):
    n = ROWS
    stub = Stub(
        model,
        predict=lambda raw, **_: np.full(len(raw), 40.0),
        predict_proba=lambda raw, **_: np.tile([0.999, 0.001], (len(raw), 1)),
        score=lambda raw, **_: np.full(len(raw), -999.0),
        detect=lambda raw, **_: pd.DataFrame(
            {
                "bits": np.arange(len(raw)) * 1.0,
                "oddness": np.arange(len(raw)) * 1.0,
                "p_value": 0.01,
                "reasons": [[{"cell": "none", "bits": 0.0}]] * len(raw),
            }
        ),
    )
    found = tried(stub, jobs=["predict", "score", "detect"])
    assert {job: tested.verdict for job, tested in found.jobs.items()} == dict.fromkeys(
        ("predict", "detect", "score"), WORSE
    )
    assert found["score"].measures[0].ours == pytest.approx(999 / np.log(2))
    assert found["detect"].measures[0].ours == pytest.approx(0.5, abs=0.02)
    assert found["detect"].measures[2].ours == 1.0
    assert n == found["score"].rows


def test_the_target_is_predicted_alone_and_by_hand(model):
    truth = lambda raw, target, **_: np.nan_to_num(TEST_Y[: len(raw)])
    setting = prepare(Stub(model, predict=truth), TEST.head(ROWS), TRAIN, "y", ROWS, 0)[0]  # type: ignore[arg-type]
    job = predict.predict(setting)
    assert job is not None
    assert job.measures[0].ours == pytest.approx(0.0, abs=1e-9)
    assert job.measures[0].others["mean"] == pytest.approx(
        np.sqrt(np.nanmean((TEST_Y - np.nanmean(TRAIN["y"])) ** 2)) / np.nanstd(TEST_Y), rel=1e-6
    )
    assert job.measures[0].others["linear regression"] < 0.2  # y is 2 x


TEST_Y = TEST["y"].head(ROWS).to_numpy()


# ---------------------------------------------------------------------- what is done to rows


def test_holes_leave_a_cell_in_every_row(setting):
    found = holes.punch(setting)
    known = setting.rows.cells.notna()
    assert known.to_numpy()[found.cells].all(), "what was empty is not tested"
    assert found.holed.cells.notna().any(axis=1).all()
    assert 0.15 < found.cells.sum() / known.to_numpy().sum() < 0.25
    visible = ~found.cells & known.to_numpy()
    pd.testing.assert_frame_equal(found.holed.cells.notna(), pd.DataFrame(visible, columns=known.columns))


def test_one_cell_of_each_row_becomes_anothers(setting):
    planted = detect.plant(setting)
    before, after = setting.rows.cells, planted.rows.cells
    differs = ((before != after) & before.notna()).to_numpy()
    assert (differs.sum(1) == (planted.where >= 0)).all()
    for row, column in enumerate(planted.where):
        if column >= 0:
            label = setting.places[column].label
            assert differs[row, list(before).index(label)]
            assert after[label].iloc[row] in set(before[label])
    assert (before.dtypes == after.dtypes).all()


def test_losses_by_hand(setting):
    found = holes.punch(setting)
    made = Rows(setting.rows.cells.assign(x=setting.rows.cells["x"] + 1.0), {})
    loss = impute.losses(setting, found, made, "numbers")
    spread = np.nanstd(numbers(setting.rows["x"]))
    assert loss.columns()[[p.label for p in setting.places if p.numeric].index("x")] == pytest.approx(1 / spread)
    assert loss.columns().sum() == pytest.approx(1 / spread)


def test_columns_count_alike_however_many_of_their_cells_were_hidden():
    total, count = np.array([[4.0, 0.0], [4.0, 0.0], [4.0, 1.0]]), np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
    assert PerColumn(total, count, root=True)(everything(3)) == pytest.approx((2.0 + 1.0) / 2)


@pytest.mark.parametrize("container", ["polars", "arrow", "numpy", "records"])
def test_rows_may_come_in_anything(container):
    import pyarrow as pa

    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 2)), columns=["0", "1"])
    given: Any = {
        "polars": lambda: pytest.importorskip("polars").from_pandas(frame),
        "arrow": lambda: pa.Table.from_pandas(frame),
        "numpy": frame.to_numpy,
        "records": lambda: frame.to_dict("records"),
    }[container]()
    model = VAE(steps=4, threads=1).fit(given, verbose=False)
    opened = Layout.of(model.schema_).open(given)
    np.testing.assert_allclose(opened.cells.to_numpy(), frame.to_numpy())
    assert set(model.evaluate(given, rows=30, jobs=["score"], verbose=False).jobs) == {"score"}


def test_pictures_with_labels_are_tried_too(tmp_path):
    from sklearn.datasets import load_digits

    digits: Any = load_digits()
    rows = lambda s: {"image": digits.images[s].astype(np.uint8), "label": digits.target[s]}
    model = VAE(columns={"label": "categorical"}, steps=15, threads=1).fit(rows(slice(200)), verbose=False)
    found = model.evaluate(rows(slice(200, 260)), target="label", rows=40, verbose=False)
    assert list(found.jobs) == JOBS
    assert any("pixels" in m.name for m in found["impute"].measures)
    assert "Pictures: image" in found.to_html(tmp_path / "r.html").read_text("utf-8")


def test_values_that_gaps_turn_into_floats_are_the_same_labels():
    assert labels(pd.Series([1.0, None, 2.0])).tolist() == ["1", None, "2"]
    assert labels(pd.Series([1, 2])).tolist() == ["1", "2"]
    times = pd.Series(pd.to_datetime(["1970-01-03", None]))
    np.testing.assert_allclose(numbers(times, "datetime"), [2.0, np.nan])


def test_encoding_puts_two_levels_one_apart(setting):
    place = next(place for place in setting.places if place.label == "k")
    hot = Encoder.of(setting.layout, setting.rows).column(place, setting.rows)
    first, second = (np.flatnonzero(setting.rows["k"] == level)[0] for level in ("up", NASTY))
    assert np.linalg.norm(hot[first] - hot[second]) == pytest.approx(1.0)


# ---------------------------------------------------------------------- the card


def test_every_job_is_tried_and_found_by_listing(card):
    assert list(card.jobs) == names() == JOBS
    assert set(card.verdicts.values()) <= {BETTER, SAME, WORSE}
    assert card["predict"].columns
    assert {c["column"] for c in card["predict"].columns} == set(TEST)
    assert all(tested.seconds > 0 for tested in card.jobs.values())
    assert card["impute"].verdict == BETTER, repr(card)  # y follows from x, and 150 steps are enough to see it


def test_it_prints(card):
    text = repr(card)
    for job, verdict in card.verdicts.items():
        assert f"{job}: {verdict}" in text
    assert "vaery" in text
    assert "nan" not in text


def test_json_there_and_back(card, tmp_path):
    data = json.loads(card.to_json(tmp_path / "card.json").read_text("utf-8"), parse_constant=pytest.fail)
    again = Evaluation.from_dict(data)
    assert again.to_dict() == card.to_dict()
    assert again.verdicts == card.verdicts
    assert repr(again) == repr(card)
    assert again.to_html(tmp_path / "a.html").read_bytes() == card.to_html(tmp_path / "b.html").read_bytes()
    assert "views" not in card.to_dict(views=False)


def test_the_same_seed_gives_the_same_card(model):
    ask = partial(model.evaluate, TEST, rows=24, jobs=["impute", "detect"], verbose=False)
    one, two, three = ask(seed=3), ask(seed=3), ask(seed=4)
    numbers_of = lambda card: {k: t.to_dict() | {"seconds": 0} for k, t in card.jobs.items()}
    assert numbers_of(one) == numbers_of(two) != numbers_of(three)


def test_without_training_rows_each_half_learns_from_the_other(model):
    found = model.evaluate(TEST, rows=30, jobs=["generate", "impute"], verbose=False)
    assert found.about["train"] is None
    assert "other half" in found["impute"].notes[0]
    setting = prepare(model, TEST, None, None, ROWS, 0)[0]
    (fit, asked), (other, rest) = setting.folds
    assert sorted([*asked, *rest]) == list(range(ROWS))
    pd.testing.assert_frame_equal(fit.cells, setting.rows.take(rest).cells)
    pd.testing.assert_frame_equal(other.cells, setting.rows.take(asked).cells)
    whose = setting.crossed(lambda fit, asked: np.full(len(asked), len(fit)))
    assert (whose == ROWS // 2).all()


# ---------------------------------------------------------------------- the page


class Page(HTMLParser):
    """What a page holds."""

    VOID = ("meta", "img", "br", "hr", "input")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.open, self.wrong = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


def test_the_page_holds_everything_and_needs_nothing(card, tmp_path):
    text = card.to_html(tmp_path / "card.html").read_text("utf-8")
    page = Page(text)
    assert not page.wrong
    assert not page.open
    ids = {attrs["id"] for _, attrs in page.tags if "id" in attrs}
    assert {"verdicts", "real-and-made", "map", "oddest", "calibration", "training", "numbers"} <= ids
    assert text.index('id="verdicts"') < text.index('id="real-and-made"')
    for tag, attrs in page.tags:
        assert tag != "link"
        for name in ("src", "href", "action", "data"):
            assert str(attrs.get(name) or "data:image/png").startswith("data:image/png"), attrs
    assert not re.search(r"https?://|@import|url\(|fetch\(|XMLHttpRequest", text)
    assert sum(tag == "img" for tag, _ in page.tags) == 5  # columns, pairs, surprise, calibration, training
    for tested in card.jobs.values():
        assert text.count(tested.verdict) >= 1


def test_text_of_the_data_cannot_break_the_page(card, tmp_path):
    text = card.to_html(tmp_path / "card.html").read_text("utf-8")
    assert NASTY not in text
    view = json.loads(re.search(r'<script type="application/json" class="data">(.*?)</script>', text, re.S)[1])  # type: ignore[index]
    column = next(c for c in view["columns"] if c["name"] == "k")
    assert NASTY in column["levels"]
    assert len(view["points"]) == len(column["codes"]) == ROWS
    said = [None if code is None else column["levels"][code] for code in column["codes"]]
    assert said == labels(drawn()["k"]).tolist()


def test_odd_rows_are_told_by_the_number_they_came_with(model):
    odd = TEST.head(60).copy()
    odd.loc[37, ["x", "y"]] = [2.5, -5.0]
    view = model.evaluate(odd, jobs=["score"], verbose=False).views["oddest"]
    assert view["rows"][0]["row"] == 37
    assert view["rows"][0]["reasons"][0]["cell"] in ("x", "y")
    assert view["rows"][0]["reasons"][0]["bits"] > 3


# ---------------------------------------------------------------------- what is refused, and what is said


def test_what_cannot_be_evaluated_is_refused(model):
    with pytest.raises(errors.DataError, match="at least 20"):
        model.evaluate(TEST.head(5))
    with pytest.raises(errors.QueryError, match="rows=3"):
        model.evaluate(TEST, rows=3)
    with pytest.raises(errors.ChoiceError, match="'nope'"):
        model.evaluate(TEST, jobs=["nope"])
    with pytest.raises(errors.ChoiceError, match="Did you mean 'y'"):
        model.evaluate(TEST, target="yy")
    with pytest.raises(errors.DataError, match="train="):
        model.evaluate(TEST, train=TRAIN.head(3))
    with pytest.raises(errors.QueryError, match="one value only"):
        model.evaluate(TEST.assign(z=1), target="z")
    with pytest.raises(errors.NotFitted):
        VAE().evaluate(TEST)


def test_levels_that_were_never_seen_count_as_empty(model):
    strange = TEST.head(50).copy()
    strange.loc[[3, 4], "k"] = "sideways"
    found = model.evaluate(strange, jobs=["score"], verbose=False)
    assert any("2 of 50 rows hold a value of k" in note and "'sideways'" in note for note in found.about["notes"])


# ---------------------------------------------------------------------- the command


@pytest.fixture
def desk(tmp_path, monkeypatch, model):
    monkeypatch.chdir(tmp_path)
    model.save("m.vaery")
    TEST.to_csv("test.csv", index=False)
    return tmp_path


def vaery(*words: str) -> Any:
    return CliRunner().invoke(app, ["report", "m.vaery", "test.csv", "--rows", "30", "--job", "score", *words])


def test_the_command(desk):
    ran = vaery("-o", "card.html", "--json", "--target", "k", "--train", "test.csv")
    assert ran.exit_code == 0, ran.output
    told = json.loads(ran.stdout)
    assert told["command"] == "report"
    assert told["out"] == ["card.html"]
    assert set(told["verdicts"]) == {"score"}
    assert told["about"]["target"] == "k"
    assert "<title>Report card</title>" in (desk / "card.html").read_text("utf-8")
    plain = vaery("-o", "card.json")
    assert plain.exit_code == 0
    assert plain.stdout.startswith("Report card: 30 rows")
    assert json.loads((desk / "card.json").read_text("utf-8"))["jobs"]["score"]["rows"] == 30


def test_what_the_command_refuses(desk):
    (desk / "card.html").touch()
    there = vaery("-o", "card.html")
    assert (there.exit_code, "--force" in there.stderr) == (1, True)
    assert vaery("-o", "card.html", "--force").exit_code == 0
    assert vaery("-o", "card.pdf").exit_code == 2
    assert vaery("--rows", "3").exit_code == 2
    unknown = vaery("--target", "nope")
    assert (unknown.exit_code, "'nope'" in unknown.stderr) == (1, True)
