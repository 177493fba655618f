"""Gaps: not applicable, missing at random and unknown, told apart in planted tables and kept by every job."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vaery import VAE, gaps, load
from vaery.core.cells import CellSpec
from vaery.core.random import Random
from vaery.gaps import chances, logistic, patterns
from vaery.gaps.block import Block, _learn
from vaery.gaps.features import encode, of_cell
from vaery.gaps.words import about
from vaery.schema import Schema

ROWS = 3000


# ------------------------------------------------------------------ planted tables


def people(rows: int = ROWS, seed: int = 0) -> pd.DataFrame:
    """Nothing is missing yet but what does not apply: ages of children without any, work of the young."""
    rng = np.random.default_rng(seed)
    children = rng.choice([0, 1, 2, 3], rows, p=[0.4, 0.3, 0.2, 0.1])
    age = np.clip(rng.normal(40, 15, rows), 5, 90).round()
    return pd.DataFrame(
        {
            "children": children,
            "age": age,
            "sex": rng.choice(["f", "m"], rows),
            "town": rng.choice(["Bonn", "Rome", "Oslo"], rows, p=[0.5, 0.3, 0.2]),
            "oldest": np.where(children == 0, np.nan, rng.integers(0, 18, rows)),
            "job": np.where(age < 16, None, rng.choice(["a", "b", "c"], rows)),
            "x": rng.normal(size=rows),
            "y": rng.normal(size=rows),
        }
    )


def holed(rows: int = ROWS, seed: int = 0) -> pd.DataFrame:
    """x is missing the more often, the older someone is; y is missing where it is by chance alone."""
    rng, table = np.random.default_rng(seed + 1), people(rows, seed)
    table.loc[rng.random(rows) < 1 / (1 + np.exp(-(table.age - 55) / 8)), "x"] = np.nan
    table.loc[rng.random(rows) < 0.2, "y"] = np.nan
    return table


def block_of(table: pd.DataFrame) -> tuple[Block, torch.Tensor]:
    """What is learned of a table's gaps, through JSON, and its packed values."""
    schema, raw = Schema.describe(table)
    rows, fields = schema.pack(raw), {f.name: f for f in schema.fields}
    learned = json.loads(json.dumps(gaps.learn(rows, fields)))
    return gaps.blocks({"gaps": learned}, fields)["table"], rows.values["table"]


def drawn(table: pd.DataFrame, seed: int = 0, of: pd.DataFrame | None = None) -> pd.DataFrame:
    """Which cells are empty when the gaps are drawn for rows that hold what a whole table does (that of the fit)."""
    block, value = block_of(table)
    value = value if of is None else block.field.pack(of)[0]
    empty = ~block.draw(value, None, Random(seed)).numpy()
    return pd.DataFrame(empty, columns=table.columns)


def same_rates(made: pd.Series, real: pd.Series, by: Any, errors: float = 4.5) -> None:
    """Both are true as often in each group, within the noise of two binomial shares."""
    for group in pd.unique(pd.Series(by)):
        mine = np.asarray(by == group)
        p, q, n = made[mine].mean(), real[mine].mean(), mine.sum()
        noise = np.sqrt(max(p * (1 - p), q * (1 - q), 1 / n) * 2 / n)
        assert abs(p - q) < errors * noise, (group, p, q, n)


# ------------------------------------------------------------------ logistic regression, features


def test_logistic_regression_is_scikit_learns():
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 3))
    y = (rng.random(400) < 1 / (1 + np.exp(-(x @ [1.0, -2.0, 0.0] - 1)))).astype(float)
    ours = logistic.fit(torch.tensor(x), torch.tensor(y), torch.full((3,), 2.0).double())
    theirs = LogisticRegression(C=0.5, tol=1e-10, max_iter=1000).fit(x, y)
    assert np.allclose(ours[:3], theirs.coef_[0], atol=2e-3)
    assert np.isclose(ours[3], theirs.intercept_[0], atol=2e-3)
    log_p = logistic.log_prob(torch.tensor(x), torch.tensor(y), ours).numpy()
    assert np.allclose(np.exp(log_p), np.where(y, *theirs.predict_proba(x).T[::-1]), atol=1e-3)


