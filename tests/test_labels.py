"""Few labels: which fields are labels, the readers of one, how far they are believed, and the model around them."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import polars
import pytest
import torch
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from torch import nn

from vaery import VAE, load
from vaery.advice import advise, settle
from vaery.core.errors import ChoiceError, DataError, QueryError
from vaery.core.evidence import Evidence
from vaery.core.random import Random
from vaery.jobs.suggest import cover
from vaery.kinds import table
from vaery.kinds.image import describe as describe_image
from vaery.kinds.table import describe as describe_table
from vaery.labels import find, simple, teach
from vaery.labels.belief import folds, temper, weigh
from vaery.labels.graph import neighbours, spread
from vaery.labels.lessons import Lessons
from vaery.labels.reader import mixed
from vaery.nets.trees import Boosted, Trees
from vaery.sklearn import VAEClassifier

SMALL: dict[str, Any] = {"steps": 20, "width": 16, "depth": 1, "threads": 1, "refine": False}


@pytest.fixture(scope="module", autouse=True)
def short_lessons():
    """Lessons of a moment."""
    import vaery.labels.teacher as module

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "QUICK", replace(module.QUICK, steps=30))
        patch.setattr(module, "Lessons", lambda: Lessons(steps=10, labelled=8, others=8))
        patch.setattr(module, "FOLDS", 2)
        patch.setattr(simple, "NEAR_STEPS", 60)
        yield


def clouds(rows: int = 200, known: int = 12, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """Two clouds of rows, and the label of each; in the frame most labels are unknown."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, rows)
    x = rng.normal(size=(rows, 3)) + 3 * y[:, None]
    label = np.where(y > 0, "high", "low").astype(object)
    label[known:] = None
    return pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "kind": label, "c": x[:, 2]}), np.where(y > 0, "high", "low")


@pytest.fixture(scope="module")
def fitted() -> VAE:
    return VAE(target="kind", **SMALL).fit(clouds()[0])


# ------------------------------------------------------------------ which fields are labels


def test_minus_one_is_unlabelled_where_it_must_be_and_that_is_said() -> None:
    y = np.repeat([-1, 0, 1, 2], [60, 10, 10, 10])
    with pytest.warns(UserWarning, match="60 of 90 rows hold -1 and count as unlabelled"):
        found = find({"x": np.zeros((90, 2)), "y": y}, None, None)
    assert found.names == ("y",)
    assert list(found.raw["y"][:61]) == [None] * 60 + [0]
    assert found.columns == {"y": "categorical"}


@pytest.mark.parametrize(
    "y",
    [
        np.repeat([-1, 1], [80, 10]),  # two classes, and one of them is -1
        np.repeat([-1, 0, 1], [10, 40, 40]),  # hardly missing, and not asked for
        np.repeat([-2, -1, 0, 1], [1, 60, 10, 10]),  # numbers below zero
    ],
)
def test_minus_one_is_a_value_where_it_may_be(y) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert find({"x": np.zeros((len(y), 2)), "y": y}, None, None).names == ()


def test_a_target_that_is_asked_for_needs_not_be_mostly_missing() -> None:
    y = np.repeat([-1, 0, 1], [10, 40, 40])
    with pytest.warns(UserWarning, match="10 of 90 rows"):
        assert find({"x": np.zeros((90, 2)), "y": y}, "y", None).names == ("y",)


@pytest.mark.parametrize("null", [None, np.nan, pd.NA])
def test_nulls_of_any_sort_are_unlabelled(null) -> None:
    values = ["a", "b", "a", "b", *[null] * 20]
    found = find({"x": np.zeros((24, 2)), "y": pd.Series(values, dtype=object)}, None, None)
    assert list(found.raw["y"]) == ["a", "b", "a", "b", *[None] * 20]


def test_plain_numbers_and_names_of_each_row_are_no_labels() -> None:
    rng = np.random.default_rng(0)
    half = np.where(np.arange(100) < 40, rng.normal(size=100), np.nan)
    names = [f"n{i}" if i < 40 else None for i in range(100)]
    assert find({"x": half, "id": names}, None, None).names == ()


