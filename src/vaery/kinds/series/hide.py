"""Which parts of windows to hide in training: the gaps that series have."""

from __future__ import annotations

import torch
from torch import Tensor

from vaery.core.random import Random

SORTS = 6


def visible(rows: int, steps: int, channels: int, rng: Random) -> Tensor:
    """``[rows, T, C]`` bool, what stays: random cells; all but a stretch of time, in all channels or in some, or in
    each another one; whole channels; the beginning. Half of the rows lose some single cells besides."""
    at = torch.arange(steps, device=rng.device).view(1, -1, 1)
    u = lambda *shape: rng.uniform((rows, *shape))
    sort = rng.integers(0, SORTS, (rows, 1, 1))
    cells, share = u(steps, channels), u(1, 1)
    some = u(1, channels) < u(1, 1).clamp(min=0.2)  # the channels that are meant
    length, place = steps * 0.75 * u(1, 1), u(1, 1)
    own_length, own_place = steps * 0.75 * u(1, channels), u(1, channels)
    stretch, own = _between(at, steps, length, place), _between(at, steps, own_length, own_place)
    hidden = [cells < share, stretch, stretch & some, own & some, some & (at >= 0), at >= steps * share.clamp(min=0.1)]
    out = torch.zeros(rows, steps, channels, dtype=torch.bool, device=rng.device)
    for i, part in enumerate(hidden):
        out = torch.where(sort == i, part, out)
    also = (u(1, 1) < 0.5) & (u(steps, channels) < 0.2 * u(1, 1))
    return ~(out | also)


def _between(at: Tensor, steps: int, length: Tensor, place: Tensor) -> Tensor:
    """A stretch of this length, placed anywhere, across the ends as well."""
    start = place * (steps + length) - length
    return (at >= start) & (at < start + length)
