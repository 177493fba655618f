"""The demo: its data, its simple methods, and the folder it leaves."""

import csv
import math
import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import vaery
from vaery.demo import baselines, cancer, data, digit_pictures, digits, run

PICTURES = {
    "digits-new",
    "digits-half-hidden",
    "digits-without-noise",
    "digits-interpolation",
    "digits-strangest",
    "digits-map",
    "digits-mosaic",
    "digits-units",
    "digits-reconstructed",
    "tumours-ranked",
    "tumours-made",
}
OTHERS = {"index.html", "table.md", "table.csv", "digits.vaery", "cancer.vaery", "benign.vaery"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return run(tmp_path_factory.mktemp("demo") / "made" / "here", quick=True)


# ------------------------------------------------------------------ the folder


def test_everything_is_there_and_nothing_else(folder):
    assert {path.name for path in folder.iterdir()} == OTHERS | {f"{name}.png" for name in PICTURES}


def test_pictures_are_pictures(folder):
    for name in PICTURES:
        with Image.open(folder / f"{name}.png") as picture:
            assert min(picture.size) > 250
            low, high = picture.convert("L").getextrema()
            assert low < 60 < 250 < high, f"{name} is blank"


def test_the_page_holds_every_picture_and_links_nowhere(folder):
    text = (folder / "index.html").read_text(encoding="utf-8")
    assert text.count('src="data:image/png;base64,') == len(PICTURES)
    assert not re.search(r"https?:|href=|url\(|<script|<link", text)
    assert text.startswith("<!doctype html>")
    assert text.rstrip().endswith("</html>")


def test_every_job_is_compared_in_finite_numbers(folder):
    rows = list(csv.DictReader((folder / "table.csv").read_text(encoding="utf-8").splitlines()))
    ours = [row for row in rows if row["method"] == "vaery"]
    assert [row["data"] for row in ours] == ["handwritten digits"] * 8 + ["breast cancer table"] * 4
    assert len({row["job"] for row in ours}) == 12
    assert all(math.isfinite(float(row["value"])) for row in rows)
    assert len(rows) > 2 * len(ours)
    assert len([line for line in (folder / "table.md").read_text().splitlines() if line.startswith("|")]) == 14


def test_the_models_open_and_answer(folder):
    made = vaery.load(folder / "digits.vaery").generate(3, given={"label": 3}, seed=0)
    assert made["image"].shape == (3, 8, 8)
    assert made["label"].tolist() == [3, 3, 3]
    rows = vaery.load(folder / "cancer.vaery").generate(5, given={"diagnosis": "malignant"}, seed=0)
    assert set(rows["diagnosis"]) == {"malignant"}
    assert list(vaery.load(folder / "benign.vaery").generate(2)) == list(rows.drop(columns="diagnosis"))


# ------------------------------------------------------------------ its data


def test_no_row_is_both_fitted_and_held_out():
    fit, test = data.digits()
    assert (len(fit), len(test)) == (1347, 450)
    assert np.bincount(test.labels).min() > 40
    seen = {image.tobytes() for image in fit.images}
    assert sum(image.tobytes() in seen for image in test.images) == 0
    table, held_out = data.breast_cancer()
    assert (len(table), len(held_out)) == (398, 171)
    assert pd.concat([table, held_out]).duplicated().sum() == 0


def test_halves_make_a_whole():
    for one, other in (("top", "bottom"), ("left", "right")):
        assert np.array_equal(data.half(one, (5, 7)), ~data.half(other, (5, 7)))
    hidden = data.with_halves_hidden(np.ones((6, 8, 8))).mask
    assert hidden.mean((1, 2)).tolist() == [0.5] * 6
    assert hidden[0, 0, 7]
    assert hidden[3, 0, 7]
    assert not hidden[0, 7, 7]


def test_oddities_are_odd_and_the_rest_is_untouched():
    _, test = data.digits()
    mixed, odd = data.with_oddities(test, np.random.default_rng(0))
    changed = (mixed.images != test.images).any((1, 2))
    assert odd.sum() == 44
    assert np.array_equal(changed, odd)
    assert np.array_equal(mixed.labels, test.labels)


def test_gaps_are_a_share_of_the_cells():
    frame = pd.DataFrame(np.ones((200, 10)))
    gaps = data.with_gaps(frame, np.random.default_rng(0), share=0.3)
    assert 0.25 < gaps.isna().to_numpy().mean() < 0.35
    assert frame.notna().all(axis=None)


# ------------------------------------------------------------------ simple methods


def test_a_linear_fill_finds_a_line():
    x = np.random.default_rng(0).normal(size=(300, 1))
    fit = np.concatenate([x, 2 * x + 1, -x], 1) + 1e-6 * np.random.default_rng(1).normal(size=(300, 3))
    filled = baselines.fill_linearly(fit, np.array([[0.5, np.nan, np.nan]]), components=1)
    assert filled[0] == pytest.approx([0.5, 2.0, -0.5], abs=1e-4)


def test_a_linear_fill_is_the_regression_of_a_normal_distribution():
    fit = np.random.default_rng(0).multivariate_normal([1, 2], [[1, 0.6], [0.6, 1]], size=4000)
    slope, offset = np.polyfit(fit[:, 0], fit[:, 1], 1)
    filled = baselines.fill_linearly(fit, np.array([[2.0, np.nan]]), components=2)
    assert filled[0, 1] == pytest.approx(offset + 2 * slope, abs=1e-6)


def test_neighbours_fill_with_what_they_hold():
    fit = np.array([[0.0, 10.0], [1.0, 20.0], [50.0, 90.0]])
    filled = baselines.fill_from_neighbours(fit, np.array([[0.5, np.nan]]), k=2)
    assert filled[0].tolist() == [0.5, 15.0]


def test_what_is_odd_is_far_and_off_the_plane():
    fit = np.random.default_rng(0).normal(size=(100, 3)) * [3, 2, 1e-3]
    rows = np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 5.0]])
    far, off = baselines.distance_to_neighbours(fit, rows), baselines.linear_error(fit, rows, components=2)
    assert far[1] > 4 > 1 > far[0]
    assert off == pytest.approx([0.0, 25.0], abs=1e-2)