@pytest.mark.parametrize("y", [[0.0] * 50, [1.0] * 50, [0.0] * 25 + [1.0] * 25])
def test_logistic_regression_survives_certainty(y):
    answer = torch.tensor(y).double()
    weight = logistic.fit(answer[:, None] - 0.5, answer, torch.tensor([0.01]).double())
    p = ((answer - 0.5) * weight[0] + weight[1]).sigmoid()
    assert weight.isfinite().all()
    assert (p - answer).abs().max() < 0.02


def test_features_of_unknown_cells_are_zero_and_of_known_ones_centred():
    _, value = block_of(holed())
    table = holed()
    schema, raw = Schema.describe(table)
    known = schema.pack(raw).known["table"]
    cells = schema.fields[0].cells
    for i, spec in enumerate(cells):
        features = of_cell(value, known, spec, i)
        x = encode(features, value, known, [c.levels for c in cells])
        assert (x[~known[:, i]] == 0).all()
        assert x.mean(0).abs().max() < 1e-6
    assert {f.kind for f in of_cell(value, known, cells[1], 1)} >= {"number", "above"}
    assert {f.kind for f in of_cell(value, known, cells[3], 3)} == {"level"}


# ------------------------------------------------------------------ unknown: as they were


def test_gaps_by_chance_are_drawn_by_pattern_as_ever():
    rng, table = np.random.default_rng(3), people().drop(columns=["oldest", "job"])
    both = rng.random(ROWS) < 0.1
    table.loc[both, ["x", "y"]] = np.nan
    table.loc[rng.random(ROWS) < 0.15, "town"] = None
    block, value = block_of(table)
    assert set(block.learned) == {"hidden", "share"}
    there = block.draw(value, None, Random(5))
    assert torch.equal(there, patterns.draw(block.learned, len(table.columns), ROWS, Random(5)))
    made = pd.DataFrame(~there.numpy(), columns=table.columns)
    assert (made.x == made.y).all()
    same_rates(made.x, table.x.isna(), np.zeros(ROWS))
    same_rates(made.town, table.town.isna(), table.x.isna().to_numpy() & False)


def test_nothing_is_read_into_chance():
    """60 columns with gaps by chance in 12 tables: none is taken for more, or hardly one."""
    wrong = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        table = people(800, seed).drop(columns=["oldest", "job"])
        table["z"] = rng.choice(["u", "v", "w"], len(table))
        for name in ("x", "y", "z", "town", "sex"):
            table.loc[rng.random(len(table)) < rng.uniform(0.05, 0.5), name] = None
        block, _ = block_of(table)
        wrong += len(block.chances) + len(block.rules)
    assert wrong <= 1


def test_old_entries_still_draw():
    schema, raw = Schema.describe(holed())
    old = {"gaps": {"table": {"hidden": [[], [6]], "share": [0.7, 0.3]}}}
    block = gaps.blocks(old, {"table": schema.fields[0]})["table"]
    there = block.draw(schema.pack(raw).values["table"], None, Random(0))
    assert there[:, :6].all()
    assert abs(there[:, 6].double().mean() - 0.7) < 0.03
    assert not block.rules
    assert not block.inapplicable(*schema.pack(raw).values.values(), there).any()


# ------------------------------------------------------------------ missing at random


def mar(table: pd.DataFrame, by: str, rng: np.random.Generator) -> np.ndarray:
    """The rate of gaps given a column: rising, at both ends, by a step, by a level."""
    age = table.age
    return {
        "rising": 1 / (1 + np.exp(-(age - 50) / 10)),
        "both ends": 0.05 + 0.6 * ((age < 25) | (age > 60)),
        "step": np.where(age > 45, 0.5, 0.1),
        "level": np.where(table.town == "Oslo", 0.6, 0.1),
        "two": 0.1 + 0.35 * (table.town == "Rome") + 0.35 * (age > 45),
    }[by]


