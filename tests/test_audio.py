"""Sound: what is found by looking, the front end and its way back, gaps, lengths, files, pictures, and every job."""

from __future__ import annotations

import sys
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import vaery
from vaery import VAE, between, load
from vaery.cli.app import app
from vaery.core.check import check_kind
from vaery.core.errors import DataError, MissingExtra, QueryError
from vaery.core.random import Random
from vaery.kinds import audio as kind
from vaery.kinds.audio import Sound, joined, sounds, windows
from vaery.kinds.audio.density import SoundDensity
from vaery.kinds.audio.gaps import heard, muted
from vaery.kinds.audio.nets import decoder, encoder
from vaery.kinds.audio.spectrum import Spectrum
from vaery.likelihoods.normal import Normal
from vaery.schema import kind_of

RATE = 8000


def tone(seed: int, samples: int | None = None, rate: int = RATE, dtype: str = "int16") -> Sound:
    """A sine of one of four pitches that rises a little, fades in and out, and a little noise."""
    rng = np.random.default_rng(seed)
    samples = samples or 1200 + 400 * (seed % 4)
    t = np.arange(samples) / rate
    x = 0.4 * np.sin(2 * np.pi * (300 * (1 + seed % 4) * t + 100 * t**2)) * np.sin(np.pi * np.arange(samples) / samples)
    x += 0.003 * rng.normal(size=samples)
    return Sound((32767 * x).astype(np.int16) if dtype == "int16" else x.astype(dtype), rate)


def tones(count: int = 24) -> list[Sound]:
    return [tone(i) for i in range(count)]


def labels(count: int = 24) -> np.ndarray:
    return np.array(["abcd"[i % 4] for i in range(count)])


