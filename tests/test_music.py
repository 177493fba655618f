"""Music: what is found by looking, round trips, the chain of notes and its gaps, files, sound, and every job."""

from __future__ import annotations

import itertools
import sys
import wave

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from vaery import VAE, load
from vaery.cli.app import app
from vaery.core.check import check_kind
from vaery.core.errors import ChoiceError, DataError, MissingExtra, QueryError
from vaery.core.query import between
from vaery.core.random import Random
from vaery.kinds import image
from vaery.kinds import music as kind
from vaery.kinds.music.columns import Part
from vaery.kinds.music.piece import DRUMS, Piece
from vaery.schema import kind_of, stack


def tune(seed: int, bars: int = 4) -> np.ndarray:
    """A roll of four steps a bar: a chord that is held, and its notes one by one above it."""
    rng = np.random.default_rng(seed)
    roll = np.zeros((4 * bars, 88), np.uint8)
    for bar in range(bars):
        root = 24 + rng.choice([0, 5, 7])
        roll[4 * bar : 4 * bar + 4, [root, root + 4, root + 7]] = 1
        for step, up in enumerate((12, 16, 19, 16)):
            roll[4 * bar + step, root + up] = 1
    return roll


def tunes(count: int = 40) -> list[np.ndarray]:
    return [tune(i, 2 + i % 3) for i in range(count)]


def song(seed: int = 0, drums: bool = True) -> Piece:
    """A piece for piano and drums in three quarters that gets slower."""
    rng = np.random.default_rng(seed)
    roll = np.zeros((24 + 12 * (seed % 3), 1 + drums, 128), np.uint8)
    for start in range(0, len(roll), 4):
        pitch = int(rng.choice([60, 64, 67]))
        roll[start, 0, pitch], roll[start + 1 : start + 3, 0, pitch] = 1, 2
        if drums:
            roll[start, 1, 36] = 1
    return Piece(roll, (0, DRUMS)[: 1 + drums], 4, ((0.0, 90.0), (3.0, 80.0)), ((0.0, 3, 4),), f"{seed}.mid")


@pytest.fixture(scope="module")
def fitted() -> VAE:
    return VAE(steps=120, threads=1, width=64, learning_rate=0.01).fit(tunes())


@pytest.fixture(scope="module")
def songs() -> VAE:
    return VAE(steps=6, threads=1, width=32).fit([song(i) for i in range(24)])


# ------------------------------------------------------------------ looking


def test_rolls_are_told_from_pictures_and_tables():
    assert kind_of(tunes(3)) == "music"
    assert kind_of([np.zeros((4, 128), bool), np.zeros((6, 128), bool)]) == "music"
    assert kind_of([np.zeros((28, 28)), np.ones((28, 28))]) == "image"
    assert kind_of(np.zeros((5, 16, 88), np.uint8)) == "image"  # of one size: as it always was
    assert kind_of(np.random.default_rng(0).normal(size=(10, 88))) == "table"
    assert kind_of([song()]) == "music"
    assert not kind.looks_like([np.full((4, 88), 3), np.zeros((6, 88))])
    assert image.looks_like([np.full((40, 88), 3), np.zeros((60, 88))])  # and says that they must be of one size


def test_what_is_found_in_pieces():
    field = kind.describe([song(i) for i in range(5)])
    assert [part.program for part in field.parts] == [0, DRUMS]
    assert (field.grid, field.tempo, field.meter, field.states) == (4, 90.0, (3, 4), 3)
    assert field.parts[0].low == 60 - 12
    assert field.steps == 72  # half as many again as the longest


@pytest.mark.parametrize("raw", [tunes(12), [song(i) for i in range(12)]], ids=["rolls", "pieces"])
def test_it_keeps_the_contract_of_a_kind(raw):
    check_kind(kind, raw)


# ------------------------------------------------------------------ round trips

lengths = st.lists(st.integers(0, 12), min_size=2, max_size=4)