@pytest.mark.parametrize("by", ["rising", "both ends", "step", "level", "two"])
def test_gaps_follow_the_column_that_drives_them(by):
    rng, table = np.random.default_rng(1), people(6000)
    table.loc[rng.random(6000) < mar(table, by, rng), "x"] = np.nan
    made = drawn(table)
    group = pd.cut(table.age, [0, 20, 30, 40, 50, 60, 99]).astype(str) + table.town
    same_rates(made.x, table.x.isna(), group if by == "two" else pd.cut(table.age, [0, 20, 30, 45, 60, 99]).astype(str))
    same_rates(made.x, table.x.isna(), table.town)
    blind = patterns.draw(patterns.learn(torch.tensor(table.notna().to_numpy())), 8, 6000, Random(0))[:, 6]
    with pytest.raises(AssertionError):  # which drawing by pattern cannot do
        same_rates(pd.Series(~blind.numpy()), table.x.isna(), group)


def test_columns_that_are_empty_together_stay_so():
    rng, table = np.random.default_rng(2), people(6000).drop(columns=["oldest", "job"])
    gone = rng.random(6000) < mar(table, "rising", rng)
    table["twin"] = table.y.where(~gone, np.nan)
    table.loc[gone, "x"] = np.nan
    table.loc[gone & (rng.random(6000) < 0.97), "y"] = np.nan
    made = drawn(table)
    assert (made.twin == made.x).all()
    assert made.x.mean() == pytest.approx(table.x.isna().mean(), abs=0.02)
    assert (made.y & ~made.x).mean() < 0.002
    same_rates(made.y & made.x, table.y.isna() & table.x.isna(), pd.cut(table.age, [0, 30, 45, 60, 99]).astype(str))
    block, _ = block_of(table)
    assert any(
        "same rows as x" in entry["says"] for entry in about({"table": block.field}, {"gaps": {"table": block.learned}})
    )


def test_a_driver_with_gaps_of_its_own():
    """Where the driver is empty there is a rate for that; what it would have held must not be looked at."""
    rng, table = np.random.default_rng(4), people(6000)
    lost = rng.random(6000) < 0.3
    rate = np.where(lost, 0.2, mar(table, "step", rng))
    table.loc[rng.random(6000) < rate, "x"] = np.nan
    whole = table.copy()
    table.loc[lost, "age"] = np.nan
    made = drawn(table, of=whole)
    group = np.where(made.age, "?", np.where(whole.age > 45, "old", "young"))
    for name, wanted in {"?": 0.2, "old": 0.5, "young": 0.1}.items():
        assert made.x[group == name].mean() == pytest.approx(wanted, abs=0.05), name


# ------------------------------------------------------------------ not applicable


def rules_of(table: pd.DataFrame) -> dict[str, list[str]]:
    block, _ = block_of(table)
    entries = about({"table": block.field}, {"gaps": {"table": block.learned}})
    found: dict[str, list[str]] = {}
    for entry in entries:
        if entry["sort"] == "not applicable":
            found.setdefault(entry["column"], []).append(
                entry["says"].split(" does not apply where ")[1].split(" (")[0]
            )
    return found


def test_rules_are_found_and_said():
    assert rules_of(holed()) == {"oldest": ["children is 0"], "job": ["age is 15 or less"]}


def test_a_rule_survives_errors_and_other_gaps():
    rng, table = np.random.default_rng(5), people()
    wrong = rng.choice(np.flatnonzero(table.children == 0), 5, replace=False)
    table.loc[wrong, "oldest"] = 3.0
    table.loc[(table.children > 0) & (rng.random(ROWS) < 0.2), "oldest"] = np.nan
    assert rules_of(table)["oldest"] == ["children is 0"]
    made = drawn(table)
    assert made.oldest[table.children == 0].all()
    assert made.oldest[table.children > 0].mean() == pytest.approx(0.2, abs=0.03)
    block, _ = block_of(table)
    assert 4 not in block.filled  # it is empty now and then where it applies
    assert 5 in block.filled


def test_a_cell_may_have_two_rules():
    rng, table = np.random.default_rng(6), people()
    table["births"] = np.where((table.sex == "m") | (table.age < 15), np.nan, rng.integers(0, 4, ROWS))
    assert sorted(rules_of(table)["births"]) == ["age is 14 or less", "sex is m"]
    made = drawn(table)
    assert (made.births == table.births.isna()).all()


