"""Tables: what is found in a column, packing and unpacking, conditions, summaries, and bad input."""

from __future__ import annotations

import datetime
import json
import math

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vaery.core.cells import CellSpec
from vaery.core.errors import ChoiceError, DataError, QueryError
from vaery.core.query import between, one_of
from vaery.core.random import Random
from vaery.kinds.table import TableField, carry, decoder, describe, encoder, looks_like
from vaery.kinds.table.scale import FEW, Scale, normal_scores, standard

N = 400


def frame(rows: int = N, seed: int = 0) -> pd.DataFrame:
    """One column of every sort, with gaps."""
    rng = np.random.default_rng(seed)
    found = pd.DataFrame(
        {
            "age": rng.integers(17, 90, rows),
            "pay": rng.lognormal(8, 1, rows).round(2),
            "x": rng.normal(size=rows),
            "gain": np.where(rng.random(rows) < 0.8, 0, rng.integers(100, 9999, rows)),
            "children": rng.integers(0, 5, rows),
            "member": rng.random(rows) < 0.3,
            "town": rng.choice(["Aix", "Bonn", "Como"], rows, p=[0.2, 0.5, 0.3]),
            "one": 1.0,
            "nothing": [None] * rows,
            "day": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 1000, rows), unit="D"),
            "seen": pd.Series(pd.date_range("2021", periods=rows, freq="31min", tz="Europe/Berlin")).sample(
                frac=1, random_state=seed, ignore_index=True
            ),
            "count": pd.array([None if i % 7 == 0 else i for i in range(rows)], dtype="Int64"),
            "size": pd.Categorical(rng.choice(["S", "M", "L"], rows), categories=["S", "M", "L", "XL"], ordered=True),
            "mixed": [("a", 1, 2.5, True)[i % 4] for i in range(rows)],
        }
    )
    found.loc[::5, "x"] = np.nan
    found.loc[::6, "town"] = None
    return found


def again(field: TableField) -> TableField:
    return TableField.from_json(json.loads(json.dumps(field.to_json())))


