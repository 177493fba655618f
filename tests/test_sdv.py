"""SDV's metadata: read, written, and what it means for the data."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import vaery
from vaery import VAE
from vaery.cli.app import app
from vaery.core.errors import ChoiceError, DataError
from vaery.sdv import left_out, prepare, read_metadata, write_metadata

COLUMNS = {
    "id": {"sdtype": "id", "regex_format": "U_[0-9]{3}"},
    "age": {"sdtype": "numerical", "computer_representation": "Int64"},
    "tier": {"sdtype": "categorical", "order": ["bronze", "silver", "gold"]},
    "zip": {"sdtype": "categorical"},
    "active": {"sdtype": "boolean"},
    "joined": {"sdtype": "datetime", "datetime_format": "%d %b %Y"},
    "mail": {"sdtype": "email", "pii": True},
}
V1 = {
    "METADATA_SPEC_VERSION": "V1",
    "tables": {"guests": {"primary_key": "id", "columns": COLUMNS}},
    "relationships": [],
}
SINGLE = {"METADATA_SPEC_VERSION": "SINGLE_TABLE_V1", "primary_key": "id", "columns": COLUMNS}


def guests(rows: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    days = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, rows), "D")
    return pd.DataFrame(
        {
            "id": [f"U_{i:03d}" for i in range(rows)],
            "age": rng.integers(18, 90, rows),
            "tier": rng.choice(["bronze", "silver"], rows),
            "zip": rng.choice([1010, 2020, 3030], rows),
            "active": rng.random(rows) < 0.5,
            "joined": days.strftime("%d %b %Y"),
            "mail": [f"{i}@example.org" for i in range(rows)],
        }
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "metadata.json"
    path.write_text(json.dumps(V1), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def model() -> VAE:
    with pytest.warns(UserWarning, match="who and not what"):
        columns = read_metadata(V1)
    return VAE(columns=columns, width=8, depth=1, latent=2, steps=10, threads=1).fit(prepare(guests(), V1))


@pytest.mark.parametrize("source", [V1, SINGLE, "file"])
def test_what_is_said_of_columns(source, file: Path) -> None:
    with pytest.warns(UserWarning, match=r"'id', 'mail'.*prepare"):
        found = read_metadata(file if source == "file" else source)
    assert found == {
        "tier": ["bronze", "silver", "gold"],
        "zip": "categorical",
        "active": "boolean",
        "joined": "datetime",
    }


def test_the_second_form_is_read_too() -> None:
    columns = {
        "level": {"sdtype": "ordinal", "range_values": [3, 1, 2], "high_cardinality": False},
        "x": {"sdtype": "numerical", "range_min": 0.0, "decimal_places": 2},
        "what": {"sdtype": "unknown", "pii": True},
    }
    about = {"tables": {"t": {"columns": columns}}, "relationships": [], "METADATA_SPEC_VERSION": "V2"}
    with pytest.warns(UserWarning, match="'what'"):
        assert read_metadata(about) == {"level": [3, 1, 2]}


def test_keys_are_left_out_whatever_they_are() -> None:
    columns = {name: {"sdtype": "categorical"} for name in "abcd"}
    assert left_out({"columns": columns, "primary_key": ["a", "b"], "alternate_keys": ["c"]}) == ["a", "b", "c"]


def test_data_as_the_metadata_means_it(model: VAE) -> None:
    table = prepare(guests(), V1)
    assert list(table.columns) == ["age", "tier", "zip", "active", "joined"]
    assert table["joined"].dtype.kind == "M"
    assert (table["joined"].dt.strftime("%d %b %Y") == guests()["joined"]).all()
    sorts = {column.name: column.sort for column in model.fields_[0].columns}
    assert sorts == {
        "age": "integer",
        "tier": "ordinal",
        "zip": "categorical",
        "active": "boolean",
        "joined": "datetime",
    }
    assert list(model.classes("tier")) == ["bronze", "silver", "gold"]
    assert set(prepare(guests().assign(age=guests()["age"].astype(str)), V1)["age"]) == set(guests()["age"])


def test_what_is_written_can_be_read(model: VAE, tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    about = write_metadata(model, path)
    assert json.loads(path.read_text(encoding="utf-8")) == about
    assert about["METADATA_SPEC_VERSION"] == "V1"
    columns = about["tables"]["table"]["columns"]
    assert columns["joined"] == {"sdtype": "datetime", "datetime_format": "%Y-%m-%d"}
    assert columns["tier"] == {"sdtype": "categorical", "order": ["bronze", "silver", "gold"]}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = read_metadata(path)
    assert again == {
        "tier": ["bronze", "silver", "gold"],
        "zip": "categorical",
        "active": "boolean",
        "joined": "datetime",
    }
    made = model.generate(20)
    written = made.assign(joined=made["joined"].dt.strftime(columns["joined"]["datetime_format"]))
    assert (prepare(written, about)["joined"] == made["joined"]).all()
    with pytest.raises(FileExistsError):
        write_metadata(model, path)


def test_times_are_written_as_fine_as_they_are() -> None:
    start = pd.Timestamp("2020-01-01")
    frame = pd.DataFrame(
        {
            "day": start + pd.to_timedelta(np.arange(30), "D"),
            "second": start + pd.to_timedelta(np.arange(30) * 7, "s"),
            "fraction": start + pd.to_timedelta(np.arange(30) * 7, "ms"),
            "zone": (start + pd.to_timedelta(np.arange(30) * 7, "s")).tz_localize("UTC"),
            "flag": pd.Series([0, 1, 2] * 10),
            "none": pd.Series([None] * 30, dtype=object),
            "one": ["x"] * 30,
        }
    )
    columns = write_metadata(VAE(width=8, depth=1, latent=2, steps=3, threads=1).fit(frame))["tables"]["table"][
        "columns"
    ]
    forms = {name: column.get("datetime_format") for name, column in columns.items()}
    assert forms["day"] == "%Y-%m-%d"
    assert forms["second"] == "%Y-%m-%d %H:%M:%S"
    assert forms["fraction"] == "%Y-%m-%d %H:%M:%S.%f"
    assert forms["zone"] == "%Y-%m-%d %H:%M:%S%z"
    assert [columns[name]["sdtype"] for name in ("flag", "none", "one")] == ["numerical", "categorical", "categorical"]


@pytest.mark.parametrize(
    ("about", "words"),
    [
        ({"tables": {"a": SINGLE, "b": SINGLE}}, "table="),
        ({"tables": {}}, "0 tables"),
        ({"fields": {}}, "no metadata of SDV"),
        ({"columns": {"a": {"type": "numerical"}}}, "'a' has no sdtype"),
        ({"columns": {"a": "numerical"}}, "'a' has no sdtype"),
    ],
)
def test_what_is_no_metadata_of_a_table_is_refused(about, words: str) -> None:
    with pytest.raises(DataError, match=words):
        read_metadata(about)


def test_one_of_several_tables_can_be_chosen(tmp_path: Path) -> None:
    about = {"tables": {"a": {"columns": {"x": {"sdtype": "boolean"}}}, "b": {"columns": {}}}}
    assert read_metadata(about, table="a") == {"x": "boolean"}
    with pytest.raises(ChoiceError, match="'guest'"):
        read_metadata(V1, table="guest")
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(DataError, match=r"broken\.json is not JSON"):
        read_metadata(tmp_path / "broken.json")
    with pytest.raises(FileNotFoundError):
        read_metadata(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.drop(columns="zip"), "'zip', which the data has not"),
        (lambda t: t.assign(joined="2020-01-01"), r"row 0: '2020-01-01' is not a date of the format '%d %b %Y'"),
        (lambda t: t.assign(age=["old", *t["age"].astype(str)[1:]]), "row 0: 'old' is not a number"),
        (lambda t: t.to_numpy(), "pandas frame"),
    ],
)
def test_data_that_is_not_as_described_is_refused(change, words: str) -> None:
    with pytest.raises(DataError, match=words):
        prepare(change(guests()), V1)


def test_metadata_is_about_one_table() -> None:
    raw = {"x": np.zeros((20, 2)), "y": ["a", "b"] * 10}
    two = VAE(width=8, depth=1, latent=2, steps=3, threads=1).fit({"x": raw["x"], "y": pd.DataFrame({"y": raw["y"]})})
    with pytest.raises(DataError, match=r"x \(table\), y \(table\)"):
        write_metadata(two)


def test_at_the_command_line(file: Path, tmp_path: Path) -> None:
    data, out = tmp_path / "guests.csv", tmp_path / "m.vaery"
    guests().to_csv(data, index=False)
    words = ["fit", str(data), "-o", str(out), "--metadata", str(file), "--epochs", "1", "--set", "columns.zip=ordinal"]
    ran = CliRunner().invoke(app, words, catch_exceptions=False)
    assert ran.exit_code == 0, ran.stderr
    assert "id, mail" in ran.stderr
    columns = {column.name: column.sort for column in vaery.load(out).fields_[0].columns}
    assert columns == {
        "age": "integer",
        "tier": "ordinal",
        "zip": "ordinal",
        "active": "boolean",
        "joined": "datetime",
    }
    file.write_text("{}", encoding="utf-8")
    ran = CliRunner().invoke(app, [*words, "--force"])
    assert ran.exit_code == 1
    assert "no metadata of SDV" in ran.stderr
