"""Listening to sounds: what a field has to know of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from vaery.core.density import Family
from vaery.core.errors import ChoiceError, DataError
from vaery.core.members import member
from vaery.kinds.audio.field import LEAST, AudioField
from vaery.kinds.audio.sound import Sound, is_path
from vaery.kinds.audio.spectrum import Spectrum

BANDS = 64
RANGE = 60.0  # dB beneath the loudest hundredth of all bands that is still told apart
LONGEST = 2048  # frames a sound may have: half a minute
ROOM = 1.25  # how much longer than the longest of the fit a sound may be
SILENT = 1e-4  # the floor where there is no sound at all


def describe(raw: Any, name: str = "sound", likelihood: str = "normal") -> AudioField:
    """Listen to sounds: their rate, their lengths, how loud they are.

    Args:
        raw: a list of :class:`~vaery.kinds.audio.sound.Sound` or of paths (``None``: missing).
        name: of the field.
        likelihood: a member of ``likelihoods``, of the loudness of a band in a frame, standardised. Its centre is what
            the network says, all else of it is the same in all frames of a band.

    Raises:
        DataError: no sounds, arrays that do not say their rate, a sound longer than half a minute.
    """
    if not issubclass(member("likelihoods", likelihood), Family):
        raise ChoiceError(f"{name}: {likelihood} is no likelihood of single numbers; use 'normal' or 'student'")
    items = as_sounds(raw, name)
    if not items:
        raise DataError(f"{name}: there are no sounds; at least one was expected")
    rate = Counter(item.rate for item in items).most_common(1)[0][0]
    channels = max(item.channels for item in items)
    spectrum = Spectrum(rate, BANDS)
    lengths = [round(item.seconds * rate) for item in items]
    longest = int(np.argmax(lengths))
    if spectrum.frames(lengths[longest]) > LONGEST:
        raise DataError(
            f"{name}: sound {longest} is {items[longest].seconds:.1f} s long; {LONGEST * spectrum.hop / rate:.0f} s is "
            "the most: cut it, for instance with vaery.kinds.audio.windows(sound, 4.0)"
        )
    dtype = Counter(np.ma.getdata(item.samples).dtype.name for item in items).most_common(1)[0][0]
    frames = [spectrum.frames(length) for length in lengths]
    about = {
        "steps": 8 * max(1, -(-int(ROOM * max(frames)) // 8)),
        "usual": max(2, int(np.median(frames))),
        "rate": rate,
        "channels": channels,
        "bands": BANDS,
        "dtype": dtype,
    }
    blank = AudioField(name=name, likelihood=likelihood, **about, floor=1.0, top=0.0,
                       mean=(0.0,) * channels * BANDS, sd=(1.0,) * channels * BANDS)  # fmt: skip
    return AudioField(name=name, likelihood=likelihood, **about, **_loudness(blank, items))


def as_sounds(raw: Any, name: str) -> list[Sound]:
    """All that is there, as sounds.

    Raises:
        DataError: an array does not say its rate.
    """
    if isinstance(raw, Sound) or is_path(raw):
        raw = [raw]
    found = []
    for i, item in enumerate(raw):
        if is_path(item):
            from vaery.kinds.audio.io import read_file

            item = read_file(item)
        if item is not None and not isinstance(item, Sound):
            raise DataError(
                f"{name}: sound {i} is a {type(item).__name__} and does not say its rate; write "
                "vaery.kinds.audio.sounds(arrays, rate=16000), with the samples a second that there are"
            )
        found += [] if item is None else [item]
    return found


def _loudness(field: AudioField, items: Sequence[Sound]) -> dict[str, Any]:
    """The floor, and mean and standard deviation of each band above it."""
    parts = []
    for i, item in enumerate(items):
        if item.rate == field.rate:
            frames, unknown = field._frames(item, f"{field.name}: sound {i}{item.name and f' ({item.name})'}")
            loud = frames.exp() - field.floor
            parts.append(loud if unknown is None else loud[~unknown])
    loud = torch.cat(parts).clamp(min=0.0)
    if not len(loud):
        raise DataError(f"{field.name}: not one frame is known in {len(items)} sounds")
    high = float(np.quantile(loud.numpy(), 0.99))
    floor = max(SILENT * 10 ** (-RANGE / 20), high * 10 ** (-RANGE / 20)) if high > 0 else SILENT
    logs = (loud.double() + floor).log()
    return {
        "floor": floor,
        "top": float(logs.max()),
        "mean": tuple(logs.mean(0).tolist()),
        "sd": tuple(logs.std(0, correction=0).clamp(min=LEAST).tolist()),
    }
