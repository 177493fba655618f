"""How far sounds are apart, and what can be read off numbers. Part of ``audio.py``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from vaery.kinds.audio import Sound
from vaery.kinds.audio.sound import wave
from vaery.kinds.audio.spectrum import Spectrum

BANDS, RANGE = 64, 60.0  # dB beneath the loudest hundredth of a clip's bands that are told apart


def seconds(sounds: Sequence[Sound]) -> float:
    return sum(sound.seconds for sound in sounds)


def apart(sounds: Sequence[Sound], others: Sequence[Sound]) -> float:
    """Root mean square difference of log-mel magnitudes in decibels, over frames (64 ms, every 16) and 64 bands; the
    mean over clips. What is more than 60 dB beneath the loudest hundredth of a clip counts as just that loud."""
    found = []
    for a, b in zip(sounds, others, strict=True):
        x, y = (Spectrum(s.rate, BANDS).analyse(torch.from_numpy(wave(s, "").x[:, 0])) for s in (a, b))
        floor = max(1e-6, float(x.quantile(0.99))) * 10 ** (-RANGE / 20)
        count = min(len(x), len(y))
        found.append(float((20 * ((x[:count] + floor) / (y[:count] + floor)).log10()).square().mean().sqrt()))
    return float(np.mean(found))


def probed(x: np.ndarray, digits: np.ndarray, other: np.ndarray, truth: np.ndarray) -> float:
    """The accuracy of a logistic regression."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=1000))
    return float(model.fit(x, digits).score(other, truth))


def padded(value: np.ndarray) -> Tensor:
    """Frames ``[N, T, 1 + F]`` of a Gaussian as packed ones: they last until the first that is rather not there."""
    on = np.cumprod(value[..., :1] > 0.5, axis=1)
    return torch.from_numpy(np.concatenate([on, value[..., 1:] * on], -1).astype(np.float32))