def same(out: pd.DataFrame, raw: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(out, raw, rtol=1e-5, atol=1e-5)


# ---------------------------------------------------------------------- what is found


@pytest.mark.parametrize(
    ("name", "sort", "family", "levels"),
    [
        ("age", "integer", "mixture", 0),
        ("pay", "numeric", "mixture", 0),
        ("x", "numeric", "mixture", 0),
        ("gain", "integer", "mixture", 1),
        ("children", "integer", "normal", 5),
        ("member", "boolean", None, 2),
        ("town", "categorical", None, 3),
        ("one", "constant", "normal", 1),
        ("nothing", "constant", None, 0),
        ("day", "datetime", "mixture", 0),
        ("seen", "datetime", "mixture", 0),
        ("count", "integer", "mixture", 0),
        ("size", "ordinal", None, 4),
        ("mixed", "categorical", None, 4),
    ],
)
def test_a_column_is_what_it_looks_like(name: str, sort: str, family: str | None, levels: int) -> None:
    column = describe(frame())[name]
    assert (column.sort, column.family, len(column.levels)) == (sort, family, levels)


def test_cells_and_names_stand_in_the_order_of_the_columns() -> None:
    field = describe(frame())
    assert list(field.cell_names) == list(frame().columns)
    assert field.event == (14, 2)
    assert field.mask == (14,)
    assert field.cells[6] == CellSpec(levels=3)
    assert field.cells[12] == CellSpec(levels=4, ordered=True)
    assert field.cells[8] == CellSpec(levels=1)
    floors = {cell.options["floor"] for cell in field.cells if cell.family == "mixture"}
    assert all(math.log2(f).is_integer() and 2**-6 <= f <= 1 for f in floors)


def test_levels_stand_by_frequency_with_their_shares() -> None:
    town = describe(frame())["town"]
    counts = frame()["town"].value_counts()
    assert list(town.levels) == list(counts.index)
    assert town.shares == pytest.approx(counts / counts.sum(), abs=1e-6)
    assert town.nulls == pytest.approx(frame()["town"].isna().mean())


def test_few_valued_numbers_keep_their_order_and_take_others_too() -> None:
    field = describe(frame())
    assert field["children"].levels == (0, 1, 2, 3, 4)
    assert field["children"].rest == 0
    more = frame(10).assign(children=11, one=3.0)
    value, known = field.pack(more)
    assert (value[:, 4, 0] == 5).all()
    assert (value[:, 4, 1] > 2).all()
    same(field.unpack(value, known, keep=True), more)
    assert (field.unpack(value, known)["children"] == 4).all()  # what a model draws stays in the range seen


@pytest.mark.parametrize("rows", [1, 2, 5, 20])
def test_tiny_tables_work(rows: int) -> None:
    rng = np.random.default_rng(rows)
    raw = pd.DataFrame({"i": rng.integers(0, 30, rows), "f": rng.normal(size=rows), "c": list("abcde" * 4)[:rows]})
    field = describe(raw)
    assert len(field["f"].levels) == (1 if rows == 1 else 0)
    same(again(field).unpack(*field.pack(raw)), raw)


def test_spikes_are_levels_and_the_rest_is_a_number() -> None:
    rng = np.random.default_rng(0)
    raw = pd.DataFrame({"x": np.concatenate([np.zeros(300), np.full(60, 9999.0), rng.gamma(2, 30, 640)])})
    column = describe(raw)["x"]
    assert column.levels == (0.0, 9999.0)
    assert column.rest == pytest.approx(0.64)
    assert column.high < 9999


@pytest.mark.parametrize(
    ("columns", "families", "name", "expected"),
    [
        ({"town": ["Como", "Aix", "Bonn", "Rom"]}, {}, "town", ("ordinal", None, 4)),
        ({"age": "categorical"}, {}, "age", ("categorical", None, frame()["age"].nunique())),
        ({"children": "ordinal"}, {}, "children", ("ordinal", None, 5)),
        ({"children": "numeric"}, {}, "children", ("integer", "mixture", 0)),
        ({}, {"age": "student"}, "age", ("integer", "student", 0)),
        ({}, {"gain": "student"}, "gain", ("integer", "student", 0)),
        ({}, {"gain": "mixture"}, "gain", ("integer", "mixture", 1)),
        ({}, {"children": "poisson"}, "children", ("integer", "poisson", 0)),
        ({}, {"children": "categorical"}, "children", ("categorical", None, 5)),
        ({}, {"age": "logistic_mixture"}, "age", ("integer", "logistic_mixture", 0)),
    ],
)
def test_what_is_found_can_be_overruled(columns: dict, families: dict, name: str, expected: tuple) -> None:
    field = describe(frame(), columns=columns, families=families)
    column = field[name]
    assert (column.sort, column.family, len(column.levels)) == expected
    assert (field.unpack(*field.pack(frame()))[name].dropna() == frame()[name].dropna()).all()


def test_counts_are_not_scaled_and_student_is_standardised() -> None:
    field = describe(frame(), families={"children": "poisson", "x": "student"})
    value, known = field.pack(frame())
    assert value[:, 4, 1].tolist() == frame()["children"].tolist()
    x = frame()["x"].dropna()
    assert value[known[:, 2], 2, 1].numpy() == pytest.approx(((x - x.mean()) / x.std(ddof=0)).to_numpy(), abs=1e-5)


def test_many_categories_bring_their_frequencies() -> None:
    raw = pd.DataFrame({"id": [f"u{i % 1000}" for i in range(3000)] + ["u0"] * 500})
    cell = describe(raw).cells[0]
    assert cell.levels == 1000
    assert cell.prior is not None
    assert len(cell.prior) == 1000
    assert cell.prior[0] == pytest.approx(503 / 3500, abs=1e-6)


# ---------------------------------------------------------------------- packed and back


def test_every_sort_of_column_comes_back() -> None:
    raw = frame()
    field = again(describe(raw))
    value, known = field.pack(raw)
    assert known is not None
    assert value.dtype == torch.float32
    assert known.dtype == torch.bool
    assert (known.numpy() == raw.notna().to_numpy()).all()
    assert (value[~known] == 0).all()
    out = field.unpack(value, known)
    same(out.drop(columns="nothing"), raw.drop(columns="nothing"))
    assert out["nothing"].isna().all()
    assert [type(v) for v in out["mixed"][:4]] == [str, int, float, bool]


def test_rows_out_of_the_range_come_back_if_asked() -> None:
    field = describe(frame())
    far = frame(50, seed=1).assign(x=1e6, age=-500, pay=1e9)
    value, known = field.pack(far)
    assert torch.isfinite(value).all()
    assert float(value.abs().max()) < 500
    out = field.unpack(value, known, keep=True)
    assert out["x"].to_numpy() == pytest.approx(1e6, rel=1e-3)
    assert (out["age"] == -500).all()
    assert field.unpack(value, known)["x"].to_numpy() == pytest.approx(frame()["x"].max())


ANYTHING = {
    "float": st.floats(-1e6, 1e6, allow_subnormal=False),
    "wide": st.floats(-1e150, 1e150, allow_subnormal=False),
    "cents": st.integers(-(10**5), 10**5).map(lambda i: i / 100),
    "int": st.integers(-1000, 1000),
    "few": st.integers(0, 3),
    "bool": st.booleans(),
    "text": st.text(max_size=5),
    "time": st.datetimes(datetime.datetime(2005, 1, 1), datetime.datetime(2020, 1, 1)).map(
        lambda t: t.replace(microsecond=0, second=0)
    ),
    "date": st.dates(datetime.date(1900, 1, 1), datetime.date(2100, 1, 1)),
    "span": st.timedeltas(datetime.timedelta(-100), datetime.timedelta(100)).map(
        lambda t: datetime.timedelta(minutes=t.total_seconds() // 60)
    ),
}


@settings(max_examples=100)
@given(data=st.data(), sort=st.sampled_from(sorted(ANYTHING)), repeat=st.sampled_from([1, 7]))
def test_any_column_comes_back(data: st.DataObject, sort: str, repeat: int) -> None:
    values = data.draw(st.lists(st.none() | ANYTHING[sort], min_size=1, max_size=60)) * repeat
    rows = [{"a": v, "b": 1} for v in values]
    field = again(describe(rows))
    value, known = field.pack(rows)
    out = [row["a"] for row in field.unpack(value, known)]
    assert [v is None for v in out] == [v is None for v in values]
    here = [v for v in values if v is not None]
    back = [v for v in out if v is not None]
    if sort in ("float", "wide"):
        reach = (max(here) - min(here) or 1) if here else 0
        assert back == pytest.approx(here, rel=1e-9, abs=1e-5 * reach)
    else:
        assert back == here
    assert torch.isfinite(value).all()


@settings(max_examples=15)
@given(seed=st.integers(0, 10**6), rows=st.integers(1, 80))
def test_any_frame_comes_back(seed: int, rows: int) -> None:
    raw = frame(rows, seed).sample(frac=1, axis=1, random_state=seed)
    field = again(describe(raw))
    out = field.unpack(*field.pack(raw))
    same(out.drop(columns="nothing"), raw.drop(columns="nothing"))


def test_a_large_table_is_packed_column_by_column() -> None:
    raw = pd.concat([frame(2000)] * 50, ignore_index=True)
    field = describe(raw)
    value, known = field.pack(raw)
    assert value.shape == (100_000, 14, 2)
    same(field.unpack(value[:2000], known[:2000]).drop(columns="nothing"), raw[:2000].drop(columns="nothing"))


def test_columns_left_out_are_unknown_and_order_does_not_matter() -> None:
    field = describe(frame())
    full, known = field.pack(frame())
    part = frame()[["town", "age"]]
    value, here = field.pack(part)
    assert here is not None
    assert known is not None
    assert here.any(0).nonzero().flatten().tolist() == [0, 6]
    assert (value[:, [0, 6]] == full[:, [0, 6]]).all()


def test_large_integers_are_exact_where_their_span_is_small() -> None:
    start = 2**60 + 1
    raw = pd.DataFrame({"id": [start + i for i in range(300)]})
    field = again(describe(raw))
    assert field.unpack(*field.pack(raw))["id"].tolist() == raw["id"].tolist()
    few = pd.DataFrame({"id": [start, start + 1] * 50})
    assert describe(few).unpack(*describe(few).pack(few))["id"].tolist() == few["id"].tolist()


def test_single_precision_comes_back_bit_for_bit_where_it_has_few_decimals() -> None:
    raw = pd.DataFrame({"x": (np.random.default_rng(0).integers(-9999, 9999, 300) / 100).astype(np.float32)})
    field = describe(raw)
    assert field["x"].decimals == 2
    out = field.unpack(*field.pack(raw))
    assert out["x"].dtype == np.float32
    assert (out["x"] == raw["x"]).all()
    value, _ = field.pack(raw.astype(float))
    assert (value == field.pack(raw)[0]).all()


# ---------------------------------------------------------------------- scales


@settings(max_examples=60)
@given(st.lists(st.floats(-1e9, 1e9), min_size=2, max_size=300), st.sampled_from([normal_scores, standard]))
def test_a_scale_is_increasing_and_invertible(values: list[float], make) -> None:
    x = np.array(values)
    scale = make(x)
    reach = max(np.ptp(x), 1e-3)
    grid = np.sort(np.concatenate([x, np.linspace(x.min() - 3 * reach, x.max() + 3 * reach, 200)]))
    z = scale.forward(grid)
    assert (np.diff(z) >= -1e-12).all()  # rounding, where two values are one in effect
    assert scale.inverse(z) == pytest.approx(grid, abs=1e-6 * reach, rel=1e-9)


def test_normal_scores_make_any_shape_normal() -> None:
    rng = np.random.default_rng(0)
    for x in (rng.standard_cauchy(5000), rng.uniform(size=5000), rng.lognormal(0, 2, 5000)):
        z = normal_scores(x).forward(x)
        assert abs(z.mean()) < 0.02
        assert abs(z.std() - 1) < 0.02
        assert np.abs(z).max() < 4.5
        assert len(normal_scores(x).raw) <= 128
    assert len(normal_scores(rng.normal(size=FEW - 1)).raw) == 2


def test_beyond_the_knots_a_scale_goes_on_smoothly() -> None:
    scale = Scale((0.0, 1.0), (-1.0, 1.0), 2.0, 2.0)
    x = np.array([1.0, 2.0, 3.0, 3.0001, 1e12, -1e12])
    z = scale.forward(x)
    assert z[:3] == pytest.approx([1, 3, 5])
    assert z[3] - z[2] == pytest.approx(2e-4, rel=1e-3)
    assert 50 < z[4] < 200
    assert scale.inverse(z) == pytest.approx(x, rel=1e-9)


@pytest.mark.parametrize("make", [normal_scores, standard])
def test_log_slope_is_the_derivative(make) -> None:
    x = np.random.default_rng(1).gamma(2, 3, 400)
    scale = make(x)
    at = np.array([-200.0, -1.0, 0.5, 3.3, 9.1, 60.0, 3000.0])
    step = 1e-6 * np.maximum(1, np.abs(at))
    slope = (scale.forward(at + step) - scale.forward(at - step)) / (2 * step)
    assert scale.log_slope(at) == pytest.approx(np.log(slope), abs=1e-4)


def test_the_jacobian_turns_a_packed_density_into_one_that_sums_to_one() -> None:
    raw = pd.DataFrame(
        {"x": np.random.default_rng(2).gamma(2, 3, 1000), "n": np.random.default_rng(3).normal(0, 30, 1000).round()}
    )
    field = describe(raw)
    step = 0.01
    dense = pd.DataFrame({"x": np.arange(-40, 120, step)})
    value, _known = field.pack(dense)
    log_p = -0.5 * value[:, 0, 1] ** 2 - 0.5 * math.log(2 * math.pi) + field.log_jacobian(value)[:, 0]
    assert float(log_p.double().exp().sum() * step) == pytest.approx(1, abs=2e-3)
    value, _ = field.pack(pd.DataFrame({"n": np.arange(-3000, 3000)}))
    log_p = -0.5 * value[:, 1, 1] ** 2 - 0.5 * math.log(2 * math.pi) + field.log_jacobian(value)[:, 1]
    assert float(log_p.double().exp().sum()) == pytest.approx(1, abs=2e-2)


@pytest.mark.parametrize("size", [1, 10**6, 10**12, 10**16])
def test_the_jacobian_is_finite_and_shrinks_with_the_unit_unless_the_lattice_grows_with_it(size: int) -> None:
    whole = np.random.default_rng(0).integers(0, 100, 300)
    one = describe(pd.DataFrame({"x": whole}))
    many = describe(pd.DataFrame({"x": whole * size}))
    value, _ = many.pack(pd.DataFrame({"x": [0, 50 * size, 10**18]}))
    found = many.log_jacobian(value)
    assert torch.isfinite(found).all()
    value, _ = one.pack(pd.DataFrame({"x": [0, 50]}))
    shrunk = math.log(size) if size > 10**15 else 0.0  # the probability of a round value does not hang on the unit
    assert found[:2].numpy() == pytest.approx(one.log_jacobian(value).numpy() - shrunk, abs=0.3)


def test_levels_and_counts_have_no_jacobian() -> None:
    field = describe(frame(), families={"children": "poisson"})
    value, _ = field.pack(frame())
    found = field.log_jacobian(value)
    assert found.shape == (N, 14)
    assert (found[:, [4, 5, 6, 12]] == 0).all()
    assert (found[value[:, 3, 0] == 0, 3] == 0).all()
    assert (found[value[:, 3, 0] == 1, 3] != 0).all()


# ---------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (pd.DataFrame({"x": [1.0, np.inf]}), ["row 1", "'x'", "inf"]),
        (pd.DataFrame({"x": [1 + 2j]}), ["'x'", "complex"]),
        (np.array([[1 + 2j]]), ["'x0'", "complex"]),
        (pd.DataFrame({"x": [[1, 2], [3]]}), ["'x'", "lists", "columns of their own"]),
        (pd.DataFrame({"x": [{"a": 1}]}), ["'x'", "records"]),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), ["'a'", "more than once"]),
        (pd.DataFrame([[1, 2]], columns=["1", 1]), ["'1'", "more than once"]),
        (pd.DataFrame({"x": []}), ["0 sample"]),
        (pd.DataFrame(index=range(3)), ["0 feature"]),
        (pd.DataFrame({"x": pd.period_range("2020", periods=3, freq="M")}), ["'x'", "period"]),
        (np.zeros((2, 2, 2)), ["Expected 2D array"]),
        ([[1, 2], [3]], ["one length"]),
        (object(), ["a table was expected"]),
    ],
)
def test_a_table_that_cannot_be_described(raw: object, said: list[str]) -> None:
    with pytest.raises(DataError) as error:
        describe(raw)
    assert all(part in str(error.value) for part in said), str(error.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"town": "Bon"}, ["row 0", "'town'", "'Bon'", "'Bonn'", "leave the cell empty"]),
        ({"age": "old"}, ["row 0", "'age'", "'old'", "numbers"]),
        ({"town": 3}, ["row 0", "'town'", "3", "text"]),
        ({"x": -np.inf}, ["row 0", "'x'", "inf"]),
        ({"nothing": "a"}, ["'nothing'", "no value"]),
        ({"day": "soon"}, ["row 0", "'day'", "times"]),
        ({"member": 2}, ["row 0", "'member'"]),
        ({"size": "XXL"}, ["row 0", "'size'", "'XL'"]),
        ({"toun": "Bonn"}, ["'toun'", "'town'"]),
    ],
)
def test_rows_that_do_not_fit(change: dict, said: list[str]) -> None:
    field = describe(frame())
    with pytest.raises((DataError, ChoiceError)) as error:
        field.pack(frame(3).assign(**change))
    assert all(part in str(error.value) for part in said), str(error.value)


