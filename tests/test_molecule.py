"""Molecules: what is found by looking, round trips, symbols that always make a molecule, files, pictures, every job."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

pytest.importorskip("rdkit", reason="molecules need RDKit")
pytest.importorskip("selfies", reason="molecules need selfies")

import selfies
from rdkit import Chem, RDConfig
from rdkit.Chem import Descriptors

from vaery import VAE, between, load, one_of, read
from vaery.cli.app import app
from vaery.constraints.rules import Rules
from vaery.core.check import check_kind
from vaery.core.errors import ChoiceError, DataError, MissingExtra, QueryError
from vaery.core.field import ABSENT
from vaery.core.members import member
from vaery.core.random import Random
from vaery.kinds import molecule as kind
from vaery.kinds.molecule import InvalidMoleculeWarning, describe, pieces, properties
from vaery.kinds.molecule import smiles as chemistry
from vaery.kinds.molecule.looks import has_grammar, is_smiles
from vaery.kinds.molecule.properties import COLUMNS
from vaery.model import describe as fields_of
from vaery.schema import Schema, kind_of

NCI = Path(RDConfig.RDDataDir) / "NCI"
LINES = [line.split()[0] for line in (NCI / "first_5K.smi").read_text().splitlines()]
SOME = LINES[:400]
ASPIRIN, CAFFEINE = "CC(=O)Oc1ccccc1C(=O)O", "Cn1c(=O)c2c(ncn2C)n(C)c1=O"


def canonical(smiles):
    return Chem.MolToSmiles(Chem.MolFromSmiles(smiles))


@pytest.fixture(scope="module")
def field():
    return describe(SOME)


# ---------------------------------------------------------------------------- looking


@pytest.mark.parametrize(
    ("values", "answer"),
    [
        (SOME, True),
        ([ASPIRIN, None, CAFFEINE, float("nan")], True),
        ([*SOME[:8], "no molecule", "nor this"], True),
        ([*SOME[:5], "no molecule", "nor this", "or that one"], False),
        (["N", "S", "C", "O"] * 9, False),
        (["ICON", "BIN", "COIN", "SON", "PIN", "NOSE"], False),
        (["the quick brown fox", "jumps over the lazy dog"], False),
        (["yes", "no", "yes"], False),
        ([f"C{i}" for i in range(50)], False),
        (["CO2", "H2O", "SO2", "C6H12O6"], False),
        (["10115", "80331", "20095"], False),
        (["2024-01-01", "2024-01-02"], False),
        ([1.0, 2.0], False),
        ([None, None], False),
        ([], False),
    ],
)
def test_smiles_are_told_from_other_texts(values, answer):
    assert is_smiles(values) is answer


@given(st.lists(st.text(max_size=12), max_size=20))
def test_texts_are_no_molecules(values):
    assert not is_smiles(values) or all(map(has_grammar, values))


def test_kinds_by_looking():
    assert kind_of(SOME) == "molecule"
    assert kind_of([Chem.MolFromSmiles(ASPIRIN)]) == "molecule"
    assert kind_of(np.array(SOME)) == "molecule"
    assert kind_of(pd.Series(SOME)) == "molecule"
    assert kind_of(["a", "b", "a", "b"]) == "table"
    assert kind_of(pd.DataFrame({"x": [1.0, 2.0], "unit": ["N", "C"]})) == "table"
    assert kind.looks_like("a.smi")
    assert kind.looks_like(Path("b.SDF"))
    assert kind.looks_like("c.smi.gz")
    assert not kind.looks_like("adult.csv")
    assert not kind.looks_like(np.zeros((5, 2)))


def test_a_column_of_smiles_is_a_field_of_its_own():
    frame = pd.DataFrame({"name": list("ABCD") * 5, "smiles": SOME[:20], "logP": np.arange(20.0)})
    fields = {f.name: f.kind for f in fields_of(frame)}
    assert fields == {"smiles": "molecule", "table": "table"}


# ---------------------------------------------------------------------------- round trips


def test_the_contract_of_a_kind():
    check_kind(kind, LINES[:30])


@settings(max_examples=60)
@given(st.lists(st.sampled_from(LINES), min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_what_was_given_comes_back_canonical(rows, random):
    rows = [row for row in rows if Chem.MolFromSmiles(row) is not None] or [ASPIRIN]
    other = []  # the same molecules, written from another atom on
    for row in rows:
        read = Chem.MolFromSmiles(row)
        other.append(Chem.MolToSmiles(read, rootedAtAtom=random.randrange(read.GetNumAtoms())))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InvalidMoleculeWarning)  # what SELFIES cannot write is refused, not changed
        field = describe([*rows, ASPIRIN])
        value, known = field.pack(other)
        back = field.unpack(value, known)
    truth = [canonical(row) for row in rows]
    assert [b for b in back if b is not None] == [t for b, t in zip(back, truth, strict=True) if b is not None]
    assert sum(b is None for b in back) == sum("->" in t for t in truth)


@settings(max_examples=40)
@given(st.lists(st.sampled_from(LINES[:400]), min_size=1, max_size=4), st.integers(0, 10**6))
def test_what_is_hidden_comes_back_hidden(rows, seed):
    field = describe(rows)
    value, _ = field.pack(rows)
    known = field.hide(len(rows), Random(seed))
    again, there = field.pack(field.unpack(value * known, known))
    there = torch.ones_like(known) if there is None else there
    assert torch.equal(again, (value * known).int())
    assert torch.equal(there, known)


@pytest.mark.parametrize(
    "smiles",
    ["C[C@@H](N)C(=O)O", "C[C@H](N)C(=O)O", r"C/C=C\C", "C/C=C/C", "[Na+].[Cl-]", "[13CH4]", "C[N+](C)(C)CC(=O)[O-]",
     "O=S(=O)(O)O", "[2H]C([2H])([2H])O", "c1ccc2c(c1)[nH]c1ccccc12", "C1CC1.C1CCC1", "[H][H]", ""],
)  # fmt: skip
def test_stereo_charges_isotopes_and_salts_survive(smiles):
    field = describe([smiles, ASPIRIN])
    assert field.unpack(field.pack([smiles])[0]) == [canonical(smiles)]


def test_the_layout_of_a_packed_molecule():
    field = describe(["CCO", "CCCC"])
    value, known = field.pack(["OCC", "CCCC"])
    carbon, oxygen = (2 + field.symbols.index(s) for s in ("[C]", "[O]"))
    assert value.tolist() == [[carbon, carbon, oxygen, 1, 0, 0, 0], [carbon] * 4 + [1, 0, 0]]
    assert known is None
    assert field.event == field.mask == (7,)  # a quarter more than the longest, and the end
    assert field.codes == 4
    assert not value.dtype.is_floating_point


def joined(molecule, pairs, code):
    """Byte pair encoding in the plainest way."""
    for i, pair in enumerate(pairs):
        out, at = [], 0
        while at < len(molecule):
            both = tuple(molecule[at : at + 2]) == pair
            out.append(code + i if both else molecule[at])
            at += 1 + both
        molecule = out
    return molecule


@given(st.lists(st.lists(st.integers(2, 5), max_size=12), max_size=30), st.integers(0, 30))
def test_pieces_are_cut_as_in_the_plainest_way(molecules, repeats):
    pairs = pieces.learn(molecules * repeats, 6)
    cut = pieces.cut(molecules, 6, pairs)
    assert cut == [joined(molecule, pairs, 6) for molecule in molecules]
    names = pieces.names(list("abcd"), pairs)
    assert ["".join(names[c - 2] for c in row) for row in cut] == ["".join("abcd"[c - 2] for c in m) for m in molecules]


def test_pieces_make_molecules_shorter(field):
    value, _ = field.pack(SOME)
    symbols = sum(field.pieces[code].count("[") for code in value.flatten().tolist() if code > 1)
    assert (value > 1).sum() < 0.6 * symbols


def test_known_molecules_are_kept_as_they_were_written(field):
    value, known = field.pack(["OCC", None])
    assert field.unpack(value, like=["OCC", None], keep=True)[0] == "OCC"
    assert field.unpack(value, known) == ["CCO", None]


def test_molecules_of_rdkit_are_taken():
    field = describe([Chem.MolFromSmiles(ASPIRIN), Chem.MolFromSmiles(CAFFEINE)])
    assert field.unpack(field.pack([Chem.MolFromSmiles(CAFFEINE)])[0]) == [CAFFEINE]


# ---------------------------------------------------------------------------- all that is drawn is a molecule


def test_any_symbols_are_a_molecule():
    field = describe([row for row in LINES if Chem.MolFromSmiles(row) is not None][:1500])
    value = torch.from_numpy(np.random.default_rng(0).integers(1, field.codes, (500, field.length)))
    made = field.unpack(value)
    assert all(Chem.MolFromSmiles(smiles) is not None for smiles in made)
    assert made == [canonical(smiles) for smiles in made]


def test_no_atom_gets_more_bonds_than_in_the_data():
    field = describe(["CO", "C[N+](C)(C)C"])
    assert field.bonds == {"C": 4, "N+1": 4, "O": 2}
    oxygen = 2 + field.symbols.index("[O]")
    assert field.unpack(torch.full((1, 4), oxygen)) == ["OOOO"]


def test_what_is_drawn_can_be_packed_again(field):
    value = torch.from_numpy(np.random.default_rng(1).integers(1, field.codes, (200, field.length)))
    made = field.unpack(value)
    assert field.unpack(field.pack(made)[0]) == made
    assert np.mean([len(smiles) for smiles in made]) > 5


def test_an_atom_with_too_few_neighbours_gets_hydrogens():
    """Else nothing but the first atom is left of a long molecule: a radical is no symbol of the fit."""
    field = describe(["C[C@@H](O)CCc1ccccc1", "C[NH2+]C", "CCCC"])
    symbols = ("[C]", "[C@@H1]", "[C]", "[C]", "[NH2+1]", "[C]", "[C]")
    codes = [2 + field.symbols.index(symbol) for symbol in symbols]
    assert field.unpack(torch.tensor([[*codes, 1]])) == ["CCCC[NH2+]CC"]
    assert chemistry.filled("C[CH]C[CH2]") == "CCCC"
    assert chemistry.filled("C(C)(C)(C)(C)C") is None


def test_an_atom_with_a_number_of_bonds_that_none_has_becomes_a_carbon():
    """Sulphurs have two bonds or six here, so SELFIES lets one have three: RDKit adds a hydrogen that none has."""
    field = describe(["CSCCN(C)C", "CS(=O)(=O)CC", "COCC=C"])
    symbols = ("[C]", "[S]", "[Branch1]", "[C]", "[C]", "[C]", "[C]", "[O]", "[C]")
    codes = [2 + field.symbols.index(symbol) for symbol in symbols]
    assert field.unpack(torch.tensor([[*codes, 1]])) == ["COCCC(C)C"]
    assert field._odd(chemistry_of("C[SH](C)C")) == {"S"}
    assert field._odd(chemistry_of("CC[N+](C)(C)C")) == {"N"}
    assert field._mended(["[C]", "[=S]", "[Ring1]"], chemistry_of("C[SH](C)C")) == ["[C]", "[=C]", "[Ring1]"]
    assert field._mended(["[C]", "[=C]"], chemistry_of("C[SH](C)C")) == ["[C]"], "no sulphur is left to blame"


def chemistry_of(smiles):
    with chemistry.allowing():
        return chemistry.molecule(smiles)


def test_symbols_are_dropped_from_the_end_where_they_make_none():
    field = describe(["CCO", "CN(C)C", "C[N+](C)(C)C"])
    field = replace(field, bonds={**field.bonds, "O": 3})  # three bonds of an oxygen, which RDKit refuses
    codes = [2 + field.symbols.index(symbol) for symbol in ("[C]", "[O]", "[Branch1]", "[C]", "[C]", "[C]")]
    with chemistry.allowing(field.bonds, others=1):
        refused = chemistry.decoded(["[C]", "[O]", "[Branch1]", "[C]", "[C]", "[C]"])
        assert chemistry.canonical(refused) is None
    assert field.unpack(torch.tensor([[*codes, 1]])) == ["COC"]


def test_the_rules_of_selfies_are_left_as_they_were():
    before = selfies.get_semantic_constraints()
    field = describe(SOME[:5])
    field.unpack(field.pack(SOME[:5])[0])
    assert selfies.get_semantic_constraints() == before


# ---------------------------------------------------------------------------- rows that hold none


def test_rows_that_cannot_be_read_are_named_and_unknown():
    rows = [ASPIRIN, "C1CC", CAFFEINE, "*C"]
    field = describe(rows)
    with pytest.warns(InvalidMoleculeWarning, match="2 of 4 molecules .* row 1, 'C1CC', is no SMILES .* row 3"):
        value, known = field.pack(rows)
    assert known is not None
    assert known.any(1).tolist() == [True, False, True, False]
    assert not value[~known].any()


def test_other_fields_of_such_rows_stay_aligned():
    frame = pd.DataFrame({"smiles": [*SOME[:39], "C1CC"], "weight": np.arange(40.0)})
    with pytest.warns(InvalidMoleculeWarning):
        model = VAE(steps=2, latent=2, width=8).fit(frame)
    with pytest.warns(InvalidMoleculeWarning):
        filled = model.impute(frame)
    assert filled["weight"].tolist() == frame["weight"].tolist()
    assert filled["smiles"].tolist()[:39] == SOME[:39]
    assert Chem.MolFromSmiles(filled["smiles"][39]) is not None


def test_nothing_but_such_rows_is_an_error():
    with pytest.raises(DataError, match="no molecule can be read: row 0, 'C1CC', is no SMILES"):
        describe(["C1CC", None])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["CCO", "CCCCCCCCC"], "row 1, is 9 pieces long, where 8 fit"),
        (["CCN"], r"row 0, 'CCN', holds \[N\]"),
        (["CC(C)C", "CS"], r"row 1, 'CS', holds \[S\]"),
        (["CCO", 3], r"row 1 holds 3 \(int\); a SMILES was expected"),
    ],
)
def test_molecules_beyond_the_fit_are_named(rows, message):
    field = describe(["CCO", "CC(C)C"])
    with pytest.raises(DataError, match=message):
        field.pack(rows)


def test_more_bonds_than_in_the_fit_are_named():
    with pytest.raises(DataError, match=r"row 1, .CS.C.=O., holds S with 4 bonds"):
        describe(["CSC", "CC(C)=O"]).pack(["CSC", "CS(C)=O"])


def test_without_the_extra_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "selfies", None)
    for ask in (lambda: VAE().fit(SOME), lambda: read(NCI / "first_5K.smi"), lambda: kind.grid(["CCO"])):
        with pytest.raises(MissingExtra, match=r"needs RDKit and selfies: pip install 'vaery\[molecules\]'"):
            ask()
    assert kind_of(["the quick brown fox", "jumps over", "the lazy dog", "again"] * 9) == "table"


def test_nothing_heavy_is_imported():
    code = "import sys, vaery; from vaery.kinds import molecule; molecule.looks_like(['yes', 'no']); "
    code += "assert not {'rdkit', 'selfies'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


# ---------------------------------------------------------------------------- questions


def test_given_takes_a_molecule_or_a_beginning(field):
    value, known, region = field.given(ASPIRIN)
    assert known is None
    assert region is None
    assert field.unpack(value) == [ASPIRIN]
    value, known, _ = field.given(("[C][C]", ...))
    there = int(known.sum())
    assert known[0, :there].all()
    assert "".join(field.pieces[code] for code in value[0, :there]) == "[C][C]"
    assert field.pack(field.unpack(value, known))[1].sum() == there


def test_pieces_are_the_parts_that_can_be_odd():
    field = describe(["CCO", "C=O"])
    value, _ = field.pack(["OCC", "C=O"])
    assert field.named_parts(value) == [[("[C]", [0]), ("[C]", [1]), ("[O]", [2])], [("[C]", [0]), ("[=O]", [1])]]
    assert field.named_parts(value, (torch.arange(field.length) > 1).expand_as(value))[0] == [("[O]", [2])]


@pytest.mark.parametrize("asked", [between("C", "N"), one_of("C", "N"), 3, "C1CC", ["CCO"]])
def test_given_refuses_all_else(field, asked):
    with pytest.raises(QueryError, match="molecule"):
        field.given(asked)


def test_the_summary_of_draws_is_the_one_with_most_weight():
    field = describe(["CCO", "CCC"])
    value = torch.stack([field.pack([smiles] * 2)[0] for smiles in ("CCO", "CCC", "CCC")])
    weight = torch.tensor([[0.6, 0.4], [0.2, 0.3], [0.2, 0.3]])
    assert field.summarise(value, weight, "mean") == ["CCO", "CCC"]


def test_half_of_the_rows_stay_whole_in_training(field):
    shown = field.hide(2000, Random(0))
    whole = shown.all(1).float().mean()
    beginnings = ((shown.int().diff() > 0).sum(1) == 0).float().mean()
    assert 0.47 < whole < 0.55
    assert 0.72 < beginnings < 0.85


# ---------------------------------------------------------------------------- properties


def test_properties_against_rdkit():
    found = properties(pd.Series([ASPIRIN, None, "C1CC"], index=[7, 8, 9]))
    assert list(found.columns) == ["logP", "QED", "SAS", "weight", "TPSA"]
    assert list(found.index) == [7, 8, 9]
    np.testing.assert_allclose(found.loc[7], [1.3101, 0.5501, 1.58, 180.159, 63.6], rtol=2e-3)
    assert found.loc[[8, 9]].isna().all().all()


def test_traits_against_rdkit(field):
    seen = field.traits(*(t[:2] for t in packed(field, [ASPIRIN, None])))
    names = ["logP", "SAS", "weight", "TPSA"]
    np.testing.assert_allclose(seen[0, :4], properties([ASPIRIN])[names].to_numpy()[0], rtol=1e-5)
    aspirin = Chem.MolFromSmiles(ASPIRIN)
    assert seen[0, 4] == pytest.approx(Descriptors.BertzCT(aspirin), rel=1e-5)
    acceptors, donors, turning, open_rings, aromatic_rings = seen[0, 7:12].tolist()
    assert (acceptors, donors, turning, open_rings, aromatic_rings) == (3, 1, 2, 0, 1)
    assert seen[0, 16:].tolist() == [9, 0, 4, 0, 0, 0, 0, 0, 6, 6]  # atoms of each element, charge, rings
    assert (seen[1] == ABSENT).all()


def packed(field, molecules):
    value, known = field.pack(molecules)
    return value, torch.ones(value.shape, dtype=torch.bool) if known is None else known


def test_polar_surfaces_against_the_file_that_comes_with_rdkit():
    table = pd.read_csv(NCI / "first_5k.tpsa.csv", skiprows=1, header=None, names=["smiles", "tpsa"])[:200]
    found = properties(table["smiles"])["TPSA"]
    assert found.notna().sum() > 195
    np.testing.assert_allclose(found.fillna(table["tpsa"]), table["tpsa"], atol=0.02)


# ---------------------------------------------------------------------------- files and pictures


def test_smi_files(tmp_path):
    (tmp_path / "a.smi").write_text("smiles name\nCCO ethanol\n\n# no molecule\nC1CC broken\n")
    assert read(tmp_path / "a.smi") == ["CCO", "C1CC"]
    with gzip.open(tmp_path / "b.smi.gz", "wt") as file:
        file.write("CCO\nCCN\n")
    assert read(str(tmp_path / "b.smi.gz")) == ["CCO", "CCN"]
    kind.write(["CCO", None, "CCN"], tmp_path / "c.smi")
    assert read(tmp_path / "c.smi") == ["CCO", "CCN"]
    kind.write(["CCO"], tmp_path / "d.csv")
    assert pd.read_csv(tmp_path / "d.csv")["smiles"].tolist() == ["CCO"]
    assert read(NCI / "first_5K.smi") == LINES


def test_sdf_files(tmp_path):
    frame = read(NCI / "first_200.props.sdf")
    assert len(frame) == 200
    assert frame["smiles"].notna().all()
    assert frame.shape[1] > 3
    source = (NCI / "first_200.props.sdf").read_text().split("$$$$\n")
    broken = source[0].replace(" C  ", " Qq ", 1)
    (tmp_path / "three.sdf").write_text("$$$$\n".join([source[1], broken, source[2], ""]))
    frame = read(tmp_path / "three.sdf")
    assert frame["smiles"][1] == "record 1 of three.sdf"
    with pytest.warns(InvalidMoleculeWarning, match="record 1 of three.sdf"):
        describe(frame["smiles"]).pack(frame["smiles"])


@pytest.mark.parametrize(
    ("name", "content", "error", "message"),
    [
        ("none.smi", None, FileNotFoundError, "there is no file"),
        ("empty.smi", b"", DataError, "is empty"),
        ("foreign.smi", b"\xff\xfe\x00\x81", DataError, "cannot be read"),
        ("foreign.smi.gz", b"CCO", DataError, "cannot be read"),
        ("empty.sdf", b"", DataError, "is empty"),
    ],
)
def test_bad_files(tmp_path, name, content, error, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=message):
        kind.read(tmp_path / name)


def test_a_sheet_shows_every_molecule(tmp_path):
    sheet = np.asarray(kind.grid([ASPIRIN, CAFFEINE, "CCO"], columns=3, side=120, labels=["a", "b", "c"]).convert("L"))
    assert sheet.shape == (120, 360)
    assert all((part < 128).any() for part in np.split(sheet, 3, 1))
    kind.write([ASPIRIN, None], tmp_path / "a.png")
    kind.write([ASPIRIN], tmp_path / "a.svg")
    assert (tmp_path / "a.png").stat().st_size > 1000
    assert "<svg" in (tmp_path / "a.svg").read_text()
    with pytest.raises(DataError, match="molecule 1 is 'C1CC'"):
        kind.grid(["CCO", "C1CC"])


# ---------------------------------------------------------------------------- every job


@pytest.fixture(scope="module")
def data():
    small = [row for row in map(canonical, SOME) if len(row) < 24][:150]
    return {"molecule": small, "property": properties(small)}


@pytest.fixture(scope="module")
def model(data):
    return VAE(steps=60, latent=8, width=32, batch=64).fit(data)


def valid(rows):
    return all(isinstance(row, str) and Chem.MolFromSmiles(row) is not None for row in rows)


def test_generate(model):
    made = model.generate(30, seed=1)
    assert valid(made["molecule"])
    assert len(made["property"]) == 30
    assert made["molecule"] == model.generate(30, seed=1)["molecule"]
    assert len(set(made["molecule"])) > 5


def test_generate_inside_ranges_of_properties(model):
    made = model.generate(20, given={"logP": between(1, 2), "QED": between(0.4, 1)}, seed=1)
    assert valid(made["molecule"])
    found = properties(made["molecule"])
    assert found["logP"].between(1, 2).all()
    assert found["QED"].between(0.4, 1).all()


def test_columns_that_are_properties_are_found_and_follow_the_molecule(model, data):
    assert [str(measure) for measure in model.rules_.measures] == [f"{name} = {name}(molecule)" for name in COLUMNS]
    made = model.generate(20, given={"weight": between(100, 150), "TPSA": between(high=40)}, seed=2)
    pd.testing.assert_frame_equal(made["property"], properties(made["molecule"]), rtol=1e-6)
    rows = {"molecule": data["molecule"][:9], "property": data["property"][:9].assign(logP=np.nan, QED=[0.5] * 9)}
    filled = model.impute(rows)["property"]
    np.testing.assert_allclose(filled["logP"], data["property"]["logP"][:9], rtol=1e-6)
    assert (filled["QED"] == 0.5).all(), "what is known is never changed"


def test_one_number_is_given_as_it_is(model):
    made = model.generate(4, given={"logP": 1.25}, seed=1)
    assert (made["property"]["logP"] == 1.25).all()
    found = properties(made["molecule"])["weight"]
    np.testing.assert_allclose(made["property"]["weight"][found.notna()], found.dropna())


def test_what_is_nearly_a_property_is_none(data):
    """Rounded ones are, whatever they are called; measured ones with noise, others in units of their own, are not."""
    found, noise = data["property"], np.random.default_rng(0).normal(size=150)
    table = pd.DataFrame(
        {"a b": found["logP"].round(2), "weight": found["weight"] + 5 * noise, "QED": 100 * found["QED"], "n": 1.5}
    )
    schema, raw = Schema.describe({"m": data["molecule"], "table": table})
    assert [str(measure) for measure in Rules.learn((), schema, raw).measures] == ["`a b` = logP(m)"]
    assert Rules.learn(["`a b` = logP(m)"], schema, raw) == Rules.learn((), schema, raw)
    for text, error in (("weight = weight(m)", DataError), ("n = volume(m)", ChoiceError), ("n = QED(o)", ChoiceError)):
        with pytest.raises(error, match=r"constraint|measure"):
            Rules.learn([text], schema, raw)


def test_whole_numbers_stay_whole(data):
    frame = pd.DataFrame({"smiles": data["molecule"], "grams": data["property"]["weight"].round().astype("int16")})
    model = VAE(steps=20, latent=2, width=16).fit(frame)
    made = model.generate(20, given={"grams": between(60, 400)}, seed=1)
    assert made["grams"].dtype == "int16"
    assert (made["grams"] == properties(made["smiles"])["weight"].round()).all()
    whatever = model.generate(20, seed=1)
    found = properties(whatever["smiles"])["weight"].to_numpy().round()
    assert (whatever["grams"][~np.isnan(found)] == found[~np.isnan(found)]).all()


def test_measures_of_no_molecule_there_are_left_open(model):
    made = model.impute({"molecule": [None, "CCO"], "property": pd.DataFrame({"logP": [1.0, np.nan]})})
    assert made["property"]["logP"][0] == 1.0
    np.testing.assert_allclose(made["property"]["logP"][1], properties(["CCO"])["logP"][0])


def test_generate_what_begins_as_asked(model):
    field, beginning = model.fields_[0], {"molecule": ("[C][C]", ...)}
    assert valid(model.generate(10, given=beginning, seed=1)["molecule"])
    evidence, _ = model.schema_.given(beginning)
    drawn = member("jobs", "generate")(model.joint_, evidence, rng=Random(0), n=10).values["molecule"]
    assert all("".join(piece for piece, _ in row).startswith("[C][C]") for row in field.named_parts(drawn))


def test_a_given_molecule_comes_back_as_it_is(model):
    made = model.generate(3, given={"molecule": "CCO"}, seed=1)
    assert made["molecule"] == ["CCO"] * 3


def test_properties_from_molecules_and_molecules_from_properties(model, data):
    rows = {"molecule": data["molecule"][:5], "property": data["property"][:5]}
    filled = model.impute({"molecule": rows["molecule"], "property": rows["property"].assign(logP=np.nan)})
    assert filled["property"]["logP"].notna().all()
    assert filled["molecule"] == rows["molecule"]
    made = model.impute({"property": rows["property"], "molecule": [None] * 5})
    assert valid(made["molecule"])
    pd.testing.assert_frame_equal(made["property"], rows["property"])
    assert len(model.predict({"molecule": rows["molecule"]}, target="QED")) == 5


def test_reconstruct_interpolate_embed_and_score(model, data):
    rows = {name: part[:4] for name, part in data.items()}
    assert valid(model.reconstruct(rows)["molecule"])
    assert model.transform(rows).shape == (4, 8)
    scores = model.score_samples(rows)
    assert np.isfinite(scores).all()
    np.testing.assert_allclose(scores[:2], model.score_samples({k: v[:2] for k, v in rows.items()}), rtol=1e-4)
    way = model.interpolate({"molecule": data["molecule"][:1]}, {"molecule": data["molecule"][1:2]}, steps=5)
    assert valid(way["molecule"])
    assert len(way["molecule"]) == 5


def test_detect_names_odd_pieces(model, data):
    found = model.detect({name: part[:5] for name, part in data.items()})
    assert list(found.columns) == ["bits", "oddness", "p_value", "outlier", "reasons"]
    assert all(reason[-1]["cell"] == "together" for reason in found["reasons"])
    field = model.fields_[0]
    rows = field.named_parts(field.pack(data["molecule"][:5])[0])
    pieces = {piece for row in rows for piece, _ in row}
    assert any(reason["cell"] in pieces for row in found["reasons"] for reason in row)  # odd pieces are named
    alone = model.detect({"molecule": data["molecule"][:5]})  # rows may come without their properties
    assert np.isfinite(alone["bits"]).all()


def test_save_and_load_change_nothing(model, data, tmp_path):
    model.save(tmp_path / "m.vaery")
    again = load(tmp_path / "m.vaery")
    assert again.fields_ == model.fields_
    assert again.rules_ == model.rules_
    assert again.generate(5, seed=3)["molecule"] == model.generate(5, seed=3)["molecule"]
    rows = {name: part[:4] for name, part in data.items()}
    np.testing.assert_array_equal(again.transform(rows), model.transform(rows))


@pytest.fixture
def desk(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words):
    found = CliRunner().invoke(app, [*map(str, words), *(["--json"] if words[0] != "fit" else [])])
    assert found.exit_code == 0, found.stderr
    return found


def test_the_command_line(desk):
    rows = [row for row in SOME if len(row) < 20][:60]
    kind.write(rows, "some.smi")
    run("fit", "some.smi", "-o", "m.vaery", "--epochs", 1, "--set", "width=16", "--set", "latent=2", "--quiet")
    assert valid(json.loads(run("generate", "m.vaery", "-n", 4, "--seed", 1).stdout)["result"])
    run("generate", "m.vaery", "-n", 4, "-o", "new.smi")
    assert valid(read("new.smi"))
    run("generate", "m.vaery", "-n", 4, "-o", "new.png")
    run("generate", "m.vaery", "-n", 4, "-o", "new.csv")
    assert valid(pd.read_csv("new.csv")["smiles"])
    run("reconstruct", "m.vaery", "some.smi", "-o", "again.smi")
    run("detect", "m.vaery", "some.smi", "-o", "odd.csv")
    assert len(pd.read_csv("odd.csv")) == 60


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame])
def test_a_table_with_molecules_comes_back_as_one(desk, make):
    rows = [row for row in map(canonical, SOME) if len(row) < 20][:60]
    frame = make({"id": np.arange(60) % 3, "smiles": rows, "logP": properties(rows)["logP"].to_numpy()})
    model = VAE(steps=3, latent=2, width=16).fit(frame)
    made = model.generate(5, given={"logP": between(0, 2)}, seed=1)
    assert type(made) is make
    assert valid(made["smiles"].to_list())
    assert made["logP"].is_between(0, 2).all() if make is pl.DataFrame else made["logP"].between(0, 2).all()
    filled = model.impute(frame)
    assert list(filled.columns) == ["id", "smiles", "logP"]
    assert filled["smiles"].to_list() == rows
    assert len(model.score_samples(frame[["smiles"]])) == 60


def test_a_csv_with_molecules_on_the_command_line(desk):
    rows = [row for row in map(canonical, SOME) if len(row) < 20][:60]
    pd.DataFrame({"smiles": rows, "logP": properties(rows)["logP"]}).to_csv("some.csv", index=False)
    run("fit", "some.csv", "-o", "m.vaery", "--epochs", 1, "--set", "width=16", "--set", "latent=2", "--quiet")
    run("generate", "m.vaery", "-n", 4, "--given", "logP=0..2", "-o", "new.csv")
    made = pd.read_csv("new.csv")
    assert valid(made["smiles"])
    assert made["logP"].between(0, 2).all()


# ---------------------------------------------------------------------------- which latent they have


def test_alone_or_beside_tables_molecules_have_a_latent_of_codes():
    from vaery.advice import advise, settle

    rows = {"molecule": SOME, "property": pd.DataFrame({"weight": np.arange(len(SOME), dtype=float)})}
    fields = fields_of(rows)

    def choices(fields, **options):
        model = VAE(**options)
        return settle(model, fields, advise(model, fields, len(SOME)))

    found = choices(fields)
    assert found.prior == {"name": "codebook"}
    assert found.posterior["name"] == "codebook"
    assert choices(fields[:1]).posterior == found.posterior
    for options in ({"latent": 2}, {"posterior": "gaussian"}, {"prior": "normal"}, {"levels": 2}, {"private": 3.0}):
        plain = choices(fields, **options)
        assert (plain.prior["name"], plain.posterior["name"]) == (
            options.get("prior", "normal"),
            options.get("posterior", "gaussian"),
        )
    asked = choices(fields, posterior={"name": "codebook", "hidden": 32}, latent=8)
    assert asked.posterior == {**found.posterior, "hidden": 32}
    assert (asked.prior["name"], asked.latent) == ("codebook", (8,))
    with pytest.raises(ChoiceError, match="reads the tokens of one field"):
        VAE(posterior="codebook", steps=2).fit(np.zeros((30, 2)))
    beside = fields_of({"molecule": SOME, "picture": np.zeros((len(SOME), 16, 16), np.uint8)})
    assert choices(beside).posterior["name"] == "gaussian", "a picture, too, has to speak through the latent"


@pytest.fixture(scope="module")
def coded():
    return VAE(steps=150, learning_rate=5e-3).fit({"molecule": SOME}, verbose=False)


def test_new_molecules_from_codes(coded):
    assert coded.choices_.posterior["name"] == "codebook"
    assert not list(coded.joint_.encoders.parameters()), "nobody would read what an encoder makes"
    made = coded.generate(20, seed=1)
    assert valid(made["molecule"])
    assert coded.generate(20, seed=1) == made
    evidence, _ = coded.schema_.given({"molecule": ("[C][C]", ...)})
    drawn = member("jobs", "generate")(coded.joint_, evidence, rng=Random(0), n=10).values["molecule"]
    assert all("".join(piece for piece, _ in row).startswith("[C][C]") for row in coded.fields_[0].named_parts(drawn))


def test_variations_of_codes_keep_what_is_not_drawn_anew(coded):
    rows = {"molecule": [ASPIRIN, "CCOC(=O)c1ccccc1"]}
    assert coded.vary(rows, n=2, strength=0.0, seed=0)["molecule"] == [
        smiles for smiles in map(canonical, rows["molecule"]) for _ in range(2)
    ]
    varied = coded.vary(rows, n=20, strength=0.5, seed=0)["molecule"]
    assert valid(varied)
    assert len(set(varied)) > 10, "and not the molecule that its own latent tells"


def test_what_codes_cost_is_said_of_their_pieces(coded):
    from vaery.surprise import shares

    rows = {"molecule": [ASPIRIN, "CCOC(=O)c1ccccc1", None]}
    evidence = coded.schema_.pack(rows)
    split = shares(coded.joint_, evidence, rng=Random(0, share_rows=True))
    bits = -coded.joint_.infer(evidence, rng=Random(0, share_rows=True), draws=8).bound / np.log(2)
    torch.testing.assert_close(split.total.float(), bits.detach().float(), atol=0.5, rtol=0.1)
    assert float(split.cells["molecule"].sum()) > 10
    assert float(split.together.abs().max()) < 0.1 * float(split.total.max()), "nothing is left for the whole"
    assert float(split.total[2].abs()) < 1e-3, "nothing known, nothing odd"
    reasons = coded.detect({"molecule": rows["molecule"][:2]})["reasons"]
    assert all(len(row) > 1 and row[0]["beyond"] > 0 for row in reasons)
    parts = [reason for row in reasons for reason in row[:-1]]
    assert any(part["expected"] != part["cell"] for part in parts), "a cell's own code does not tell what was expected"


# ---------------------------------------------------------------------------- written otherwise


def test_molecules_written_from_another_atom_on_are_the_same_molecules():
    field = describe(SOME, varied=True)
    value, known = field.pack(SOME)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InvalidMoleculeWarning)
        before = field.unpack(value, known)
    other, shown = field.vary(value, known, Random(0))
    assert field.unpack(other, shown) == before
    changed = (other != value).any(1)
    assert 0.2 < float(changed.float().mean()) < 0.6, "half of them are turned, some of these to what they were"
    assert torch.equal(other, field.vary(value, known, Random(0))[0])
    assert not torch.equal(other, field.vary(value, known, Random(1))[0])


def test_a_molecule_of_which_some_is_open_is_not_written_otherwise():
    field = describe(SOME, varied=True)
    value, _ = field.pack(SOME)
    known = torch.ones_like(value, dtype=torch.bool)
    known[:, 3] = False
    assert torch.equal(field.vary(value, known, Random(0))[0], value)


def test_few_molecules_are_varied_unless_somebody_says_otherwise():
    assert describe(SOME).varies
    assert not describe(SOME, varied=False).varies
    value, known = describe(SOME).pack(SOME)
    assert torch.equal(describe(SOME, varied=False).vary(value, known, Random(0))[0], value)
    with pytest.raises(ChoiceError, match="varied"):
        describe(SOME, varied="often")
