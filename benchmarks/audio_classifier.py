"""Who hears digits: a small convolutional net over log-mel pictures, trained on real clips. Part of ``audio.py``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vaery.core.random import Random, isolated
from vaery.kinds.audio import Sound
from vaery.kinds.audio.sound import wave
from vaery.kinds.audio.spectrum import Spectrum

FRAMES, BANDS, FLOOR = 64, 64, -7.0  # natural logarithms beneath the loudest band of a clip
BATCH, RATE = 64, 4e-3


class Classifier(nn.Module):
    """Log-mel magnitudes relative to the loudest, cut at one second, through three convolutions."""

    def __init__(self) -> None:
        super().__init__()
        block = lambda a, b: (nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU(), nn.MaxPool2d(2))
        self.net = nn.Sequential(*block(1, 12), *block(12, 24), *block(24, 48), nn.Dropout(0.3))
        self.head = nn.Linear(48 * BANDS // 8, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.net((x[:, None] + 4) / 3).mean(2).flatten(1))

    @classmethod
    def fitted(cls, sounds: Sequence[Sound], digits: np.ndarray, seed: int, epochs: int) -> Classifier:
        """Trained on clips that are moved, warped, made louder or softer, and noisy, each time anew."""
        x, y, rng = pictures(sounds), torch.from_numpy(digits).long(), Random(seed)
        steps = max(1, epochs * len(x) // BATCH)
        with isolated(seed):
            net = cls()
            optimizer = torch.optim.AdamW(net.parameters(), RATE, weight_decay=0.05)
            pace = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, max(2, steps))
            for _ in range(steps):
                rows = rng.integers(0, len(x), (BATCH,))
                loss = F.cross_entropy(net(disturbed(x[rows], rng)), y[rows], label_smoothing=0.05)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                pace.step()
        return net.eval()

    @torch.no_grad()
    def digits(self, sounds: Sequence[Sound]) -> np.ndarray:
        """The digit that is heard in each."""
        return torch.cat([self(part).argmax(1) for part in pictures(sounds).split(256)]).numpy()


def pictures(sounds: Sequence[Sound]) -> Tensor:
    """``[N, 64, 64]`` log-mel magnitudes, time first."""
    out = torch.full((len(sounds), FRAMES, BANDS), FLOOR)
    for i, sound in enumerate(sounds):
        loud = Spectrum(sound.rate, BANDS).analyse(torch.from_numpy(wave(sound, "").x[:, 0]))[:FRAMES]
        if len(loud):
            log = (loud + 1e-4).log()
            out[i, : len(log)] = (log - log.amax()).clamp(min=FLOOR)
    return out


def disturbed(x: Tensor, rng: Random) -> Tensor:
    """Up to 12 frames later, up to 12 % higher or lower, up to a few dB louder or softer, with noise in each cell."""
    later = rng.integers(0, 12, (len(x), 1))
    at = torch.arange(FRAMES) - later
    x = torch.where((at >= 0)[..., None], x.gather(1, at.clamp(min=0)[..., None].expand_as(x)), FLOOR)
    place = (torch.arange(BANDS) * (1 + 0.12 * (2 * rng.uniform((len(x), 1)) - 1))).clamp(max=BANDS - 1.01)
    low, share = place.long(), (place - place.floor())[:, None]
    pick = lambda band: x.gather(2, band[:, None].expand_as(x))
    x = pick(low) * (1 - share) + pick(low + 1) * share
    return (x + 0.5 * rng.normal(tuple(x.shape))).clamp(min=FLOOR) + 0.3 * rng.normal((len(x), 1, 1))