@settings(max_examples=40)
@given(lengths, st.integers(0, 10**6), st.sampled_from([88, 128]), st.sampled_from(["bool", "uint8", "float32"]))
def test_rolls_come_back(lengths, seed, width, dtype):
    rng = np.random.default_rng(seed)
    rolls = [(rng.random((t, width)) < rng.random()).astype(dtype) for t in lengths]
    field = kind.describe(rolls)
    back = field.unpack(*field.pack(rolls))
    assert [roll.dtype for roll in back] == [roll.dtype for roll in rolls]
    for a, b in zip(rolls, back, strict=True):
        np.testing.assert_array_equal(a, b)
    gaps = [np.ma.MaskedArray(roll, mask=rng.random(roll.shape) < 0.3) for roll in rolls]
    for a, b in zip(gaps, field.unpack(*field.pack(gaps)), strict=True):
        np.testing.assert_array_equal(np.ma.getmaskarray(a), np.ma.getmaskarray(b))
        np.testing.assert_array_equal(np.ma.filled(a, 0), np.ma.filled(b, 0))


@settings(max_examples=25)
@given(seed=st.integers(0, 10**6), grid=st.sampled_from([1, 3, 4]))
def test_pieces_come_back_from_files(seed, grid, tmp_path_factory):
    rng = np.random.default_rng(seed)
    roll = np.zeros((int(rng.integers(5, 30)), 2, 128), np.uint8)
    roll[:, 0] = rng.random(roll[:, 0].shape) < 0.02
    roll[1:, 0] |= ((rng.random(roll[1:, 0].shape) < 0.5) & (roll[:-1, 0] > 0) & (roll[1:, 0] == 0)) * np.uint8(2)
    roll[:, 1, 35:60] = rng.random((len(roll), 25)) < 0.1
    roll[[0, -1], 0, 60], roll[0, 1, 36] = 1, 1
    piece = Piece(roll, (33, DRUMS), grid, ((0.0, 96.0), (1.0, 132.5)), ((0.0, 6, 8),), "a.mid")
    path = tmp_path_factory.mktemp("files") / "a.mid"
    kind.write([piece], path)
    assert kind.read(path, grid=grid) == [piece]
    field = kind.describe([piece])
    assert field.unpack(*field.pack([piece]), like=[piece])[0] == piece


def test_tempo_meter_and_drums_survive_the_model(songs, tmp_path):
    kind.write([song(1)], tmp_path / "in.mid")
    (made,) = songs.impute(tmp_path / "in.mid")
    songs.write([made], tmp_path / "out.mid")
    (again,) = kind.read(tmp_path / "out.mid")
    assert (again.tempo, again.meter, again.programs) == (song(1).tempo, song(1).meter, (0, DRUMS))
    np.testing.assert_array_equal(again.on_grid(4).roll, song(1).roll)
    new = songs.generate(2)
    assert [(piece.tempo, piece.meter) for piece in new] == [(((0.0, 90.0),), ((0.0, 3, 4),))] * 2


def test_a_piece_is_cut_with_its_tempo_and_meter():
    piece = song(1)
    assert piece[:12] == Piece(piece.roll[:12], (0, DRUMS), 4, piece.tempo, piece.meter)
    assert piece[16:].tempo == ((0.0, 80.0),)
    assert piece[8:].tempo == ((0.0, 90.0), (1.0, 80.0))
    assert len(piece[8:]) == len(piece) - 8
    with pytest.raises(DataError, match="steps left out"):
        piece[::2]


# ------------------------------------------------------------------ the density


def small(states: int):
    """A density of pieces of at most 3 steps of 2 notes, far from uniform, and all such pieces."""
    field = kind.MusicField("m", "categorical", 3, 2, (Part(0, 60, 61),), states, 0, 120.0, (4, 4), "uint8")
    torch.manual_seed(0)
    net = kind.decoder(field, 2, 8, 1, 0.0).double()
    for p in net.parameters():
        p.data.mul_(2.5)
    pieces = []
    for length in range(4):
        for notes in itertools.product(range(states), repeat=2 * length):
            piece = torch.zeros(3, 3, dtype=torch.uint8)
            piece[:length, 0] = 1
            piece[:length, 1:] = torch.tensor(notes, dtype=torch.uint8).view(length, 2)
            pieces.append(piece)
    z = torch.randn(1, 1, 2).double()
    return lambda rows: net(z.expand(1, rows, -1)), torch.stack(pieces)


def shares(drawn, pieces):
    code = lambda t: t.flatten(1).long() @ (3 ** torch.arange(9))
    return torch.stack([(code(drawn) == c).double().mean() for c in code(pieces)])