def stereo(seed: int) -> Sound:
    left, right = tone(seed, 1600).samples, tone(seed + 1, 1600).samples
    return Sound(np.stack([left, right // 4], 1), RATE)


@pytest.fixture(scope="module")
def fitted() -> VAE:
    return VAE(steps=60, threads=1, width=32, latent=8).fit({"sound": tones(), "label": labels()})


# ------------------------------------------------------------------ looking


def test_sounds_are_told_from_all_else(tmp_path):
    kind.write(tones(2), tmp_path / "one")
    assert kind_of(tones(2)) == kind_of([None, tone(0)]) == kind_of(tmp_path / "one") == "audio"
    assert kind_of([str(tmp_path / "one" / "00000.wav")]) == kind_of(tone(0)) == "audio"
    assert kind_of(np.zeros((5, 400))) == "table"
    assert not kind.looks_like([])
    assert not kind.looks_like([None])
    assert not kind.looks_like(["one.mid"])
    assert kind.picks([tone(0), None])
    assert not kind.picks(["a", "b"])


def test_what_is_found():
    field = kind.describe([*tones(5), tone(0, 6000, rate=16_000)])
    assert (field.rate, field.channels, field.bands, field.dtype) == (RATE, 1, 64, "int16")
    assert field.spectrum.window == 512
    assert field.spectrum.hop == 128
    assert field.steps % 8 == 0
    assert field.steps >= 1.25 * field.spectrum.frames(3000) - 8
    assert kind.describe([stereo(0), tone(0)]).channels == 2


def test_arrays_must_say_their_rate():
    with pytest.raises(DataError, match="does not say its rate"):
        kind.describe([np.zeros(400)])
    assert [s.rate for s in sounds([np.zeros(400), np.zeros(100)], 4000)] == [4000, 4000]


@pytest.mark.parametrize("raw", [tones(12), [stereo(i) for i in range(12)],
                                 [tone(0).hide(0.02, 0.1), None, *(tone(i, dtype="float32") for i in range(10))]],
                         ids=["mono", "stereo", "gaps"])  # fmt: skip
def test_it_keeps_the_contract_of_a_kind(raw):
    check_kind(kind, raw)


# ------------------------------------------------------------------ the front end


@settings(max_examples=20, deadline=None)
@given(frames=st.integers(1, 30), rate=st.sampled_from([8000, 11_025, 16_000, 44_100]), seed=st.integers(0, 10**6))
def test_the_transform_is_undone(frames, rate, seed):
    spectrum = Spectrum(rate, 64)
    x = Random(seed).normal((2, frames * spectrum.hop))
    torch.testing.assert_close(spectrum.invert(spectrum.transform(x)), x, atol=1e-4, rtol=0)


def test_a_sine_is_as_high_as_it_is_loud():
    spectrum = Spectrum(RATE, 64)
    x = 0.5 * torch.sin(2 * torch.pi * 1000 * torch.arange(8 * 512) / RATE)
    found = spectrum.transform(x[None])[0].abs()
    assert found[10].argmax() == round(1000 * 512 / RATE)
    assert float(found[10].max()) == pytest.approx(0.5, rel=0.01)


def test_bands_hear_all_frequencies():
    for rate in (8000, 44_100):
        filters = Spectrum(rate, 64)._filters
        torch.testing.assert_close(filters.sum(1), torch.ones(64))
        assert (filters.sum(0)[2:-2] > 0).all()
        assert (filters >= 0).all()


def test_loudness_comes_back():
    field = kind.describe(tones())
    value, _ = field.pack(tones())
    again, _ = field.pack(field.unpack(value))
    apart = (again - value)[..., 1:] * torch.tensor(field.sd) * 8.686
    on = value[..., :1] > 0
    assert float((apart.square() * on).sum().div(on.sum() * 64).sqrt()) < 2  # decibels
    assert not bool(field.near(value, value.roll(1, 0)).any())  # other sounds are not near


def test_what_is_made_is_the_same_each_time_and_in_any_batch():
    field = kind.describe(tones())
    value, _ = field.pack(tones(5))
    together, alone = field.unpack(value), field.unpack(value[2:3])[0]
    np.testing.assert_allclose(together[2].samples, alone.samples, atol=2)
    for a, b in zip(together, field.unpack(value), strict=True):
        np.testing.assert_array_equal(a.samples, b.samples)


def test_sounds_keep_their_length_rate_and_dtype():
    raw = [tone(0, 1111), tone(1, 901, dtype="float64")]
    field = kind.describe(raw)
    value, known = field.pack(raw)
    back = field.unpack(value, like=raw)
    assert [(len(s), s.rate, s.samples.dtype.name) for s in back] == [(1111, RATE, "int16"), (901, RATE, "float64")]
    assert known is None
    assert field.unpack(value, like=raw, keep=True)[0] is raw[0]


# ------------------------------------------------------------------ gaps


@settings(max_examples=40, deadline=None)
@given(count=st.integers(1, 20), seed=st.integers(0, 10**6))
def test_gaps_of_samples_are_gaps_of_frames_and_back(count, seed):
    hidden = torch.from_numpy(np.random.default_rng(seed).random(8 * count) < 0.02)
    frames = heard(hidden, 8, count)
    silent = muted(frames[None], torch.tensor([count]), 4)[0]
    assert bool((silent | ~hidden).all())  # all that was hidden is
    assert torch.equal(heard(silent, 8, count), frames)  # and nobody else hears of it


def test_unknown_samples_have_no_influence():
    a, b = tone(1), tone(1)
    x = b.samples.copy()
    x[500:700] = np.random.default_rng(0).integers(-30_000, 30_000, 200)
    field = kind.describe(tones())
    first, second = (field.pack([Sound(s, RATE).hide(500 / RATE, 700 / RATE)]) for s in (a.samples, x))
    assert torch.equal(first[0], second[0])
    assert torch.equal(first[1], second[1])
    nan = a.samples / 32768
    nan[500:700] = np.nan
    third = field.pack([Sound(nan, RATE)])
    torch.testing.assert_close(third[0], first[0])
    assert torch.equal(third[1], first[1])


def test_known_samples_stay_and_the_rest_fits_on():
    whole, field = tone(2), kind.describe(tones())
    holed = whole.hide(0.05, 0.1)
    value, _ = field.pack([whole])
    (back,) = field.unpack(value, like=[holed], keep=True)
    hidden = np.ma.getmaskarray(holed.samples)
    np.testing.assert_array_equal(back.samples[~hidden], whole.samples[~hidden])
    assert not np.ma.is_masked(back.samples)
    assert np.abs(back.samples[hidden].astype(int)).max() > 1000


def test_varied_sounds_are_the_same_but_for_a_little():
    field = kind.describe(tones())
    value, _ = field.pack(tones())
    other, known = field.vary(value, None, Random(0))
    moved = (other != value).flatten(1).any(1)
    assert known is None
    assert 4 <= int(moved.sum()) <= 20
    assert torch.equal(other, field.vary(value, None, Random(0))[0])
    longer = other[..., 0].sum(1) / value[..., 0].sum(1)
    assert float(longer.min()) > 0.8
    assert float(longer.max()) < 1.25
    apart = (field.magnitudes(other[..., 1:]).mean((1, 2)) / field.magnitudes(value[..., 1:]).mean((1, 2))).log()
    assert float(apart.abs().max()) < 0.8
    gaps = torch.ones(value.shape, dtype=torch.bool)
    gaps[:, 3, 1:] = False
    assert torch.equal(field.vary(value, gaps, Random(0))[0], value)


# ------------------------------------------------------------------ the density


def density(rows: int = 1, steps: int = 6, bands: int = 2, draws: int = 1, seed: int = 0) -> SoundDensity:
    rng = Random(seed)
    logits, raw = rng.normal((draws, rows, steps)), rng.normal((draws, rows, steps, bands, 2))
    return SoundDensity(lambda t: (logits[:, :, :t], Normal()(raw[:, :, :t])), (draws, rows, steps, 1 + bands))


def lasting(steps: int) -> torch.Tensor:
    """``[steps + 1, steps, 3]`` every length, and zeros else."""
    on = torch.arange(steps) < torch.arange(steps + 1)[:, None]
    return torch.cat([on[..., None].float(), torch.zeros(steps + 1, steps, 2)], -1)


def test_all_lengths_together_have_probability_one():
    one = density()
    value = lasting(6)
    known = torch.zeros(value.shape, dtype=torch.bool)
    known[..., 0] = True
    log_p = torch.stack([one.log_prob(v[None], k[None]).sum() for v, k in zip(value, known, strict=True)])
    torch.testing.assert_close(log_p.exp().sum(), torch.tensor(1.0))


@pytest.mark.parametrize("seen", [[2], [0, 3], [5], [1, 2, 4]])
def test_so_have_all_that_can_be_known_of_a_length(seen):
    one, value = density(), lasting(6)
    known = torch.zeros(6, 3, dtype=torch.bool)
    known[seen, 0] = True
    told = {tuple(v[seen, 0].tolist()): v for v in value}
    log_p = torch.stack([one.log_prob(v[None], known[None]).sum() for v in told.values()])
    torch.testing.assert_close(log_p.exp().sum(), torch.tensor(1.0))


def test_lengths_are_drawn_as_often_as_they_are_likely():
    one, n = density(), 20_000
    many = SoundDensity(
        lambda t: (one.frames(t)[0].expand(n, 1, t), Normal()(torch.zeros(n, 1, t, 2, 2))), (n, 1, 6, 3)
    )
    drawn = many.sample(Random(1))[:, 0, :, 0].sum(1).long()
    found = torch.bincount(drawn, minlength=7) / n
    value = lasting(6)
    known = torch.zeros(1, 6, 3, dtype=torch.bool)
    known[..., 0] = True
    expected = torch.stack([one.log_prob(v[None], known).sum() for v in value]).exp()
    assert float((found - expected).abs().sum()) < 0.03
    given_three = torch.zeros(n, 6, 3)
    given_three[:, :3, 0] = 1
    some = torch.zeros(n, 6, 3, dtype=torch.bool)
    some[:, 2, 0] = True  # at least three frames
    rows = SoundDensity(
        lambda t: (one.frames(t)[0].expand(1, n, t), Normal()(torch.zeros(1, n, t, 2, 2))), (1, n, 6, 3)
    )
    again = rows.sample(Random(2), given_three, some)[0, :, :, 0].sum(1).long()
    assert int(again.min()) == 3
    found = torch.bincount(again, minlength=7) / n
    assert float((found - torch.where(torch.arange(7) < 3, 0, expected) / expected[3:].sum()).abs().sum()) < 0.03


def test_hushed_draws_are_the_expected_ones_and_say_the_same():
    one = density(rows=3, draws=2)
    quiet, value = one.hushed(0.0), lasting(6)[1:4]
    assert torch.equal(quiet.log_prob(value), one.log_prob(value))
    assert torch.equal(quiet.sample(Random(0)), quiet.sample(Random(1)))
    assert torch.equal(quiet.sample(Random(0)), one.mean())
    assert not torch.equal(one.sample(Random(0)), one.sample(Random(1)))


@torch.no_grad()
def test_how_long_others_are_makes_no_difference():
    field = kind.describe([*tones(), tone(3, 3500)])
    value, _ = field.pack([tone(0), tone(3, 3500)])
    torch.manual_seed(0)
    read, made = encoder(field, 16, 1, 0.0).double().eval(), decoder(field, 3, 16, 1, 0.0).double().eval()
    for p in [*read.parameters(), *made.parameters()]:
        p.normal_(0, 0.1)
    torch.testing.assert_close(read(value.double())[:1], read(value[:1].double()))
    context = Random(0).normal((1, 2, 3)).double()
    both, alone = made(context).log_prob(value.double()), made(context[:, :1]).log_prob(value[:1].double())
    torch.testing.assert_close(both[:, :1], alone)


# ------------------------------------------------------------------ odd sounds: each has a stated answer


def test_odd_sounds_have_an_answer():
    odd = [Sound(np.zeros(1600, np.int16), RATE), Sound(np.array([500], np.int16), RATE),
           Sound(np.full(1600, 32767, np.int16), RATE), Sound(np.zeros(0, np.int16), RATE), None]  # fmt: skip
    field = kind.describe([*tones(), *odd])
    value, known = field.pack(odd)
    assert value[..., 0].sum(1).tolist() == [13, 1, 13, 0, 0]
    assert bool(value.isfinite().all())
    assert known is not None
    assert not known[4].any()
    assert known[:4].all()
    silent, one, loud, empty, missing = field.unpack(value, known, like=odd)
    assert np.abs(silent.samples).max() <= 1
    assert len(one) == 1
    assert len(empty) == 0
    assert missing is None
    assert loud.samples.dtype == np.int16
    assert len(loud) == 1600


def test_only_silence_can_be_fitted_too():
    field = kind.describe([Sound(np.zeros(800), RATE)] * 12)
    value, _ = field.pack([Sound(np.zeros(800), RATE)])
    assert bool(value.isfinite().all())
    assert np.abs(field.unpack(value)[0].samples).max() < 1e-3


@pytest.mark.parametrize(("samples", "says"), [
    (np.array([0.0, np.inf]), "sound 1 is infinite at sample 1"),
    (np.zeros((3, 2, 2)), "numbers \\[samples\\]"),
    (np.array(["a"]), "numbers \\[samples\\]"),
    (np.zeros(80_000), "10.00 s long; this model holds"),
])  # fmt: skip
def test_what_cannot_be_is_refused_by_number(samples, says):
    field = kind.describe(tones())
    with pytest.raises(DataError, match=says):
        field.pack([tone(0), Sound(samples, RATE)])


def test_nothing_to_fit_is_refused():
    with pytest.raises(DataError, match="no sounds"):
        kind.describe([None, None])
    with pytest.raises(DataError, match="cut it"):
        kind.describe([Sound(np.zeros(60 * RATE), RATE)])
    with pytest.raises(DataError, match="not one frame is known"):
        kind.describe([Sound(np.full(800, np.nan), RATE)])


def test_other_rates_and_channels_are_brought_to_one():
    field = kind.describe([*tones(5), tone(1, 3200, rate=16_000)])
    with pytest.warns(UserWarning, match="1 of 2 sounds are at 16000 samples a second; they were resampled to 8000"):
        value, _ = field.pack([tone(1, 1600), tone(1, 3200, rate=16_000)])
    same = (value[0] - value[1])[2:10, 1:50] * torch.tensor(field.sd)[:49]
    assert float(same.abs().mean()) < 1.0  # the same tone, but for its noise
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (back,) = field.unpack(value[1:], like=[tone(1, 3200, rate=16_000)])
    assert (back.rate, len(back)) == (16_000, 3200)
    both = kind.describe([stereo(0), tone(0)])
    value, _ = both.pack([stereo(0), tone(0)])
    assert both.unpack(value, like=[stereo(0), tone(0)])[0].samples.shape == (1600, 2)
    assert both.unpack(value, like=[stereo(0), tone(0)])[1].samples.shape == (1200,)
    loud = both.magnitudes(value[1, :10, 1:])
    torch.testing.assert_close(loud[:, :64], loud[:, 64:])  # mono is heard on both sides


def test_long_recordings_are_cut_and_joined_again():
    whole = tone(0, 5000)
    parts = windows(whole, 0.2)
    assert [len(p) for p in parts] == [1600, 1600, 1600, 200]
    np.testing.assert_array_equal(joined(parts).samples, whole.samples)
    assert len(whole.cut(0.1, 0.2)) == 800


# ------------------------------------------------------------------ files


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_files_come_back(tmp_path, suffix):
    kind.write([tone(0)], tmp_path / f"one{suffix}")
    (back,) = kind.read(tmp_path / f"one{suffix}")
    np.testing.assert_array_equal(back.samples, tone(0).samples)
    assert (back.rate, back.name) == (RATE, f"one{suffix}")


def test_folders_are_classes(tmp_path):
    kind.write({"sound": tones(4), "label": labels(4)}, tmp_path / "all")
    found = vaery.read(tmp_path / "all")
    assert found["label"].tolist() == ["a", "b", "c", "d"]
    np.testing.assert_array_equal(found["sound"][3].samples, tone(3).samples)
    kind.write(tones(3), tmp_path / "row.wav")  # one after the other
    assert len(kind.read(tmp_path / "row.wav")[0]) == sum(len(t) for t in tones(3)) + 2 * RATE // 4
    with pytest.raises(FileNotFoundError):
        kind.read(tmp_path / "none.wav")


def test_broken_files_are_named_together(tmp_path):
    kind.write(tones(2), tmp_path / "some")
    for name in ("a.wav", "b.flac"):
        (tmp_path / "some" / name).write_bytes(b"this is no sound")
    with pytest.raises(DataError, match=r"a\.wav cannot be read as a sound.*b\.flac cannot be read"):
        kind.read(tmp_path / "some")


def test_beyond_full_scale_is_cut(tmp_path):
    kind.write([Sound(np.array([2.0, -2.0, 0.5]), RATE)], tmp_path / "loud.wav")
    assert kind.read(tmp_path / "loud.wav")[0].samples.tolist() == [32767, -32768, 16384]


def test_without_the_extra_one_line_says_what_to_install(monkeypatch, tmp_path):
    kind.write(tones(1), tmp_path / "a.wav")
    monkeypatch.setitem(sys.modules, "soundfile", None)
    monkeypatch.setitem(sys.modules, "soxr", None)
    with pytest.raises(MissingExtra, match=r"pip install 'vaery\[audio\]'"):
        kind.read(tmp_path / "a.wav")
    with pytest.raises(MissingExtra, match="soxr"):
        kind.describe(tones()).pack([tone(0, rate=16_000)])


def test_pictures_show_time_and_gaps():
    sheet = np.asarray(kind.grid([tone(0), tone(1).hide(0.05, 0.1), None], columns=3, labels=["x", "y", "z"]))
    assert sheet.shape[2] == 3
    assert (sheet == (250, 214, 165)).all(-1).any()  # orange
    assert np.asarray(kind.grid([tone(0)])).std() > 10


# ------------------------------------------------------------------ jobs


def test_new_sounds_are_as_they_were_asked_for(fitted):
    new = fitted.generate(6, given={"label": "b"}, seed=0)
    assert list(new["label"]) == ["b"] * 6
    assert all(s.rate == RATE and s.samples.dtype == np.int16 and 0 < s.seconds < 1 for s in new["sound"])
    again = fitted.generate(6, given={"label": "b"}, seed=0)["sound"]
    for a, b in zip(new["sound"], again, strict=True):
        np.testing.assert_array_equal(a.samples, b.samples)
    noisy = fitted.generate(1, seed=0, noise=1)["sound"][0]
    assert noisy.samples.astype(float).std() > 0
    with pytest.raises(QueryError, match="noise=2"):
        fitted.generate(1, noise=2)
    with pytest.raises(QueryError, match="can be given as a sound"):
        fitted.generate(1, given={"sound": between(0, 1)})


def test_saving_changes_nothing(fitted, tmp_path):
    fitted.save(tmp_path / "m.vaery")
    again = load(tmp_path / "m.vaery")
    assert again.schema_["sound"] == fitted.schema_["sound"]
    np.testing.assert_array_equal(again.transform({"sound": tones(5)}), fitted.transform({"sound": tones(5)}))


def test_jobs_on_rows(fitted):
    rows = {"sound": tones(5), "label": labels(5)}
    made = fitted.reconstruct(rows)["sound"]
    assert [len(s) for s in made] == [len(t) for t in tones(5)]
    assert fitted.transform({"sound": tones(3)}).shape == (3, 8)
    assert np.isfinite(fitted.score_samples(rows)).all()
    assert len(fitted.predict({"sound": tones(5)}, target="label")) == 5
    way = fitted.interpolate({"sound": [tone(0)]}, {"sound": [tone(3)]}, steps=4)["sound"]
    assert len(way) == 4
    assert all(isinstance(s, Sound) for s in way)
    assert len(fitted.augment(rows, target="label")["sound"]) >= 5


def test_gaps_are_filled_and_what_is_known_stays(fitted):
    holed = [tone(0).hide(0.05, 0.1), None, tone(2)]
    filled = fitted.impute({"sound": holed, "label": np.array(["a", "b", "c"])})["sound"]
    hidden = np.ma.getmaskarray(holed[0].samples)
    np.testing.assert_array_equal(filled[0].samples[~hidden], tone(0).samples[~hidden])
    assert not np.ma.is_masked(filled[0].samples)
    assert len(filled[0]) == len(tone(0))
    assert isinstance(filled[1], Sound)
    assert len(filled[1]) > 0
    np.testing.assert_array_equal(filled[2].samples, tone(2).samples)
    given = fitted.generate(2, given={"sound": holed[0]}, seed=0)["sound"]
    assert all(len(s) == len(tone(0)) + (-len(tone(0))) % 128 for s in given)


def test_odd_moments_are_named():
    model = VAE(steps=150, threads=1, width=32, latent=8).fit([tone(i, 2400) for i in range(60)])
    broken = tone(1, 2400).samples.copy()
    broken[1200:1500] += np.random.default_rng(0).integers(-9000, 9000, 300).astype(np.int16)
    found = model.detect([tone(1, 2400), Sound(broken, RATE)], reasons=1)
    assert found["bits"][1] > found["bits"][0]
    assert "expected" not in found["reasons"][1][0]  # a moment is a place, and says nothing of what is there
    first = found["reasons"][1][0]["cell"]
    assert first.endswith(" s")
    assert "–" in first
    low, high = map(float, first.removesuffix(" s").split("–"))
    assert low < 1500 / RATE + 0.05
    assert high > 1200 / RATE - 0.05


@pytest.mark.parametrize("strength", [None, 0.05])
def test_noise_is_taken_off(strength):
    model = VAE(steps=150, threads=1, width=32, latent=8).fit([tone(i, 2400) for i in range(60)])
    clean, rng = [tone(i, 2400, dtype="float64") for i in range(4)], np.random.default_rng(0)
    noisy = [Sound(s.samples + 0.05 * rng.normal(size=len(s)), RATE) for s in clean]
    done = model.denoise(noisy, strength=strength)
    found = np.asarray(model.strength_)
    np.testing.assert_allclose(found, 0.05, rtol=0.3 if strength is None else 1e-6)
    field = model.schema_.fields[0]
    (a, _), (b, _), (c, _) = (field.pack(some) for some in (clean, noisy, done))
    assert [len(s) for s in done] == [len(s) for s in noisy]
    assert float((c - a).square().sum()) < 0.5 * float((b - a).square().sum())
    with pytest.raises(QueryError, match="is for pictures"):
        model.denoise(noisy, noise="salt")
    with pytest.raises(QueryError, match="no pixels"):
        model.upscale(noisy)


def test_at_the_command_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    kind.write({"sound": tones(), "label": labels()}, "all")
    run = lambda *words: CliRunner().invoke(app, list(words), catch_exceptions=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert run("fit", "all", "-o", "m.vaery", "--epochs", "1").exit_code == 0
    made = run("generate", "m.vaery", "-n", "2", "--given", "label=b", "-o", "new")
    assert made.exit_code == 0, made.output
    assert len(kind.read("new/sound")) == 2