def test_a_high_end_and_a_chain_of_rules():
    rng, table = np.random.default_rng(7), people()
    table["pension"] = np.where(table.age >= 65, rng.choice(["s", "p"], ROWS), None)
    table["fund"] = np.where(table.pension == "p", rng.choice(["k", "l", "m"], ROWS), None)
    found = rules_of(table)
    assert found["pension"] == ["age is 64 or less"]
    assert "pension is s" in found["fund"]
    made = drawn(table, of=people().assign(pension="p", fund="k"))
    assert made.fund[table.age < 65].all()
    assert made.pension[table.age < 65].all()
    table["minor"] = np.where(table.age >= 18, None, rng.choice(["s", "t"], ROWS))
    assert rules_of(table)["minor"] == ["age is 18 or more"]


@pytest.mark.parametrize("steep", [1, 3])
def test_a_steep_slope_is_no_rule(steep):
    rng, table = np.random.default_rng(8), people()
    table.loc[rng.random(ROWS) < 1 / (1 + np.exp(-(table.age - 50) / (9 / steep))), "x"] = np.nan
    assert "x" not in rules_of(table)


def test_levels_of_few_rows_make_no_rule():
    """An id says everything of the row it stands in, and nothing of any other."""
    rng, table = np.random.default_rng(9), people()
    table["id"] = [f"i{k}" for k in rng.integers(0, 1500, ROWS)]
    table.loc[rng.random(ROWS) < 0.5, "x"] = np.nan
    assert "x" not in rules_of(table)


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10_000),
    levels=st.integers(2, 6),
    off=st.sets(st.integers(0, 5), min_size=1, max_size=3),
    loss=st.sampled_from([0.0, 0.1, 0.4]),
)
def test_whatever_does_not_apply_is_never_filled(seed, levels, off, loss):
    rng = np.random.default_rng(seed)
    value, known = torch.zeros(600, 3, 2), torch.ones(600, 3, dtype=torch.bool)
    value[:, 0, 0] = torch.tensor(rng.integers(0, levels, 600))
    value[:, 1:, 1] = torch.tensor(rng.normal(size=(600, 2)))
    cells = [CellSpec(levels), CellSpec(0, "mixture"), CellSpec(0, "mixture")]
    gone = torch.isin(value[:, 0, 0], torch.tensor(sorted(off), dtype=torch.float32))
    known[:, 1] = ~gone & torch.tensor(rng.random(600) >= loss)
    learned = _learn(value, known, cells)
    if 0.2 < gone.double().mean() < 0.8:
        assert learned["rules"], "half of the rows say so"
    if learned:
        block = Block(_Plain(cells), {"hidden": [[]], "share": [1.0]} | learned)
        there = block.draw(value, None, Random(seed))
        assert not (block.inapplicable(value, there) & there).any()
        assert (there[:, 1] & gone).sum() == 0


class _Plain:
    """As much of a field as drawing gaps needs."""

    def __init__(self, cells):
        self.cells, self.mask, self.name = cells, (len(cells),), "plain"

    def pack(self, raw):
        return raw, None

    def unpack(self, value):
        return value


def test_the_order_puts_what_speaks_first():
    """b is empty by a, and c by b: each is drawn after what it hangs on, whatever the order of the columns."""
    rng = np.random.default_rng(0)
    table = people(4000)[["sex", "town", "age"]]
    a = rng.choice(["u", "v"], 4000)
    b = np.where(rng.random(4000) < np.where(a == "u", 0.6, 0.1), None, rng.choice(["k", "l"], 4000))
    c = np.where(rng.random(4000) < np.where(b == "k", 0.7, 0.2), None, rng.choice(["s", "t"], 4000))
    block, _ = block_of(table.assign(c=c, b=b, a=a))
    assert [block.field.cell_names[chance.cell] for chance in block.chances] == ["b", "c"]
    assert chances.order([3, 4], _screen_of(block, table.assign(c=c, b=b, a=a)), {(3, 4)}) == [4, 3]


def _screen_of(block, table):
    from vaery.gaps.screen import screen

    value, known = block.field.pack(table)
    return screen(value, known, block.field.cells, [3, 4])


# ------------------------------------------------------------------ jobs


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("gaps") / "people.vaery"
    VAE(steps=60, random_state=0).fit(holed(2000), verbose=False).save(path)
    return load(path)