@pytest.mark.parametrize("states", [2, 3])
@torch.no_grad()
def test_it_is_a_density_and_draws_are_spread_as_it_says(states):
    density, pieces = small(states)
    p = density(len(pieces)).log_prob(pieces).sum((0, 2, 3)).exp()
    assert float(p.sum()) == pytest.approx(1)
    drawn = density(20_000).sample(Random(0))[0]
    assert float((shares(drawn, pieces) - p).abs().sum()) < 0.06  # total variation, twice


@torch.no_grad()
def test_careful_draws_are_likelier():
    density, pieces = small(2)
    p = density(len(pieces)).log_prob(pieces).sum((0, 2, 3))
    whole = lambda d: float(density(4000).log_prob(d.sample(Random(0))[0]).sum((0, 2, 3)).mean())
    usual, careful, sure = (
        whole(d) for d in (density(4000), density(4000).tempered(0.5), density(4000).tempered(1, 0.5))
    )
    assert usual < careful < sure <= float(p.max()) + 1e-6
    assert usual == pytest.approx(float((p.exp() * p).sum()), abs=0.1)


@torch.no_grad()
def test_gaps_are_filled_by_a_density_given_all_that_is_known():
    density, pieces = small(2)
    known = torch.zeros(3, 3, dtype=torch.bool)
    known[1, 1] = known[0, 2] = True
    fits = pieces[(pieces[:, 1, 1] == 1) & (pieces[:, 0, 2] == 0)]
    given = known.expand(fits.shape)
    everything = torch.ones_like(given)
    filled = density(len(fits))._scored(fits.long(), ~given, everything, given).sum((0, 2, 3)).exp()
    assert float(filled.sum()) == pytest.approx(1)
    value = torch.zeros(20_000, 3, 3, dtype=torch.uint8)
    value[:, 1, 1] = 1
    drawn = density(20_000).sample(Random(1), value, known.expand(value.shape))[0]
    assert float((shares(drawn, fits) - filled).abs().sum()) < 0.06


@torch.no_grad()
def test_teacher_forcing_is_the_product_of_the_steps():
    density, pieces = small(3)
    piece = pieces[-30][None]
    whole = density(1).log_prob(piece)[0, 0]
    for step, cell in itertools.product(range(3), range(3)):
        order = torch.arange(9).view(3, 3)
        before = order < 3 * step + cell
        options = piece.repeat(3, 1, 1)
        options[:, step, cell] = torch.arange(3)
        given = before.expand(options.shape)
        asked = (order == 3 * step + cell).expand(options.shape)
        terms = density(3)._scored(options.long(), asked, given, None)[0, :, step, cell]
        codes = slice(0, 2 if cell == 0 else 3)
        assert float(terms[codes].exp().sum()) == pytest.approx(1)
        unseen = density(1)._scored(piece.long(), asked[:1], torch.ones_like(given[:1]), None)[0, 0, step, cell]
        assert float(unseen) == pytest.approx(float(whole[step, cell]))  # what comes later does not matter


@torch.no_grad()
def test_what_is_hidden_has_no_influence_and_what_is_known_stays():
    field = kind.describe(tunes(8))
    torch.manual_seed(0)
    density = kind.decoder(field, 3, 16, 1, 0.0)(torch.randn(2, 8, 3))
    value, _ = field.pack(tunes(8))
    known = field.hide(8, Random(3))
    noise = torch.where(known, value, 1 - value)
    assert torch.equal(density.log_prob(value, known), density.log_prob(noise, known))
    a, b = (density.sample(Random(0), v, known) for v in (value, noise))
    assert torch.equal(a, b)
    assert torch.equal(a[1][known], value[known])
    others = [density.given_others(v, known).log_prob(value, known) for v in (value, noise)]
    assert torch.equal(*others)


def test_rows_do_not_hang_on_the_batch():
    field = kind.describe(tunes(8))
    value, _ = field.pack(tunes(8))
    encoder = kind.encoder(field, 16, 1, 0.0).eval()
    torch.testing.assert_close(encoder(value)[:1], encoder(value[:1]))
    decoder = kind.decoder(field, 3, 16, 1, 0.0).eval()
    z = torch.randn(1, 8, 3)
    torch.testing.assert_close(decoder(z).log_prob(value)[:, :1], decoder(z[:, :1]).log_prob(value[:1]))


