"""The trees that tell made rows from real ones: what they learn, and which rows are kept."""

from __future__ import annotations

import functools
import itertools
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from vaery import VAE, discriminator, load
from vaery.core.evidence import Evidence
from vaery.core.field import ABSENT
from vaery.core.random import Random
from vaery.joint import Joint
from vaery.nets.trees import DISCRIMINATOR, Boosted

LOG_SHARES = {"a": 0.0, "b": -1.0, "c": -3.0}


def rows_of(frame: pd.DataFrame, model: VAE) -> Evidence:
    return model.schema_.pack(frame)


def corners(rows: int, seed: int) -> pd.DataFrame:
    """Three columns, of which the third says whether the first two are on the same side: none tells of another one."""
    rng = np.random.default_rng(seed)
    left, right = rng.integers(0, 2, (2, rows))
    return pd.DataFrame({"left": left, "right": right, "same": np.where(left == right, "yes", "no")}).astype(str)


def plain(rows: int = 300) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame({"kind": rng.choice(list(LOG_SHARES), rows), "size": rng.normal(size=rows)})


@pytest.fixture(scope="module")
def small() -> VAE:
    """A model of too few rows to have trees."""
    return VAE(random_state=0).fit(plain(), epochs=1, verbose=False)


@pytest.fixture(scope="module")
def short() -> VAE:
    """A model that learned little of its rows, and trees that know better."""
    return VAE(likelihood="independent", latent=1, random_state=0).fit(corners(4000, 0), epochs=12, verbose=False)


def by_kind(joint: Joint) -> Boosted:
    """Trees that keep rows by their kind alone, as often as :data:`LOG_SHARES` say."""
    trees = Boosted(1, 2, 2)
    trees.trees.feature[0] = torch.tensor([0, 0, 0])
    trees.trees.threshold[0] = torch.tensor([0.5, -1.0, 1.5])
    said = torch.tensor(list(LOG_SHARES.values()))
    trees.trees.leaf[0, :, 0] = torch.stack([said[0], said[0], said[1], said[2]])
    joint.aside[DISCRIMINATOR] = trees
    return trees


def test_trees_answer_as_those_of_scikit_learn_do() -> None:
    from sklearn import ensemble

    rng = np.random.default_rng(0)
    made, real = rng.normal(size=(3000, 3)).astype(np.float32), rng.normal(0.3, 1, size=(1000, 3)).astype(np.float32)
    made[:, 2], real[:, 2] = made[:, 2].round(), real[:, 2].round()  # many rows lie on a threshold's own side
    x, y = np.concatenate([made, real]).astype(float), np.repeat([0, 1], [3000, 1000])
    classifier: Any = ensemble.HistGradientBoostingClassifier
    peer = classifier(
        max_iter=300, learning_rate=discriminator.RATE, max_depth=discriminator.DEPTH,
        max_leaf_nodes=discriminator.LEAVES, early_stopping=False, random_state=Random(3).seed() % 2**31,
    ).fit(x, y)  # fmt: skip
    ours = discriminator._fitted(torch.from_numpy(real), torch.from_numpy(made), 300, Random(3))
    said = ours(torch.from_numpy(x).float())
    expected = peer.decision_function(x) + np.log(3)  # as if there were as many real rows
    np.testing.assert_allclose((said[:, 1] - said[:, 0]).numpy(), expected, atol=2e-4)


def test_no_threshold_is_rounded_to_the_next_value() -> None:
    low = np.float32(1.0)
    high = np.nextafter(low, np.float32(2))
    from vaery.nets.trees import _single

    between = (float(low) + float(high)) / 2
    assert low <= float(_single(between)) < high
    assert float(_single(between + 1e-9)) < high


def test_rows_are_kept_as_often_as_their_odds_say(small: VAE) -> None:
    joint = small.joint_
    by_kind(joint)
    try:
        even, told = rows_of(plain(300), small), []
        rng = np.random.default_rng(1)

        def draw(rows: int) -> Evidence:
            return even[torch.from_numpy(rng.integers(0, even.rows, rows))]

        got = discriminator.kept(joint, 6000, draw, rng=Random(0), watch=told.append)
    finally:
        del joint.aside[DISCRIMINATOR]
    (value,) = got.values.values()
    seen = np.bincount(value[:, 0, 0].long().numpy(), minlength=3)
    (among,) = even.values.values()
    weight = np.bincount(among[:, 0, 0].long().numpy(), minlength=3) * np.exp(list(LOG_SHARES.values()))
    assert got.rows == 6000
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert stats.chisquare(seen, 6000 * weight / weight.sum()).pvalue > 0.01


@pytest.mark.parametrize("rows", [0, 1, 70])
def test_rows_come_though_none_is_believed(small: VAE, rows: int) -> None:
    by_kind(small.joint_).start[1] = -torch.inf
    try:
        assert len(small.generate(rows, seed=0)) == rows
    finally:
        del small.joint_.aside[DISCRIMINATOR]


def far(frame: pd.DataFrame) -> float:
    """Total variation between the corners of these rows and of as good as all."""
    share = frame.value_counts(normalize=True)
    truth = corners(200_000, 9).value_counts(normalize=True)
    return float(0.5 * share.sub(truth, fill_value=0.0).abs().sum())


def test_what_the_model_missed_is_left_out(short: VAE) -> None:
    as_drawn, kept = (far(short.generate(5000, seed=0, judged=judged)) for judged in (False, True))
    assert as_drawn > 0.3
    assert kept < 0.1