def test_the_first_row_at_fault_is_named() -> None:
    field = describe(frame())
    with pytest.raises(DataError, match="row 2 of column 'town'"):
        field.pack([{"town": "Bonn"}, {"town": None}, {"town": "Rom"}, {"town": "Bern"}])
    with pytest.raises(DataError, match="row 1 of column 'age' is 'x'"):
        field.pack(pd.DataFrame({"age": [3, "x"]}))


def test_of_very_many_levels_few_are_named() -> None:
    field = describe(pd.DataFrame({"id": [f"user {i}" for i in range(2000)]}))
    with pytest.raises(DataError) as error:
        field.pack(pd.DataFrame({"id": ["user 17b"]}))
    assert "'user 17'" in str(error.value)
    assert "more" in str(error.value)
    assert len(str(error.value)) < 600


def test_an_array_of_another_width_is_refused_in_the_words_of_scikit_learn() -> None:
    field = describe(np.zeros((30, 4)) + np.arange(30)[:, None])
    with pytest.raises(DataError, match="X has 3 features, but VAE is expecting 4 features as input"):
        field.pack(np.zeros((2, 3)))


@pytest.mark.parametrize(
    ("columns", "families", "error"),
    [
        ({"agee": "numeric"}, {}, "'age'"),
        ({"age": "nominal"}, {}, "nominal"),
        ({"town": "numeric"}, {}, "to_numeric"),
        ({"town": "ordinal"}, {}, "Aix"),
        ({"town": ["Aix", "Bonn"]}, {}, "'Como'"),
        ({"town": "boolean"}, {}, "3 different"),
        ({"age": "datetime"}, {}, "to_datetime"),
        ({"age": "constant"}, {}, "categorical"),
        ({}, {"toun": "student"}, "'town'"),
        ({}, {"town": "student"}, "does not hold numbers"),
        ({}, {"x": "poisson"}, "counts"),
    ],
)
def test_overrides_that_cannot_be(columns: dict, families: dict, error: str) -> None:
    with pytest.raises((DataError, ChoiceError), match=error):
        describe(frame(), columns=columns, families=families)


