"""The classes of a target: the public list, and what the command line makes of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from vaery import VAE, describe
from vaery.cli.app import app
from vaery.core.errors import ChoiceError, NotFitted, QueryError


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    kind = rng.choice(["<=50K", ">50K", "none"], 240, p=[0.6, 0.3, 0.1])
    return pd.DataFrame(
        {
            "kind": kind,
            "rank": pd.Categorical(rng.choice(["low", "mid"], 240), ["low", "mid", "high"], ordered=True),
            "ok": kind == "none",
            "count": rng.integers(3, 6, 240),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 3, 240), "D"),
            "x": rng.normal(size=240) + 3 * (kind == ">50K"),
        }
    )


@pytest.fixture(scope="module")
def model(frame: pd.DataFrame) -> VAE:
    return VAE(width=16, depth=1, latent=2, steps=60, threads=1).fit(frame, verbose=False)


@pytest.mark.parametrize("target", ["kind", "rank", "ok", "count", "day"])
def test_the_likeliest_class_is_the_prediction(model: VAE, frame: pd.DataFrame, target: str) -> None:
    classes, chance = model.classes(target), model.predict_proba(frame, target=target)
    assert chance.shape == (len(frame), len(classes))
    guess = model.predict(frame, target=target)
    assert classes.dtype == guess.dtype
    if target not in ("day", "count"):  # these may be numbers beside their levels, and their prediction a mean
        assert (classes[chance.argmax(1)] == guess).all()


def test_all_classes_are_there(model: VAE, frame: pd.DataFrame) -> None:
    for target in ("kind", "count", "ok", "day"):
        assert set(model.classes(target)) == set(frame[target].to_numpy())
    assert list(model.classes("rank")) == ["low", "mid", "high"]  # declared, though never seen


def test_what_has_no_classes_says_so(model: VAE) -> None:
    with pytest.raises(QueryError, match="'x' holds numbers"):
        model.classes("x")
    with pytest.raises(ChoiceError, match="kind"):
        model.classes("kinds")
    with pytest.raises(NotFitted):
        VAE().classes("kind")


def test_a_label_beside_pictures_has_classes_too() -> None:
    rng = np.random.default_rng(0)
    raw = {"image": rng.integers(0, 2, (60, 8, 8)).astype(np.uint8), "label": np.repeat([2, 0, 1], 20)}
    model = VAE(columns={"label": "categorical"}, width=8, depth=1, latent=2, steps=10, threads=1)
    assert sorted(model.fit(raw, verbose=False).classes("label")) == [0, 1, 2]


def test_the_command_line_names_columns_by_class(model: VAE, frame: pd.DataFrame, tmp_path: Path) -> None:
    file, rows, out = tmp_path / "m.vaery", tmp_path / "r.csv", tmp_path / "p.csv"
    model.save(file)
    frame.head(4).to_csv(rows, index=False)
    ask = ["predict_proba", str(file), str(rows), "--target", "kind"]
    assert CliRunner().invoke(app, [*ask, "-o", str(out)], catch_exceptions=False).exit_code == 0
    table = pd.read_csv(out)
    assert list(table.columns) == [f"kind_{level}" for level in model.classes("kind")]
    want = model.predict_proba(frame.head(4).astype({"rank": str}), target="kind")
    np.testing.assert_allclose(table.to_numpy(), want, rtol=1e-5)
    said = json.loads(CliRunner().invoke(app, [*ask, "--json"], catch_exceptions=False).stdout)
    assert said["columns"] == list(table.columns)
    np.testing.assert_allclose(said["result"], table, rtol=1e-5)


def test_columns_of_several_tables_are_told_apart() -> None:
    """What is said of a column goes to the table that has it; a name that none has is refused."""
    rng = np.random.default_rng(0)
    raw = {"x": rng.integers(0, 3, (40, 2)).astype(float), "y": np.repeat(["a", "b"], 20), "z": np.arange(40) % 3}
    fields = describe(raw, columns={"x1": "categorical", "z": "ordinal"}, likelihood={"x0": "student"})
    sorts = {c.name: c.sort for f in fields for c in f.columns}
    assert (sorts["x1"], sorts["z"], sorts["y"]) == ("categorical", "ordinal", "categorical")
    with pytest.raises(ChoiceError, match="x3"):
        describe(raw, columns={"x3": "categorical"})