@torch.no_grad()
def test_notes_given_all_others_do_not_hang_on_longer_pieces():
    rolls = [*tunes(3), np.concatenate([tunes(1)[0]] * 4)]
    field = kind.describe(rolls)
    value, _ = field.pack(rolls)
    density = kind.decoder(field, 3, 16, 1, 0.0).eval()
    z = torch.randn(1, 4, 3)
    whole = density(z).given_others(value, None).log_prob(value)
    alone = density(z[:, :1]).given_others(value[:1], None).log_prob(value[:1])
    torch.testing.assert_close(whole[:, :1], alone)
    assert float(whole[0, 0, len(rolls[0]) + 1 :].abs().max()) == 0  # after its end


def test_training_hears_pieces_in_other_keys():
    field = kind.describe(tunes(40))
    value, _ = field.pack(tunes(40))
    moved, known = field.vary(value, None, Random(0))
    assert known is None
    shifts = set()
    for a, b in zip(value[:, :, 1:], moved[:, :, 1:], strict=True):
        shift = int(b.any(0).int().argmax() - a.any(0).int().argmax())
        assert torch.equal(a.roll(shift, 1), b)
        shifts.add(shift)
    assert len(shifts) > 5
    assert torch.equal(value[:, :, 0], moved[:, :, 0])
    songs = [song(i) for i in range(20)]
    field = kind.describe(songs)
    value, _ = field.pack(songs)
    moved, _ = field.vary(value, None, Random(0))
    drums = 1 + field.parts[0].width
    assert torch.equal(value[..., drums:], moved[..., drums:])
    assert not torch.equal(value, moved)


# ------------------------------------------------------------------ files


def test_files_that_cannot_be_used_are_listed_and_skipped(tmp_path):
    kind.write([song(1)], tmp_path / "good.mid")
    (tmp_path / "broken.mid").write_bytes(b"MThd\0\0")
    kind.write([Piece(np.zeros((8, 1, 128), np.uint8))], tmp_path / "silent.mid")
    with pytest.warns(UserWarning, match=r"2 of 3 files were skipped: broken.mid: .*; silent.mid: it holds no notes"):
        assert [piece.name for piece in kind.read(tmp_path)] == ["good.mid"]
    (tmp_path / "good.mid").unlink()
    with pytest.raises(DataError, match=r"none of 2 MIDI files can be used: broken.mid"):
        kind.read(tmp_path)
    with pytest.raises(FileNotFoundError):
        kind.read(tmp_path / "nothing.mid")


def test_the_grid_is_said_where_notes_must_move(tmp_path):
    import mido

    file = mido.MidiFile(ticks_per_beat=480)
    file.tracks.append(mido.MidiTrack())
    for i in range(30):
        file.tracks[0].append(mido.Message("note_on", note=60, time=240 if i != 9 else 340))
        file.tracks[0].append(mido.Message("note_off", note=60, time=240 if i != 9 else 140))
    file.save(tmp_path / "played.mid")
    with pytest.warns(UserWarning, match="1 of 30 notes were off the grid of 2 steps in a quarter note"):
        (piece,) = kind.read(tmp_path / "played.mid")
    assert piece.grid == 2


def test_without_mido_one_sentence_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "a.mid").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "mido", None)
    with pytest.raises(MissingExtra, match=r"pip install 'vaery\[music\]'"):
        VAE().fit(tmp_path)


