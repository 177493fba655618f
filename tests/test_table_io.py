"""Tables: every container comes back as it went in; files and databases are read and written."""

from __future__ import annotations

import datetime
import json
import sqlite3
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch

from vaery.core.errors import DataError, MissingExtra
from vaery.kinds.table import TableField, describe, read, write

ROWS = 60


def round_trip(raw: Any, **options: Any) -> Any:
    field = TableField.from_json(json.loads(json.dumps(describe(raw, **options).to_json())))
    return field.unpack(*field.pack(raw))


# ---------------------------------------------------------------------- pandas

PANDAS = {
    "int8": pd.array([i % 100 for i in range(ROWS)], dtype="int8"),
    "uint64": pd.array([i + 2**62 for i in range(ROWS)], dtype="uint64"),
    "float32": pd.array(np.linspace(0, 3, ROWS).round(2), dtype="float32"),
    "Int64": pd.array([None, *range(ROWS - 1)], dtype="Int64"),
    "Float64": pd.array([None, *range(ROWS - 1)], dtype="Float64"),
    "bool": pd.array([True, False] * (ROWS // 2), dtype="bool"),
    "boolean": pd.array([True, None] * (ROWS // 2), dtype="boolean"),
    "object": pd.array(["a", None, "b"] * (ROWS // 3), dtype=object),
    "string": pd.array(["a", None, "b"] * (ROWS // 3), dtype="string"),
    "string[pyarrow]": pd.array(["a", None, "b"] * (ROWS // 3), dtype="string[pyarrow]"),
    "int64[pyarrow]": pd.array([None, *range(ROWS - 1)], dtype="int64[pyarrow]"),
    "category": pd.Categorical(["b", "a", None] * (ROWS // 3), categories=["c", "b", "a"]),
    "category of numbers": pd.Categorical([3, 1, None] * (ROWS // 3), categories=[3, 1]),
    "ordered": pd.Categorical(["b", "a", None] * (ROWS // 3), categories=["c", "b", "a"], ordered=True),
    "ns": pd.date_range("2020", periods=ROWS, freq="D").as_unit("ns"),
    "zone": pd.date_range("2020-03-01", periods=ROWS, freq="D", tz="Europe/Berlin"),
    "zone[pyarrow]": pd.array(
        pd.date_range("2020", periods=ROWS, freq="D", tz="UTC"), dtype="timestamp[us, tz=UTC][pyarrow]"
    ),
    "span": pd.to_timedelta(range(ROWS), unit="h"),
    "dates": pd.array([datetime.date(2020, 1, 1) + datetime.timedelta(i) for i in range(ROWS)], dtype=object),
    "money": pd.array([Decimal(i) / 4 for i in range(ROWS)], dtype=object),
    "bytes": pd.array([b"\x00\xff", b"a"] * (ROWS // 2), dtype=object),
}


def test_a_categorical_of_numbers_is_no_number() -> None:
    raw = pd.DataFrame({"a": pd.Categorical(list(range(30)) * 20, categories=range(40))})
    column = describe(raw)["a"]
    assert (column.sort, column.family, len(column.levels)) == ("categorical", None, 30)
    pd.testing.assert_frame_equal(round_trip(raw), raw)


@pytest.mark.parametrize("kind", PANDAS)
def test_pandas_types_come_back(kind: str) -> None:
    raw = pd.DataFrame({"a": PANDAS[kind], "b": range(ROWS)})
    pd.testing.assert_frame_equal(round_trip(raw), raw)


def test_integers_that_get_gaps_do_as_pandas_does() -> None:
    raw = pd.DataFrame({"i": range(ROWS), "I": pd.array(range(ROWS), dtype="Int64"), "t": [True, False] * (ROWS // 2)})
    field = describe(raw)
    value, _ = field.pack(raw)
    known = torch.ones(ROWS, 3, dtype=torch.bool)
    known[0] = False
    out = field.unpack(value, known)
    assert [str(d) for d in out.dtypes] == ["float64", "Int64", "object"]
    assert out.isna().iloc[0].all()
    assert out.notna().iloc[1:].all(axis=None)


def test_the_index_names_and_order_of_the_rows_asked_about_are_kept() -> None:
    raw = pd.DataFrame({"a": range(ROWS), 7: range(ROWS), "c": ["u", "v"] * (ROWS // 2)})
    field = TableField.from_json(json.loads(json.dumps(describe(raw).to_json())))
    value, known = field.pack(raw)
    assert list(field.unpack(value, known).columns) == ["a", 7, "c"]
    like = raw.loc[:, ["c", 7]].set_axis(pd.Index(np.arange(ROWS) * 2, name="id")).rename_axis("what", axis=1)
    out = field.unpack(value, known, like=like)
    assert list(out.columns) == ["c", 7, "a"]
    assert out.columns.name == "what"
    assert out.index.equals(like.index)
    assert out.index.name == "id"


def test_a_frame_with_many_levels_of_names_is_refused() -> None:
    raw = pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "b"), ("a", "c")]))
    with pytest.raises(DataError, match="flatten"):
        describe(raw)


@pytest.mark.parametrize("freq", ["D", "h", "15min", "7s", "MS"])
@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin", "America/Sao_Paulo"])
def test_times_keep_their_zone_and_resolution(zone: str | None, freq: str) -> None:
    raw = pd.DataFrame({"t": pd.date_range("2020-09-01", periods=120, freq=freq, tz=zone)})
    field = describe(raw)
    pd.testing.assert_frame_equal(round_trip(raw), raw)
    value = field.pack(raw)[0] + torch.tensor([0.0, 0.01])  # a model's own times have the resolution of the data
    out = field.unpack(value)["t"]
    if freq in ("D", "MS"):
        assert (out == out.dt.normalize()).all()
    if freq == "15min":
        assert (out.dt.second == 0).all()


def test_times_in_another_unit_zone_or_as_text_mean_the_same() -> None:
    raw = pd.DataFrame({"t": pd.date_range("2020", periods=90, freq="7h", tz="UTC")})
    field = describe(raw)
    value, _ = field.pack(raw)
    for other in (
        raw["t"].dt.tz_convert("Asia/Tokyo"),
        raw["t"].astype("datetime64[ns, UTC]"),
        raw["t"].astype(str),
        raw["t"].dt.tz_localize(None),
        raw["t"].dt.tz_localize(None).astype(str),
    ):
        assert (field.pack(pd.DataFrame({"t": other}))[0] == value).all()
    plain = describe(pd.DataFrame({"t": pd.date_range("2020", periods=90, freq="7h")}))
    with pytest.raises(DataError, match="row 0 of column 't'"):
        plain.pack(raw)


# ---------------------------------------------------------------------- other frames


def test_polars_types_come_back() -> None:
    raw = pl.DataFrame(
        {
            "i": pl.Series([*range(ROWS - 1), None], dtype=pl.Int16),
            "f": pl.Series(np.linspace(0, 1, ROWS).round(3), dtype=pl.Float32),
            "s": ["a", None, "b"] * (ROWS // 3),
            "b": [True, None] * (ROWS // 2),
            "e": pl.Series(["x", "y"] * (ROWS // 2), dtype=pl.Enum(["z", "y", "x"])),
            "c": pl.Series(["x", "y"] * (ROWS // 2), dtype=pl.Categorical),
            "d": [datetime.date(2020, 1, 1) + datetime.timedelta(i) for i in range(ROWS)],
            "t": pl.Series([datetime.datetime(2020, 1, 1, i % 24) for i in range(ROWS)]).dt.replace_time_zone(
                "Asia/Tokyo"
            ),
            "u": [datetime.timedelta(seconds=i) for i in range(ROWS)],
            "n": pl.Series([None] * ROWS, dtype=pl.Float64),
        }
    )
    out = round_trip(raw)
    assert out.schema == raw.schema
    assert out.drop("f").equals(raw.drop("f"))
    assert out["f"].to_numpy() == pytest.approx(raw["f"].to_numpy(), abs=1e-5)
    assert round_trip(raw.lazy()).schema == raw.schema


def test_arrow_types_come_back() -> None:
    raw = pa.table(
        {
            "i": pa.array(range(ROWS), pa.int16()),
            "s": pa.array(["a", None, "b"] * (ROWS // 3), pa.string()),
            "d": pa.array(["a", "b"] * (ROWS // 2)).dictionary_encode(),
            "t": pa.array([datetime.datetime(2020, 1, 1, i % 24) for i in range(ROWS)], pa.timestamp("ns", "UTC")),
            "m": pa.array([Decimal(i) / 4 for i in range(ROWS)], pa.decimal128(9, 2)),
            "h": pa.array([datetime.time(i % 24, 30) for i in range(ROWS)], pa.time64("us")),
            "x": pa.chunked_array([pa.array([0.5, None] * 15), pa.array([1.5, 2.5] * 15)]),
        }
    )
    out = round_trip(raw)
    assert out.schema == raw.schema
    assert out.to_pylist() == raw.to_pylist()


def test_an_ordered_arrow_dictionary_is_ordinal() -> None:
    codes = pa.array([0, 1, 2] * (ROWS // 3), pa.int8())
    raw = pa.table({"s": pa.DictionaryArray.from_arrays(codes, pa.array(["S", "M", "L"]), ordered=True)})
    field = describe(raw)
    assert field["s"].sort == "ordinal"
    assert field["s"].levels == ("S", "M", "L")
    assert field.unpack(*field.pack(raw)).schema == raw.schema


def test_anything_with_an_arrow_stream_is_read() -> None:
    class Stream:
        def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
            return pa.table({"a": range(ROWS)}).__arrow_c_stream__(requested_schema)

    assert round_trip(Stream()).equals(pa.table({"a": range(ROWS)}))


@pytest.mark.parametrize(
    "raw",
    [
        np.random.default_rng(0).normal(size=(ROWS, 3)).round(2),
        np.arange(2 * ROWS, dtype=np.int32).reshape(ROWS, 2),
        np.array([[True, False], [False, False]] * 15),
        np.array([["a", "b"], ["c", None]] * 15, dtype=object),
        np.array([["a", "b"], ["c", "d"]] * 15),
        np.array([[1, "b"], [2.5, None]] * 15, dtype=object),
        np.arange(ROWS, dtype=np.float32),
        np.array(["yes", "no"] * 15),
        np.array(["2020-01-01", "2021-01-01"] * 15, dtype="datetime64[D]"),
        np.array([(1, 2.5, "a"), (2, 3.5, "b")] * 15, dtype=[("i", "i4"), ("f", "f8"), ("s", "U3")]),
    ],
    ids=lambda raw: f"{raw.dtype}-{raw.ndim}",
)
def test_numpy_arrays_come_back(raw: np.ndarray) -> None:
    out = round_trip(raw)
    assert out.dtype == raw.dtype
    assert out.shape == raw.shape
    np.testing.assert_array_equal(out, raw)


def test_masked_arrays_and_gaps() -> None:
    raw = np.ma.masked_less(np.arange(ROWS), 5)
    value, known = describe(raw).pack(raw)
    assert known is not None
    assert known[:, 0].tolist() == [False] * 5 + [True] * (ROWS - 5)
    field = describe(np.arange(2 * ROWS).reshape(ROWS, 2))
    value, _ = field.pack(np.array([[np.nan, 3.0]]))
    out = field.unpack(value, torch.tensor([[False, True]]))
    assert out.dtype == np.float64
    assert np.isnan(out[0, 0])
    assert out[0, 1] == 3


def test_plain_python_comes_back() -> None:
    records = [{"a": i % 3, "b": None if i % 2 else "x"} for i in range(ROWS)]
    assert round_trip(records) == records
    assert round_trip(["yes", "no", None] * 20) == ["yes", "no", None] * 20
    assert round_trip([1, 2, None] * 20) == [1, 2, None] * 20
    columns = {"a": np.arange(ROWS), "b": ["x", None] * (ROWS // 2)}
    out = round_trip(columns)
    assert (out["a"] == columns["a"]).all()
    assert out["b"] == columns["b"]
    assert (round_trip([[1, 2.5], [3, 4.5]] * 10) == np.array([[1, 2.5], [3, 4.5]] * 10)).all()
    series = pd.Series(["u", "v"] * 10, name="label")
    assert list(round_trip(series)) == list(series)
    assert round_trip(pl.Series("p", [1, 2] * 10)).to_list() == [1, 2] * 10
    tensor = torch.arange(20.0).view(10, 2)
    assert torch.equal(round_trip(tensor), tensor)


def test_one_column_takes_the_name_of_its_field() -> None:
    field = describe(np.arange(ROWS), name="label")
    assert list(field.cell_names) == ["label"]
    assert field.pack({"label": 3})[0].shape == (1, 1, 2)
    like = pd.Series(range(5), index=list("abcde"), name="mine")
    out = field.unpack(field.pack(like)[0], like=like)
    assert out.name == "mine"
    assert list(out.index) == list("abcde")


def test_rows_may_come_in_another_container_than_was_fitted() -> None:
    raw = pd.DataFrame({"a": range(ROWS), "b": ["x", "y"] * (ROWS // 2)})
    field = describe(raw)
    value, _ = field.pack(raw)
    for other in (pl.from_pandas(raw), pa.Table.from_pandas(raw), raw.to_dict("records")):
        assert (field.pack(other)[0] == value).all()
        assert type(field.unpack(value, like=other)) is type(other)
    assert (field.pack(raw.to_numpy())[0] == value).all()
    numpy = describe(raw[["a"]].to_numpy())
    assert (numpy.pack(raw[["a"]])[0] == value[:, :1]).all()


def test_sparse_matrices_are_refused() -> None:
    from scipy.sparse import csr_matrix

    with pytest.raises(DataError, match=r"Sparse"):
        describe(csr_matrix(np.eye(3)))


# ---------------------------------------------------------------------- files


@pytest.fixture
def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "n": range(20),
            "x": [None, 1.25] * 10,
            "s": ["a, b", 'say "x"', None, "ü"] * 5,
            "d": pd.date_range("2020", periods=20, freq="D"),
        }
    )


@pytest.mark.parametrize("end", ["csv", "tsv", "csv.gz", "parquet", "pq", "feather", "arrow", "jsonl", "json"])
def test_files_are_written_and_read(table: pd.DataFrame, tmp_path: Path, end: str) -> None:
    path = tmp_path / f"t.{end}"
    write(table, path)
    out = read(path)
    assert list(out.columns) == list(table.columns)
    assert list(out["n"]) == list(range(20))
    assert out["x"].isna().tolist() == table["x"].isna().tolist()
    assert out["x"].dropna().eq(1.25).all()
    assert out["s"].fillna("-").tolist() == table["s"].fillna("-").tolist()
    assert pd.to_datetime(out["d"]).equals(table["d"].astype(pd.to_datetime(out["d"]).dtype))
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("make", [pl.from_pandas, pa.Table.from_pandas, lambda t: t.to_dict("records")])
def test_any_container_is_written(table: pd.DataFrame, tmp_path: Path, make: Any) -> None:
    write(make(table), tmp_path / "t.csv")
    assert list(read(tmp_path / "t.csv")["n"]) == list(range(20))
    write(np.eye(3), tmp_path / "e.csv")
    assert read(tmp_path / "e.csv").to_numpy() == pytest.approx(np.eye(3))


def test_csv_gaps_spaces_and_separators(tmp_path: Path) -> None:
    path = tmp_path / "adult.csv"
    path.write_text("age, job ,pay\n39, Clerk, ?\n ?, ?,3\n, NA,\n50,null,NaN\n")
    out = read(path)
    assert list(out.columns) == ["age", "job", "pay"]
    assert out["job"].iloc[0] == "Clerk"
    assert out["job"].isna().tolist() == [False, True, True, True]
    assert out["age"].isna().tolist() == [False, True, True, False]
    assert out["pay"].isna().sum() == 3
    path.write_text("a;b\n1,5;x\n2,5;y\n")
    assert list(read(path).columns) == ["a", "b"]
    path.write_bytes("\ufeffname,town\nJosé,Köln\n".encode())
    assert read(path).to_dict("records") == [{"name": "José", "town": "Köln"}]
    path.write_bytes("name,town\nJosé,Köln\n".encode("latin-1"))
    assert read(path).to_dict("records") == [{"name": "José", "town": "Köln"}]
    path.write_text("5.1,3.5,1\n4.9,3.0,2\n")
    assert read(path).shape == (2, 3)


def test_text_that_a_spreadsheet_would_run_is_defused(tmp_path: Path) -> None:
    raw = pd.DataFrame({"s": ["=1+1", "+2", "-3", "@x", "\tx", "\rx", "ok", None], "n": [-1.5] * 8})
    write(raw, tmp_path / "t.csv")
    text = (tmp_path / "t.csv").read_bytes().decode()
    assert "'=1+1" in text
    assert "'+2" in text
    assert "'-3" in text
    assert "'@x" in text
    assert "'\tx" in text
    assert "'\rx" in text
    assert "'-1.5" not in text
    assert "'ok" not in text
    write(raw, tmp_path / "t.parquet")
    assert read(tmp_path / "t.parquet")["s"][0] == "=1+1"
    write(raw, tmp_path / "raw.csv", guard=False)
    assert "'=1+1" not in (tmp_path / "raw.csv").read_text()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("empty.csv", b"", "empty"),
        ("header.csv", b"a,b\n", "no rows"),
        ("twice.csv", b"a,a\n1,2\n", "more than once"),
        ("ragged.csv", b"a,b\n1,2\n3\n", "columns"),
        ("bad.parquet", b"not parquet at all", "Parquet"),
        ("bad.feather", b"not arrow at all", "Feather"),
        ("bad.jsonl", b"{not json", "JSON"),
        ("bad.json", b"{not json", "JSON"),
        ("what.xyz", b"a,b\n1,2\n", ".csv"),
    ],
)
def test_files_at_fault_are_named(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError) as error:
        read(path)
    assert name in str(error.value)
    assert said in str(error.value)


def test_a_file_that_is_not_there_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"gone\.csv"):
        read(tmp_path / "gone.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(DataError, match=r"folder\.csv"):
        read(tmp_path / "folder.csv")


def test_a_failed_write_leaves_nothing_and_the_old_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("old")
    with pytest.raises(DataError, match=r"\.xyz"):
        write(pd.DataFrame({"a": [1]}), tmp_path / "t.xyz")
    with pytest.raises(DataError):
        write(object(), path)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["t.csv"]


# ---------------------------------------------------------------------- databases


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "shop.db"
    with sqlite3.connect(path) as link:
        link.execute("create table sales (n integer, x real, s text)")
        link.executemany("insert into sales values (?, ?, ?)", [(i, None if i % 2 else i / 2, "a") for i in range(9)])
        link.execute('create table "odd ""name" (a)')
        link.execute('insert into "odd ""name" values (1)')
    link.close()
    return path


def test_a_database_is_read_by_table_or_query(database: Path) -> None:
    out = read(f"sqlite:///{database}?table=sales")
    assert list(out.columns) == ["n", "x", "s"]
    assert len(out) == 9
    assert out["x"].isna().sum() == 4
    assert list(read(f"sqlite:///{database}?query=select%20n%20from%20sales%20where%20n%20>%206")["n"]) == [7, 8]
    assert read(f"sqlite:///{database}?table=odd%20%22name").shape == (1, 1)


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        ("?table=sale", "'sales'"),
        ("", "sales"),
        ("?query=select%20nothing", "nothing"),
        ("?query=delete%20from%20sales", "readonly"),
    ],
)
def test_questions_a_database_cannot_answer(database: Path, ask: str, said: str) -> None:
    with pytest.raises(DataError) as error:
        read(f"sqlite:///{database}{ask}")
    assert "shop.db" in str(error.value)
    assert said in str(error.value)


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no\.db"):
        read(f"sqlite:///{tmp_path / 'no.db'}?table=t")
    assert not (tmp_path / "no.db").exists()
    (tmp_path / "fake.db").write_bytes(b"this is not a database, however long it may be")
    with pytest.raises(DataError, match=r"fake\.db"):
        read(f"sqlite:///{tmp_path / 'fake.db'}?table=t")


def test_postgresql_says_what_to_install_and_keeps_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "adbc_driver_postgresql", None)
    with pytest.raises(MissingExtra, match=r"vaery\[sql\]"):
        read("postgresql://me:secret@localhost/shop?table=t")
    with pytest.raises(DataError) as error:
        read("mysql://me:secret@localhost/shop?table=t")
    assert "secret" not in str(error.value)
    assert "sqlite" in str(error.value)
