"""Weighted draws of each cell, summed up: ``value [Q, B, …]``, ``weight [Q, B]`` (each row summing to one)."""

from __future__ import annotations

import torch
from torch import Tensor

BINS = 32  # for the mode of numbers


def mean(value: Tensor, weight: Tensor) -> Tensor:
    """``[B, …]``"""
    return torch.einsum("qb,qb...->b...", weight.to(value.dtype), value)


def quantile(value: Tensor, weight: Tensor, u: float) -> Tensor:
    """The smallest draw with at least a share ``u`` of the weight at or below it, ``[B, …]``."""
    draws, order = value.sort(0)
    spread = weight.view(*weight.shape, *[1] * (value.dim() - 2)).expand(value.shape)
    upto = spread.gather(0, order).cumsum(0)
    first = (upto >= (u - 1e-6) * upto[-1:]).to(torch.uint8).argmax(0, keepdim=True)
    return draws.gather(0, first)[0]


def mode(value: Tensor, weight: Tensor) -> Tensor:
    """The middle of the fullest of 32 bins over the range of the draws, ``[B, …]``."""
    low, high = value.amin(0), value.amax(0)
    width = ((high - low) / BINS).clamp(min=1e-12)
    at = ((value - low) / width).long().clamp(0, BINS - 1)
    spread = weight.view(*weight.shape, *[1] * (value.dim() - 2)).expand(value.shape).to(value.dtype)
    counts = value.new_zeros(BINS, *value.shape[1:]).scatter_add(0, at, spread)
    return low + (counts.argmax(0) + 0.5) * width


def commonest(code: Tensor, weight: Tensor, levels: int) -> Tensor:
    """The code with the most weight, ``[B, …]``."""
    spread = weight.view(*weight.shape, *[1] * (code.dim() - 2)).expand(code.shape)
    votes = torch.stack([(spread * (code == k)).sum(0) for k in range(levels)])
    return votes.argmax(0).to(code.dtype)


def summed(value: Tensor, weight: Tensor, how: str | float) -> Tensor:
    """Numbers by ``"mean"``, ``"median"``, ``"mode"`` or a quantile in (0, 1)."""
    if how == "mean":
        return mean(value, weight)
    return mode(value, weight) if how == "mode" else quantile(value, weight, 0.5 if how == "median" else float(how))
