"""stream: noise taken off a recording while it comes in. Part of ``audio.py``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from audio_metrics import apart, seconds
from audio_tasks import RATE, Speech, speech
from common import Clock
from image_task import Asked
from scipy.signal import istft, stft
from task import Task

from vaery.kinds.audio import Sound
from vaery.stream import Stream

CLIPS = 100
LOUD = 0.02  # of full scale: standard deviation of the noise
BLOCK = 256  # samples, 32 ms
SPECTRUM = 256  # samples of a frame of the simple way


@dataclass(frozen=True)
class Noisy:
    """Clips one after the other, with noise."""

    speech: Speech
    clean: list[Sound]
    samples: np.ndarray

    def cut(self, samples: np.ndarray) -> list[Sound]:
        """A recording as the clips that it is made of."""
        ends = np.cumsum([len(sound) for sound in self.clean])[:-1]
        return [Sound(part, RATE) for part in np.split(samples, ends)]


def noisy(s: Speech, clips: int, seed: int) -> Noisy:
    at = np.linspace(0, len(s.test) - 1, min(clips, len(s.test))).astype(int)
    clean = [Sound((s.test[i].samples / 32768).astype(np.float32), RATE) for i in at]
    joined = np.concatenate([sound.samples for sound in clean])
    noise = np.random.default_rng(seed).normal(0, LOUD, len(joined)).astype(np.float32)
    return Noisy(s, clean, joined + noise)


def stream(asked: Asked, name: str) -> Task:
    """Test clips in a row, in noise, block by block: how far from clean, how late, how fast."""
    methods: dict[str, Callable[[Noisy, int], dict[str, Any]]] = {
        "vaery": lambda s, seed: streamed(asked, name, s, seed),
        "vaery, clip by clip": lambda s, seed: whole(asked, name, s, seed),
        "spectral subtraction, noise known": lambda s, _: {"distance": apart(s.clean, s.cut(subtracted(s.samples)))},
        "as it came": lambda s, _: {"distance": apart(s.clean, s.cut(s.samples))},
    }
    config = {**asked.config, "data": name, "loud": LOUD, "block": BLOCK}
    return Task("stream", config, lambda seed: noisy(speech(asked, name), asked.few(CLIPS, 3), seed), methods,
                data=asked.name(name), ours=frozenset({"vaery", "vaery, clip by clip"}))  # fmt: skip


def streamed(asked: Asked, name: str, s: Noisy, seed: int) -> dict[str, Any]:
    """Ours, as a microphone would feed it; the longest that one block took, too."""
    model, took = asked.fit(name, s.speech.rows, seed)
    live, out, longest = Stream(model, "denoise", strength=LOUD), [], 0.0
    live.push(s.samples[:BLOCK])
    live.close()
    with Clock() as all_of_it:
        for at in range(0, len(s.samples), BLOCK):
            with Clock() as one:
                out.append(live.push(s.samples[at : at + BLOCK]))
            longest = max(longest, one.wall)
        out.append(live.close())
    length = len(s.samples) / RATE
    return {**took, "distance": apart(s.clean, s.cut(np.concatenate(out))), "delay": live.delay,
            "real_time": length / all_of_it.wall, "longest_block": longest}  # fmt: skip


def whole(asked: Asked, name: str, s: Noisy, seed: int) -> dict[str, Any]:
    """Ours, each clip as a recording of its own, as it can be done afterwards."""
    model, took = asked.fit(name, s.speech.rows, seed)
    with Clock() as clock:
        back = model.denoise({"sound": s.cut(s.samples)}, strength=LOUD, seed=seed)["sound"]
    return {**took, "distance": apart(s.clean, back), "real_time": seconds(s.clean) / clock.wall}


def subtracted(samples: np.ndarray) -> np.ndarray:
    """The simple way: each frame's power less that of the noise (Boll, 1979), a tenth of the magnitude at least."""
    _, _, frames = stft(samples, RATE, nperseg=SPECTRUM)
    _, _, noise = stft(np.random.default_rng(0).normal(0, LOUD, 50 * SPECTRUM), RATE, nperseg=SPECTRUM)
    power = np.abs(frames) ** 2
    kept = np.sqrt(np.maximum(1 - np.mean(np.abs(noise) ** 2) / np.maximum(power, 1e-20), 0.01))
    return istft(frames * kept, RATE, nperseg=SPECTRUM)[1][: len(samples)].astype(np.float32)