def test_independent_columns_keep_values_and_lose_their_ties():
    x = np.random.default_rng(0).normal(size=500)
    fit = np.stack([x, x], 1)
    made = baselines.independent_columns(fit, 400, np.random.default_rng(1))
    assert np.isin(made, x).all()
    assert abs(np.corrcoef(made.T)[0, 1]) < 0.2
    frame = baselines.independent_columns(pd.DataFrame({"a": x, "b": "c"}), 7, np.random.default_rng(1))
    assert frame.shape == (7, 2)
    assert set(frame["b"]) == {"c"}


def test_a_judge_tells_apart_what_differs_and_nothing_else():
    rng = np.random.default_rng(0)
    real, same, other = rng.normal(size=(200, 3)), rng.normal(size=(200, 3)), rng.normal(3, 1, size=(200, 3))
    assert baselines.told_apart(real, other) > 0.98
    assert 0.4 < baselines.told_apart(real, same) < 0.6


def test_a_hundredth_of_a_standard_deviation():
    frame, other = pd.DataFrame({"a": [1.0, 3.0], "b": [0.0, 4.0]}), pd.DataFrame({"b": [2.0], "a": [2.0]})
    own, there = cancer.standardised(frame, other)
    assert own.mean(0) == pytest.approx([0, 0])
    assert there.tolist() == [[0.0, 0.0]]


def test_beliefs_are_said_in_order():
    assert digit_pictures.believed(np.array([0.2, 0.7, 0.09, 0.01])) == "1: 70 %   0: 20 %"
    assert digit_pictures.believed(np.array([0.99, 0.01])) == "0: 99 %"


@pytest.mark.parametrize("lines", [digits.FIT, cancer.FIT], ids=["digits", "cancer"])
def test_what_the_page_says_was_run_can_be_run(lines):
    said = {}
    exec(lines.replace("VAE(\n", "VAE(\n    steps=3,\n"), said)
    assert said["model"].info()["rows"] in (1797, 569)


def test_what_to_try_next_are_commands_there_are():
    from vaery.demo.pages import commands

    for line in commands("demo").splitlines():
        program, command, *_ = line.split()
        assert program == "vaery"
        assert command in ("fit", "info") or command in vaery.core.members.members("jobs")