def test_a_model_says_what_it_learned(model, tmp_path):
    said = {entry["column"]: entry for entry in model.info()["gaps"]}
    assert said["oldest"]["sort"] == said["job"]["sort"] == "not applicable"
    assert said["x"] == {
        "column": "x",
        "sort": "missing at random",
        "says": "whether x is empty can be predicted from age",
    }
    assert said["y"]["sort"] == "unknown"
    model.save(tmp_path / "m.vaery")
    from vaery.file import card

    assert "oldest does not apply where children is 0" in card(model)


def test_generated_rows_keep_it(model):
    new = model.generate(3000, seed=0)
    assert (new.oldest.isna() == (new.children == 0)).all()
    assert (new.job.isna() == (new.age < 16)).all()
    assert 0 < (new.children == 0).sum() < 3000
    assert (new.age < 16).any()
    real = holed(4000, seed=9)
    old, young = new.age > 60, new.age < 45
    assert new.x.isna()[old].mean() == pytest.approx(real.x.isna()[real.age > 60].mean(), abs=0.15)
    assert new.x.isna()[young].mean() == pytest.approx(real.x.isna()[real.age < 45].mean(), abs=0.06)
    assert new.y.isna().mean() == pytest.approx(0.2, abs=0.04)
    assert not model.generate(300, seed=0, nulls=False).isna().any(axis=None)


def test_what_is_asked_for_applies(model):
    new = model.generate(400, given={"oldest": 7.0}, seed=0)
    assert (new.oldest == 7).all()
    assert (new.children > 0).all()
    assert (new.job.isna() == (new.age < 16)).all()
    new = model.generate(400, given={"job": "a", "children": 0}, seed=0)
    assert (new.job == "a").all()
    assert (new.age >= 16).all()
    assert new.oldest.isna().all()
    from vaery import between

    new = model.generate(400, given={"oldest": between(3, 9), "age": between(5, 60)}, seed=0)
    assert new.oldest.between(3, 9).all()
    assert (new.children > 0).all()
    assert new.age.between(5, 60).all()


@pytest.mark.parametrize("how", ["mean", "median", "mode"])
def test_impute_leaves_what_does_not_apply(model, how):
    table = holed(300, seed=2)
    filled = model.impute(table, how=how)
    assert (filled.oldest.isna() == (table.children == 0)).all()
    assert (filled.job.isna() == (table.age < 16)).all()
    assert filled[["x", "y"]].notna().all(axis=None)
    known = table.notna()
    assert (filled.astype(object).where(known, 0) == table.astype(object).where(known, 0)).all(axis=None)
    everywhere = model.impute(table, how=how, everywhere=True)
    assert everywhere.notna().all(axis=None)
    pd.testing.assert_frame_equal(everywhere.where(filled.notna()), filled.where(filled.notna()), check_dtype=False)


def test_draws_and_intervals_leave_it_as_well(model):
    table = holed(100, seed=2)
    table.loc[:20, ["children", "oldest"]] = np.nan
    for filled in model.impute(table, draws=3):
        assert (filled.oldest.isna() == (filled.children == 0)).all()
        assert filled.x.notna().all()
    ends = model.impute(table, interval=0.9)
    for end in ("value", "low", "high"):
        assert ends[end].oldest[table.children == 0].isna().all()
        assert ends[end].oldest[table.children > 0].notna().all()
    assert ends["low"].job.isna().equals(ends["value"].job.isna())
    assert all(t.notna().all(axis=None) for t in model.impute(table, draws=2, everywhere=True))


@pytest.mark.parametrize("container", ["polars", "arrow", "records", "parts"])
def test_any_container_comes_back_with_its_gaps(model, container):
    table = holed(60, seed=2)
    import polars as pl
    import pyarrow as pa

    empty = (table.children == 0).tolist()
    if container == "parts":
        out = model.impute(table[["oldest", "children"]])
        assert out.columns.tolist()[:2] == ["oldest", "children"]
        assert out.oldest.isna().tolist() == empty
        return
    plain = [{k: None if v != v else v for k, v in row.items()} for row in table.to_dict("records")]
    raw = {"polars": pl.DataFrame, "arrow": pa.Table.from_pylist, "records": list}[container](plain)
    out = model.impute(raw)
    found = (
        [row["oldest"] for row in out]
        if container == "records"
        else out["oldest"].to_pylist()
        if container == "arrow"
        else out["oldest"].to_list()
    )
    assert type(out) is type(raw)
    assert [v is None for v in found] == empty


