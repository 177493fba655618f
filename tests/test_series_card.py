"""The report card of series: who knows the truth is better, who does not is found out, whatever the series came in."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from typer.testing import CliRunner

from vaery import VAE
from vaery.cli.app import app
from vaery.core.errors import ChoiceError, DataError, QueryError
from vaery.evaluation.measure import BETTER, KEPT, MISSED, WORSE
from vaery.evaluation.series import checks, simple
from vaery.evaluation.series.forecast import forecast
from vaery.evaluation.series.run import run
from vaery.evaluation.series.setting import Series

STEPS = 900


def tides(steps: int = STEPS, seed: int = 0) -> pd.DataFrame:
    rng, at = np.random.default_rng(seed), np.arange(steps)
    high = np.sin(2 * np.pi * at / 24) + 0.1 * rng.normal(size=steps)
    frame = {"high": 100 + 3 * high, "low": -2 * high + 0.1 * rng.normal(size=steps), "still": 1.0}
    frame["wind"] = np.where(high > 0, "north", "south")
    return pd.DataFrame(frame, pd.date_range("2024", periods=steps, freq="h"))


@pytest.fixture(scope="module")
def model() -> VAE:
    return VAE(kind="series", latent=4, width=16, steps=40, random_state=0, threads=1).fit(
        tides(1200, 1), verbose=False
    )


class Stub:
    """A model that answers as somebody says."""

    def __init__(self, model: VAE, answers: dict[str, Any]) -> None:
        self.schema_, self.history_, self.calibration_ = model.schema_, model.history_, model.calibration_
        self.held_out_bound, self.answers = model.held_out_bound, answers

    def run(self, job: str, raw: Any, seed: int = 0, **options: Any) -> Any:
        return self.answers[job](raw)


def card(model: Any, raw: Any, **options: Any) -> Any:
    return run(model, raw, **{"target": None, "rows": 1000, "jobs": None, "seed": 0, "verbose": False, **options})


def filled(off: float, width: float = 0.1) -> Any:
    """Who fills with the truth and so much more."""
    truth = tides()

    def answer(raw: pd.DataFrame) -> dict[str, pd.DataFrame]:
        moved = lambda by: raw.assign(**{c: raw[c].where(raw[c].notna(), truth[c] + by) for c in ("high", "low")})
        return {"value": moved(off), "low": moved(off - width), "high": moved(off + width)}

    return answer


def odd(knows: bool) -> Any:
    """Who sees every cell that is not as it was; or nothing at all."""
    truth = tides()

    def answer(raw: pd.DataFrame) -> dict[str, Any]:
        wrong = np.stack([(raw[c] != truth[c]).to_numpy() for c in ("high", "low")], 1)
        noise = np.random.default_rng(0).random(len(raw))
        oddness = noise + 10 * wrong.any(1) if knows else noise
        why = [
            [{"cell": "high" if w[0] == knows else "low", "bits": 1.0, "value": 0.0, "expected": 0.0}] for w in wrong
        ]
        p_value = np.where(oddness > 1, 0.0, 1 - noise) if knows else noise * 0.05
        return {"bits": oddness, "oddness": oddness, "p_value": p_value, "reasons": why}

    return answer


def test_who_knows_the_truth_is_better_at_everything(model) -> None:
    found = card(Stub(model, {"impute": filled(0.0), "detect": odd(True)}), tides())
    assert found.verdicts == {"impute": BETTER, "forecast": BETTER, "detect": BETTER}
    assert all(m.ours < 1e-9 for m in found["impute"].measures if not m.promise)
    assert found["detect"].measures[0].ours == 1
    assert found["detect"].measures[1].ours == 1
    assert {m.verdict for job in found.jobs.values() for m in job.measures if m.promise} == {KEPT}


def test_who_does_not_is_found_out(model) -> None:
    found = card(Stub(model, {"impute": filled(50.0), "detect": odd(False)}), tides())
    assert found.verdicts == {"impute": WORSE, "forecast": WORSE, "detect": WORSE}
    assert {m.verdict for job in found.jobs.values() for m in job.measures if m.promise} == {MISSED}


def test_simple_methods_do_not_see_what_is_hidden_and_stay_in_their_series(model) -> None:
    setting, other = (Series.of(model, tides(), 1000, 0) for _ in range(2))
    for hidden in checks.holes(setting).values():
        assert 0.05 < hidden.mean() < 0.6
        other.__dict__["line"] = np.where(hidden, 99.0, setting.line)
        for a, b in zip(checks._simple(setting, hidden).values(), checks._simple(other, hidden).values(), strict=True):
            assert (a == b).all()
            assert (a[~hidden] == setting.line[~hidden]).all()
            assert (a[hidden] != setting.line[hidden]).mean() > 0.9
    two = np.array([[0.0], [np.nan], [np.nan], [8.0]])
    series = np.array([0, 0, 1, 1])
    assert simple.straight(two, series)[:, 0].tolist() == [0, 0, 8, 8]
    assert simple.carried(two, series)[:, 0].tolist() == [0, 0, 8, 8]


def test_forecasts_are_asked_of_what_came_before_alone(model) -> None:
    asked: list[pd.DataFrame] = []

    def answer(raw: pd.DataFrame) -> dict[str, pd.DataFrame]:
        asked.append(raw)
        return {name: raw.fillna(0.0) for name in ("value", "low", "high")}

    setting = Series.of(Stub(model, {"impute": answer}), tides(), 1000, 0)
    found = forecast(setting)
    assert found is not None
    window, truth = model.fields_[0].window, tides()
    ahead = len(asked[0]) - window
    assert ahead >= 4
    for raw in asked:
        assert raw[["high", "low"]].iloc[window:].isna().all(axis=None)
        assert raw.index.equals(pd.date_range(raw.index[0], periods=window + ahead, freq="h"))
        pd.testing.assert_frame_equal(raw.iloc[:window], truth.loc[raw.index[:window]], check_freq=False)
    assert len(asked) == len({raw.index[0] for raw in asked}) >= 20
    last = found.measures[0].others["last value"]
    by_hand = [
        np.abs(truth[c].loc[raw.index[window:]] - truth[c].loc[raw.index[window - 1]]).mean() / truth[c].std(ddof=0)
        for raw in asked
        for c in ("high", "low")
    ]
    assert last == pytest.approx(np.mean(by_hand))


def test_series_that_are_too_short_for_a_window_and_more_have_no_forecast() -> None:
    waves = [np.sin(np.arange(20.0) / 3 + i)[:, None] for i in range(24)]
    model = VAE(kind="series", latent=2, width=8, steps=5, random_state=0, threads=1)
    found = model.fit([np.concatenate(waves)], verbose=False).evaluate(waves)
    assert "forecast" not in found.verdicts
    assert any("forecast was not tried" in note for note in found.about["notes"])


def test_odd_stretches_stand_in_every_second_segment(model) -> None:
    setting = Series.of(model, tides(), 1000, 0)
    line, where, channel = checks.plant(setting)
    assert setting.names == ["high", "low"], "one value, and levels, are not tried"
    assert (channel[::2] == -1).all()
    assert (channel[1::2] >= 0).mean() > 0.9
    assert (line[~where] == setting.line[~where]).all()
    assert set(setting.segment[where.any(1)]) == set(np.flatnonzero(channel >= 0))
    changed = setting.changed(where, line)
    np.testing.assert_allclose(setting.standard(changed), line, atol=1e-9)


@pytest.mark.parametrize("container", ["pandas", "polars", "list", "array", "shuffled"])
def test_series_may_come_in_anything(container) -> None:
    frame = tides(400)[["high", "low"]]
    arrays = frame.to_numpy().reshape(2, 200, 2)
    raw: Any = {
        "pandas": frame,
        "polars": pl.from_pandas(frame.rename_axis("time").reset_index()),
        "list": [arrays[0], arrays[1][:150]],
        "array": arrays,
        "shuffled": frame.sample(frac=1, random_state=0),
    }[container]
    model = VAE(kind="series", latent=2, width=8, steps=5, random_state=0, threads=1).fit(raw, verbose=False)
    setting = Series.of(model, raw, 1000, 0)
    hidden = checks.holes(setting)["single cells"]
    emptied = setting.standard(setting.changed(hidden))
    assert (np.isnan(emptied) == hidden).all()
    assert (emptied[~hidden] == setting.line[~hidden]).all()
    found = model.evaluate(raw)
    assert set(found.verdicts) == {"impute", "forecast", "detect"}
    short = Series.of(model, raw, 40, 0)
    assert len(short.line) == 200


def test_the_page_shows_fills_and_the_oddest_steps(model, tmp_path) -> None:
    found = model.evaluate(tides(), seed=1)
    again = model.evaluate(tides(), seed=1)
    plain = lambda c: {name: [m.to_dict() for m in job.measures] for name, job in c.jobs.items()}
    assert json.dumps(plain(found)) == json.dumps(plain(again))
    page = found.to_html(tmp_path / "card.html").read_text()
    assert "Gaps filled" in page
    assert "Steps to come" in page
    assert "The oddest rows" in page
    assert "wind" in page, "what was left out is said"
    view = json.loads(found.to_json(tmp_path / "card.json").read_text())["views"]["fills"][0]
    assert len(view["truth"]) == len(view["hidden"]) == len(view["fill"])
    assert "900 steps" in str(found)


def test_what_cannot_be_evaluated_is_refused(model) -> None:
    with pytest.raises(DataError, match="100 step"):
        model.evaluate(tides(100))
    with pytest.raises(ChoiceError, match="generate"):
        model.evaluate(tides(), jobs=["generate"])
    with pytest.raises(QueryError, match="target"):
        model.evaluate(tides(), target="high")
    with pytest.raises(QueryError, match="rows"):
        model.evaluate(tides(), rows=3)


def test_the_command_writes_a_page_from_a_file(model, tmp_path) -> None:
    tides().rename_axis("time").to_csv(tmp_path / "held_out.csv")
    model.save(tmp_path / "tides.vaery")
    named = [str(tmp_path / name) for name in ("tides.vaery", "held_out.csv", "card.html")]
    done = CliRunner().invoke(app, ["report", *named[:2], "-o", named[2]])
    assert done.exit_code == 0, done.output
    assert "impute" in done.output
    assert "Gaps filled" in (tmp_path / "card.html").read_text()