def test_sound_is_as_long_and_as_high_as_it_should_be(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")  # our own synthesiser
    roll = np.zeros((8, 1, 128), np.uint8)
    roll[:, 0, 69] = [1, 2, 2, 2, 0, 0, 0, 0]
    kind.write([Piece(roll, tempo=((0.0, 60.0),))], tmp_path / "a.wav")
    with wave.open(str(tmp_path / "a.wav")) as file:
        rate, sound = file.getframerate(), np.frombuffer(file.readframes(file.getnframes()), "<i2")
    assert len(sound) / rate == pytest.approx(2.5, abs=0.01)
    assert np.abs(np.fft.rfft(sound)).argmax() * rate / len(sound) == pytest.approx(440, abs=2)
    assert np.abs(sound[int(1.3 * rate) :]).max() < 0.01 * np.abs(sound).max()


def test_a_picture_shows_notes_bars_and_gaps():
    picture = np.asarray(kind.grid([song(0).hide(bars=(1, 2))], scale=1))
    colours = {tuple(c) for c in picture.reshape(-1, 3).tolist()}
    assert {kind.pictures.HIDDEN, kind.pictures.INKS[0], kind.pictures.INKS[1], kind.pictures.LINE} <= colours
    assert kind.pictures.HIDDEN not in {tuple(c) for c in np.asarray(kind.grid([song(0)])).reshape(-1, 3).tolist()}


# ------------------------------------------------------------------ bad input


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ([np.zeros((200, 88))], r"piece 0 has 200 time steps; this model holds 24 at most"),
        ([tune(0), np.full((4, 88), 2)], "piece 1 holds other numbers than 0 and 1"),
        ([np.zeros((4, 128))], r"piece 0 has the shape \(4, 128\)"),
        (tune(0), r"write \[roll\]"),
        ([song()], "fitted on piano rolls"),
    ],
)
def test_bad_rolls(raw, message):
    with pytest.raises(DataError, match=message):
        kind.describe(tunes(4)).pack(raw)


def test_bad_pieces():
    field = kind.describe([song(i, drums=False) for i in range(3)])
    with pytest.raises(DataError, match="has drums, and no piece of the fit had any"):
        field.pack([song(0)])
    high = song(0, drums=False)
    high.roll[3, 0, 120] = 1
    with pytest.raises(DataError, match=r"plays C9 at quarter note 0.75; .* from C3 to G5"):
        field.pack([high])
    with pytest.raises(DataError, match="fitted on MIDI"):
        field.pack([tune(0)])
    with pytest.raises(DataError, match="no piece holds a single note"):
        kind.describe([Piece(np.zeros((4, 1, 128), np.uint8))])
    with pytest.raises(ChoiceError, match="cannot be visited before the latent"):
        VAE(first=["music"]).fit([song(i) for i in range(3)])


# ------------------------------------------------------------------ jobs


def test_generate_is_the_same_for_a_seed_and_looks_like_the_data(fitted):
    a, b = fitted.generate(8, seed=1), fitted.generate(8, seed=1)
    assert all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))
    assert {len(roll) for roll in a} <= set(range(25))
    assert 2 < np.mean([roll.sum() / max(1, len(roll)) for roll in a]) < 6  # four notes at a time


def test_a_beginning_is_continued_and_a_gap_has_the_length_it_has(fitted):
    start = tune(5)[:4]
    for new in fitted.generate(4, given={"music": start}, seed=0):
        np.testing.assert_array_equal(new[:4], start)
    masked = np.ma.MaskedArray(tune(5), mask=False)
    masked[4:8] = np.ma.masked
    for new in fitted.generate(4, given={"music": masked}, seed=0):
        assert len(new) == len(masked)
        np.testing.assert_array_equal(new[[0, 1, 2, 3, 8, 9]], tune(5)[[0, 1, 2, 3, 8, 9]])
    with pytest.raises(QueryError, match="can be given as a piece"):
        fitted.generate(2, given={"music": between(1, 2)})


def test_missing_bars_and_voices_are_filled_with_music(fitted):
    true = [tune(100 + i) for i in range(6)]
    bars, voice = ([np.ma.MaskedArray(roll, mask=np.zeros(roll.shape, bool)) for roll in true] for _ in range(2))
    for a, b in zip(bars, voice, strict=True):
        a[4:8] = np.ma.masked
        b[:, 36:] = np.ma.masked  # the broken chord above the held one
    for filled, a in zip(fitted.impute(bars), true, strict=True):
        np.testing.assert_array_equal(np.delete(filled, slice(4, 8), 0), np.delete(a, slice(4, 8), 0))
        assert 4 < filled[4:8].sum() < 28  # not silence, which is the likeliest of every single cell
    found = fitted.impute(voice)
    right = [(filled * a)[:, 36:].sum() / a[:, 36:].sum() for filled, a in zip(found, true, strict=True)]
    assert np.mean(right) > 0.4
    draws = fitted.impute(bars, draws=2)
    assert [len(part) for part in draws] == [6, 6]


