"""Weighted draws of each pixel, summed up: ``value [Q, B, E…]``, ``weight [Q, B]`` (each row summing to one)."""

from __future__ import annotations

import torch
from torch import Tensor

BINS = 64  # for the mode of numbers


def weighted_mean(value: Tensor, weight: Tensor) -> Tensor:
    """``[B, E…]``; one draw at a time, so that bytes stay bytes."""
    total = torch.zeros(value.shape[1:], device=value.device)
    for draw, w in zip(value, weight, strict=True):
        total += draw * w.view(-1, *([1] * (draw.dim() - 1)))
    return total / weight.sum(0).view(-1, *([1] * (total.dim() - 1)))


def weighted_quantile(value: Tensor, weight: Tensor, u: float) -> Tensor:
    """The smallest draw with at least a share ``u`` of the weight at or below it, ``[B, E…]``."""
    rows = []
    for row in range(value.shape[1]):
        draws, order = value[:, row].flatten(1).sort(0)
        upto = weight[:, row][order].cumsum(0)
        reached = upto >= (u - 1e-6) * upto[-1:]
        first = reached.to(torch.uint8).argmax(0, keepdim=True)
        rows.append(draws.gather(0, first).view(value.shape[2:]))
    return torch.stack(rows) if rows else value[0]


def weighted_mode(value: Tensor, weight: Tensor) -> Tensor:
    """The value with the most weight, ``[B, E…]``. Numbers: the middle of the fullest of 64 bins over their range."""
    rows = []
    for row in range(value.shape[1]):
        draws, w = value[:, row].flatten(1), weight[:, row, None]
        low, high = draws.amin(0), draws.amax(0)
        if draws.dtype == torch.uint8:
            bins, width = draws.long(), None
        else:
            width = ((high - low) / BINS).clamp(min=1e-12)
            bins = ((draws - low) / width).long().clamp(max=BINS - 1)
        counts = torch.zeros(int(bins.max()) + 1, draws.shape[1], device=value.device)
        fullest = counts.scatter_add_(0, bins, w.expand(draws.shape).to(counts.dtype)).argmax(0)
        mode = fullest.to(draws.dtype) if width is None else low + (fullest + 0.5) * width
        rows.append(mode.view(value.shape[2:]))
    return torch.stack(rows) if rows else value[0]