def test_counts_refuse_what_is_none() -> None:
    field = describe(frame(), families={"children": "poisson"})
    with pytest.raises(DataError, match="row 1 of column 'children' is -1"):
        field.pack(pd.DataFrame({"children": [3, -1]}))


# ---------------------------------------------------------------------- conditions


@pytest.fixture(scope="module")
def asked() -> tuple[TableField, torch.nn.Module]:
    """A field, and a density of its cells that is broad everywhere."""
    field = describe(frame(2000), likelihood="independent")
    torch.manual_seed(0)
    return field, decoder(field, context=1, width=8, depth=0, dropout=0.0)


def drawn(asked: tuple[TableField, torch.nn.Module], conditions: dict) -> pd.DataFrame:
    field, net = asked
    value, known, region = field.given(conditions)
    assert value is None
    assert known is None
    assert region is not None
    with torch.no_grad():
        density = net(torch.zeros(1, 200, 1))
        found, log_mass = density.sample_within(Random(0), None, None, region)
    assert (log_mass < 0).all()
    return field.unpack(found[0])


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("age", 30, 31),
        ("age", 88, None),
        ("age", None, 17),
        ("pay", 1000, 1000.5),
        ("x", 0.1, 0.100001),
        ("gain", 0, 99),
        ("gain", 1, None),
        ("gain", 0, 500),
        ("children", 2, 3),
        ("day", pd.Timestamp("2021-01-01"), pd.Timestamp("2021-01-05")),
        ("seen", pd.Timestamp("2021-01-03", tz="Europe/Berlin"), pd.Timestamp("2021-01-04", tz="Europe/Berlin")),
        ("count", 5, 5),
    ],
)
def test_a_range_holds_for_every_row(asked, name: str, low, high) -> None:
    found = drawn(asked, {name: between(low, high)})[name]
    assert low is None or (found >= low).all()
    assert high is None or (found <= high).all()
    if name == "gain":  # both ways of being in the range are used: the spike, and numbers
        assert ((found == 0).any(), (found != 0).any()) == (low == 0, high != 99)


