"""Frames whose columns hold pictures: found by looking, read from files, missing in places, and written again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import soundfile
from PIL import Image
from typer.testing import CliRunner

from vaery import VAE, describe, load, read
from vaery.cli.app import app
from vaery.core.errors import DataError
from vaery.framed import into_files, own_columns
from vaery.kinds.audio import Sound


def photo(row: int) -> np.ndarray:
    """A bright square, further down and to the right in every row."""
    out = np.full((8, 8), 20, np.uint8)
    at = row % 6
    out[at : at + 3, at : at + 3] = 250
    return out


@pytest.fixture
def frame(tmp_path, monkeypatch) -> pd.DataFrame:
    """Thirty rows in ``data/shop.csv``, with pictures beside it; one has none. The current folder is another."""
    folder = tmp_path / "data"
    (folder / "photos").mkdir(parents=True)
    names = [f"photos/{row}.png" for row in range(30)]
    for row, name in enumerate(names):
        Image.fromarray(photo(row)).save(folder / name)
    names[4] = None
    notes = [f"The square is at place {row % 6} of its frame." for row in range(30)]
    table = pd.DataFrame({"place": [row % 6 for row in range(30)], "photo": names, "note": notes})
    table.to_csv(folder / "shop.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return read(folder / "shop.csv")


SMALL = {"steps": 4, "width": 16, "latent": 3}


def test_kinds_are_found_by_looking(frame):
    assert {f.name: f.kind for f in describe(frame)} == {"photo": "image", "note": "text", "table": "table"}
    assert own_columns(frame[["place"]]) == {}
    arrays = pd.DataFrame({"photo": [photo(0), None, photo(1)], "n": [1, 2, 3]})
    assert own_columns(arrays) == {"photo": "image"}
    named = {f.name: f.kind for f in describe(frame, kind={"note": "table"})}
    assert named == {"photo": "image", "table": "table"}


def test_files_are_found_beside_the_table_and_empty_cells_are_unknown(frame):
    model = VAE(**SMALL).fit(frame)
    rows = model.schema_.pack(frame)
    known = rows.known["photo"]
    assert known is not None
    assert known.flatten(1).all(1).tolist() == [row != 4 for row in range(30)]
    value, _ = model.schema_["photo"].pack([photo(3)])
    assert (rows.values["photo"][3] == value[0]).all()
    assert frame["photo"][3] == "photos/3.png"


def test_files_are_also_found_from_here(frame, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path / "data")
    plain = pd.DataFrame(frame.to_dict("list"))  # knows no folder
    assert VAE(**SMALL).fit(plain).schema_.pack(plain).rows == 30


def test_answers_come_in_the_column(frame):
    model = VAE(**SMALL).fit(frame)
    full = model.impute(frame, seed=0)
    assert full["photo"][3] == "photos/3.png"  # known, and untouched
    assert full["photo"][4].shape == (8, 8)
    new = model.generate(2, given={"photo": photo(1)}, seed=0)
    assert list(new.columns) == ["photo", "note", "place"]
    assert (new["photo"][0] == photo(1)).all()
    assert isinstance(new["note"][1], str)
    from_file = model.generate(1, given={"photo": "data/photos/1.png"}, seed=0)
    assert (from_file["photo"][0] == photo(1)).all()
    out = model.reconstruct(frame)
    assert out["photo"][3].shape == (8, 8)
    assert len(model.detect(frame.drop(columns="note"))) == 30


def test_any_columns_may_be_missing(frame):
    model = VAE(**SMALL).fit(frame)
    for some in (["place"], ["photo"], ["note"], ["photo", "place"]):
        assert np.isfinite(model.score_samples(frame[some])).all()
    nothing = frame.assign(photo=None, note=None, place=np.nan)
    np.testing.assert_allclose(model.score_samples(nothing), 0, atol=1)  # but for what the posterior got wrong
    assert model.impute(nothing)["photo"][0].shape == (8, 8)
    assert list(model.impute(frame[["place"]], draws=1)[0].columns) == ["place", "photo", "note"]
    assert set(model.impute(frame[["photo"]]).columns) == {"photo", "note", "place"}


def test_in_polars_too(frame, tmp_path):
    columns = frame.to_dict("list")
    table = pl.DataFrame(columns | {"photo": [None if pd.isna(p) else f"data/{p}" for p in columns["photo"]]})
    model = VAE(**SMALL).fit(table)
    full = model.impute(table)
    assert full["photo"].to_list()[3] == "data/photos/3.png"
    assert np.asarray(full["photo"].to_list()[4]).shape == (8, 8)


@pytest.mark.parametrize("what", ["missing", "broken"])
def test_a_file_that_cannot_be_read_is_named_with_row_and_column(frame, what):
    place = Path("data/photos/7.png")
    place.unlink()
    if what == "broken":
        place.write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"'photo': row 7: .*photos/7\.png"):
        VAE(**SMALL).fit(frame)
    model = VAE(**SMALL).fit(frame.drop(index=7))
    with pytest.raises(DataError, match=r"'photo': row 7: .*photos/7\.png"):
        model.score_samples(frame)


def test_pictures_are_written_beside_the_table(frame, tmp_path):
    model = VAE(**SMALL).fit(frame)
    new = model.generate(3, seed=0)
    model.write(new, tmp_path / "new.csv")
    again = pd.read_csv(tmp_path / "new.csv")
    assert again["photo"].tolist() == [f"new_photo/{row:05d}.png" for row in range(3)]
    assert (np.asarray(Image.open(tmp_path / "new_photo/00001.png")) == new["photo"][1]).all()
    assert into_files(frame, {"photo": "image"}, tmp_path / "old.csv")["photo"][3] == "data/photos/3.png"
    assert not (tmp_path / "old_photo").exists()


def test_at_the_command_line(frame, tmp_path):
    VAE(**SMALL).fit(frame).save("m.vaery")

    def run(*words: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, list(words), catch_exceptions=False)
        assert result.exit_code == code, result.output
        return result.output

    run("impute", "m.vaery", "data/shop.csv", "-o", "full.csv")
    full = pd.read_csv("full.csv")
    assert full["photo"][3] == "data/photos/3.png"
    assert full["photo"][4] == "full_photo/00004.png"
    assert np.isfinite(load("m.vaery").score_samples(read("full.csv"))).all()
    with Image.open("full_photo/00004.png") as image:
        assert image.size == (8, 8)
    run("generate", "m.vaery", "-n", "2", "-o", "new.csv")
    assert len(list(Path("new_photo").iterdir())) == 2
    assert "is there already" in run("generate", "m.vaery", "-n", "2", "-o", "new.csv", code=1)
    Path("new.csv").unlink()
    assert "new_photo" in run("generate", "m.vaery", "-n", "2", "-o", "new.csv", code=1)
    run("generate", "m.vaery", "-n", "3", "-o", "new.csv", "--force")
    assert len(list(Path("new_photo").iterdir())) == 3
    assert "-o" in run("generate", "m.vaery", "-n", "2", code=2)
    assert load("m.vaery").schema_.framed


# ------------------------------------------------------------------ sounds


def tone(high: bool, row: int) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * (880 if high else 220) * np.arange(2000) / 8000 + row)).astype(np.float32)


def test_a_column_may_name_sounds(tmp_path, monkeypatch) -> None:
    (tmp_path / "clips").mkdir()
    rows = [
        {"clip": f"clips/{i}.wav", "pitch": "high" if i % 2 else "low", "size": float(i % 2 + i / 40)}
        for i in range(40)
    ]
    for i in range(40):
        soundfile.write(tmp_path / rows[i]["clip"], tone(bool(i % 2), i), 8000)
    pd.DataFrame(rows).to_csv(tmp_path / "tones.csv", index=False)
    model = VAE(latent=4, width=16, steps=30, threads=1).fit(tmp_path / "tones.csv", verbose=False)
    assert {f.name: f.kind for f in model.fields_} == {"clip": "audio", "table": "table"}
    model.save(tmp_path / "m.vaery")
    asked = read(tmp_path / "tones.csv")[:4]
    asked.loc[1, "clip"] = None
    filled = model.impute(asked)
    assert filled["clip"].drop(1).tolist() == [rows[i]["clip"] for i in (0, 2, 3)], (
        "known sounds are named as they were"
    )
    assert isinstance(filled["clip"][1], Sound)
    assert len(model.detect(read(tmp_path / "tones.csv"))) == 40
    assert set(model.generate(3, given={"pitch": "high"})["pitch"]) == {"high"}
    monkeypatch.chdir(tmp_path)
    for words in (
        ["generate", "m.vaery", "-n", "3", "-o", "new.csv"],
        ["impute", "m.vaery", "tones.csv", "-o", "full.csv"],
    ):
        done = CliRunner().invoke(app, words, catch_exceptions=False)
        assert done.exit_code == 0, done.output
    new = pd.read_csv("new.csv")
    assert new["clip"].tolist() == [f"new_clip/{i:05d}.wav" for i in range(3)]
    samples, rate = soundfile.read("new_clip/00001.wav")
    assert rate == 8000
    assert len(samples) > 0
    assert pd.read_csv("full.csv")["clip"].tolist() == [row["clip"] for row in rows]
    assert np.isfinite(load("m.vaery").score_samples(read("new.csv"))).all()
