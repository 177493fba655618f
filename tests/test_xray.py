"""The X-ray: each sort of fault is planted and must be found; tables without any must not raise an alarm."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
import torch
from typer.testing import CliRunner
from xray_tables import clean

import vaery
from vaery.cli.app import app
from vaery.core.errors import DataError
from vaery.xray import run as runs
from vaery.xray.finding import SEVERITIES, Finding
from vaery.xray.table import Table, open_table
from vaery.xray.tail import beyond

ROWS = 1200


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def rng(seed: int = 1) -> np.random.Generator:
    return np.random.default_rng(seed)


def plain(seed: int = 0) -> pd.DataFrame:
    return clean(seed, ROWS)


def found(check: str, data: object) -> list[Finding]:
    """What one check sees."""
    table = data if isinstance(data, Table) else open_table(data)
    return list(runs.check(check)(table))


def about(findings: list[Finding], *columns: str) -> Finding:
    """The one finding about these columns first."""
    (hit,) = [f for f in findings if f.columns[: len(columns)] == columns]
    return hit


def some(count: int, seed: int = 1) -> np.ndarray:
    return np.sort(rng(seed).choice(ROWS, count, replace=False))


def write(frame: pd.DataFrame, column: str, rows: np.ndarray, values: object) -> pd.DataFrame:
    """The frame with other values in these rows."""
    frame = frame.copy()
    changed = frame[column].astype(object if isinstance(values, str) else frame[column].dtype).copy()
    if isinstance(values, float) and changed.dtype.kind in "iu":
        changed = changed.astype(float)
    changed.iloc[rows] = values
    return frame.assign(**{column: changed})


# ------------------------------------------------------------------ nothing wrong


CHECKS = [name for name in runs.names() if name != "suspicious"]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("rows", [300, 1500])
def test_a_clean_table_raises_no_alarm(seed, rows):
    table = open_table(clean(seed, rows))
    alarms = [(name, f.finding) for name in CHECKS for f in runs.check(name)(table) if f.severity != "note"]
    assert not alarms


@pytest.mark.parametrize("seed", range(4))
def test_small_tables_raise_no_alarm(seed):
    table = open_table(clean(seed, 25).drop(columns="customer"))
    assert not [(name, f.finding) for name in CHECKS for f in runs.check(name)(table) if f.severity != "note"]


def test_the_model_raises_no_alarm_either(quick):
    assert not [f.finding for f in found("suspicious", clean(5, 500)) if f.severity != "note"]


# ------------------------------------------------------------------ hidden gaps


@pytest.mark.parametrize(
    ("column", "code", "severity"),
    [("age", 999.0, "error"), ("age", -1.0, "error"), ("height", 9999.0, "error"), ("visits", 99.0, "error"),
     ("rating", 9.0, "warning"), ("weight", 0.0, "warning"), ("height", 0.0, "warning"), ("income", -999.0, "error"),
     ("price", 77777.5, "warning")],
)  # fmt: skip
def test_codes_for_missing(column, code, severity):
    rows = some(30)
    hits = found("hidden_missing", write(plain(), column, rows, code))
    hit = about(hits, column)
    assert len(hits) == 1
    assert SEVERITIES.index(hit.severity) <= SEVERITIES.index(severity)
    assert hit.rows == tuple(rows)
    assert hit.count == 30


def test_a_placeholder_date_is_a_code():
    hit = about(found("hidden_missing", write(plain(), "day", some(12), pd.Timestamp("1900-01-01"))), "day")
    assert "1900-01-01" in hit.finding
    assert hit.rows == tuple(some(12))


def test_a_frequent_code_inside_the_range():
    table = write(plain(), "income", some(40), 9999.0)
    assert "9999" in about(found("hidden_missing", table), "income").finding


def test_amounts_that_are_often_zero_are_none():
    assert not found("hidden_missing", pd.DataFrame({"gain": plain().donation, "count": plain().visits}))


@pytest.mark.parametrize("word", ["?", "unknown", "N/A", "-", "999"])
def test_words_for_missing(word):
    hit = about(found("missing_words", write(plain(), "city", some(20), word)), "city")
    assert hit.severity == "warning"
    assert hit.rows == tuple(some(20))


def test_one_word_in_several_columns_is_one_finding():
    table = write(write(plain(), "city", some(20), "unknown"), "plan", some(9, 2), "unknown")
    (hit,) = found("missing_words", table)
    assert hit.columns == ("city", "plan")


def test_none_may_be_a_level_like_any_other():
    assert [f.severity for f in found("missing_words", write(plain(), "plan", some(90), "none"))] == ["note"]


def test_gaps_filled_with_the_median():
    table = plain()
    table = write(table, "lognormal", some(90), float(table.lognormal.median()))
    assert about(found("filled", table), "lognormal").count >= 90


# ------------------------------------------------------------------ types


def test_numbers_as_text():
    table = plain()
    texts = [f"{v:,.2f}" for v in table.income]
    texts[7] = "n.a."
    hit = about(found("numbers_as_text", table.assign(income=texts)), "income")
    assert hit.rows == (7,)
    assert "thousands separators" in hit.finding


def test_two_units_in_one_column_of_text():
    texts = [f"{v:.0f} {'kg' if i % 3 else 'lb'}" for i, v in enumerate(plain().height)]
    assert about(found("numbers_as_text", plain().assign(weight=texts)), "weight").severity == "error"


@pytest.mark.parametrize(
    ("texts", "values"),
    [(["1.234,5", "2,25", "7"] * 9, [1234.5, 2.25, 7]), (["$1,200", "$3", "$-4"] * 9, None),
     (["12 %", "30 %", "7 %"] * 9, [12, 30, 7]), (["-1e3", "2.5E-1", "+4"] * 9, [-1000, 0.25, 4])],
)  # fmt: skip
def test_numbers_are_read_as_people_write_them(texts, values):
    x = open_table(pd.DataFrame({"a": texts}))["a"].x
    if values is not None:
        assert x is not None
        assert x[:3].tolist() == values


def test_dates_as_text_and_which_comes_first():
    generator = rng()
    day, month = generator.integers(1, 29, ROWS), generator.integers(1, 13, ROWS)
    first = [f"{d:02d}/{m:02d}/2021" for d, m in zip(day, month, strict=True)]
    mixed = [t if i % 2 else f"{m:02d}/{d:02d}/2021" for i, (t, d, m) in enumerate(zip(first, day, month, strict=True))]
    hits = found("dates_as_text", plain().assign(first=first, mixed=mixed))
    assert "day first" in about(hits, "first").finding
    assert about(hits, "first").severity == "warning"
    assert about(hits, "mixed").severity == "error"


def test_dates_as_numbers():
    numbers = plain().day.dropna().dt.strftime("%Y%m%d").astype(int)
    assert about(found("dates_as_text", pd.DataFrame({"when": numbers})), "when").severity == "warning"


def test_mixed_types():
    values = pd.Series([1 if i % 9 else "one" for i in range(ROWS)], dtype=object)
    assert about(found("mixed_types", plain().assign(odd=values)), "odd").count == len(range(0, ROWS, 9))


def test_leading_zeros(tmp_path):
    path = tmp_path / "t.csv"
    plain().assign(zip=[f"{n:05d}" for n in rng().integers(1000, 99999, ROWS)]).to_csv(path, index=False)
    assert about(found("leading_zeros", path), "zip").count > 2
    assert not found("leading_zeros", plain())


def test_ids_and_those_that_occur_twice():
    assert about(found("ids", plain()), "customer").severity == "note"
    twice = plain().assign(order_id=[f"K{n * 7919 % 99991}" for n in range(ROWS)])
    twice.loc[5, "order_id"] = twice.loc[900, "order_id"]
    hit = about(found("ids", twice), "order_id")
    assert (hit.severity, hit.rows) == ("warning", (5, 900))


def test_constant_and_empty_columns():
    table = plain().assign(one=1, nothing=np.nan, nearly=[int(i == 3) for i in range(ROWS)])
    hits = found("constant", table)
    assert {f.columns[0]: f.severity for f in hits} == {"one": "warning", "nothing": "warning", "nearly": "note"}
    assert about(hits, "nearly").rows == (3,)


def test_free_text_and_crowds_of_levels():
    words = [f"delivered {n} parcels to house {n * 31 % 977}" for n in range(ROWS)]
    many = [f"street {n % 700}" for n in range(ROWS)]
    hits = found("free_text", plain().assign(note=words, street=many))
    assert "free text" in about(hits, "note").finding
    assert "700 levels" in about(hits, "street").finding


def test_blanks():
    hit = about(found("blanks", write(plain(), "plan", some(8), "gold ")), "plan")
    assert (hit.severity, hit.rows) == ("warning", tuple(some(8)))


def test_blanks_are_seen_in_a_file_that_is_read_without_them(tmp_path):
    path = tmp_path / "t.csv"
    write(plain(), "plan", some(8), " gold").to_csv(path, index=False)
    assert about(found("blanks", path), "plan").count == 8


def test_spellings_and_slips_of_the_pen():
    table = write(plain(), "city", some(5), "BONN")
    assert "'BONN' (5)" in about(found("spelling", table), "city").finding
    hit = about(found("spelling", write(plain(), "plan", some(1), "bsaic")), "plan")
    assert (hit.severity, hit.rows) == ("warning", tuple(some(1)))
    assert not found("spelling", pd.DataFrame({"grade": ["11th grade"] * 500 + ["12th grade"] * 2 + ["A"] * 99}))


def test_rare_levels():
    hit = about(found("rare", write(plain(), "plan", some(2), "titanium")), "plan")
    assert hit.rows == tuple(some(2))


# ------------------------------------------------------------------ units


@pytest.mark.parametrize(
    ("column", "factor"), [("height", 1 / 2.54), ("height", 10.0), ("height", 0.01), ("age", 12.0), ("price", 1000.0)]
)
def test_slips_of_units(column, factor):
    table, rows = plain(), some(25)
    table[column] = table[column].astype(float).where(~np.isin(np.arange(ROWS), rows), table[column] * factor)
    table = table.dropna(subset=[column])
    hits = [f for f in found("unit_slips", table) if f.columns[0] == column]
    assert [f.evidence["factor"] for f in hits] == [f"{factor:.6g}"]
    assert set(hits[0].rows) <= set(rows)
    assert hits[0].count >= 20


def test_a_slip_that_only_the_other_columns_show():
    table, rows = plain(), some(20)
    table["tax"] = table.income * 0.3 * np.exp(rng().normal(size=ROWS) * 0.1)
    table.loc[rows, "tax"] /= 10
    hit = about(found("unit_slips", table), "tax")
    assert hit.evidence["factor"] == "0.1"
    assert hit.rows == tuple(rows)


def test_a_group_in_another_unit():
    table = plain().assign(mass=75 + 8 * rng().normal(size=ROWS))
    table["mass"] = table.mass.where(table.city != "Trier", table.mass * 2.20462)
    hits = [f for f in found("unit_slips", table) if f.columns[0] == "mass"]
    assert hits
    assert "Trier" in hits[0].finding
    assert set(hits[0].rows) <= set(np.flatnonzero(table.city == "Trier"))


# ------------------------------------------------------------------ rows


def test_copies_of_rows():
    table = pd.concat([plain(), plain().iloc[10:30]], ignore_index=True)
    table["customer"] = np.arange(len(table))
    (hit,) = found("duplicates", table)
    assert (hit.severity, hit.rows) == ("warning", tuple(range(ROWS, ROWS + 20)))


def test_rows_that_are_alike_by_chance_are_only_noted():
    table = plain()[["rating", "city", "plan", "member"]]
    assert [f.severity for f in found("duplicates", table)] == ["note"]
    assert not found("near_duplicates", table)


def test_near_copies_of_rows():
    table = pd.concat([plain(), plain().iloc[10:22].assign(balance=1.0)], ignore_index=True)
    table["customer"] = np.arange(len(table))
    (hit,) = found("near_duplicates", table)
    assert hit.columns == ("balance",)
    assert hit.rows == tuple(range(ROWS, ROWS + 12))


def test_rows_that_differ_in_spelling_only():
    again = plain().iloc[10:22]
    again = again.assign(city=again.city.str.upper(), lognormal=again.lognormal * (1 + 1e-9))
    table = pd.concat([plain(), again], ignore_index=True).drop(columns="customer")
    assert any("spelling" in f.finding and f.count == 12 for f in found("near_duplicates", table))


# ------------------------------------------------------------------ columns that follow from others


def test_copies_of_columns():
    table = plain().assign(same=plain().balance, near=plain().balance)
    table.loc[[3, 5], "near"] += 1
    hits = found("copies", table)
    assert about(hits, "same").severity == "note"
    assert (about(hits, "near").severity, about(hits, "near").rows) == ("warning", (3, 5))


def test_levels_under_other_names():
    table = plain().assign(code=plain().city.map({"Bonn": 1, "Köln": 2, "Trier": 3, "Mainz": 4, "Ulm": 5}))
    assert about(found("copies", table), "code", "city").severity == "note"


def formulas() -> dict[str, pd.Series]:
    t = plain()
    return {
        "1.19 × 'rent'": (t.rent * 1.19).round(2),
        "1.8 × 'height' + 32": t.height * 1.8 + 32,
        "'donation' + 'price'": t.price + t.donation,
        "'visits' × 'price'": (t.price * t.visits).round(2),
        "'lognormal' × 'waiting'": t.lognormal * t.waiting,
        "'age' × 'height'²": t.age * t.height**2,
        "'waiting' + 'donation' + 2 × 'balance' - 'price'": t.balance * 2 + t.waiting + t.donation - t.price,
    }


@pytest.mark.parametrize("words", formulas())
@pytest.mark.parametrize("wrong", [0, 5])
def test_formulas(words, wrong):
    values = formulas()[words]
    rows = values.index[values.notna()][::37][:wrong]
    table = plain().assign(result=values)
    table.loc[rows, "result"] += 3 * table.result.std()
    hits = [f for f in found("formulas", table) if "result" in f.columns]
    assert len(hits) == 1
    terms = set(re.findall(r"'(\w+)'", words))
    assert set(hits[0].columns) == {"result", *terms}
    assert (hits[0].severity, set(hits[0].rows)) == ("warning" if wrong else "note", set(rows))
    if hits[0].columns[0] == "result" and len(terms) < 3:
        assert set(re.findall(r"[^ ]+", words)) <= set(re.findall(r"[^ ]+", hits[0].finding.replace(",", "")))


def test_unrelated_numbers_have_no_formula():
    assert not found("formulas", plain())


def test_a_category_that_follows():
    table = plain().assign(country=plain()["product"].str[-1].map(lambda digit: "AB"[int(digit) % 2]))
    assert about(found("dependent", table), "country", "product").severity == "note"
    table.loc[[4, 8], "country"] = table.loc[[4, 8], "country"].map({"A": "B", "B": "A"})
    hit = about(found("dependent", table), "country", "product")
    assert hit.severity == "warning"
    assert set(hit.rows) <= {4, 8}
    assert hit.rows


def test_near_functions():
    table = plain()
    table["risk"] = np.tanh(table.age / 30) * table.height + 0.01 * rng().normal(size=ROWS)
    hits = [f for f in found("predictable", table) if "risk" in f.columns]
    assert {"risk", "age", "height"} <= {name for f in hits for name in f.columns}
    assert not found("predictable", plain())


# ------------------------------------------------------------------ gaps


def test_gaps_together():
    table = plain()
    table["share"] = table.share.where(table.weight.notna())
    hit = about(found("missing_together", table), "weight", "share")
    assert hit.count == table.weight.isna().sum()


def test_either_or_and_rows_of_nothing():
    table = plain().drop(columns=["customer"])
    table["mail"] = table.balance.where(table.member)
    table["post"] = table.balance.where(~table.member)
    assert [f.columns for f in found("missing_together", table)] == [("mail", "post")]
    table = table.astype(object)
    table.loc[[3, 9]] = None
    assert [f.rows for f in found("missing_together", table) if not f.columns] == [(3, 9)]


def test_gaps_that_the_row_tells_of():
    table = plain()
    table["share"] = table.share.where((table.plan == "gold") | (rng().random(ROWS) < 0.1))
    hit = about(found("missing_pattern", table), "share", "plan")
    assert "'basic'" in hit.finding
    assert not found("missing_pattern", plain())


# ------------------------------------------------------------------ values and cells


def test_values_cut_off():
    table = plain().assign(income=plain().income.clip(upper=60000))
    hit = about(found("capped", table), "income")
    assert hit.count == (table.income == 60000).sum()
    assert not found("capped", plain()[["donation", "waiting", "height"]])


def test_outliers():
    hit = about(found("outliers", write(plain(), "height", np.array([77]), 620.0)), "height")
    assert (hit.severity, hit.rows) == ("warning", (77,))


@pytest.mark.parametrize("name", ["normal", "exponential", "standard_cauchy", "lognormal", "uniform"])
def test_tails_of_every_weight_have_few_outliers(name):
    alarms = [beyond(sign * getattr(rng(seed), name)(size=400))[1] < 1e-8 for seed in range(60) for sign in (1, -1)]
    assert np.mean(alarms) <= 0.02


@pytest.fixture
def quick(monkeypatch):
    from vaery.xray import quick

    monkeypatch.setattr(quick, "STEPS", 150)
    monkeypatch.setattr(quick, "SECONDS", 6.0)
    return quick


def test_cells_that_do_not_fit(quick):
    generator = rng()
    size = generator.normal(size=900)
    table = pd.DataFrame(
        {
            "length": 30 + 5 * size + 0.3 * generator.normal(size=900),
            "weight": 100 + 20 * size + 2 * generator.normal(size=900),
            "sort": np.where(size > 0, "large", "small"),
            "lot": generator.integers(1, 30, 900),
        }
    )
    high, low = int(size.argmax()), int((size + 1.2).__abs__().argmin())
    table.loc[low, "length"] = 30 + 5 * 1.4
    table.loc[high, "sort"] = "small"
    hits = found("suspicious", table)
    assert low in about(hits, "length").rows
    assert high in about(hits, "sort").rows
    (expected,) = re.findall(rf"row {low}: [\d.]+, expected about ([\d.]+)", about(hits, "length").finding)
    assert abs(float(expected) - 24) < 3
    assert "lot" not in {f.columns[0] for f in hits}


def test_a_model_that_knows_nothing_says_so(quick):
    noise = pd.DataFrame(rng().normal(size=(600, 4)), columns=list("abcd"))
    (hit,) = found("suspicious", noise)
    assert "no cell was compared" in hit.finding


# ------------------------------------------------------------------ the whole of it


@pytest.fixture
def faulty(monkeypatch, quick) -> pd.DataFrame:
    monkeypatch.setattr(quick, "STEPS", 20)
    monkeypatch.setattr(quick, "TRIED", 100)
    return write(write(plain(), "age", some(30), 999.0), "city", some(12, 3), "?")


def test_everything_at_once(faulty):
    findings = vaery.xray(faulty)
    assert [f.severity for f in findings] == sorted((f.severity for f in findings), key=SEVERITIES.index)
    assert findings["error"][0].columns == ("age",)
    assert findings["missing_words"][0].columns == ("city",)
    text = repr(findings)
    assert "'age' holds 999 in 30 rows" in text
    assert max(map(len, text.splitlines())) <= 115
    frame = findings.to_frame()
    assert {"severity", "column", "rows", "finding", "evidence", "suggestion"} <= set(frame.columns)
    assert len(frame) == len(findings)
    plain_data = json.loads(json.dumps(findings.to_dict(), allow_nan=False))
    assert plain_data["findings"][0]["rows"] == some(30).tolist()
    assert [c["column"] for c in plain_data["columns"]] == list(faulty.columns)
    page = findings.to_html()
    assert "<svg" in page
    assert "src=" not in page
    assert "'age' holds 999" in page.replace("&#x27;", "'")


def test_the_same_table_gives_the_same_findings(faulty):
    names = ["unit_slips", "predictable", "missing_pattern", "near_duplicates", "formulas"]  # those that sample
    assert [found(name, faulty) for name in names] == [found(name, faulty) for name in names]


@pytest.mark.parametrize("make", [lambda t: t, pd.DataFrame.to_dict, "polars", "arrow"])
def test_any_container(make, faulty):
    if make == "polars":
        data = pytest.importorskip("polars").from_pandas(faulty)
    elif make == "arrow":
        data = pytest.importorskip("pyarrow").Table.from_pandas(faulty, preserve_index=False)
    elif make is pd.DataFrame.to_dict:
        data = faulty.astype(object).where(faulty.notna(), None).to_dict("records")
    else:
        data = faulty
    assert [f.columns for f in found("hidden_missing", data)] == [("age",)]


def test_arrays_and_tiny_tables():
    assert vaery.xray(np.zeros((1, 2))).rows == 1
    assert [c["column"] for c in vaery.xray(rng().normal(size=(30, 3))).columns] == ["x0", "x1", "x2"]
    assert vaery.xray(pd.DataFrame({"a": [None, None]}))["a"]


def test_infinities_and_lists_are_findings_and_the_rest_is_looked_at():
    table = write(plain(), "height", np.array([4]), np.inf).assign(tags=[[1]] * ROWS)
    table = write(table, "age", some(30), 999.0)
    opened = open_table(table)
    assert {f.check: f.columns for f in opened.findings} == {"infinite": ("height",), "unreadable": ("tags",)}
    assert found("hidden_missing", opened)


@pytest.mark.parametrize("data", [pd.DataFrame(), pd.DataFrame({"a": []}), 3, np.zeros((2, 2, 2))])
def test_what_is_no_table_is_refused(data):
    with pytest.raises(DataError):
        vaery.xray(data)


def test_the_name_stays_a_function_whatever_is_imported():
    import vaery.xray.findings

    assert callable(vaery.xray)


# ------------------------------------------------------------------ the command


@pytest.fixture
def file(tmp_path, faulty, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(runs, "names", lambda: ["hidden_missing", "missing_words", "outliers"])
    faulty.to_csv("t.csv", index=False)
    return tmp_path


def ran(*words: str):
    return CliRunner().invoke(app, ["xray", *words])


def test_the_command_reports(file):
    result = ran("t.csv")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith(f"{ROWS:,} rows × {len(plain().columns)} columns: 1 error")
    assert "'age' holds 999" in result.stdout
    assert "'?', which is read as missing here" in " ".join(result.stdout.split())


def test_the_command_gives_json(file):
    result = ran("t.csv", "--json")
    about = json.loads(result.stdout)
    assert (about["command"], about["data"], about["rows"]) == ("xray", "t.csv", ROWS)
    assert about["findings"][0]["columns"] == ["age"]


@pytest.mark.parametrize("name", ["x.html", "x.json", "x.csv"])
def test_the_command_writes(file, name):
    result = ran("t.csv", "-o", name)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == ""
    assert "999" in (file / name).read_text(encoding="utf-8")
    again = ran("t.csv", "-o", name)
    assert again.exit_code == 1
    assert "--force" in again.stderr


def test_the_command_refuses(file):
    (file / "empty.csv").touch()
    for words, code in ((("no.csv",), 1), (("empty.csv",), 1), (("t.csv", "-o", "x.exe"), 2), (("t.csv", "--no"), 2)):
        result = ran(*words)
        assert result.exit_code == code
        assert result.stdout == ""
        assert "Traceback" not in result.stderr
