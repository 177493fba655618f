"""Large Parquet files: read in parts they make the very model that they make read at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from vaery import VAE
from vaery.core.errors import DataError
from vaery.fit import in_parts
from vaery.kinds import table
from vaery.kinds.table import by_column, file
from vaery.schema import Schema

ROWS = 700


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    found = pd.DataFrame(
        {
            "number": rng.normal(size=ROWS),
            "count": rng.poisson(3, ROWS),
            "kind": rng.choice(["red", "green", "blue"], ROWS),
            "grade": pd.Categorical(rng.choice(["low", "high"], ROWS), ["low", "high"], ordered=True),
            "when": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 1000, ROWS), unit="h"),
            "right": rng.random(ROWS) < 0.3,
            "nothing": np.nan,
        }
    )
    found["late"] = np.where(np.arange(ROWS) < 400, np.nan, np.arange(ROWS))  # empty in all the first parts
    found.loc[::7, "kind"] = None
    found.loc[::5, "number"] = np.nan
    return found


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(file, "MANY", 500)
    monkeypatch.setattr(file, "PART", 90)
    frame().to_parquet(tmp_path / "big.parquet", row_group_size=200)
    return tmp_path / "big.parquet"


def same(a: dict[str, Any], b: dict[str, Any]) -> bool:
    return all(
        (x is None) == (y is None) and (x is None or torch.equal(x, y))
        for x, y in zip(a.values(), b.values(), strict=True)
    )


def test_it_is_described_and_packed_as_it_is_as_a_whole(path: Path) -> None:
    found = by_column(path)
    assert found is not None
    assert len(found) == ROWS
    parts, _ = Schema.describe(found)
    whole, raw = Schema.describe(path)
    assert parts.to_json() == whole.to_json()
    a, b = parts.pack(found), whole.pack(raw)
    assert same(a.values, b.values)
    assert same(a.known, b.known)
    assert not torch.equal(a.values["table"], torch.zeros_like(a.values["table"]))


def test_a_fit_is_the_same_bit_for_bit(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fit = lambda: VAE(steps=15, threads=1).fit(path, verbose=False)
    assert in_parts(path, VAE()) is not None
    parts = fit()
    monkeypatch.setattr(file, "MANY", ROWS + 1)
    assert in_parts(path, VAE()) is None
    whole = fit()
    weights = whole.joint_.state_dict()
    assert all(torch.equal(weight, weights[name]) for name, weight in parts.joint_.state_dict().items())
    assert parts.calibration_ == whole.calibration_
    made = parts.generate(20, seed=1)
    pd.testing.assert_frame_equal(made, whole.generate(20, seed=1))
    assert list(made.dtypes) == list(frame().dtypes)
    assert parts.score_samples(path).shape == (ROWS,), "rows to be asked about are read as they ever were"


def test_levels_that_were_never_seen_are_named_by_their_row(path: Path, tmp_path: Path) -> None:
    schema, _ = Schema.describe(path)
    other = frame()
    other.loc[[3, 650], "kind"] = "purple"
    other.to_parquet(tmp_path / "other.parquet", row_group_size=200)
    found = by_column(tmp_path / "other.parquet")
    (unseen,) = schema.pack(found).unseen
    assert (unseen.column, unseen.rows) == ("kind", (3, 650))
    assert "purple" in unseen.first


@pytest.mark.parametrize("how", ["few", "text", "index", "nested", "csv", "damaged", "missing", "frame"])
def test_what_is_not_plain_is_read_as_a_whole(how: str, path: Path, tmp_path: Path) -> None:
    other: Any = tmp_path / "other.parquet"
    if how == "few":
        frame()[:400].to_parquet(other)
    elif how == "text":
        frame().assign(note=[f"this is note {i}, a sentence of its own" for i in range(ROWS)]).to_parquet(other)
    elif how == "index":
        frame().set_index("when").to_parquet(other)
    elif how == "nested":
        pd.DataFrame({"x": [[1.0, 2.0]] * ROWS}).to_parquet(other)
    elif how == "csv":
        other = tmp_path / "other.csv"
        frame().to_csv(other)
    elif how == "damaged":
        other.write_bytes(path.read_bytes()[:1000])
    elif how == "frame":
        other = frame()
    assert in_parts(other, VAE()) is None


def test_labels_and_constraints_are_looked_at_as_a_whole(path: Path) -> None:
    assert in_parts(path, VAE(target="kind")) is None
    assert in_parts(path, VAE(constraints=["count >= 0"])) is None
    assert in_parts(path, VAE(kind={"kind": "text"})) is None
    assert in_parts(path, VAE(kind="table")) is not None


def test_damage_further_on_is_said(path: Path) -> None:
    found = by_column(path)
    assert found is not None
    data = bytearray(path.read_bytes())
    middle = len(data) // 3
    data[middle : middle + 400] = bytes(400)
    path.write_bytes(bytes(data))

    def read() -> None:
        table.describe(found)
        list(found.parts())

    with pytest.raises(DataError, match="damaged"):
        read()
