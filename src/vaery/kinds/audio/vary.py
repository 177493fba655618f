"""The same sounds a little louder or softer, faster or slower, higher or lower: for training to hear instead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vaery.core.random import Random

if TYPE_CHECKING:
    from vaery.kinds.audio.field import AudioField

SHARE = 0.5  # of the rows
FASTER = 0.1  # and slower, at most
HIGHER = 0.06  # and lower: what pitches (on the mel scale) are multiplied by, at most
LOUDER = 0.5  # and softer, in natural logarithms: 4 dB


def varied(field: AudioField, value: Tensor, rows: Tensor, rng: Random) -> Tensor:
    """``value [B, T, 1 + F]``, of which these ``rows [B]`` bool are varied."""
    many, device = len(value), value.device
    pace, pitch, gain = (1 - 2 * rng.uniform((3, many)).to(device)).unbind(0)
    count = (value[..., 0] > 0).sum(1)
    pace = (1 + FASTER * pace).maximum(count / field.steps)  # it must still fit
    length = (count / pace).round().clamp(min=1).long().minimum(torch.full_like(count, field.steps))
    length = torch.where(rows & (count > 0), length, count)
    steps = max(1, int(length.max())) if many else 1
    mean, sd = (torch.tensor(t, device=device) for t in (field.mean, field.sd))
    loud = value[:, : max(1, int(count.max())), 1:] * sd + mean
    loud = _stretched(loud, pace, count, steps)
    loud = _shifted(loud.unflatten(-1, (field.channels, field.bands)), 1 + HIGHER * pitch).flatten(2)
    loud = ((loud.exp() - field.floor).clamp(min=0.0) * (LOUDER * gain).exp()[:, None, None] + field.floor).log()
    there = torch.arange(steps, device=device) < length[:, None]
    made = torch.zeros_like(value)
    made[:, :steps, 0] = there.to(value.dtype)
    made[:, :steps, 1:] = ((loud - mean) / sd) * there[..., None]
    return torch.where(rows[:, None, None], made, value)


def _stretched(loud: Tensor, pace: Tensor, count: Tensor, steps: int) -> Tensor:
    """``loud [B, t, F]`` read at another pace, ``[B, steps, F]``."""
    last = (count - 1).clamp(min=0)[:, None]
    place = (torch.arange(steps, device=loud.device) * pace[:, None]).minimum(last)
    low = place.long()
    high = (low + 1).minimum(last)
    share = (place - low)[..., None]
    pick = lambda at: loud.gather(1, at[..., None].expand(-1, -1, loud.shape[2]))
    return pick(low) * (1 - share) + pick(high) * share


def _shifted(loud: Tensor, factor: Tensor) -> Tensor:
    """``loud [B, t, C, bands]`` with all pitches multiplied, as a throat of another length does."""
    bands = loud.shape[-1]
    place = (torch.arange(bands, device=loud.device) / factor[:, None]).clamp(max=bands - 1)
    low = place.long()
    high = (low + 1).clamp(max=bands - 1)
    share = (place - low)[:, None, None]
    pick = lambda at: loud.gather(3, at[:, None, None].expand(loud.shape))
    return pick(low) * (1 - share) + pick(high) * share