def test_frames_keep_their_type_and_columns() -> None:
    frame = clouds()[0]
    assert find(frame, None, None).names == ()  # a column of a table stays one unless it is asked for
    assert list(find(frame, "kind", None).raw.columns) == list(frame.columns)
    other = find(polars.from_pandas(frame), "kind", None)
    assert type(other.raw).__name__ == "DataFrame"
    assert other.names == ("kind",)


def test_bad_targets_are_told() -> None:
    frame = clouds()[0]
    with pytest.raises(ChoiceError, match="kind"):
        find(frame, "knd", None)
    with pytest.raises(DataError, match="no row has a label"):
        find(frame.assign(kind=None), "kind", None)
    with pytest.raises(DataError, match="has no names"):
        find(np.zeros((3, 2)), "kind", None)
    with pytest.raises(DataError, match="single column"):
        find({"x": np.zeros((3, 2)), "y": np.zeros(3)}, "x", None)


# ------------------------------------------------------------------ readers


@pytest.mark.parametrize("classes", [2, 3])
def test_trees_answer_as_those_of_scikit_learn_do(classes: int) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 4)).astype(np.float32)
    y = (x[:, 0] + x[:, 1] ** 2 > 0.7).astype(int) + (x[:, 2] > 1) * (classes - 2)
    boosted = Boosted(5, 3, classes)
    simple.fit_boosted(boosted, torch.from_numpy(x), torch.from_numpy(y), seed=1)
    peer = GradientBoostingClassifier(
        n_estimators=5, max_depth=3, subsample=0.7, min_samples_leaf=2, random_state=1
    ).fit(x, y)
    ours = boosted(torch.from_numpy(x)).softmax(1)
    np.testing.assert_allclose(ours.numpy(), peer.predict_proba(x), atol=2e-4)
    forest = Trees(10, 8, classes)
    simple.fit_forest(forest, torch.from_numpy(x), torch.from_numpy(y), seed=1)
    peer = RandomForestClassifier(10, max_depth=8, min_samples_leaf=2, random_state=1).fit(x, y)
    np.testing.assert_allclose(forest(torch.from_numpy(x)).numpy(), peer.predict_proba(x), atol=1e-5)


def test_neighbours_are_the_nearest() -> None:
    x = torch.tensor([[0.0], [1.0], [3.0], [7.0]])
    distance, index = neighbours(x, 2)
    assert index.tolist() == [[1, 2], [0, 2], [1, 0], [2, 1]]
    torch.testing.assert_close(distance[0], torch.tensor([1.0, 9.0]))


def test_labels_spread_along_a_chain_and_not_across_a_gap() -> None:
    x = torch.cat([torch.linspace(0, 10, 50), torch.linspace(14, 24, 50)])[:, None]
    labels = torch.full((100,), -1)
    labels[0], labels[99] = 0, 1
    said = spread(x, labels, 2, count=3)
    torch.testing.assert_close(said.sum(1), torch.ones(100))
    assert said.argmax(1).tolist() == [0] * 50 + [1] * 50


def test_a_line_that_has_seen_no_row_of_a_class_calls_it_unlikely() -> None:
    line = nn.Linear(2, 4)
    x, y = torch.tensor([[0.0, 1.0], [1.0, 0.0]] * 5), torch.tensor([1, 3] * 5)
    simple.fit_line(line, x, y)
    chance = line(x).softmax(1).detach()
    assert chance.argmax(1).tolist() == y.tolist()
    assert float(chance[:, [0, 2]].max()) < 1e-3


# ------------------------------------------------------------------ belief


def test_the_temperature_of_answers_that_are_twice_too_sure_is_two() -> None:
    logits = 2 * torch.randn(4000, 3, generator=torch.Generator().manual_seed(0))
    truth = Random(1).categorical(logits)
    said = (2 * logits).log_softmax(1)[None]
    assert float(temper(said, torch.ones(1), truth)) == pytest.approx(2.0, rel=0.1)
    assert float(temper(said, torch.ones(1), logits.softmax(1))) == pytest.approx(2.0, rel=0.1)


