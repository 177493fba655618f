"""The protocols of ``benchmarks/``: holes, planted cells and splits are what they are said to be; so are verdicts."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
if not BENCHMARKS.exists():
    pytest.skip("the benchmarks are not part of a distribution", allow_module_level=True)
sys.path.insert(0, str(BENCHMARKS))

import anomaly  # noqa: E402
import conditional_trees  # noqa: E402
import datasets  # noqa: E402
import fill  # noqa: E402
import given  # noqa: E402
import optimise  # noqa: E402
import rare_class  # noqa: E402
import reasons  # noqa: E402
import table_bars  # noqa: E402
import tables  # noqa: E402
from bars import high  # noqa: E402
from common import Results  # noqa: E402
from table_rules import Rule, over  # noqa: E402


@pytest.fixture
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    x = rng.normal(size=2000)
    level = np.array(["a", "b", "c"], dtype=object)[np.digitize(x, [-0.5, 0.5])]
    return pd.DataFrame(
        {"x": x, "twice": 2 * x + 0.01 * rng.normal(size=2000), "noise": rng.normal(size=2000), "t": level}
    )


def test_holes_are_where_they_are_said_to_be(frame: pd.DataFrame) -> None:
    numbers = frame[["x", "twice", "noise"]].assign(more=frame["x"] ** 2)
    mcar = fill.completely_at_random(numbers, 0.3, 0)
    assert mcar.mean() == pytest.approx(0.3, abs=0.02)
    assert not mcar.all(axis=1).any()
    mar = fill.at_random(numbers, 0.3, 0)
    rates = np.sort(mar.mean(0))
    assert rates[:2].tolist() == [0.0, 0.0]
    assert rates[2:] == pytest.approx([0.3, 0.3], abs=0.04)
    setting = fill.punch(numbers, mar)
    assert (setting.holed.isna() == setting.hidden).all(axis=None)


def test_perfect_gaps_have_no_error_and_means_have_one_of_one(frame: pd.DataFrame) -> None:
    setting = fill.punch(frame, fill.completely_at_random(frame, 0.3, 1))
    perfect = fill.judge(setting, frame, [frame, frame])
    assert perfect["rmse"] == 0
    assert perfect["accuracy"] == perfect["coverage"] == 1
    means = frame.assign(**{c: frame[c].mean() for c in ("x", "twice", "noise")}, t="b")
    assert fill.judge(setting, means, None)["rmse"] == pytest.approx(1, abs=0.05)


def test_one_cell_of_each_row_is_planted_and_trees_find_it(frame: pd.DataFrame) -> None:
    train, test = frame.iloc[:1500], frame.iloc[1500:].reset_index(drop=True)
    planted, cells = reasons.plant(test, train, 0)
    changed = (planted != test).to_numpy()
    assert (changed.sum(1) == 1).all()
    assert [list(frame)[j] for j in changed.argmax(1)] == cells
    odd = conditional_trees.surprise(train, planted, 0)
    related = np.array(cells) != "noise"
    two = np.array(list(frame), dtype=object)[np.argsort(-odd, 1)[:, :2]]  # x and its double accuse each other
    found = (two == np.array(cells)[:, None]).any(1)
    assert found[related].mean() > 0.8


def test_halves_keep_anomalies_out_of_the_fit() -> None:
    x = np.arange(100.0)[:, None]
    outlier = np.arange(100) >= 90
    s = anomaly.halves(x, outlier, 0)
    assert len(s.train) == 45
    assert s.train.max() < 90
    assert s.outlier.sum() == 10
    assert not set(s.train[:, 0]) & set(s.test[:, 0])
    everything = anomaly.everything(x, outlier, 0)
    assert everything.test_x is everything.train_x
    assert (everything.outlier == (everything.train[:, 0] >= 90)).all()


def test_a_rare_class_is_as_rare_in_both_parts_and_no_row_is_in_both(frame: pd.DataFrame) -> None:
    numbered = frame.assign(row=np.arange(len(frame)))
    train, test = rare_class.rare(numbered, datasets.Target("t", "a"), 500, 0)
    assert (train["t"] == "a").sum() == (test["t"] == "a").sum() == 10
    assert len(train) == len(test) == 500
    assert not set(train["row"]) & set(test["row"])


def test_real_rows_are_as_far_as_real_rows(frame: pd.DataFrame) -> None:
    train, test, other = frame.iloc[:200], frame.iloc[200:500], frame.iloc[500:]
    noise, off = given.distances(train, test, other, 0)
    assert off / noise == pytest.approx(1, abs=0.2)
    assert given.distances(train, test, other.assign(x=9.0), 0)[1] > 2 * noise


def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **scores: float) -> Results:
    monkeypatch.setattr("common.RESULTS", tmp_path)
    found = Results("some")
    about: dict[str, Any] = {"date": "today"}
    for method, score in scores.items():
        values = {"values": {"f1": score}, "seconds": 1.0}
        whose = {"task": "augment", "data": "t", "method": method, "seed": 0, "ours": method == "vaery"}
        found.put(f"augment/t/{method}/0", {}, {**whose, **values}, about)
    return found


@pytest.mark.parametrize(("ours", "said"), [(0.3, "won"), (0.1, "lost"), (None, "open")])
def test_verdicts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ours: float | None, said: str) -> None:
    scores = {"SMOTE-NC": 0.2, **({} if ours is None else {"vaery": ours})}
    cells, _ = table_bars.collect(results(tmp_path, monkeypatch, **scores), "augment")
    _, means = table_bars.averaged(cells, "f1")
    rule = Rule("augment", "f1", "F1", high, "≥ SMOTE-NC", over("SMOTE-NC"))
    assert table_bars.decided(rule, means, ["SMOTE-NC"]) == said


def test_lines_of_another_run_are_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = results(tmp_path, monkeypatch, vaery=0.3)
    results(tmp_path, monkeypatch, other=0.2)
    one.put("augment/t/third/0", {}, {"values": {}}, {})
    assert set(Results("some").lines) == {f"augment/t/{name}/0" for name in ("vaery", "other", "third")}


def test_fits_are_shortened_in_quick_runs_only(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr(sys, "argv", ["tables.py", "--steps", "5"])
    with pytest.raises(SystemExit):
        tables.main()
    assert "--quick only" in capsys.readouterr().err


@pytest.mark.parametrize(("words", "said"), [(["--tasks", "fill"], "impute"), (["--datasets", "spam"], "spam MCAR")])
def test_a_name_that_is_none_measures_nothing_and_says_so(words, said, monkeypatch, capsys) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(sys, "argv", ["tables.py", *words])
    with pytest.raises(SystemExit):
        tables.main()
    assert said in capsys.readouterr().err


def test_candidates_are_judged_by_their_best_and_by_how_near_they_are(frame: pd.DataFrame) -> None:
    near = optimise.closeness(optimise.encoder(frame), frame)
    far = frame.assign(x=frame["x"] + 10)
    setting = optimise.Setting(frame, {"t": "b", "x": (None, 0.2)}, lambda x: x["x"].to_numpy(), near, None, {})
    assert near(frame).all()
    assert not near(far).any()
    made = optimise.uniform(setting, 200, 0)
    assert (made["t"] == "b").all()
    assert made["x"].between(frame["x"].min(), 0.2).all()
    assert list(made) == list(frame)
    rows = frame[(frame["t"] == "b") & (frame["x"] <= 0.2)].head(20)
    found = optimise.judged(setting, (10, 20), rows)
    assert found["best_20"] == found["near_20"] == rows["x"].max()
    assert found["best_10"] == rows["x"].head(10).max()
    with pytest.raises(AssertionError, match="condition"):
        optimise.best(setting, 20, far.head(20))
