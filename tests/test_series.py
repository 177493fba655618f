"""Sensor series: windows and back, the line between known values, densities from coarse to fine, jobs."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vaery import VAE, steps
from vaery.core.check import check_kind
from vaery.core.check_stops import check_density
from vaery.core.errors import ChoiceError, DataError, QueryError
from vaery.core.evidence import zeroed
from vaery.core.random import Random
from vaery.kinds import series
from vaery.kinds.series.field import SeriesField
from vaery.kinds.series.windows import answers, cut, lay, stitch
from vaery.nets.bridge import CLASSES, FAR, bridge
from vaery.regime import apart, overlap
from vaery.unseen import Rows


def walk(steps: int, channels: int = 2, seed: int = 0) -> np.ndarray:
    return np.cumsum(np.random.default_rng(seed).normal(size=(steps, channels)), 0)


def long_frame(irregular: bool = False, zone: str | None = "Europe/Berlin") -> pd.DataFrame:
    """Three machines with numbers, truths, texts with gaps, and whole numbers."""
    rng, parts = np.random.default_rng(0), []
    for name, rows in (("a", 220), ("b", 180), ("c", 7)):
        every = pd.date_range("2021-03-26", periods=4 * rows, freq="15min", tz=zone)
        time = every[np.sort(rng.choice(4 * rows, rows, replace=False))] if irregular else every[::4]
        texts, truths = rng.choice(["on", "off", None], rows), rng.random(rows) < 0.5
        about = {"id": name, "time": time, "flow": walk(rows, 1)[:, 0], "open": truths, "state": texts}
        parts.append(pd.DataFrame({**about, "count": rng.integers(0, 99, rows)}))
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def fitted() -> tuple[VAE, np.ndarray]:
    x = np.stack([np.sin(np.arange(600) / 4), np.cos(np.arange(600) / 4)], 1)
    return VAE(steps=40, random_state=0, width=16).fit([x]), x


# ------------------------------------------------------------------ the contract


@pytest.mark.parametrize(
    "raw",
    [
        np.cumsum(np.random.default_rng(0).normal(size=(12, 40, 3)), 1),
        [walk(n) for n in (300, 170, 20, 5)],
        pd.DataFrame(walk(400), index=pd.date_range("2020", periods=400, freq="h"), columns=["x", "y"]),
    ],
    ids=["array", "list", "frame"],
)
def test_the_contract_of_a_kind(raw):
    check_kind(series, raw)


@pytest.mark.parametrize("irregular", [False, True])
def test_the_contract_holds_for_mixed_channels(irregular, monkeypatch):
    monkeypatch.setattr(series, "looks_like", lambda raw: True)  # such a frame has to be said to be series
    check_kind(series, long_frame(irregular))


@pytest.mark.parametrize("known", [0.0, 0.5, 1.0])
def test_the_density_of_a_window(known):
    field = series.describe(long_frame(irregular=True))
    value, seen = field.pack(long_frame(irregular=True))
    seen = (torch.ones_like(value) > 0) if seen is None else seen
    seen = seen & (torch.rand(value.shape, generator=torch.Generator().manual_seed(0)) < known)
    decoder = series.decoder(field, 3, 16, 1, 0.0).eval()
    with torch.no_grad():
        check_density(decoder(Random(0).normal((2, len(value), 3))), zeroed(value, seen), seen)


# ------------------------------------------------------------------ windows


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=5), st.integers(2, 20), st.data())
def test_windows_reassemble_exactly(lengths, window, data):
    hop = data.draw(st.integers(1, window))
    numbers = np.repeat(np.arange(len(lengths)), lengths)
    order = np.random.default_rng(0).permutation(len(numbers))
    order = order[np.argsort(numbers[order], kind="stable")]
    found = cut(order, numbers, window, hop)
    rows = np.random.default_rng(1).normal(size=(len(numbers), 3))
    known = np.random.default_rng(2).random(rows.shape) < data.draw(st.sampled_from([0.0, 0.2, 1.0]))
    np.testing.assert_array_equal(stitch(lay(rows, found.index), found, known), rows)
    for index in found.index:  # no window holds rows of two series
        assert len({numbers[i] for i in index if i >= 0}) == 1


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(1, 60), min_size=1, max_size=3), st.integers(2, 20), st.data())
def test_a_gap_is_filled_from_one_window_that_sees_both_of_its_ends(lengths, window, data):
    """Where any window does; checked by asking all windows one by one."""
    numbers = np.repeat(np.arange(len(lengths)), lengths)
    found = cut(np.arange(len(numbers)), numbers, window, data.draw(st.integers(1, window)))
    known = np.random.default_rng(data.draw(st.integers(0, 9))).random(len(numbers)) < data.draw(st.floats(0, 1))
    which = answers(found, known[:, None])[:, 0]
    filled: dict[tuple[int, int], set[int]] = {}
    for at in np.flatnonzero(~known).tolist():
        own = numbers == numbers[at]
        before, after = np.flatnonzero(own & known & (np.arange(len(own)) < at)), np.flatnonzero(own & known)
        after = after[after > at]
        assert found.span[which[at], 0] <= at < found.span[which[at], 1]
        if len(before) and len(after):
            low, high = int(before[-1]), int(after[0])
            if any(start <= low and high < end for start, end in found.span.tolist()):
                start, end = found.span[which[at]]
                assert start <= low
                assert high < end
                filled.setdefault((low, high), set()).add(int(which[at]))
    assert all(len(windows) == 1 for windows in filled.values())


def test_held_out_windows_share_no_step_with_the_others():
    raw = [walk(900), walk(1500, seed=1)]
    field = series.describe(raw)
    value, known = field.pack(raw)
    spans = field.spans(raw)
    rows = Rows(len(value), {"series": value}, {"series": known}, spans=spans)
    assert overlap(spans)
    train, held = apart(rows, spans, Random(0))
    steps = lambda which: {s for i in which for s in range(*spans[i].tolist())}
    mine = [i for i in range(len(value)) if any(torch.equal(value[i], h) for h in held.values["series"])]
    assert 0.05 < len(mine) / len(value) < 0.25
    assert train.rows > 0.5 * len(value)
    assert not steps(train.index.tolist()) & steps(mine)


# ------------------------------------------------------------------ the line


def test_what_is_to_come_is_told_apart_from_a_gap() -> None:
    seen = torch.tensor([0, 1, 0, 0, 0, 1, 0, 0, 0], dtype=torch.bool).view(1, 9, 1)
    remote = bridge(torch.zeros(1, 9, 1), seen, torch.arange(9.0)[None]).remote.flatten().tolist()
    assert remote == [5, 0, 0, 1, 0, 0, 5, 6, 6]
    nothing = bridge(torch.zeros(1, 9, 1), seen & False, torch.arange(9.0)[None]).remote
    assert set(nothing.flatten().tolist()) == {CLASSES - 1}


def test_the_line_is_linear_interpolation_in_time():
    time = torch.tensor([[0.0, 1.0, 4.0, 5.0, 9.0, 10.0]])
    x = torch.tensor([2.0, 0.0, 0.0, 7.0, 0.0, 0.0]).view(1, 6, 1)
    seen = torch.tensor([True, False, False, True, False, False]).view(1, 6, 1)
    found = bridge(x, seen, time)
    np.testing.assert_allclose(found.line.flatten(), np.interp(time[0], [0, 5], [2, 7]))
    np.testing.assert_allclose(found.reach.flatten()[[1, 2, 4]], [1 * 4 / 5, 4 * 1 / 5, 4], rtol=1e-3)
    assert float(bridge(x, torch.zeros_like(seen), time).reach.min()) == FAR


def test_an_untrained_network_answers_with_the_line():
    """Its last layer starts at zero, so a fill is never worse than the line to begin with."""
    field = series.describe([walk(400)])
    value, _ = field.pack([walk(400)])
    decoder = series.decoder(field, 3, 16, 1, 0.0).eval()
    seen = field.hide(len(value), Random(0))
    with torch.no_grad():
        median = decoder(torch.zeros(1, len(value), 3)).given(zeroed(value, seen), seen).mode()[0]
    line = bridge(value, seen, torch.arange(field.window).expand(len(value), -1).float()).line
    torch.testing.assert_close(median, line)


def test_corrections_are_kept_as_far_as_held_out_windows_gain_from_them():
    """Of two channels one is flat and wrongly corrected: it goes back to the line. The other is bent, and keeps its
    corrections."""
    torch.manual_seed(0)
    rng = Random(0)
    t = torch.arange(32.0)
    bent = (0.3 * t + 6.28 * rng.uniform((200, 1))).sin()
    flat = rng.normal((200, 1)) + 0.1 * rng.normal((200, 32))
    value = torch.stack([flat, bent], -1)
    field = series.describe(value.numpy())
    net = series.decoder(field, 3, 16, 1, 0.0).net
    shown = field.hide(len(value), rng)
    optimizer = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(150):
        optimizer.zero_grad()
        error = (net(None, value[None], shown[None]).mean()[0] - value)[~shown.expand_as(value)].abs()
        error.mean().backward()
        optimizer.step()
    with torch.no_grad():  # to the first channel a wrong correction of half a random step, everywhere
        net.out.weight[0], net.out.bias[0] = 0.0, 0.5
    net.eval().shrink(value, shown, ~shown)
    assert float(net.shrinkage[0].max()) < 0.3
    assert float(net.shrinkage[1].min()) > 0.5
    off = lambda found: ((found - value).abs() * ~shown).mean((0, 1))
    with torch.no_grad():
        after = off(net(None, value[None], shown[None]).mean()[0])
        net.shrinkage.fill_(1.0)
        before = off(net(None, value[None], shown[None]).mean()[0])
        net.shrinkage.fill_(0.0)
        line = off(net(None, value[None], shown[None]).mean()[0])
    assert bool((after <= torch.minimum(before, line) + 1e-6).all())
    assert float(after[1]) < float(line[1])


# ------------------------------------------------------------------ the density


def test_log_prob_is_the_sum_of_one_pass_after_the_other():
    field = series.describe([walk(300)])
    value, _ = field.pack([walk(300)])
    net = series.decoder(field, 3, 16, 1, 0.0).eval()
    density = net(Random(0).normal((2, len(value), 3)))
    for p in net.parameters():
        torch.nn.init.normal_(p, std=0.05, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        total, rank = 0.0, density.net.rank
        for turn in range(density.net.passes):
            one = density._predict(density.z, value[None], (rank < turn).expand(value.shape)[None])
            total = total + one.log_prob(value[None], (rank == turn).expand(value.shape))
        torch.testing.assert_close(density.log_prob(value), total)
        many = torch.stack([density.estimate(value, None, Random(i)) for i in range(2 * density.net.passes)])
    assert sorted(set((many != 0).sum((2, 3, 4)).flatten().tolist())) != [0]


def test_what_is_estimated_is_log_prob_on_average():
    """Over all passes that a row may stand for, the estimates have the mean log_prob, cell by cell."""
    field = series.describe([walk(300, 1)])
    value, _ = field.pack([walk(300, 1)])
    density = series.decoder(field, 3, 16, 1, 0.0).eval()(torch.zeros(1, len(value), 3))
    passes = density.net.passes

    class Fixed(Random):
        def integers(self, low, high, shape):
            return torch.full(shape, self.turn)

    total = torch.zeros(density.shape)
    with torch.no_grad():
        for turn in range(passes):
            rng = Fixed(0)
            rng.turn = turn
            total = total + density.estimate(value, None, rng) / passes
        torch.testing.assert_close(total, density.log_prob(value))


# ------------------------------------------------------------------ raw data


def test_frames_come_back_as_they_came():
    raw = long_frame(irregular=True).sample(frac=1, random_state=0)
    field = series.describe(raw)
    assert field.clock.zone == "Europe/Berlin"
    assert not field.clock.even
    assert field.id == "id"
    assert field.names == ("flow", "open", "state", "count", "time gap")
    assert field.levels == (0, 2, 2, 0, 0)
    value, known = field.pack(raw)
    pd.testing.assert_frame_equal(field.unpack(value, known, like=raw, keep=True), raw)
    again = field.unpack(value, known, like=raw)
    pd.testing.assert_frame_equal(again.drop(columns="flow"), raw.drop(columns="flow"))
    np.testing.assert_allclose(again.flow, raw.flow, atol=1e-4)
    new = field.unpack(value[:3], None if known is None else known[:3])
    assert new.time.dtype == raw.time.dtype
    assert new["count"].dtype == raw["count"].dtype
    assert new.id.nunique() == 3


def test_polars_comes_back():
    polars = pytest.importorskip("polars")
    raw = polars.from_pandas(long_frame())
    field = series.describe(raw)
    value, known = field.pack(raw)
    again = field.unpack(value, known, like=raw, keep=True)
    assert again.schema == raw.schema
    assert again.drop("flow").equals(raw.drop("flow"))


def test_rows_in_no_order_and_at_the_same_time():
    time = pd.to_datetime(["2020-01-03", "2020-01-01", "2020-01-02", "2020-01-02", "2020-01-04"])
    raw = pd.DataFrame({"time": time, "x": [4.0, 1.0, 2.0, 3.0, 5.0]})
    field = series.describe(raw)
    value, _ = field.pack(raw)
    assert field.window == 5
    assert (value[0, :, 0].diff() > 0).all()
    pd.testing.assert_frame_equal(field.unpack(value, like=raw), raw)


def test_what_looks_like_series():
    assert series.looks_like(np.zeros((3, 50, 2)))
    assert series.looks_like([walk(9), walk(5)])
    assert not series.looks_like(np.zeros((3, 50)))
    assert not series.looks_like(["a"])
    dated = pd.DataFrame(walk(9), index=pd.date_range("2020", periods=9))
    assert series.looks_like(dated)
    assert not series.looks_like(dated.reset_index())
    assert [f.kind for f in describe_all(np.random.default_rng(0).normal(size=(5, 30, 2)))] == ["series"]
    assert [f.kind for f in describe_all([walk(30, 9), walk(20, 9)])] == ["series"]


def describe_all(raw, **options):
    from vaery import describe

    return describe(raw, **options)


def test_a_table_with_times_is_series_where_one_says_so():
    raw = long_frame()
    assert [f.kind for f in describe_all(raw, kind="series")] == ["series"]
    (field,) = describe_all(raw.rename(columns={"id": "who"}), kind="series", columns={"who": "id"})
    assert isinstance(field, SeriesField)
    assert field.id == "who"
    with pytest.raises(ChoiceError, match="'nobody'"):
        describe_all(raw, kind="series", columns={"nobody": "id"})


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        ([walk(5), walk(5, 3)], "same channels"),
        ([np.zeros((0, 2))], "no time steps"),
        ([np.array([[1.0], [np.inf]])], "infinite in row 1"),
        (pd.DataFrame({"time": [None, "2020"], "x": [1.0, 2.0]}), "row 0 has no time"),
        (pd.DataFrame({"time": ["2020", "2021"]}), "a channel"),
        (pd.DataFrame({"time": ["soon", "later"], "x": [1.0, 2.0]}), "hold times"),
    ],
)
def test_bad_input_says_what_is_wrong(raw, says):
    with pytest.raises(DataError, match=says):
        series.describe(raw)


def test_other_channels_than_those_of_the_fit(fitted):
    with pytest.raises(DataError, match="x0, x1 were expected"):
        fitted[0].impute([walk(50, 3)])


# ------------------------------------------------------------------ jobs


def test_gaps_are_filled_in_whole_series(fitted):
    model, x = fitted
    holes = [x.copy(), x[:70].copy(), x[:3].copy()]
    for item in holes:
        item[len(item) // 3 : len(item) // 2, 0] = np.nan
    filled = model.impute(holes, how="median", interval=0.9)
    for name in ("value", "low", "high"):
        assert [len(item) for item in filled[name]] == [600, 70, 3]
        for got, item in zip(filled[name], holes, strict=True):
            there = ~np.isnan(item)
            assert not np.isnan(got).any()
            assert (got[there] == item[there]).all()
    assert all((a <= b).all() for a, b in zip(filled["low"], filled["high"], strict=True))


def test_slices_of_windows_make_no_difference(fitted, monkeypatch):
    model, x = fitted
    holes = x.copy()
    holes[100:120] = np.nan
    whole = model.impute([holes])
    monkeypatch.setattr("vaery.rowwise.MANY", 1)
    np.testing.assert_allclose(model.impute([holes])[0], whole[0], atol=1e-5)
    drawn = model.impute([holes], draws=2)
    assert len(drawn) == 2
    assert all((d[0][:100] == x[:100]).all() for d in drawn)


def test_series_beside_a_label_are_asked_at_once_however_many_they_are(monkeypatch):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 12, 2)).cumsum(1).astype(np.float32)
    rows = {"series": x, "sort": np.where(x[:, -1, 0] > 0, "up", "down")}
    model = VAE(steps=5, random_state=0).fit(rows)
    x = x.copy()
    x[:, 4:6, 0] = np.nan
    whole = model.impute({**rows, "series": x})
    monkeypatch.setattr("vaery.rowwise.MANY", 1)
    monkeypatch.setattr("vaery.rowwise.SLICE", 2)
    again = model.impute({**rows, "series": x})
    assert whole["series"].shape == x.shape
    np.testing.assert_array_equal(again["series"], whole["series"])
    assert list(again["sort"]) == list(rows["sort"])


def test_hidden_steps_and_channels_have_no_influence(fitted):
    model, x = fitted
    holes = x.copy()
    holes[50:60, 1] = np.nan
    seen = model.impute([holes])[0]
    evidence = model.schema_.pack([holes])
    assert not evidence.values["series"][~evidence.known["series"]].any()
    assert np.array_equal(model.impute([holes.copy()])[0], seen)


def test_each_step_is_told_whether_it_is_odd(fitted):
    model, x = fitted
    odd = [x[:300].copy(), x[:40].copy()]
    odd[0][150:180, 1] += 3
    found = model.detect(odd)
    assert list(found.columns) == ["series", "step", "bits", "oddness", "p_value", "outlier", "event", "reasons"]
    assert found.series.tolist() == [0] * 300 + [1] * 40
    assert found.step.tolist() == [*range(300), *range(40)]
    first = found[found.series == 0]
    assert first.oddness.idxmax() in range(140, 190)
    assert first.bits[150:180].mean() > first.bits[:140].mean() + 1
    assert first.reasons[165][0]["cell"] == "x1"
    assert first.reasons[165][0]["value"] == pytest.approx(odd[0][165, 1], abs=1e-4)
    again = model.detect(odd[0][None, :300][0])
    np.testing.assert_allclose(again.bits, first.bits, atol=1e-3)


def test_what_is_found_belongs_to_the_rows_as_they_came():
    raw = long_frame()
    model = VAE(steps=5, width=16, kind="series").fit(raw)
    mixed = raw.sample(frac=1, random_state=1)
    found = model.detect(mixed)
    assert (found.index == mixed.index).all()
    assert (found.id == mixed.id).all()
    assert (found.time == mixed.time).all()
    np.testing.assert_allclose(found.bits.sort_index(), model.detect(raw).bits, atol=1e-3)
    assert model.transform(raw).shape[0] == len(model.schema_.pack(raw).values["series"])


def test_a_short_jump_of_one_channel_is_an_event():
    hours, rng = np.arange(1200), np.random.default_rng(0)
    flow = np.sin(2 * np.pi * hours / 24) + 0.1 * rng.normal(size=1200)
    x = np.stack([flow, 60 - 5 * flow + 0.5 * rng.normal(size=1200)], 1)
    odd = x[:300].copy()
    odd[200:212, 1] += 20
    found = VAE(steps=60, width=16, random_state=0).fit([x]).detect([odd])
    assert found.event[203:208].min() > 0
    assert not found.outlier[:150].any()
    assert found.p_value.min() < 0.01


def test_events_are_runs_of_odd_steps():
    odd = torch.tensor([0, 1, 0, 1, 0, 0, 0, 0, 1, 1]) > 0
    series = torch.tensor([1, 1, 1, 1, 1, 1, 1, 1, 1, 2])
    assert steps.events(odd, series, 3).tolist() == [0, 1, 1, 1, 0, 0, 0, 0, 2, 3]


def test_no_privacy_is_promised_for_windows_that_share_steps():
    model = VAE(private=8.0, kind="series", steps=2)
    with pytest.raises(DataError, match="several windows"):
        model.fit([walk(400)], verbose=False)
    short = [walk(24, seed=i) for i in range(40)]
    assert not overlap(series.describe(short).spans(short))


def test_windows_on_a_line_answer_once():
    found = cut(np.arange(100), np.repeat([0, 1], [60, 40]), 16, 5)
    own = steps.owned(torch.from_numpy(found.span), 16)
    assert own.any(0).all()
    assert np.bincount(found.index[own.numpy()], minlength=100).tolist() == [1] * 100
    for at, window in enumerate(answers(found, np.ones((100, 1), bool))[:, 0]):  # all is known: in whose middle it is
        off = np.where((found.span[:, 0] <= at) & (at < found.span[:, 1]), abs(2 * at + 1 - found.span.sum(1)), 999)
        assert off[window] == off.min()
    line = steps.on_line(torch.arange(16.0).expand(len(own), -1), torch.from_numpy(found.span), own)
    assert line.shape == (100,)
    assert line.isfinite().all()
    assert steps.records(torch.from_numpy(found.span)).tolist() == [1] * 60 + [2] * 40


def test_intervals_are_widened_to_hold_what_they_say(fitted):
    """Of a random walk's gaps, nine tenths lie inside, though the model was hardly trained."""
    x = [walk(1500, 1), walk(700, 1, seed=1)]
    model = VAE(steps=20, random_state=0, width=16).fit(x[:1])
    assert all(factor > 0 for row in model.calibration_["coverage"]["series"] for factor in row)
    holes, gone = x[1].copy(), np.random.default_rng(3).random(x[1].shape) < 0.3
    holes[gone] = np.nan
    found = model.impute([holes], interval=0.9)
    inside = (found["low"][0] <= x[1]) & (x[1] <= found["high"][0])
    assert 0.84 < inside[gone].mean() < 0.96