@pytest.mark.parametrize("family", ["student", "normal", "logistic_mixture", "poisson", "negative_binomial"])
def test_every_family_can_be_asked_for_ranges_and_sets(family: str) -> None:
    raw = pd.DataFrame({"n": np.random.default_rng(0).poisson(9, 500), "m": 1.5})
    field = describe(raw, likelihood="independent", families={"n": family})
    torch.manual_seed(0)
    asked = field, decoder(field, context=1, width=8, depth=0, dropout=0.0)
    assert set(drawn(asked, {"n": between(4, 6)})["n"]) <= {4, 5, 6}
    assert (drawn(asked, {"n": between(low=15)})["n"] >= 15).all()
    assert (drawn(asked, {"n": between(high=5)})["n"] <= 5).all()
    assert set(drawn(asked, {"n": one_of(3, 12)})["n"]) == {3, 12}


@pytest.mark.parametrize(
    ("name", "values"),
    [("town", ("Aix", "Como")), ("age", (20, 40, 60)), ("gain", (0,)), ("children", (1, 4)), ("member", (True,))],
)
def test_a_set_holds_for_every_row(asked, name: str, values: tuple) -> None:
    assert set(drawn(asked, {name: one_of(*values)})[name]) == set(values)


def test_an_order_can_be_asked_for_ranges(asked) -> None:
    assert set(drawn(asked, {"size": between("S", "M")})["size"]) == {"S", "M"}
    assert set(drawn(asked, {"size": between(low="L")})["size"]) == {"L", "XL"}


