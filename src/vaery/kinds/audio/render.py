"""From packed frames back to sounds: phases are found anew, and what is known of the samples stays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from vaery.kinds.audio.gaps import muted
from vaery.kinds.audio.sound import Sound, Wave, as_dtype, wave, with_channels

if TYPE_CHECKING:
    from vaery.kinds.audio.field import AudioField

ROWS = 32  # sounds whose phases are looked for at once


@dataclass(frozen=True)
class Order:
    """One sound to be made.

    Attributes:
        row: of the packed values.
        count: frames it has.
        like: the sound it belongs to.
        own: that sound's samples at the field's rate, those of which are kept that are known.
    """

    row: int
    count: int
    like: Sound | None
    own: Wave | None


def render(field: AudioField, value: Tensor, seen: Tensor, like: Sequence[Any] | None, keep: bool) -> list[Any]:
    """``value [B, T, 1 + F]``, ``seen`` likewise → sounds; see :meth:`.field.AudioField.unpack`."""
    out: list[Sound | None] = [None] * len(value)
    counts = (value[..., 0] > 0.5).long().cumprod(1).sum(1).tolist()
    originals = [None] * len(value) if like is None or len(like) != len(value) else list(like)
    orders = []
    for i in sorted(range(len(value)), key=counts.__getitem__):  # those of about one length are made together
        original = field.sound(originals[i])
        own = wave(original, f"{field.name}: sound {i}") if keep and original is not None else None
        if own is not None and own.known is None:
            out[i] = original
        elif bool(seen[i, :, 0].all()):
            resampled = own if own is None or original is None else _at_rate(original, field.rate)
            orders.append(Order(i, counts[i], original, resampled))
    for start in range(0, len(orders), ROWS):
        part = orders[start : start + ROWS]
        for order, sound in zip(part, _made(field, value, seen, part), strict=True):
            out[order.row] = sound
    return out


def _at_rate(sound: Sound, rate: int) -> Wave:
    from vaery.kinds.audio.io import resampled

    return wave(resampled(sound, rate), sound.name)


def _made(field: AudioField, value: Tensor, seen: Tensor, orders: Sequence[Order]) -> list[Sound]:
    rows, spectrum = [order.row for order in orders], field.spectrum
    steps = max(1, max(order.count for order in orders))
    there = torch.arange(steps) < torch.tensor([order.count for order in orders])[:, None]
    shown = seen[rows, :steps, 1:].all(-1)
    loud = field.magnitudes(_bridged(value[rows, :steps, 1:], shown)) * there[..., None]
    loud = loud.unflatten(-1, (field.channels, field.bands)).transpose(1, 2).flatten(0, 1)
    lasting = there.repeat_interleave(field.channels, 0)
    x = spectrum.synthesise(spectrum.magnitudes(loud), lasting, impose=_imposed(field, orders, steps))
    x = x.view(len(rows), field.channels, -1).transpose(1, 2).numpy()
    counts = torch.tensor([order.count for order in orders])
    hidden = muted(~shown, counts, spectrum.hop // 2).numpy()
    made = []
    for n, order in enumerate(orders):
        size = order.count * spectrum.hop
        made.append(_finished(field, x[n, :size], hidden[n, :size], order))
    return made


def _imposed(field: AudioField, orders: Sequence[Order], steps: int) -> Callable[[Tensor], Tensor] | None:
    """Samples that are known, put where they belong in each round."""
    if all(order.own is None for order in orders):
        return None
    size = steps * field.spectrum.hop
    fixed = torch.zeros(len(orders), field.channels, size)
    place = torch.zeros(len(orders), 1, size, dtype=torch.bool)
    for n, order in enumerate(orders):
        if order.own is not None:
            x = torch.from_numpy(with_channels(order.own.x, field.channels)).float()[:size]
            known = torch.ones(len(x)) if order.own.known is None else torch.from_numpy(order.own.known)[:size]
            fixed[n, :, : len(x)], place[n, 0, : len(x)] = x.T, known > 0
    fixed, place = fixed.flatten(0, 1), place.expand(-1, field.channels, -1).flatten(0, 1)
    return lambda x: torch.where(place, fixed, x)


def _finished(field: AudioField, x: np.ndarray, hidden: np.ndarray, order: Order) -> Sound:
    """Samples ``[n, C]`` as a sound: as new ones are, or as ``order.like`` in rate, channels, dtype and length."""
    like = order.like
    if like is None:
        return Sound(_masked(as_dtype(x[:, 0] if field.channels == 1 else x, field.dtype), hidden), field.rate)
    if like.rate != field.rate:
        x, hidden = _resampled(x, field.rate, like.rate), _stretched(hidden, field.rate, like.rate)
    a_frame = 2 * field.spectrum.hop * like.rate / field.rate
    size = len(like) if abs(len(like) - len(x)) <= a_frame else len(x)
    x, hidden = _sized(with_channels(x, like.channels), size), _sized(hidden, size)
    data = np.ma.getdata(like.samples)
    samples = as_dtype(x[:, 0] if data.ndim == 1 else x, data.dtype)
    if order.own is not None:
        known = wave(like, like.name).known
        stay = _sized(np.ones(len(like), dtype=bool) if known is None else known, size)
        samples[stay] = _sized(data, size)[stay]
        hidden = hidden & ~stay
    return replace(like, samples=_masked(samples, hidden))


def _resampled(x: np.ndarray, rate: int, to: int) -> np.ndarray:
    from vaery.kinds.audio.io import resampled

    return np.asarray(resampled(Sound(x, rate), to).samples)


def _stretched(hidden: np.ndarray, rate: int, to: int) -> np.ndarray:
    place = np.arange(round(len(hidden) * to / rate)) * rate // to
    return hidden[np.minimum(place, len(hidden) - 1)] if len(hidden) else hidden


def _sized(x: np.ndarray, size: int) -> np.ndarray:
    """Cut, or with zeros at the end."""
    return np.pad(x[:size], [(0, max(0, size - len(x))), *[(0, 0)] * (x.ndim - 1)])


def _masked(samples: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    if not hidden.any():
        return samples
    return np.ma.MaskedArray(samples, mask=hidden if samples.ndim == 1 else hidden[:, None].repeat(samples.shape[1], 1))


def _bridged(frames: Tensor, shown: Tensor) -> Tensor:
    """Frames ``[B, T, F]`` that are not ``shown [B, T]`` in a straight line between those beside them."""
    if bool(shown.all()):
        return frames
    steps = frames.shape[1]
    place = torch.arange(steps).expand(shown.shape)
    before = torch.where(shown, place, -1).cummax(1).values
    after = torch.where(shown, place, steps).flip(1).cummin(1).values.flip(1)
    left, right = before.clamp(min=0), after.clamp(max=steps - 1)
    left, right = torch.where(before < 0, right, left), torch.where(after >= steps, left, right)
    share = ((place - left) / (right - left).clamp(min=1))[..., None]
    pick = lambda at: frames.gather(1, at[..., None].expand_as(frames))
    return torch.where(shown[..., None], frames, (1 - share) * pick(left) + share * pick(right))