def test_new_series_and_how_one_goes_on(fitted):
    model, x = fitted
    new = model.generate(3)
    assert len(new) == 3
    assert all(item.shape == (model.fields_[0].window, 2) for item in new)
    start = x[:20]
    for item in model.generate(4, given={"series": [start]}):
        assert np.allclose(item[:20], start, atol=1e-5)
        assert len(item) > 20
    with pytest.raises(QueryError, match="its last steps"):
        model.generate(1, given={"series": [x]})


def test_a_channel_that_is_all_empty_and_one_that_never_changes():
    x = np.stack([np.full(300, np.nan), np.full(300, 7.0), np.sin(np.arange(300))], 1)
    model = VAE(steps=5, width=16).fit([x])
    holes = x.copy()
    holes[50:60, 1:] = np.nan
    filled = model.impute([holes])[0]
    assert np.isfinite(filled).all()
    assert np.allclose(filled[50:60, 1], 7, atol=0.5)


def test_the_command_line_fills_and_makes_tables(tmp_path, monkeypatch):
    from typer.testing import CliRunner

    from vaery.cli.app import app

    monkeypatch.chdir(tmp_path)
    raw = long_frame(zone=None).drop(columns=["open", "state"])
    raw.loc[20:25, "flow"] = np.nan
    raw.to_csv("plant.csv", index=False)
    asked = [
        "fit plant.csv -o m.vaery --set kind=series --set steps=5 --set width=16",
        "impute m.vaery plant.csv -o whole.csv",
        "generate m.vaery -n 2 -o new.csv",
        "detect m.vaery plant.csv -o odd.csv",
    ]
    for line in asked:
        result = CliRunner().invoke(app, line.split())
        assert result.exit_code == 0, (line, result.output, result.exception)
    whole = pd.read_csv("whole.csv")
    assert whole.shape == raw.shape
    assert not whole.flow.isna().any()
    assert whole.drop(columns="flow").equals(pd.read_csv("plant.csv").drop(columns="flow"))
    assert list(pd.read_csv("new.csv").columns) == list(raw.columns)
    assert len(pd.read_csv("odd.csv")) == len(raw)


