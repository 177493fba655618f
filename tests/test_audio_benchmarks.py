"""What sound is judged by in ``benchmarks/``: distances, the classifier, Opus, the bars."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
if not BENCHMARKS.exists():
    pytest.skip("the benchmarks are not part of a distribution", allow_module_level=True)
sys.path.insert(0, str(BENCHMARKS))

import audio_metrics  # noqa: E402
import audio_opus  # noqa: E402
import audio_rules  # noqa: E402
import audio_stream  # noqa: E402
import audio_tasks  # noqa: E402
import image_bars  # noqa: E402
from audio_classifier import Classifier  # noqa: E402
from common import Results  # noqa: E402

from vaery.kinds.audio import Sound  # noqa: E402

RATE = 8000


def tone(pitch: float, seconds: float = 0.3, loud: float = 0.5) -> Sound:
    t = np.arange(round(seconds * RATE)) / RATE
    return Sound((32767 * loud * np.sin(2 * np.pi * pitch * t)).astype(np.int16), RATE)


def test_the_distance_is_that_of_loudness_in_decibels() -> None:
    a, half = [tone(500), tone(900)], [tone(500, loud=0.25), tone(900, loud=0.25)]
    assert audio_metrics.apart(a, a) == 0
    assert 2 < audio_metrics.apart(a, half) <= 6.03  # six, but for what is beneath the floor
    assert audio_metrics.apart(a, a[::-1]) > 10


def test_a_classifier_learns_what_is_plain() -> None:
    sounds = [tone(300 + 900 * (i % 3)) for i in range(48)]
    digits = np.arange(48) % 3
    torch.set_num_threads(1)
    judge = Classifier.fitted(sounds, digits, 0, 30)
    assert (judge.digits(sounds) == digits).mean() > 0.9


def test_frames_of_a_gaussian_end_once() -> None:
    value = np.zeros((1, 4, 3), np.float32)
    value[0, :, 0] = 1.0, 0.8, 0.2, 0.9
    value[..., 1:] = 2.0
    made = audio_metrics.padded(value)
    assert made[0, :, 0].tolist() == [1, 1, 0, 0]
    assert made[0, :, 1].tolist() == [2, 2, 0, 0]


def test_a_noisy_recording_is_cut_where_its_clips_end() -> None:
    clips = [tone(400 + 50 * i, 0.2 + 0.05 * i) for i in range(4)]
    s = audio_stream.noisy(audio_tasks.Speech([], np.array([]), clips, np.arange(4)), 3, 0)
    assert [len(c) for c in s.cut(s.samples)] == [len(c) for c in s.clean] == [len(clips[i]) for i in (0, 1, 3)]
    rest = s.samples - np.concatenate([c.samples for c in s.clean])
    assert float(rest.std()) == pytest.approx(audio_stream.LOUD, rel=0.05)
    quieter = audio_stream.subtracted(s.samples)
    assert quieter.shape == s.samples.shape
    assert audio_metrics.apart(s.clean, s.cut(quieter)) < audio_metrics.apart(s.clean, s.cut(s.samples))


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not there")
def test_clips_come_back_from_opus_where_they_were() -> None:
    sounds = [tone(400, 0.4), tone(700, 0.31), tone(1100, 0.25)]
    back, bits, encode, decode = audio_opus.round_trip(sounds, RATE, 16_000)
    assert [len(s) for s in back] == [len(s) for s in sounds]
    assert audio_metrics.apart(sounds, back) < audio_metrics.apart(sounds, back[::-1]) / 2
    assert 2000 < bits < 32_000
    assert min(encode, decode) > 0


def test_the_probe_reads_what_is_there() -> None:
    rng = np.random.default_rng(0)
    x, digits = rng.normal(size=(200, 4)), np.arange(200) % 2
    x[:, 0] += 6 * digits
    assert audio_metrics.probed(x[:100], digits[:100], x[100:], digits[100:]) > 0.95


def test_bars_of_sound() -> None:
    results = Results("audio", keep=False)
    about = {"versions": {}, "threads": 1}
    for method, distance in (("vaery", 3.4), ("Opus 8 kbit/s", 4.1)):
        values = {"distance": distance, "bits_per_second": 300.0, "encode_real_time": 90.0, "decode_real_time": 15.0}
        line = {"task": "codec", "data": "fsdd 10 min", "method": method, "seed": 0, "ours": method == "vaery",
                "values": values, "seconds": 1.0, "about": about}  # fmt: skip
        results.lines[method] = line
    verdicts = [bar.verdict for bar in image_bars.quality(results, audio_rules.RULES, (), audio_rules.SCRIPT)]
    assert [v.split()[0] for v in verdicts] == ["won", "won", "lost"]


def test_tasks_name_six_speakers() -> None:
    assert len(set(audio_tasks.SPEAKERS)) == 6
