"""Frames some of whose columns are fields of their own."""

from __future__ import annotations

import pandas as pd
import polars as pl
import pytest

from vaery import describe, framed
from vaery.core.errors import ChoiceError
from vaery.framed import join, own_columns, split

ROWS = {"size": [1.0, 2.0, 3.0], "note": ["so it was", None, ""], "sort": ["a", "b", "a"]}


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_split_and_join_are_inverse(make):
    frame = make(ROWS)
    parts = split(frame, ["note"])
    assert parts["note"] == ["so it was", None, ""]
    assert list(parts["table"].columns) == ["size", "sort"]
    again = join(parts, like=frame)
    assert list(again.columns) == list(ROWS)
    assert again["note"].to_list() == parts["note"]
    assert again["size"].to_list() == ROWS["size"]
    assert list(join(parts).columns) == ["note", "size", "sort"]
    assert list(join({"note": ["x"]}).columns) == ["note"]


def test_rows_keep_their_index():
    frame = pd.DataFrame(ROWS, index=[7, 3, 5])
    parts = split(frame, ["note"])
    assert join(parts, like=frame)["note"].loc[7] == "so it was"
    assert list(join({"note": parts["note"]}, like=frame).index) == [7, 3, 5]


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_only_columns_of_texts_are_shown_to_a_kind(make, monkeypatch):
    shown = []

    class Kind:
        @staticmethod
        def picks(values):
            shown.append(values)
            return "so it was" in values

    monkeypatch.setattr(framed, "members", lambda family: ("kind",))
    monkeypatch.setattr(framed, "member", lambda family, name: Kind)
    assert own_columns(make(ROWS)) == {"note": "kind"}
    assert shown == [ROWS["note"], ROWS["sort"]]
    assert own_columns([1, 2]) == own_columns({"note": ROWS["note"]}) == {}


def test_a_kind_that_was_said_is_not_looked_for():
    frame = pd.DataFrame(
        {
            "a": [0.5 * i for i in range(20)],
            "smiles": ["C" * i + "(=O)" + end for i in range(1, 11) for end in ("O", "N")],
        }
    )

    def found(kind):
        return {field.name: field.kind for field in describe(frame, kind=kind)}

    assert found(None) == {"smiles": "molecule", "table": "table"}
    assert found({"smiles": "text"}) == {"smiles": "text", "table": "table"}
    assert found({"smiles": "table"}) == found("table") == {"table": "table"}
    assert found({"a": "table"}) == found(None)
    for kind, says in (("tabel", "Did you mean 'table'"), ({"smiles": "txt"}, "'txt'"), ({"q": "text"}, "'q'")):
        with pytest.raises(ChoiceError, match=says):
            found(kind)