def test_real_rows_cannot_be_told_from_real_rows(short: VAE) -> None:
    more = rows_of(corners(40_000, 1), short)
    joint, taken = short.joint_, []

    def draw(rows: int) -> Evidence:
        taken.append(rows)
        start = 10_000 + sum(taken[:-1])
        return more[slice(start, start + rows)]

    old = joint.aside[DISCRIMINATOR]
    try:
        train, unseen = more[slice(0, 5000)], more[slice(5000, 6000)]
        found = discriminator.learn(joint, train, unseen, draw, rng=Random(0), rows=10**9)
        assert found is None
        assert sum(taken) == discriminator.TIMES * 5000
    finally:
        joint.aside[DISCRIMINATOR] = old


def test_a_saved_model_makes_the_same_rows(short: VAE, tmp_path) -> None:
    assert short.choices_.discriminator == (short.joint_.aside[DISCRIMINATOR].rounds, discriminator.DEPTH)
    short.save(tmp_path / "short.vaery")
    again = load(tmp_path / "short.vaery")
    assert again.choices_ == short.choices_
    pd.testing.assert_frame_equal(again.generate(500, seed=3), short.generate(500, seed=3))


def test_the_same_seed_gives_the_same_trees(short: VAE) -> None:
    torch.manual_seed(1)
    again = VAE(likelihood="independent", latent=1, random_state=0).fit(corners(4000, 0), epochs=12, verbose=False)
    for name, tensor in short.joint_.aside[DISCRIMINATOR].state_dict().items():
        assert torch.equal(tensor, again.joint_.aside[DISCRIMINATOR].state_dict()[name]), name


@pytest.mark.parametrize("how", [{"given": {"left": "1"}}, {"temperature": 0.7}])
def test_rows_that_are_asked_for_otherwise_are_as_the_model_draws_them(short: VAE, how: dict[str, Any]) -> None:
    pd.testing.assert_frame_equal(short.generate(200, seed=0, **how), short.generate(200, seed=0, judged=False, **how))


def test_few_rows_short_fits_and_private_models_have_no_trees(small: VAE) -> None:
    assert DISCRIMINATOR not in small.joint_.aside
    brief = VAE(likelihood="independent", latent=1, random_state=0).fit(corners(2000, 0), epochs=1, verbose=False)
    assert DISCRIMINATOR not in brief.joint_.aside


def test_gaps_are_seen_and_come_back() -> None:
    frame = corners(4000, 0)
    frame.loc[frame["left"] == "1", "right"] = None  # it does not apply there
    model = VAE(likelihood="independent", latent=1, random_state=0).fit(frame, epochs=12, verbose=False)
    assert DISCRIMINATOR in model.joint_.aside
    made = model.generate(3000, seed=0)
    assert (made["right"].isna() == (made["left"] == "1")).all()
    assert 0.4 < made["right"].isna().mean() < 0.6
    whole = model.generate(3000, seed=0, nulls=False)
    assert not whole.isna().any().any()
    pd.testing.assert_series_equal(whole["left"], made["left"])


def test_columns_that_are_written_anew_are_not_looked_at() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.integers(0, 9, 4000), "b": rng.integers(0, 9, 4000)})
    frame["a"] = np.where(rng.random(4000) < 0.8, frame["b"], frame["a"])  # what trees are to find
    frame["sum"] = frame["a"] + frame["b"]
    options: dict[str, Any] = {"likelihood": "independent", "latent": 1, "random_state": 0}
    model = VAE(constraints=["sum = a + b"], **options).fit(frame, epochs=12, verbose=False)
    trees = model.joint_.aside[DISCRIMINATOR].trees
    assert set(trees.feature[trees.threshold.isfinite()].tolist()) == {0, 1}
    made = model.generate(2000, seed=0)
    assert (made["sum"] == made["a"] + made["b"]).all()
    as_drawn = model.generate(2000, seed=0, judged=False)
    same, before = ((rows["a"] == rows["b"]).mean() for rows in (made, as_drawn))
    truth = (frame["a"] == frame["b"]).mean()
    assert abs(same - truth) < 0.5 * abs(before - truth)


def test_each_kind_says_what_trees_see_of_it(short: VAE) -> None:
    gaps = corners(3, 0).assign(same=[None, "yes", "no"])
    rows = rows_of(gaps, short)
    seen = discriminator.features(short.joint_, rows)
    (value,), (known,) = rows.values.values(), rows.known.values()
    assert known is not None
    assert torch.equal(seen[known], value[..., 0][known])
    assert seen[0, 2] == ABSENT


def test_it_keeps_to_its_time(short: VAE, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count()
    monkeypatch.setattr(discriminator, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    rows, drawn = rows_of(corners(40_000, 1), short), []

    def draw(count: int) -> Evidence:
        drawn.append(count)
        return rows[slice(0, count)]

    joint, old = short.joint_, short.joint_.aside[DISCRIMINATOR]
    learn = functools.partial(discriminator.learn, joint, rows, rows, draw, rng=Random(0), rows=10**9)
    try:
        assert learn(seconds=1.0) is None  # a part is drawn, which is too little to learn from
        assert len(drawn) == 1
        drawn.clear()
        learn(seconds=20.0)
        assert len(drawn) == 12  # a second each, six tenths of the time that is left after the real rows were looked at
    finally:
        joint.aside[DISCRIMINATOR] = old


def test_without_refining_there_are_no_trees() -> None:
    options: dict[str, Any] = {"likelihood": "independent", "latent": 1, "random_state": 0}
    model = VAE(refine=False, **options).fit(corners(4000, 0), epochs=12, verbose=False)
    assert DISCRIMINATOR not in model.joint_.aside