def test_few_rows_say_little_of_who_is_right() -> None:
    sure, wrong = torch.tensor([[0.9, 0.1]]).log(), torch.tensor([[0.1, 0.9]]).log()
    one, many = (weigh(torch.stack([sure, wrong]).expand(2, n, 2), torch.zeros(n, dtype=torch.long)) for n in (1, 500))
    assert float(one[0] - one[1]) < float(many[0] - many[1])
    assert 0.5 < float(one[0]) < 0.9
    assert float(many[1]) == 0


def test_a_reader_that_says_nothing_new_changes_no_answer() -> None:
    logits = torch.randn(3000, 3, generator=torch.Generator().manual_seed(0))
    truth = Random(1).categorical(logits)
    weight = weigh(torch.stack([logits.log_softmax(1), torch.zeros(3000, 3)]), truth)
    assert float(weight[0]) == pytest.approx(1, abs=0.1)


def test_answers_put_together_sum_to_one_and_are_never_quite_sure() -> None:
    said = torch.tensor([[[0.0, -torch.inf]], [[0.0, -torch.inf]]])
    log_p = mixed(said, torch.tensor([0.5, 0.5]), torch.tensor(1.0))
    assert float(log_p.exp().sum()) == pytest.approx(1.0)
    assert bool(log_p.isfinite().all())


def test_folds_hold_each_class_as_evenly_as_can_be() -> None:
    truth = torch.tensor([0] * 7 + [1] * 11 + [2] * 2)
    fold = folds(truth, 3, Random(0))
    counts = torch.stack([torch.bincount(fold[truth == k], minlength=3) for k in range(3)])
    assert bool((counts.max(1).values - counts.min(1).values <= 1).all())


# ------------------------------------------------------------------ rows seen otherwise


def test_pictures_seen_otherwise_keep_their_shape_and_strength_zero_leaves_them() -> None:
    x = np.random.default_rng(0).integers(0, 100, (6, 12, 12)).astype(np.uint8)
    field = describe_image(x, name="x")
    value, known = field.pack(x)
    same, _ = field.disturb(value, known, Random(0), 0.0)
    torch.testing.assert_close(same, value.float(), atol=0.02, rtol=0)
    other, _ = field.disturb(value, known, Random(0), 1.0)
    assert other.shape == value.shape
    assert not torch.allclose(other, same)
    hidden = torch.ones(6, 12, 12, dtype=torch.bool)
    hidden[:, :6] = False
    moved, shown = field.disturb(value * hidden[..., None], hidden, Random(0), 1.0)
    assert shown is not None
    assert bool((moved[~shown] == 0).all())
    assert 0.2 < float(shown.float().mean()) < 0.8


def test_cells_seen_otherwise_are_those_of_other_rows() -> None:
    frame = pd.DataFrame({"a": np.arange(50.0), "b": np.arange(50.0) * 2 + 0.5})
    field = describe_table(frame, name="x")
    value, known = field.pack(frame)
    other, _ = field.disturb(value, known, Random(0), 1.0)
    changed = (other != value).any(-1)
    assert 0.1 < float(changed.float().mean()) < 0.5
    for column in range(2):
        assert bool(torch.isin(other[:, column, 1], value[:, column, 1]).all())


# ------------------------------------------------------------------ the model around them


def test_two_clouds_are_told_apart_from_a_dozen_labels(fitted: VAE) -> None:
    frame, truth = clouds()
    chance = fitted.predict_proba(frame, target="kind")
    assert (fitted.classes("kind")[chance.argmax(1)] == truth).mean() > 0.95
    assert (fitted.predict(frame, target="kind") == truth).mean() > 0.95
    np.testing.assert_allclose(chance.sum(1), 1, atol=1e-6)
    learned = fitted.calibration_["labels"]["kind"]
    assert learned["labelled"] == 12
    assert min(learned["weights"].values()) >= 0


def test_what_rows_hold_of_the_label_is_not_looked_at(fitted: VAE) -> None:
    frame, truth = clouds()
    flipped = frame.assign(kind=np.where(truth == "high", "low", "high"))
    for other in (flipped, frame.drop(columns="kind")):
        np.testing.assert_array_equal(
            fitted.predict_proba(other, target="kind"), fitted.predict_proba(frame, target="kind")
        )