def test_saved_and_loaded_it_answers_the_same(fitted, tmp_path):
    from vaery import load

    model, x = fitted
    model.save(tmp_path / "model.vaery")
    holes = x[:150].copy()
    holes[50:60] = np.nan
    assert np.array_equal(load(tmp_path / "model.vaery").impute([holes])[0], model.impute([holes])[0])


# ------------------------------------------------------------------ pictures


def test_a_picture_shows_fills_and_events(tmp_path):
    pytest.importorskip("matplotlib")
    raw = pd.DataFrame(walk(60), columns=["a", "b"], index=pd.date_range("2024", periods=60, freq="h"))
    holes = raw.copy()
    holes.iloc[20:30, 0] = np.nan
    filled = {"value": raw, "low": raw - 1, "high": raw + 1}
    event = np.where((np.arange(60) > 40) & (np.arange(60) < 46), 1, 0)
    figure = series.plot(holes, filled, {"event": event}, between=(10, 59))
    first, second = figure.axes
    assert [axes.get_ylabel() for axes in figure.axes] == ["a", "b"]
    assert np.isnan(first.lines[1].get_ydata()).sum() == 10  # what is known
    assert np.isfinite(first.lines[0].get_ydata()).sum() == 12  # what was filled, with a step to each side
    assert len(first.patches) == len(second.patches) == 1  # the event
    figure.savefig(tmp_path / "plant.png")
    with pytest.raises(DataError, match="'c'"):
        series.plot(raw, channels=["c"])
    with pytest.raises(DataError, match="no series 3"):
        series.plot(raw, series=3)


def test_a_model_of_a_frame_with_times_as_its_index_reads_a_file_with_a_column_of_them(tmp_path):
    at = pd.date_range("2024", periods=200, freq="h")
    frame = pd.DataFrame({"a": np.sin(np.arange(200.0))}, at)
    model = VAE(kind="series", latent=2, width=8, steps=5, random_state=0, threads=1).fit(frame, verbose=False)
    column = frame.rename_axis("time").reset_index()
    column.loc[50:60, "a"] = np.nan
    filled = model.impute(column, seed=0)
    assert list(filled.columns) == ["time", "a"]
    assert (filled["time"] == column["time"]).all()
    holes = frame.copy()
    holes.iloc[50:61] = np.nan
    np.testing.assert_allclose(filled["a"], model.impute(holes, seed=0)["a"])
