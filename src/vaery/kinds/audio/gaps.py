"""Gaps: from samples that are not known to the frames that hear them, and back.

A frame hears four hops: its own, and one and a half on either side. So all is told in halves of a hop.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def heard(hidden: Tensor, hop: int, frames: int) -> Tensor:
    """``hidden [n]`` bool → ``[frames]`` bool: the frames that hear any hidden sample.

    >>> heard(torch.arange(80) == 40, 8, 10).nonzero()[:, 0].tolist()
    [3, 4, 5, 6]
    """
    half = hop // 2
    x = F.pad(hidden.to(torch.float32), (0, max(0, frames * hop - len(hidden))))
    halves = x.view(1, 1, -1, half).amax(-1) if len(x) else x.view(1, 1, 0)
    if frames == 0:
        return torch.zeros(0, dtype=torch.bool)
    return F.max_pool1d(F.pad(halves, (3, 3)), 8, 2)[0, 0] > 0


def muted(unknown: Tensor, count: Tensor, half: int) -> Tensor:
    """``unknown [B, T]`` bool, ``count [B]`` frames that are there → ``[B, T · 2 · half]`` bool: the samples that no
    other frame hears.

    Args:
        half: samples in half a hop.

    >>> muted(torch.tensor([[0, 1, 1, 1, 1, 0]]) > 0, torch.tensor([6]), 1).int().tolist()
    [[0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]]
    """
    steps = unknown.shape[1]
    inside = torch.arange(steps) < count[:, None]
    deaf = F.pad((unknown | ~inside).to(torch.float32)[:, None], (2, 2), value=1.0)
    alone = (-F.max_pool1d(-deaf, 4, 1))[:, 0] > 0  # of four frames in a row, all
    first, second = alone[:, :steps], alone[:, 1:]
    halves = torch.stack([first & inside, second & inside], -1).flatten(1)
    return halves.repeat_interleave(half, 1)