def test_hidden_cells_have_no_influence_on_a_reader(fitted: VAE) -> None:
    reader = teach_readers(fitted)["kind"]
    value, _ = fitted.schema_["table"].pack(clouds()[0].drop(columns="kind"))
    shown = torch.ones(value.shape[:2], dtype=torch.bool)
    shown[:, 1] = False
    said = []
    for fill in (0.0, 3.0):
        moved = value.clone()
        moved[:, 1, 1] = fill
        said.append(reader.log_probs(Evidence(len(value), {"table": moved}, {"table": shown}).hide({"table": shown})))
    torch.testing.assert_close(said[0], said[1], rtol=0, atol=0)
    torch.testing.assert_close(said[0].exp().sum(1), torch.ones(len(value)))


def teach_readers(model: VAE) -> dict[str, Any]:
    from vaery.labels import readers

    return readers(model.joint_)


def test_a_frame_stays_a_frame(fitted: VAE) -> None:
    frame, _ = clouds()
    made = fitted.generate(20, given={"kind": "high"})
    assert sorted(made.columns) == sorted(frame.columns)
    assert (made["kind"] == "high").all()
    filled = fitted.impute(frame)
    assert list(filled.columns) == list(frame.columns)
    assert filled["kind"].isin(["low", "high"]).all()
    assert list(filled["kind"][:12]) == list(frame["kind"][:12])


def test_save_and_load_change_nothing(fitted: VAE, tmp_path) -> None:
    frame, _ = clouds()
    fitted.save(tmp_path / "m.vaery")
    again = load(tmp_path / "m.vaery")
    np.testing.assert_array_equal(again.predict_proba(frame, target="kind"), fitted.predict_proba(frame, target="kind"))
    assert again.target == "kind"


def test_the_same_seed_gives_the_same_answers(fitted: VAE) -> None:
    frame, _ = clouds()
    again = VAE(target="kind", **SMALL).fit(frame)
    np.testing.assert_array_equal(again.predict_proba(frame, target="kind"), fitted.predict_proba(frame, target="kind"))


def test_pictures_with_few_labels_just_work() -> None:
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 120)
    x = rng.integers(0, 60, (120, 8, 8)).astype(np.uint8)
    x[y == 1, :, :4] += 150
    label = np.where(np.arange(120) < 10, y, -1)
    label[0], label[1] = 0, 1
    label = np.where(label == 1, 2, label)
    with pytest.warns(UserWarning, match="count as unlabelled"):
        model = VAE(**SMALL).fit({"image": x, "label": label})
    chance = model.predict_proba({"image": x}, target="label")
    found = model.classes("label")[chance.argmax(1)]
    assert (found[2:] == np.where(y == 1, 2, 0)[2:]).mean() > 0.8
    assert model.choices_.readers == ("label",)


def _choices(model, fields):
    return settle(model, fields, advise(model, fields, 200), ("kind",))


def test_a_private_fit_teaches_no_readers(fitted: VAE) -> None:
    shapes = [_choices(VAE(private=private), fitted.fields_) for private in (8.0, None)]
    assert [shape.readers for shape in shapes] == [(), ("kind",)]
    assert all(shape.first == ("kind",) for shape in shapes)


def test_teaching_is_for_models_that_have_readers() -> None:
    x = np.random.default_rng(0).normal(size=(30, 2))
    model = VAE(**SMALL).fit(x)
    assert teach(model.joint_, model.schema_.pack(x), Random(0)) == {}


# ------------------------------------------------------------------ what to label next


def test_what_is_chosen_covers_most_and_repeats_neither_itself_nor_what_is_known() -> None:
    places = torch.cat([torch.full((30, 2), 0.0), torch.full((20, 2), 10.0), torch.full((10, 2), 20.0)])
    places = places + 0.1 * torch.randn(places.shape, generator=torch.Generator().manual_seed(0))
    group = torch.tensor([0] * 30 + [1] * 20 + [2] * 10)
    none = torch.zeros(60, dtype=torch.bool)
    chosen, gains = cover(places, torch.ones(60), none, 3)
    assert group[chosen].tolist() == [0, 1, 2]  # the largest heap first, and none twice
    assert gains.tolist() == sorted(gains.tolist(), reverse=True)
    known = none.clone()
    known[:30] = True
    assert 0 not in group[cover(places, torch.ones(60), known, 2)[0]].tolist()
    certain = (group != 1).float() * 0.01 + (group == 1).float()
    assert group[cover(places, certain, none, 1)[0]].tolist() == [1]  # what is certain teaches nothing
    assert len(cover(places, torch.ones(60), ~none, 5)[0]) == 0