def test_a_wrong_note_is_named(fitted):
    roll = tune(200)
    right = int(np.flatnonzero(roll[9])[-1])
    roll[9, right], roll[9, right + 1] = 0, 1
    found = fitted.detect([roll, tune(201)], reasons=2)
    reasons = found["reasons"][0]
    assert reasons[0]["cell"] == f"{kind.field.pitch_name(21 + right + 1)} at step 9"
    assert reasons[0]["beyond"] > 5
    assert reasons[-1]["cell"] == "together"
    assert found["bits"][0] > found["bits"][1]


def test_notes_of_pieces_are_named_by_bar_and_beat(songs):
    field = songs.fields_[0]
    assert field.called(17, 1 + 64 - field.parts[0].low) == "E4 at bar 2, quarter 2.25"
    assert field.called(0, field.columns - 81 + 36) == "drum C2 at bar 1, quarter 1"


def test_score_embed_reconstruct_interpolate(fitted):
    rolls = [tune(300, 3), tune(301, 4)]
    assert fitted.score_samples(rolls).shape == (2,)
    assert fitted.transform(rolls).shape == (2, fitted.choices_.latent[0])
    wrong = [(1 - roll).astype(np.uint8) for roll in rolls]
    assert (fitted.score_samples(wrong) < fitted.score_samples(rolls)).all()
    assert [len(roll) for roll in fitted.reconstruct(rolls)] == [12, 16]
    way = fitted.interpolate(rolls[:1], rolls[1:], steps=4)
    assert len(way) == 4
    assert (len(way[0]), len(way[-1])) == (12, 16)
    assert max(map(len, way)) <= 16


def test_save_and_load_change_nothing(fitted, songs, tmp_path):
    for model, raw in ((fitted, tunes(3)), (songs, [song(0), song(1)])):
        model.save(tmp_path / "m.vaery")
        again = load(tmp_path / "m.vaery")
        assert again.fields_ == model.fields_
        np.testing.assert_array_equal(again.score_samples(raw), model.score_samples(raw))


def test_beside_a_label():
    raw = {"tune": tunes(30), "sort": ["a", "b", "c"] * 10}
    model = VAE(steps=5, threads=1, width=32).fit(raw)
    new = model.generate(2, given={"sort": "b"}, seed=0)
    assert list(new["sort"]) == ["b", "b"]
    assert len(new["tune"]) == 2
    assert len(model.predict({"tune": tunes(3)}, target="sort")) == 3


def test_slices_of_many_pieces_are_put_together_again(fitted, monkeypatch):
    monkeypatch.setattr("vaery.rowwise.SLICE", 2)
    gaps = [np.ma.MaskedArray(roll, mask=roll == 1) for roll in tunes(3)]
    assert [len(roll) for roll in fitted.impute(gaps)] == [8, 12, 16]
    assert [[len(roll) for roll in part] for part in fitted.impute(gaps, draws=2)] == [[8, 12, 16]] * 2
    assert len(stack([tunes(2), tunes(1)])) == 3


def test_every_command_reads_and_writes_files(songs, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    songs.save(tmp_path / "m.vaery")
    kind.write([song(0), song(1)], tmp_path / "in")
    kind.write([song(0)], tmp_path / "start.mid")

    def run(*words):
        ran = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
        assert ran.exit_code == 0, ran.stderr
        return ran

    model = tmp_path / "m.vaery"
    for out in ("new.mid", "new.wav", "new.png", "new"):
        run("generate", model, "-n", 2, "-o", tmp_path / out, "--seed", 0)
    assert len(kind.read(tmp_path / "new")) <= 2
    run("generate", model, "-n", 2, "-o", tmp_path / "new", "--seed", 0, "--force")
    run("generate", model, "-n", 1, "--given", f"music={tmp_path / 'start.mid'}", "-o", tmp_path / "on.mid")
    (new,) = kind.read(tmp_path / "on.mid")
    np.testing.assert_array_equal(new.on_grid(4).roll[:24], song(0).roll[:24])
    run("score", model, tmp_path / "in", "-o", tmp_path / "score.csv")
    assert (tmp_path / "score.csv").read_text().count("\n") == 3


def test_rolls_in_a_file(tmp_path):
    kind.write(tunes(3), tmp_path / "rolls.npz")
    assert kind.looks_like(tmp_path / "rolls.npz")
    for a, b in zip(kind.read(tmp_path / "rolls.npz"), tunes(3), strict=True):
        np.testing.assert_array_equal(a, b)