def test_days_may_be_written_as_text(asked) -> None:
    found = drawn(asked, {"day": between("2021-01-01", "2021-01-31"), "seen": between("2021-01-03", "2021-01-03")})
    assert found["day"].between("2021-01-01", "2021-01-31").all()
    assert (found["seen"].dt.date == datetime.date(2021, 1, 3)).all()  # a bare day is the whole day, in its zone


@pytest.mark.parametrize(
    ("name", "condition", "said"),
    [
        ("town", between("A", "B"), "one_of"),
        ("member", between(False, True), "one_of"),
        ("age", between(200, 300), "17 to 89"),
        ("children", between(1.2, 1.8), "0 to 4"),
        ("age", between("30", "40"), "between(20, 30)"),
        ("age", between(20.2, 20.8), "17 to 89"),
        ("x", one_of(0.5, 1.5), "between"),
        ("x", between(50, 60), "to"),
        ("town", one_of("Rom"), "'Aix'"),
        ("children", one_of(9), "never held 9"),
        ("age", one_of(500), "17 to 89"),
        ("nothing", one_of(1), "no value"),
        ("day", between("later", "soon"), "2020-01-01"),
        ("size", between("L", "S"), "comes after"),
        ("size", between("A", "M"), "'S'"),
        ("age", one_of(None), "leave it out"),
    ],
)
def test_questions_that_cannot_be_asked(name: str, condition, said: str) -> None:
    with pytest.raises(QueryError) as error:
        describe(frame(2000)).given({name: condition})
    assert said in str(error.value)
    assert name in str(error.value)