def test_suggested_rows_are_unlabelled_and_ranked(fitted: VAE) -> None:
    frame, _ = clouds()
    found = fitted.suggest(frame, target="kind", n=5)
    assert list(found.columns) == ["rank", "bits", "gain"]
    assert sorted(found["rank"])[-5:] == [1, 2, 3, 4, 5]
    assert (found["rank"] > 0).sum() == 5
    assert (found["rank"][:12] == 0).all()
    assert (found["bits"][:12] == 0).all()
    assert found["bits"].between(0, 1 + 1e-6).all()
    assert list(found.index) == list(frame.index)
    again = fitted.suggest(frame, target="kind", n=5)
    assert found.equals(again)


def test_suggesting_needs_classes_and_a_number_of_rows(fitted: VAE) -> None:
    frame, _ = clouds()
    with pytest.raises(QueryError, match="no levels"):
        fitted.suggest(frame, target="a")
    with pytest.raises(QueryError, match="at least one"):
        fitted.suggest(frame, target="kind", n=0)


def test_few_labels_of_the_classifier_have_readers() -> None:
    frame, truth = clouds()
    y = np.where(np.arange(200) < 12, (truth == "high").astype(int), -1)
    judge = VAEClassifier(VAE(**SMALL), unlabelled=-1).fit(frame[["a", "b", "c"]], y)
    assert judge.model_.choices_.readers == (judge.target_,)
    assert (judge.predict(frame[["a", "b", "c"]]) == (truth == "high")).mean() > 0.95


# ------------------------------------------------------------------ plain numbers


def test_plain_numbers_are_ranks_and_own_units_and_heaps_are_no_classes() -> None:
    rng = np.random.default_rng(0)
    skewed = np.exp(rng.normal(size=3000))
    rounded = np.where(rng.random(3000) < 0.5, 0.0, np.where(rng.random(3000) < 0.5, np.round(skewed), skewed))
    frame = pd.DataFrame({"skewed": skewed, "rounded": rounded, "kind": rng.choice(["a", "b", "c"], 3000)})
    field = table.describe(frame)
    value, known, *_ = field.pack_any(frame)
    assert field.columns[1].levels == (0.0, 1.0), "of which the first alone is a heap of many rows"
    x = table.plain(field)(value, known).numpy()
    missing, (ranks, own), (also, straight, zero), kinds = (
        np.split(x, [3, 5, 8], 1)[0],
        *(x[:, a:b].T for a, b in ((3, 5), (5, 8), (8, 11))),
    )
    assert x.shape == (3000, 11)
    assert not missing.any()
    assert np.array_equal(np.argsort(ranks, kind="stable"), np.argsort(skewed.astype(np.float32), kind="stable"))
    inside = skewed < np.quantile(skewed, 0.98)
    assert np.corrcoef(own[inside], skewed[inside])[0, 1] > 0.999
    assert abs(np.corrcoef(ranks, rng.permutation(own))[0, 1]) < 0.1
    assert np.array_equal(zero == 1, rounded == 0)
    inside = rounded < np.quantile(rounded, 0.98)
    assert np.corrcoef(straight[inside], rounded[inside])[0, 1] > 0.99
    assert (kinds.sum(0) == 1).all()
    assert (np.diff(also[np.argsort(rounded)]) >= -1e-6).all()


def test_plain_numbers_that_are_hidden_say_nothing() -> None:
    frame = pd.DataFrame({"x": np.exp(np.random.default_rng(0).normal(size=200)), "kind": ["a", "b"] * 100})
    field = table.describe(frame)
    value, *_ = field.pack_any(frame)
    plain, hidden = table.plain(field), torch.zeros(200, 2, dtype=torch.bool)
    told = plain(value, hidden)
    assert torch.equal(told, plain(torch.zeros_like(value), hidden))
    assert torch.equal(told[:, :2], torch.ones(200, 2))
    assert not told[:, 2:].any()
