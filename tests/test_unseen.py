"""Categories that were never seen: flagged by detect, unknown to all other jobs, and never lost."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vaery import VAE, load, unseen
from vaery.core.errors import DataError, QueryError
from vaery.core.evidence import Evidence
from vaery.flags import flags
from vaery.schema import Schema
from vaery.unseen import UnseenCategoryWarning

ROWS = 600


def towns(rows: int = ROWS, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "town": rng.choice(["Bonn", "Rome", "Oslo"], rows, p=[0.5, 0.3, 0.2]),
            "rank": pd.Categorical(rng.choice(["low", "mid", "high"], rows), ["low", "mid", "high"], ordered=True),
            "age": np.clip(rng.normal(40, 12, rows), 18, 90).round(),
            "name": [f"n{seed}.{i}" for i in range(rows)],
        }
    )


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("unseen") / "towns.vaery"
    VAE(steps=40, random_state=0).fit(towns(), verbose=False).save(path)
    return load(path)


@pytest.fixture
def strange():
    """Twenty new rows: names are new as ever, two towns are that nobody has heard of."""
    table = towns(20, seed=1)
    table.loc[3, "town"], table.loc[7, "town"] = "Atlantis", "Xanadu"
    return table


def quiet(job, *rows, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnseenCategoryWarning)
        return job(*rows, **options)


def emptied(table: pd.DataFrame) -> pd.DataFrame:
    """The same rows with what was never seen left out."""
    return table.assign(town=table.town.where(table.town.isin(["Bonn", "Rome", "Oslo"])), name=None)


# ------------------------------------------------------------------ how often new categories come


def packed(table: pd.DataFrame):
    schema, raw = Schema.describe(table)
    return schema, schema.pack(raw), {f.name: f for f in schema.fields}


def test_mass_counts_what_is_there_once():
    table = pd.DataFrame({"a": list("xxxyyz"), "b": list("uuvvww"), "c": [1.5, 2.25, 3.125, 4.5, 5.25, 6.5]})
    _, rows, fields = packed(table)
    learned = json.loads(json.dumps(unseen.learn(rows, fields)))
    assert learned == {"rows": 6, "once": {"table": [[1, 6, 1], [0, 6, 0], []]}}
    assert unseen.mass(learned, "table", 0) == 2 / 7
    assert unseen.mass(learned, "table", 1) == 1 / 7
    assert unseen.mass(learned, "table", 2) == 0
    assert unseen.p_value(learned, "table", 0) == 2 / 7
    assert unseen.p_value(learned, "table", 1) == 1 / 7
    assert unseen.mass(None, "table", 0) == 0
    assert unseen.p_value(None, "table", 0) == 1
    assert unseen.learn(*packed(table[["c"]])[1:]) == {}


def test_rarer_news_count_for_less_rare_ones():
    """A row is as odd as its oddest new level: p-values of a column count the rows of columns with smaller masses."""
    a = ["k"] * 96 + list("wxyz")
    b = [f"v{i}" for i in range(30)] + ["u"] * 70
    learned = unseen.learn(*packed(pd.DataFrame({"a": a, "b": b}))[1:])
    assert unseen.p_value(learned, "table", 0) == 5 / 101
    assert unseen.p_value(learned, "table", 1) == 35 / 101


@settings(max_examples=10)
@given(seed=st.integers(0, 10_000), levels=st.integers(5, 300))
def test_good_and_turing_expect_what_comes(seed, levels):
    """The mass is unbiased for how often the next row is new (Good, 1953)."""
    rng = np.random.default_rng(seed)
    share = rng.dirichlet(np.full(levels, 0.5))
    real, told = [], []
    for _ in range(30):
        drawn = rng.choice(levels, 200, p=share)
        real.append(1 - share[np.unique(drawn)].sum())
        code = torch.tensor(np.unique(drawn, return_inverse=True)[1]).float()
        alone = int((torch.bincount(code.long()) == 1).sum())
        told.append(unseen.mass({"rows": 200, "once": {"f": [[alone, 200, alone]]}}, "f", 0))
    error = np.std(np.array(told) - real) / np.sqrt(30)
    assert abs(np.mean(told) - np.mean(real)) < 5 * error + 2 / 200


def test_p_values_are_valid():
    """Of ordinary rows that come later, a share of α at most is flagged with p at or below α."""
    rng, share = np.random.default_rng(0), np.random.default_rng(1).dirichlet(np.full(60, 0.3))
    p_values = []
    for _ in range(300):
        a, b = rng.choice(60, 81, p=share), rng.integers(0, 150, 81)
        table = pd.DataFrame({"a": a.astype(str), "b": b.astype(str)})
        schema, rows, fields = packed(table.iloc[:80])
        found = flags(fields, schema.pack(table.iloc[80:]), {"unseen": unseen.learn(rows, fields)})
        p_values.append(min((flag.p_value for flag in found), default=1.0))
    p = np.array(p_values)
    assert (p < 1).any()
    for level in (0.02, 0.05, 0.1, 0.2, 0.5):
        assert (p <= level).mean() <= level + 3 * np.sqrt(level * (1 - level) / 300)


# ------------------------------------------------------------------ packing


@pytest.mark.parametrize("value", ["Berlin", "", "ö" * 200, "bonn", "Bonn "])
def test_new_levels_are_unknown_and_listed(value):
    schema, rows, _ = packed(towns())
    table = towns(5, seed=1).assign(name="n0.0")
    table.loc[2, "town"] = value
    rows = schema.pack(table)
    assert not rows.known["table"][2, 0]
    assert (rows.values["table"][2, 0] == 0).all()
    assert [(new.column, new.rows) for new in rows.unseen] == [("town", (2,))]
    with pytest.raises(DataError, match=r"row 2 of column 'town' is .*never seen there"):
        schema.fields[0].pack(table)


def test_what_is_no_category_is_still_refused():
    schema, _, _ = packed(towns())
    with pytest.raises(DataError, match="row 0 of column 'age' is 'old', but the column holds numbers"):
        schema.pack(towns(3).assign(age=["old", "40", "41"]))
    with pytest.raises(DataError, match="no column is called 'city'"):
        schema.pack(towns(3).rename(columns={"town": "city"}))
    assert schema.pack(towns(3)[["age"]]).absent == {"table": [0, 1, 3]}


# ------------------------------------------------------------------ detect


def test_detect_flags_them(model, strange):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = model.detect(strange)
    for row, value in ((3, "Atlantis"), (7, "Xanadu")):
        first = found.reasons[row][0]
        assert first["cell"] == "town"
        assert first["value"] == value
        assert first["expected"] in ("Bonn", "Rome", "Oslo")
        assert first["why"] == "never seen among 600 training rows"
        assert first["bits"] == pytest.approx(np.log2(601))
        assert found.p_value[row] <= 1 / 601
        assert found.outlier[row]
    rest = found.drop(index=[3, 7])
    assert not any("why" in reason for reasons in rest.reasons for reason in reasons)
    plain = model.detect(emptied(strange))
    assert np.allclose(found.bits, plain.bits)  # unknown, as far as the score goes
    assert np.allclose(rest.p_value, plain.p_value[rest.index])
    assert model.predict(strange)[[3, 7]].tolist() == [-1, -1]


def test_names_that_are_always_new_are_no_news(model):
    found = model.detect(towns(30, seed=2))
    assert not any("why" in reason for reasons in found.reasons for reason in reasons)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.impute(towns(30, seed=2))


def test_a_model_of_an_old_file_names_them_too(model, strange, tmp_path):
    model.save(tmp_path / "m.vaery")
    old = load(tmp_path / "m.vaery")
    del old.calibration_["unseen"]
    old.save(tmp_path / "old.vaery")
    found = load(tmp_path / "old.vaery").detect(strange)
    assert found.reasons[3][0]["why"] == "never seen in training"
    assert np.allclose(found.p_value, model.detect(emptied(strange)).p_value)


# ------------------------------------------------------------------ other jobs


@pytest.mark.parametrize(
    ("job", "options"),
    [
        ("score", {}),
        ("embed", {}),
        ("reconstruct", {}),
        ("predict", {"target": "rank"}),
        ("predict_proba", {"target": "rank"}),
        ("impute", {}),
        ("impute", {"draws": 2}),
    ],
)
def test_other_jobs_take_them_for_unknown_and_say_so(model, strange, job, options):
    with pytest.warns(UnseenCategoryWarning) as said:
        answer = model.run(job, strange, **options)
    (only,) = [str(one.message) for one in said if issubclass(one.category, UnseenCategoryWarning)]
    assert "column 'town': 'Atlantis' (row 3 and 1 more) was never seen among 600 training rows" in only
    assert "counts as unknown" in only
    plain = model.run(job, emptied(strange), **options)
    if job != "impute":
        pd.testing.assert_frame_equal(pd.DataFrame(answer), pd.DataFrame(plain), check_dtype=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UnseenCategoryWarning)
        with pytest.raises(UnseenCategoryWarning):
            model.run(job, strange, **options)


def test_a_target_is_not_looked_at(model, strange):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(model.predict(strange, target="town")) == 20


def test_impute_gives_back_what_came(model, strange):
    strange.loc[3, "age"] = np.nan
    for filled in (quiet(model.impute, strange), quiet(model.impute, strange, draws=1)[0]):
        assert filled.town.tolist() == strange.town.tolist()
        assert filled.name.tolist() == strange.name.tolist()
        assert filled.notna().all(axis=None)


@pytest.mark.parametrize(
    "container", ["category", "polars", "polars enum", "arrow", "dictionary", "records", "numpy", "text"]
)
def test_any_container_gives_back_what_came(container):
    import polars as pl
    import pyarrow as pa

    known, new = ["a", "b", "a", "b"] * 20, ["a", "quite another", None, "b"]

    def made(values):
        number = [float(i % 7) for i in range(len(values))]
        if container == "category":
            return pd.DataFrame({"c": pd.Categorical(values), "x": number})
        if container.startswith("polars"):
            kinds = sorted({v for v in values if v})
            kind = pl.Enum(kinds) if container.endswith("enum") else pl.String
            return pl.DataFrame({"c": pl.Series(values, dtype=kind), "x": number})
        if container in ("arrow", "dictionary"):
            column = pa.array(values)
            return pa.table({"c": column.dictionary_encode() if container == "dictionary" else column, "x": number})
        rows = [{"c": c, "x": x} for c, x in zip(values, number, strict=True)]
        if container == "text":  # an array of texts: no gaps, and as wide as the widest
            return np.array([[row["c"] or "a", str(row["x"])[:1]] for row in rows])
        return rows if container == "records" else np.array([[row["c"], row["x"]] for row in rows], dtype=object)

    model = VAE(steps=5, random_state=0).fit(made(known), verbose=False)
    out = quiet(model.impute, made(new))
    assert type(out) is type(made(new))
    if container == "records":
        found = [row["c"] for row in out]
    elif container in ("numpy", "text"):
        found = out[:, 0].tolist()
    else:
        found = out["c"].to_pylist() if container in ("arrow", "dictionary") else list(out["c"])
    assert found[:2] == ["a", "quite another"]
    assert found[2] in ("a", "b")
    assert found[3] == "b"


@pytest.mark.parametrize("sort", ["bool", "integer levels", "ordered", "times", "bytes"])
def test_every_sort_of_level(sort):
    known, new = {
        "bool": ([True, True, True, True], [False, True]),
        "integer levels": ([1, 2, 1, 2], [7, 1]),
        "ordered": (pd.Categorical(["s", "m", "s", "m"], ["s", "m"], ordered=True), ["l", "s"]),
        "times": (
            list(pd.to_datetime(["2020-01-01", "2021-01-01"] * 2)),
            list(pd.to_datetime(["2022-01-01", "2020-01-01"])),
        ),
        "bytes": ([b"u", b"v", b"u", b"v"], [b"w", b"u"]),
    }[sort]
    table = pd.DataFrame({"c": known, "x": range(4)})
    columns = {"c": "categorical"} if sort in ("integer levels",) else {}
    schema, _ = Schema.describe(pd.concat([table] * 10, ignore_index=True), columns=columns)
    rows = schema.pack(pd.DataFrame({"c": new, "x": [0, 1]}))
    if schema.fields[0].columns[0].family is None:
        assert rows.known["table"][:, 0].tolist() == [False, True]
        assert rows.unseen[0].rows == (0,)
    else:
        assert rows.known["table"] is None  # another number or time is only unlikely


def test_conditions_are_still_refused(model):
    with pytest.raises(QueryError, match="Atlantis"):
        model.generate(5, given={"town": "Atlantis"})


def test_evidence_moves_with_what_it_could_not_hold(strange):
    schema, _, fields = packed(towns())
    rows = schema.pack(strange)
    assert rows.to("cpu") is rows
    moved = rows.to("meta")
    assert moved.unseen == rows.unseen
    assert moved.values["table"].device.type == "meta"
    assert type(rows[slice(0, 3)]) is Evidence
    assert flags(fields, rows[slice(0, 3)], None) == []


def test_constraints_do_not_write_over_them():
    """An id that was never seen is not an empty cell that could be numbered anew."""
    table = towns(200).assign(id=[f"k{i}" for i in range(200)])
    model = VAE(steps=5, random_state=0, constraints=["unique(id)"]).fit(table, verbose=False)
    new = towns(10, seed=3).assign(id=[f"q{i}" for i in range(10)])
    new.loc[2, "age"] = np.nan
    assert model.impute(new).id.tolist() == new.id.tolist()
    assert model.impute(new, draws=1)[0].id.tolist() == new.id.tolist()
    grown = model.augment(new, target="town")
    assert grown.id.tolist()[:10] == new.id.tolist()
    assert grown.id.is_unique
