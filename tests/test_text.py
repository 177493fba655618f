"""Texts: there and back exactly, gaps of open length, and every job through the public face."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import vaery
from vaery import VAE
from vaery.core.check import check_kind
from vaery.core.errors import ChoiceError, DataError, MissingExtra, QueryError
from vaery.core.members import member
from vaery.core.random import Random
from vaery.kinds.text import pieces
from vaery.kinds.text.field import TextField

KIND = member("kinds", "text")
NOUNS, WORDS = ("food", "soup", "waiter", "coffee"), ("good", "bad", "cold", "great")


def sentences(count: int, seed: int = 0) -> list[str]:
    """``The soup was cold and the waiter was bad.``"""
    rng = np.random.default_rng(seed)
    pick = lambda words: words[rng.integers(len(words))]
    return [f"The {pick(NOUNS)} was {pick(WORDS)} and the {pick(NOUNS)} was {pick(WORDS)}{pick('.!')} {i % 7}"
            for i in range(count)]  # fmt: skip


TEXTS = sentences(300)
FIELDS = {cut: KIND.describe(TEXTS, tokens=cut) for cut in ("bpe", "words", "bytes")}


@pytest.fixture(scope="module")
def model() -> VAE:
    return VAE(steps=200, batch=32, width=48, latent=6, dropout=0.0, random_state=0, threads=1).fit(TEXTS)


# ------------------------------------------------------------------ there and back


@pytest.mark.parametrize("cut", FIELDS)
@given(st.lists(st.text(st.characters(exclude_categories=()), max_size=12), min_size=1, max_size=4))
@settings(max_examples=60)
def test_any_text_comes_back(cut, texts):
    field = FIELDS[cut]
    whole = TextField(field.name, field.likelihood, field.cut, field.pieces, 80, field.lengths)
    assert whole.unpack(*whole.pack(texts)) == texts


def test_any_text_comes_back_from_a_file(tmp_path):
    texts = ["", "  two  spaces ", "naïve café", "日本語", "tab\tand \u2028 more", ""]
    KIND.write(texts[:4], tmp_path / "texts.txt")
    assert vaery.read(tmp_path / "texts.txt") == texts[:4]
    (tmp_path / "texts.txt").write_bytes("a\r\nb\u2028c\n\n".encode())
    assert vaery.read(str(tmp_path / "texts.txt")) == ["a", "b\u2028c", ""]


@pytest.mark.parametrize("cut", FIELDS)
def test_keeps_the_contract_of_a_kind(cut):
    check_kind(KIND, [*TEXTS[:20], "", None, "été"], tokens=cut)


def test_pieces_are_learned_and_kept_as_plain_data(monkeypatch):
    field = FIELDS["bpe"]
    assert " waiter" in field.pieces
    assert field.pieces[:256] == pieces.BYTES
    assert len(field.cutter.encode(TEXTS[0])) < 15
    again = TextField.from_json(json.loads(json.dumps(field.to_json())))
    monkeypatch.setitem(sys.modules, "tokenizers", None)  # it is not needed any more
    pieces.cutter.cache_clear()
    assert torch.equal(again.pack(TEXTS)[0], field.pack(TEXTS)[0])


def test_without_the_extra(monkeypatch):
    monkeypatch.setattr(pieces, "has_tokenizers", lambda: False)
    monkeypatch.setattr(sys.modules["vaery.kinds.text.describe"], "has_tokenizers", lambda: False)
    assert KIND.describe(TEXTS).cut == "bytes"
    with pytest.raises(MissingExtra, match=r"pip install 'vaery\[text\]'"):
        KIND.describe(TEXTS, tokens="bpe")


def test_words_are_learned_whole_and_others_spelled():
    field = FIELDS["words"]
    assert len(field.cutter.encode("The soup was good and the")) == 6
    assert field.cutter.decode(field.cutter.encode("The sooup was")) == "The sooup was"


# ------------------------------------------------------------------ what is text


def test_what_looks_like_text(tmp_path):
    import pandas as pd

    from vaery.schema import kind_of

    assert kind_of(TEXTS) == "text"
    assert kind_of([*TEXTS, None]) == "text"
    assert kind_of(["yes", "no"] * 20) == "table"  # labels
    assert kind_of(pd.DataFrame({"review": TEXTS})) == "table"
    assert kind_of("reviews.csv") == "table"
    assert kind_of("reviews.txt") == "text"
    (tmp_path / "repeats.txt").write_text("Good.\nBad.\n" * 20, encoding="utf-8")
    assert kind_of(vaery.read(tmp_path / "repeats.txt")) == "text"
    assert not KIND.looks_like([])
    assert not KIND.looks_like([1, 2])


@pytest.mark.parametrize(
    ("raw", "says"),
    [([], "none of 0"), ([None], "none of 1"), (["a b", 3], "row 1 holds 3"), (["x" * 1001], "cut texts into")],
)
def test_bad_texts(raw, says):
    with pytest.raises(DataError, match=says):
        KIND.describe(raw, tokens="bytes")


def test_bad_choices():
    for wrong in ({"likelihood": "normal"}, {"net": "conv"}, {"tokens": "letters"}):
        with pytest.raises(ChoiceError):
            KIND.describe(TEXTS, **wrong)


def test_bad_questions(model, tmp_path):
    with pytest.raises(DataError, match=r"row 1 has .* pieces, where at most"):
        model.transform(["The soup was good", "no " * 200])
    with pytest.raises(DataError, match="one text came"):
        model.fields_[0].pack("The soup")
    with pytest.raises(DataError, match="leaves open how long its gap is"):
        model.impute([("The", ..., "good"), "x"])
    with pytest.raises(DataError, match="row 0 holds 3"):
        model.fields_[0].pack([3])
    for wrong in (3, vaery.between(1, 2), ["a", 3]):
        with pytest.raises(QueryError, match=r"can be given as a text, or as its parts"):
            model.generate(2, given={"text": wrong})
    with pytest.raises(QueryError, match="pieces too many"):
        model.generate(2, given={"text": ("no " * 200, ...)})
    (tmp_path / "latin.txt").write_bytes("café".encode("latin-1"))
    with pytest.raises(DataError, match="not text in UTF-8"):
        vaery.read(tmp_path / "latin.txt")
    (tmp_path / "empty.txt").write_bytes(b"")
    with pytest.raises(DataError, match="is empty"):
        vaery.read(tmp_path / "empty.txt")
    with pytest.raises(FileNotFoundError):
        vaery.read(tmp_path / "none.txt")


# ------------------------------------------------------------------ jobs


def test_new_texts_and_the_same_ones_for_a_seed(model):
    new = model.generate(20, seed=1)
    assert all(isinstance(text, str) for text in new)
    assert new == model.generate(20, seed=1)
    assert new != model.generate(20, seed=2)
    assert sum(text.startswith("The ") for text in new) > 10


def test_what_is_given_stands_in_every_text(model):
    for text in model.generate(10, given={"text": ("The soup was", ...)}, seed=0):
        assert text.startswith("The soup was")
    for text in model.generate(10, given={"text": (..., "was cold! 3")}, seed=0):
        assert text.endswith(" was cold! 3")
    middle = model.generate(10, given={"text": ("The waiter", ..., "the coffee", ...)}, seed=0)
    assert all(text.startswith("The waiter") and " the coffee" in text for text in middle)
    assert model.generate(3, given={"text": TEXTS[0]}) == [TEXTS[0]] * 3


def test_a_gap_of_open_length_is_as_long_as_it_should_be(model):
    """All sentences have one form, so there is one length that is right."""
    found = model.generate(20, given={"text": ("The soup", ..., "the waiter was bad. 1")}, seed=0)
    assert sum(len(text.split()) == 10 for text in found) >= 15


def test_beginnings_are_completed_and_whole_texts_stay(model):
    rows = [TEXTS[0], ("The soup", ...), None]
    filled = model.impute(rows)
    assert filled[0] == TEXTS[0]
    assert filled[1].startswith("The soup")
    assert isinstance(filled[2], str)
    tables = model.impute(rows, draws=3)
    assert [table[0] for table in tables] == [TEXTS[0]] * 3


def test_points_ways_and_scores(model):
    z = model.transform(TEXTS[:5])
    assert z.shape == (5, 6)
    assert np.allclose(z[2:3], model.transform(TEXTS[2:3]), atol=1e-5)
    way = model.interpolate(TEXTS[:2], TEXTS[2:4], steps=4)
    assert len(way) == 8
    assert way[0] == model.reconstruct(TEXTS[:1])[0]
    usual, odd = model.score_samples([TEXTS[3], "was was soup bad The. and 9"])
    assert usual > odd + 5
    assert model.explain(TEXTS[:50])["bits"] >= 0


def test_odd_texts_are_found_with_the_words_that_make_them_odd(model):
    odd = TEXTS[0].replace(" and ", " waiter ")
    found = model.detect([*TEXTS[:30], odd])
    assert found["bits"].iloc[-1] == found["bits"].max()
    first = found["reasons"].iloc[-1][0]
    assert (first["cell"], first["expected"]) == ("waiter", "and")
    assert first["beyond"] > 3


def test_a_label_from_few(tmp_path):
    rng = np.random.default_rng(0)
    good = rng.integers(0, 2, 200)
    texts = [f"{'Nice and good' if g else 'Poor and bad'} {NOUNS[i % 4]} {i}" for i, g in enumerate(good)]
    labels = [("yes" if g else "no") if i < 100 else None for i, g in enumerate(good)]
    both = VAE(steps=250, batch=32, width=32, latent=4, dropout=0.0, threads=1).fit({"text": texts, "good": labels})
    said = both.predict({"text": texts[100:]}, target="good")
    assert np.mean(said == np.where(good[100:] == 1, "yes", "no")) > 0.9
    some = both.generate(20, given={"good": "yes"})
    assert set(some["good"]) == {"yes"}
    begun = both.generate(5, given={"good": "no", "text": (..., "soup", ...)})
    assert all(" soup" in text for text in begun["text"])
    both.save(tmp_path / "both.vaery")
    assert (
        vaery.load(tmp_path / "both.vaery").predict({"text": texts[:5]}, target="good").tolist()
        == both.predict({"text": texts[:5]}, target="good").tolist()
    )


def test_saved_and_loaded_nothing_changes(model, tmp_path, monkeypatch):
    model.save(tmp_path / "m.vaery")
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    again = vaery.load(tmp_path / "m.vaery")
    assert again.generate(5, seed=3) == model.generate(5, seed=3)
    assert np.array_equal(again.score_samples(TEXTS[:3]), model.score_samples(TEXTS[:3]))
    gap = {"text": ("The soup", ..., "bad.")}
    assert again.generate(5, given=gap, seed=3) == model.generate(5, given=gap, seed=3)


def test_in_the_shell(model, tmp_path):
    from typer.testing import CliRunner

    from vaery.cli.app import app

    path, file = tmp_path / "m.vaery", tmp_path / "texts.txt"
    model.save(path)
    KIND.write(TEXTS[:5], file)
    runner = CliRunner()
    out = tmp_path / "new.txt"
    ran = runner.invoke(app, ["generate", str(path), "-n", "4", "--given", "text=The soup ...", "-o", str(out)])
    assert ran.exit_code == 0, ran.output
    assert [line.startswith("The soup") for line in vaery.read(out)] == [True] * 4
    ran = runner.invoke(app, ["embed", str(path), str(file), "-o", str(tmp_path / "z.csv")])
    assert ran.exit_code == 0, ran.output
    ran = runner.invoke(app, ["detect", str(path), str(file), "-o", str(tmp_path / "odd.csv")])
    assert ran.exit_code == 0, ran.output


def test_gaps_of_training_have_many_shapes():
    visible = FIELDS["bpe"].hide(4000, Random(0))
    length = max(FIELDS["bpe"].lengths)
    first, last = visible[:, 0].float().mean(), visible[:, length // 2].float().mean()
    assert 0.3 < first < 0.8
    assert 0.3 < last < 0.8
    assert not visible[:, -1].all()


def test_a_fit_that_collapses_says_so_and_is_tried_again():
    heavy = {"name": "masked", "options": {"beta": 30.0, "warmup": 0.0, "free_bits": 0.0}}
    model = VAE(steps=40, batch=32, width=16, latent=4, objective=heavy, threads=1).fit(TEXTS)
    assert model.trouble_[0].startswith("the latent had collapsed at step 20 (0.")
    assert "free bits" in model.trouble_[0]