def test_arrays_keep_their_gaps():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 3))
    x[:, 0] = rng.integers(0, 3, 600)
    x[x[:, 0] == 1, 1] = np.nan
    model = VAE(steps=20, random_state=0).fit(x, verbose=False)
    new, filled = model.generate(500, seed=0), model.impute(x)
    assert (np.isnan(new[:, 1]) == (new[:, 0] == 1)).all()
    assert (np.isnan(filled) == np.isnan(x)).all()
    assert not np.isnan(model.impute(x, everywhere=True)).any()
    both = model.augment(np.where(np.arange(600)[:, None] < 400, x, x[:1]), target="x0")
    assert (np.isnan(both[600:, 1]) == (both[600:, 0] == 1)).all()


def whys(found):
    return {reason["why"] for reasons in found.reasons for reason in reasons if "why" in reason}


def test_detect_names_what_breaks_a_rule(model):
    table = holed(60, seed=3)
    none, some = table.index[table.children == 0][0], table.index[table.children > 0][0]
    table.loc[none, "oldest"], table.loc[some, "oldest"] = 5.0, np.nan
    found = model.detect(table)
    first = {row: found.reasons[row][0] for row in (none, some)}
    assert first[none]["cell"] == first[some]["cell"] == "oldest"
    assert first[none]["why"].startswith("filled, but oldest does not apply where children is 0 (empty in ")
    assert first[none]["value"] == 5
    assert first[none]["expected"] is None
    assert first[some]["why"].startswith("empty, but oldest is filled wherever it applies (")
    assert first[some]["expected"] is not None
    assert found.p_value[[none, some]].max() <= 1 / 1001 + 1e-9  # a thousand rows checked the rule, and none broke it
    assert found.outlier[[none, some]].all()
    others = found.drop(index=[none, some])
    assert whys(others) <= {"rare by itself"}
    assert np.allclose(found.p_value[others.index], model.detect(holed(60, seed=3)).p_value[others.index])
    assert found.reasons.map(len).max() == 4  # three, and the row as a whole
    assert len(model.detect(table, reasons=1).reasons[none]) == 2


def test_a_column_that_was_left_out_is_not_empty(model):
    found = model.detect(holed(50, seed=3).drop(columns=["oldest", "job"]))
    assert not any("why" in reason for reasons in found.reasons for reason in reasons)


def test_models_of_old_files_still_answer(model, tmp_path):
    old = load(_saved(model, tmp_path))
    old.calibration_ = {k: v for k, v in old.calibration_.items() if k != "unseen"}
    old.calibration_["gaps"] = {"table": {"hidden": [[], [4]], "share": [0.6, 0.4]}}
    again = load(_saved(old, tmp_path))
    assert again.generate(500, seed=0).oldest.isna().mean() == pytest.approx(0.4, abs=0.1)
    assert again.impute(holed(20)).notna().all(axis=None)
    assert [entry["sort"] for entry in again.info()["gaps"]] == ["unknown"]
    assert whys(again.detect(holed(20))) <= {"rare by itself"}
    del again.calibration_["gaps"]
    assert again.generate(10).notna().all(axis=None)
    assert again.info()["gaps"] == []


def _saved(model, folder):
    model.save(folder / "m.vaery")
    return folder / "m.vaery"


def test_rows_drawn_again_for_a_constraint_keep_it_as_well():
    table = holed(1200)
    table["seen"] = np.minimum(table.age, 30 + 3 * table.children)
    model = VAE(steps=20, random_state=0, constraints=["seen <= age"]).fit(table, verbose=False)
    new = model.generate(1500, seed=0)
    assert (new.seen <= new.age).all()
    assert new.oldest[new.children == 0].isna().all()
    assert new.job[new.age < 16].isna().all()
    assert model.generate(200, seed=0, nulls=False).notna().all(axis=None)
    asked = table.head(40).assign(age=np.nan, children=np.nan, oldest=np.nan)
    filled = model.impute(asked)
    assert filled.oldest[filled.children == 0].isna().all()
    assert model.impute(asked, everywhere=True).notna().all(axis=None)
