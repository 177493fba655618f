"""Sound as it comes: blocks of any sizes, and what comes out of them."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vaery import VAE
from vaery.core.errors import ChoiceError, DataError, QueryError
from vaery.kinds.audio import Sound
from vaery.stream import Stream

RATE = 8000


def hum(pitch: float, samples: int = 1600) -> np.ndarray:
    return np.rint(9000 * np.sin(np.arange(samples) * pitch)).astype(np.int16)


@pytest.fixture(scope="module")
def model() -> VAE:
    return VAE(steps=40, threads=1, width=32, latent=4).fit([Sound(hum(0.1 + i / 50), RATE) for i in range(30)])


class Told:
    """Answers each window with itself, or with what a function makes of it; keeps what it was asked."""

    fields_ = (SimpleNamespace(name="sound", kind="audio", rate=RATE, seconds=1.0),)

    def __init__(self, makes=lambda x: x) -> None:
        self.makes, self.asked = makes, []

    def reconstruct(self, rows: dict[str, list[Sound]], seed: int) -> dict[str, list[Sound]]:
        (sound,) = rows["sound"]
        self.asked.append(sound)
        return {"sound": [Sound(self.makes(np.asarray(sound.samples)), sound.rate)]}


def run(stream: Stream, samples: np.ndarray, sizes: list[int]) -> np.ndarray:
    ends = np.cumsum(sizes)
    return np.concatenate([*(stream.push(block) for block in np.split(samples, ends)), stream.close()])


@settings(deadline=None)
@given(
    st.integers(0, 400), st.lists(st.integers(0, 90), max_size=8), st.sampled_from(["<i2", "<f4", "<f8"]), st.booleans()
)
def test_what_is_answered_as_it_is_comes_back_in_order(n: int, sizes: list[int], kind: str, stereo: bool) -> None:
    samples = np.random.default_rng(n).normal(0, 1000, (n, 2) if stereo else n).astype(kind)
    out = run(Stream(Told(), "reconstruct", seconds=0.01), samples, sizes)
    assert out.dtype == samples.dtype
    np.testing.assert_array_equal(out, samples)


def test_windows_overlap_by_half_and_fade_into_each_other() -> None:
    told = Told()
    told.makes = lambda x: np.full(len(x), float(len(told.asked)))  # the first window says 1, the second 2 …
    out = run(Stream(told, "reconstruct", seconds=0.01), np.zeros(200), [70])
    assert [len(sound) for sound in told.asked] == [80, 80, 80, 80]
    assert (out[:40] == 1).all()
    np.testing.assert_allclose(out[40:80], 1 + (np.arange(40) + 0.5) / 40)
    assert (out[160:] == 4).all()


def test_nothing_waits_longer_than_a_window() -> None:
    stream, came = Stream(Told(), "reconstruct", seconds=0.01), 0
    for sample in range(1, 500):
        came += len(stream.push(np.zeros(1)))
        assert sample - came <= stream.delay * RATE
    assert stream.delay == 0.01


def test_dropped_samples_are_filled_and_the_others_stay(model: VAE) -> None:
    samples = np.ma.array(hum(0.2, 3000), mask=np.zeros(3000, bool))
    samples[700:900] = np.ma.masked
    out = [run(Stream(model, "impute", seconds=0.1), samples, sizes) for sizes in ([], [1, 999, 40, 0, 1000])]
    np.testing.assert_array_equal(*out)
    assert out[0].dtype == np.int16
    np.testing.assert_array_equal(out[0][~samples.mask], samples.data[~samples.mask])
    assert out[0][700:900].any()
    floats = np.where(samples.mask, np.nan, samples.data / 32768).astype(np.float32)
    assert np.isfinite(run(Stream(model, "impute", seconds=0.1), floats, [500])).all()


@pytest.mark.parametrize("job", ["denoise", "reconstruct"])
def test_jobs_answer_window_by_window(model: VAE, job: str) -> None:
    noisy = hum(0.2, 2000) / 32768 + np.random.default_rng(0).normal(0, 0.02, 2000)
    out = run(Stream(model, job, seconds=0.1), noisy, [300])
    assert out.shape == noisy.shape
    assert np.isfinite(out).all()
    assert out.any()


def test_one_stream_serves_one_recording_after_the_other() -> None:
    stream, samples = Stream(Told(), "reconstruct", seconds=0.01), np.arange(100.0)
    for _ in range(2):
        np.testing.assert_array_equal(run(stream, samples, [30]), samples)
    assert not len(stream.close())
    stream.push(np.zeros((10, 2), np.int16))
    with pytest.raises(DataError, match=r"float64 \[5\], those before were int16"):
        stream.push(np.zeros(5))
    with pytest.raises(DataError, match="samples was expected"):
        stream.push(["a"])


def test_what_cannot_be_streamed_is_said(model: VAE) -> None:
    with pytest.raises(ChoiceError, match="denoise, impute, reconstruct"):
        Stream(model, "generate")
    with pytest.raises(ChoiceError, match="field of sounds"):
        Stream(model, field="noise")
    with pytest.raises(QueryError, match=r"longest sound that this model can hold has 0\.26 s; write seconds=0\.2"):
        Stream(model, seconds=2.0)
    with pytest.raises(QueryError, match="no sounds"):
        Stream(VAE(steps=2).fit(np.random.default_rng(0).normal(size=(50, 2))))
