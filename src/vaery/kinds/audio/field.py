"""The field of sounds: what is known of their rate and loudness, and the way to tensors and back."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from vaery.core.errors import DataError, QueryError
from vaery.core.field import Field
from vaery.core.query import Between, OneOf
from vaery.core.random import Random
from vaery.core.scale import Loudness, Scale
from vaery.kinds.audio.gaps import heard, muted
from vaery.kinds.audio.render import render
from vaery.kinds.audio.sound import Sound, is_path, wave, with_channels
from vaery.kinds.audio.spectrum import Spectrum
from vaery.kinds.audio.vary import SHARE, varied

DECIBELS = 20 / np.log(10)  # in one natural logarithm of a magnitude
NEAR = 3.0  # dB (root mean square over bands) that a sound may be off once it has been unpacked and packed again
HEADROOM = 0.5  # natural logarithms that a new sound may be louder than the loudest of the fit
MOMENTS = 6  # frames, of about 16 ms, that are named together
LEAST = 0.1  # standard deviation of a band, in natural logarithms, at least


@dataclass(frozen=True)
class AudioField(Field):
    """Sounds of different lengths. ``E = M = (T, 1 + channels · bands)``, float32: cell 0 of a frame says that the
    sound goes on (1) or has ended (0), the others how loud each band is: ``log(magnitude + floor)``, standardised.

    Samples and phases are not kept (:mod:`.spectrum`): what is unpacked has the same loudness by time and band, up to
    a decibel or two, and not the same samples; unless they are known and ``keep`` is asked for.

    Attributes:
        steps: T, frames of the longest sound that can be held.
        usual: the middle length of the sounds of the fit, in frames.
        rate: samples a second, inside and of new sounds.
        channels: 1 mono, 2 stereo.
        bands: of each channel.
        dtype: of new sounds' samples.
        floor: the magnitude beneath which nothing is told apart.
        top: the largest ``log(magnitude + floor)`` of the fit.
        mean, sd: of each band, in natural logarithms.
    """

    kind: ClassVar[str] = "audio"
    steps: int
    usual: int
    rate: int
    channels: int
    bands: int
    dtype: str
    floor: float
    top: float
    mean: tuple[float, ...]
    sd: tuple[float, ...]

    @property
    def event(self) -> tuple[int, ...]:
        return self.steps, 1 + self.channels * self.bands

    @property
    def mask(self) -> tuple[int, ...]:
        return self.event

    @property
    def noise(self) -> float:
        """None: loudness drawn cell by cell is a hiss that no recording has."""
        return 0.0

    @property
    def scale(self) -> Scale:
        low = tuple((np.log(self.floor) - m) / s for m, s in zip(self.mean, self.sd, strict=True))
        high = tuple(max(bottom + 1, (self.top - m) / s) for bottom, m, s in zip(low, self.mean, self.sd, strict=True))
        loudness = Loudness(self.mean, self.sd, self.floor, self.spectrum.hiss)
        return Scale((1.0, *self.sd), (0.0, *low), (1.0, *high), whole=False, axes=1, loudness=loudness)

    @property
    def spectrum(self) -> Spectrum:
        """The front end."""
        return Spectrum(self.rate, self.bands)

    # ------------------------------------------------------------------ raw → packed

    def pack(self, raw: Any) -> tuple[Tensor, Tensor | None]:
        """Sounds, arrays of samples at the field's rate, paths, ``None`` (nothing is known). A frame that hears a
        sample which is not known is not known."""
        items = self._items(raw)
        value, known = torch.zeros(len(items), *self.event), None
        for i, item in enumerate(items):
            if item is None:
                frames, unknown = torch.zeros(0, self.event[1] - 1), None
            else:
                frames, unknown = self._frames(item, f"{self.name}: sound {i}{item.name and f' ({item.name})'}")
            value[i, : len(frames), 0], value[i, : len(frames), 1:] = 1.0, frames
            if item is None or unknown is not None:
                known = torch.ones(value.shape, dtype=torch.bool) if known is None else known
                known[i] = item is not None
                if unknown is not None:
                    known[i, : len(frames), 1:] = ~unknown[:, None]
        return value, known

    def _items(self, raw: Any) -> list[Sound | None]:
        """All as sounds at the field's rate."""
        items = [self.sound(item) for item in _listed(raw)]
        other = sorted({item.rate for item in items if item is not None and item.rate != self.rate})
        if other:
            from vaery.kinds.audio.io import resampled

            many = sum(item is not None and item.rate != self.rate for item in items)
            items = [None if item is None else resampled(item, self.rate) for item in items]
            warnings.warn(
                f"{self.name}: {many} of {len(items)} sounds are at {', '.join(map(str, other))} samples a second; "
                f"they were resampled to {self.rate}",
                stacklevel=3,
            )
        return items

    def sound(self, item: Any) -> Sound | None:
        """One item of raw data as a sound: read from its file, arrays at the field's rate."""
        if item is None or isinstance(item, Sound):
            return item
        if is_path(item):
            from vaery.kinds.audio.io import read_file

            return read_file(item)
        return Sound(np.asanyarray(item), self.rate)

    def _frames(self, sound: Sound, where: str) -> tuple[Tensor, Tensor | None]:
        """``[t, channels · bands]`` standardised, and which frames are not known."""
        found = wave(sound, where)
        count = self.spectrum.frames(len(found.x))
        if count > self.steps:
            raise DataError(
                f"{where} is {sound.seconds:.2f} s long; this model holds {self.seconds:.2f} s at most (a quarter more "
                "than the longest of the fit): cut it, for instance with "
                f"vaery.kinds.audio.windows(sound, {self.seconds:.1f})"
            )
        x = torch.from_numpy(with_channels(found.x, self.channels))
        loud = torch.cat([self.spectrum.analyse(channel) for channel in x.T], 1)
        frames = ((loud + self.floor).log() - torch.tensor(self.mean)) / torch.tensor(self.sd)
        if found.known is None:
            return frames, None
        unknown = heard(torch.from_numpy(~found.known), self.spectrum.hop, count)
        return frames.masked_fill(unknown[:, None], 0.0), unknown

    @property
    def seconds(self) -> float:
        """The longest sound that can be held."""
        return self.steps * self.spectrum.hop / self.rate

    # ------------------------------------------------------------------ packed → raw

    def unpack(
        self,
        value: Tensor,
        known: Tensor | None = None,
        like: Any = None,
        keep: bool = False,
        given: Mapping[str, Any] | None = None,
    ) -> list[Any]:
        """A list of sounds: with the rate, dtype and exact length of those in ``like``; ``None`` where not even the
        length is known, masked samples where single frames are not. Samples that are known in ``like`` stay, with
        ``keep``, and those between fit on to them.

        ``given`` names cells, and frames have no names: it is not used.
        """
        value = value.detach().cpu().float()
        seen = torch.ones(value.shape, dtype=torch.bool) if known is None else known.cpu().expand(value.shape)
        return render(self, value, seen, None if like is None else _listed(like), keep)

    def magnitudes(self, frames: Tensor) -> Tensor:
        """Standardised loudness ``[..., F]`` as magnitudes of bands."""
        loud = frames * torch.tensor(self.sd) + torch.tensor(self.mean)
        return (loud.clamp(max=self.top + HEADROOM).exp() - self.floor).clamp(min=0.0)

    def summarise(self, value: Tensor, weight: Tensor, how: str | float, like: Any = None, keep: bool = False) -> Any:
        """The mean loudness, in decibels, of each frame of as many as most draws have.

        ``how`` makes no difference: loudness is nearly as often above its mean as below, and a quantile of all cells at
        once is no sound.
        """
        share = weight / weight.sum(0)
        there = torch.einsum("qb,qbt->bt", share, value[..., 0])
        total = torch.zeros(value.shape[1:])
        for draw, w in zip(value, share, strict=True):
            total += draw * w[:, None, None]
        on = (there >= 0.5)[..., None]
        mean = torch.where(on, total[..., 1:] / there.clamp(min=1e-6)[..., None], 0.0)
        return self.unpack(torch.cat([on.float(), mean], -1), like=like, keep=keep)

    def near(self, value: Tensor, again: Tensor) -> Tensor:
        """Within :data:`NEAR` decibels, over all bands of all frames."""
        difference = (again - value)[..., 1:] * torch.tensor(self.sd) * DECIBELS
        cells = (value[..., 0].sum(-1) * (self.event[1] - 1)).clamp(min=1)
        apart = (difference.square().flatten(1).sum(1) / cells).sqrt()
        return (apart <= NEAR) & (value[..., 0] == again[..., 0]).all(-1)

    def shown(self, value: Tensor, known: Tensor) -> Tensor:
        """Raw samples are heard by several frames each: a frame is only hidden with its neighbours, and as a whole."""
        count = (value[..., 0] > 0).cumprod(1).sum(1)
        unknown = ~known[..., 1:].all(-1)
        samples = muted(unknown, count, 1)
        again = torch.stack([heard(row, 2, known.shape[1]) for row in samples])
        again &= torch.arange(known.shape[1]) < count[:, None]
        told = known[..., :1]
        return torch.cat([told, (~again)[..., None].expand(known[..., 1:].shape) & told], -1)

    # ------------------------------------------------------------------ questions

    def given(self, asked: Any) -> tuple[Tensor | None, Tensor | None, Any]:
        """One sound, as long as it is; masked or NaN where it is open.

        Raises:
            QueryError: a range or a set was asked for, or more than one sound.
        """
        if isinstance(asked, Between | OneOf | Mapping):
            raise QueryError(f"{self.name} can be given as a sound (masked where it is open), not as {asked!r}")
        if not is_path(asked) and not isinstance(asked, Sound | np.ndarray) and len(asked) != 1:
            raise QueryError(f"{self.name} was given {len(asked)} sounds; one was expected")
        items = [asked] if isinstance(asked, np.ndarray) else asked
        return *self.pack(items), None

    def hide(self, rows: int, rng: Random) -> Tensor:
        """What to leave visible in training, ``[rows, T, 1 + F]``: all but random packets of frames, one stretch, or
        all outside of one. How long a sound is always is."""
        time = torch.arange(self.steps, device=rng.device)
        sort, share = rng.integers(0, 3, (rows, 1)), rng.uniform((rows, 1))
        low, high = (1.2 * self.usual * rng.uniform((rows, 2, 1)).sort(1).values).unbind(1)
        stretch = (time >= low) & (time < high)
        packets = rng.uniform((rows, -(-self.steps // 4))).repeat_interleave(4, 1)[:, : self.steps] > share
        visible = torch.where(sort == 0, packets, (sort == 1) ^ stretch)[..., None].repeat(1, 1, self.event[1])
        visible[..., 0] = True
        return visible

    @property
    def varies(self) -> bool:
        return True

    def vary(self, value: Tensor, known: Tensor | None, rng: Random) -> tuple[Tensor, Tensor | None]:
        """Half of the sounds without gaps, a little louder or softer, faster or slower, higher or lower."""
        rows = (rng.uniform((len(value),)) < SHARE).to(value.device)
        if known is not None:
            rows &= known.flatten(1).all(1)
        return varied(self, value, rows, rng), known

    @property
    def parts_tell(self) -> bool:
        return False

    def named_parts(self, value: Tensor, known: Tensor | None = None) -> list[list[tuple[str, list[int]]]]:
        """Moments of about a tenth of a second: ``"0.29–0.38 s"``."""
        tick, cells = self.spectrum.hop / self.rate, self.event[1]
        rows: list[list[tuple[str, list[int]]]] = []
        for i, count in enumerate((value[..., 0] > 0).cumprod(1).sum(1).tolist()):
            found = []
            for start in range(0, count, MOMENTS):
                end = min(count, start + MOMENTS)
                if known is None or bool(known[i, start:end, 1:].any()):
                    places = [t * cells + c for t in range(start, end) for c in range(1, cells)]
                    found.append((f"{start * tick:.2f}–{end * tick:.2f} s", places))
            rows.append(found)
        return rows

    def certain(self, value: Tensor, known: Tensor) -> Tensor:
        """All that comes after the end of a sound."""
        ended = known[..., :1] & (value[..., :1] == 0)
        return (ended.cumsum(1) > 0).expand(known.shape)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> AudioField:
        rest = {k: v for k, v in data.items() if k != "kind"}
        return cls(**{**rest, "mean": tuple(data["mean"]), "sd": tuple(data["sd"])})


def _listed(raw: Any) -> list[Any]:
    """One sound or path as a list of it."""
    return [raw] if is_path(raw) or isinstance(raw, Sound) else list(raw)