def test_given_values_and_conditions_go_together() -> None:
    field = describe(frame())
    value, known, region = field.given({"age": 30, "town": "Aix", "pay": between(100, 200)})
    assert value is not None
    assert known is not None
    assert region is not None
    assert known[0].nonzero().flatten().tolist() == [0, 6]
    assert region.asked[0].nonzero().flatten().tolist() == [1]
    out = field.unpack(value, known)
    assert out.loc[0, "age"] == 30
    assert out.loc[0, "town"] == "Aix"
    with pytest.raises(QueryError, match="'Aix'"):
        field.given({"town": "Aixx"})
    with pytest.raises(ChoiceError, match="'town'"):
        field.given({"toun": "Aix"})


def test_one_column_needs_no_name() -> None:
    field = describe(["a", "b", "a", "b"], name="label")
    value, known, region = field.given("a")
    assert value is not None
    assert known is not None
    assert region is None
    assert field.unpack(value, known) == ["a"]
    assert field.given(one_of("b"))[2].levels[0, 0].tolist() == [False, True]


# ---------------------------------------------------------------------- what comes back


def test_given_values_are_written_as_they_are_and_known_cells_stay() -> None:
    field = describe(frame())
    value, _known = field.pack(frame(5))
    like = frame(5).assign(x=[0.123456789123, None, None, 1.5, None])
    out = field.unpack(value + 0.25, like=like, keep=True, given={"pay": 1234.567, "day": "2020-02-03"})
    assert out["x"][0] == 0.123456789123
    assert out["x"].notna().all()
    assert (out["age"] == like["age"]).all()
    assert (out["pay"] == 1234.567).all()
    assert (out["day"] == pd.Timestamp("2020-02-03")).all()


def weighted(seed: int = 0) -> tuple[TableField, torch.Tensor, torch.Tensor, pd.DataFrame]:
    raw = frame(300)
    field = describe(raw)
    rng = np.random.default_rng(seed)
    pick = rng.integers(0, 300, (64, 20))
    value, _ = field.pack(raw.drop(columns="nothing").ffill().bfill())
    weight = rng.random((64, 20))
    return (
        field,
        value[torch.from_numpy(pick)],
        torch.from_numpy(weight / weight.sum(0)),
        raw.ffill().bfill().iloc[pick.T.ravel()],
    )


def test_a_mean_is_taken_in_the_datas_own_units() -> None:
    field, value, weight, drawn = weighted()
    out = field.summarise(value, weight, "mean")
    for name in ("x", "pay", "gain", "children"):
        own = drawn[name].to_numpy(dtype=float).reshape(20, 64)
        expected = (own * weight.T.numpy()).sum(1)
        whole = name in ("gain", "children")
        assert out[name].to_numpy() == pytest.approx(np.rint(expected) if whole else expected, rel=1e-4, abs=1e-4)
    assert out.dtypes.drop("nothing").equals(frame().dtypes.drop("nothing"))


