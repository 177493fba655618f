"""The front end: samples → loudness by time and pitch, and back.

A window of about 64 ms, moved by a quarter of itself, is taken through the Fourier transform; what is kept are the
magnitudes in bands of the mel scale (Stevens, Volkmann and Newman, 1937), and no phases. Back, the magnitudes of all
frequencies are found that make up those of the bands (Lee and Seung, 2001), and then phases that fit them (Griffin and
Lim, 1984; Perraudin, Balazs and Søndergaard, 2013).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from vaery.core.random import Random

OVERLAP = 4  # frames that hear a sample
SECONDS = 0.064  # of a window, about
ROUNDS, MOMENTUM = 32, 0.99  # of the search for phases
UPDATES = 12  # of the search for magnitudes
TINY = 1e-9


@dataclass(frozen=True)
class Spectrum:
    """The way between samples at one rate and frames of bands.

    Frame t is about the samples from ``t · hop`` to ``(t + 1) · hop``, and hears one and a half as many on either side.

    Attributes:
        rate: samples a second.
        bands: of the mel scale.
    """

    rate: int
    bands: int

    @property
    def window(self) -> int:
        """Samples that a frame hears: a power of two."""
        return max(16, 1 << round(math.log2(SECONDS * self.rate)))

    @property
    def hop(self) -> int:
        """Samples from a frame to the next."""
        return self.window // OVERLAP

    def frames(self, samples: int) -> int:
        """How many frames so many samples have."""
        return -(-samples // self.hop)

    # ------------------------------------------------------------------ there

    def transform(self, x: Tensor) -> Tensor:
        """``x [B, frames · hop]`` → complex ``[B, frames, window / 2 + 1]``. A sine of amplitude 1 is about 1 high."""
        side = (self.window - self.hop) // 2
        pieces = torch.nn.functional.pad(x, (side, side)).unfold(-1, self.window, self.hop)
        hann = _hann(self.window)
        return torch.fft.rfft(pieces * (hann * (2 / hann.sum())))

    def analyse(self, x: Tensor) -> Tensor:
        """``x [n]`` → the magnitude of each band in each frame, ``[frames, bands]``."""
        count = self.frames(len(x))
        if count == 0:
            return x.new_zeros(0, self.bands).float()
        x = torch.nn.functional.pad(x.float(), (0, count * self.hop - len(x)))
        return self.transform(x[None])[0].abs() @ self._filters.T

    @property
    def hiss(self) -> float:
        """The mean magnitude of a band of white noise of standard deviation 1: that of Rayleigh's distribution."""
        hann = _hann(self.window).double()
        return float(math.sqrt(math.pi) / 2 * 2 * hann.square().sum().sqrt() / hann.sum())

    @property
    def _filters(self) -> Tensor:
        return _filters(self.rate, self.window, self.bands)

    # ------------------------------------------------------------------ and back

    def invert(self, spectrum: Tensor, there: Tensor | None = None) -> Tensor:
        """Complex ``[B, frames, window / 2 + 1]`` → the samples ``[B, frames · hop]`` whose transform is nearest.

        Only frames that are ``there [B, frames]`` count (``None``: all); samples of others are zero.
        """
        hann = _hann(self.window)
        there = torch.ones(1, spectrum.shape[1]) if there is None else there.float()
        pieces = torch.fft.irfft(spectrum * (hann.sum() / 2), n=self.window) * (hann * there[..., None])
        over = self._added(hann.square() * there[..., None])
        return self._added(pieces) / over.clamp(min=1e-3) * there.repeat_interleave(self.hop, 1)

    def _added(self, pieces: Tensor) -> Tensor:
        """Overlapping frames ``[B, T, window]`` added up, ``[B, T · hop]``."""
        rows, count, _ = pieces.shape
        pieces = pieces.view(rows, count, OVERLAP, self.hop)
        out = pieces.new_zeros(rows, count + OVERLAP - 1, self.hop)
        for i in range(OVERLAP):
            out[:, i : i + count] += pieces[:, :, i]
        side = (self.window - self.hop) // 2
        return out.view(rows, -1)[:, side : side + count * self.hop]

    def magnitudes(self, bands: Tensor) -> Tensor:
        """Bands ``[..., bands]`` → magnitudes of all frequencies that make them up: by multiplicative updates, which
        stay positive and come nearer to the bands with each step."""
        filters = self._filters
        want, gram = bands @ filters, filters.T @ filters
        found = want / filters.sum(0).square().clamp(min=TINY)
        for _ in range(UPDATES):
            found = found * want / (found @ gram).clamp(min=TINY)
        return found

    def synthesise(
        self,
        magnitude: Tensor,
        there: Tensor | None = None,
        start: Tensor | None = None,
        impose: Callable[[Tensor], Tensor] | None = None,
    ) -> Tensor:
        """Magnitudes ``[B, frames, window / 2 + 1]`` → samples ``[B, frames · hop]`` that have them.

        Args:
            magnitude: of each frequency.
            there: ``[B, frames]`` bool, how long each row is; ``None``: all of them are as long.
            start: a complex spectrum whose phases come first; ``None``: random ones, the same for each row and call.
            impose: samples → samples, called in each round: what is known of them.
        """
        impose = impose or (lambda x: x)
        phases = _phases(magnitude.shape[1], magnitude.shape[2]) if start is None else _unit(start)
        before = torch.zeros_like(phases)
        for _ in range(ROUNDS):
            found = self.transform(impose(self.invert(magnitude * phases, there)))
            phases = _unit(found - before * (MOMENTUM / (1 + MOMENTUM)))
            before = found
        return impose(self.invert(magnitude * phases, there))


def _unit(spectrum: Tensor) -> Tensor:
    return spectrum / spectrum.abs().clamp(min=TINY)


@lru_cache(maxsize=8)
def _hann(size: int) -> Tensor:
    return torch.hann_window(size)


@lru_cache(maxsize=8)
def _phases(frames: int, bins: int) -> Tensor:
    """``[1, frames, bins]``: of a frame the same numbers, however many there are."""
    angle = Random(0).uniform((bins, 4096))[:, :frames] if frames <= 4096 else Random(0).uniform((bins, frames))
    return torch.polar(torch.ones(frames, bins), 2 * math.pi * angle.T)[None]


def mel(hertz: Tensor) -> Tensor:
    """Pitch as people hear it (O'Shaughnessy, 1987).

    >>> mel(torch.tensor([0.0, 1000.0])).round()
    tensor([   0., 1000.])
    """
    return 2595 * torch.log10(1 + hertz / 700)


@lru_cache(maxsize=8)
def _filters(rate: int, window: int, bands: int) -> Tensor:
    """``[bands, window / 2 + 1]`` triangles, evenly spread over the mel scale, each adding up to one."""
    place = mel(torch.arange(window // 2 + 1) * (rate / window))
    edges = torch.linspace(0, float(place[-1]), bands + 2)
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    shape = torch.minimum((place - low) / (middle - low), (high - place) / (high - middle)).clamp(min=0)
    nearest = torch.zeros_like(shape).scatter_(1, (place - middle).abs().argmin(1, keepdim=True), 1e-3)
    shape = shape + nearest  # a band narrower than the distance of two frequencies hears the nearest
    return shape / shape.sum(1, keepdim=True)