@pytest.mark.parametrize("how", ["median", 0.05, 0.9])
def test_a_quantile_is_a_drawn_value(how: str | float) -> None:
    field, value, weight, drawn = weighted()
    share = 0.5 if how == "median" else how
    out = field.summarise(value, weight, how)
    own = drawn["age"].to_numpy().reshape(20, 64)
    for row in range(20):
        order = np.argsort(own[row])
        upto = weight[:, row].numpy()[order].cumsum()
        assert out["age"][row] == own[row][order][np.searchsorted(upto, share)]


def test_a_category_is_the_heaviest() -> None:
    field, value, weight, drawn = weighted()
    out = field.summarise(value, weight, "mean")
    town = drawn["town"].to_numpy().reshape(20, 64)
    for row in range(20):
        votes = pd.Series(weight[:, row].numpy()).groupby(town[row]).sum()
        assert out["town"][row] == votes.idxmax()
    assert (field.summarise(value, weight, "mode")["town"] == out["town"]).all()


def test_a_mode_is_where_the_draws_are_dense() -> None:
    rng = np.random.default_rng(0)
    raw = pd.DataFrame(
        {"x": rng.normal(size=2000), "gain": np.where(rng.random(2000) < 0.5, 0, rng.normal(9, 1, 2000))}
    )
    field = describe(raw)
    draws = pd.DataFrame(
        {"x": np.r_[rng.normal(2, 0.05, 300), rng.uniform(-3, 3, 200)], "gain": np.r_[np.zeros(300), np.full(200, 9.5)]}
    )
    value, _ = field.pack(draws)
    out = field.summarise(value[:, None], torch.full((500, 1), 1 / 500), "mode")
    assert out["x"][0] == pytest.approx(2, abs=0.1)
    assert out["gain"][0] == 0
    with pytest.raises(ChoiceError, match="median"):
        field.summarise(value[:, None], torch.full((500, 1), 1 / 500), "middle")


# ---------------------------------------------------------------------- networks


@pytest.mark.parametrize("likelihood", ["any_order", "independent"])
def test_networks_fit_the_field(likelihood: str) -> None:
    field = describe(frame(), likelihood=likelihood)
    value, known = field.pack(frame())
    torch.manual_seed(0)
    see, offer, on = encoder(field, 16, 1, 0.0), decoder(field, 3, 16, 1, 0.0), carry(field, 5)
    features = see(value, known)
    assert features.shape == (N, 16) == (N, see.width)
    density = offer(torch.zeros(2, N, 3))
    log_p = density.log_prob(value, known)
    assert log_p.shape == (2, N, 14)
    assert torch.isfinite(log_p).all()
    assert on(density.sample(Random(0))).shape == (2, N, 5)
    same_types = field.unpack(density.sample(Random(0))[0])
    assert same_types.drop(columns="nothing").dtypes.equals(frame().drop(columns="nothing").dtypes)


def test_what_is_hidden_has_no_influence() -> None:
    field = describe(frame())
    value, known = field.pack(frame())
    see = encoder(field, 16, 1, 0.0)
    other = torch.where(known[..., None], value, torch.ones_like(value))
    assert torch.equal(see(value, known), see(other, known))


# ---------------------------------------------------------------------- is it a table


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (frame(3), True),
        (np.zeros((3, 2)), True),
        (np.zeros(3), True),
        (np.zeros((3, 4, 4)), False),
        (np.zeros((3, 4, 4, 3)), False),
        (np.array(3.0), False),
        ([1, 2, None], True),
        ([[1, 2], [3, 4]], True),
        ([{"a": 1}], True),
        (["yes", "no", "yes", "no"], True),
        (["a first sentence", "a second one"], False),
        (np.array(["yes", "no"] * 5), True),
        (pd.Series([1.5, 2.5]), True),
        ([np.zeros((4, 4)), np.zeros((4, 4))], False),
        ({"image": np.zeros((3, 4, 4))}, False),
        ("adult.csv", True),
        ("data.csv.gz", True),
        ("a/b.PARQUET", True),
        ("sqlite:///x.db?table=t", True),
        ("postgresql://u@h/d?table=t", True),
        ("pictures/", False),
        ("song.wav", False),
        (None, False),
        (7, False),
    ],
)
def test_a_table_is_known_by_its_look(raw: object, expected: bool) -> None:
    assert looks_like(raw) is expected
