"""Experts: what each field by itself makes of the latent, as a Gaussian. Posteriors merge them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from vaery.core.gaussian import Gaussian, from_raw


class Experts(nn.Module):
    """One linear opinion for each field, and a first one that is always there.

    The first one is N(0, I) at the top level; below it is a Gaussian of the context that starts as that.

    Args:
        size: Z, of the latent.
        context: C, of what earlier stops carry.
        fields: N, how many fields are encoded.
        features: F, of each field's features.
    """

    def __init__(self, size: int, context: int, fields: int = 1, features: int = 1) -> None:
        super().__init__()
        self.size = size
        self.experts = nn.ModuleList(nn.Linear(features + context, 2 * size) for _ in range(fields))
        self.base = nn.Linear(context, 2 * size) if context else None
        if self.base is not None:
            nn.init.zeros_(self.base.weight)
            nn.init.zeros_(self.base.bias)

    def first(self, context: Tensor) -> Gaussian:
        """The opinion of nobody: density of ``[S, B, Z]``."""
        raw = context.new_zeros(*context.shape[:2], 2 * self.size) if self.base is None else self.base(context)
        return from_raw(raw)

    def opinions(self, features: Any, context: Tensor) -> tuple[Tensor, Tensor]:
        """Means and log-scales ``[S, B, N, Z]`` of all fields, whether they are present or not."""
        raw = []
        for n, expert in enumerate(self.experts):
            h = features.values[:, n].expand(len(context), -1, -1)
            raw.append(expert(torch.cat([h, context], -1)))
        spoken = from_raw(torch.stack(raw, 2))
        return spoken.loc, spoken.log_scale


def multiplied(first: Gaussian, loc: Tensor, log_scale: Tensor, among: Tensor) -> tuple[Tensor, Tensor]:
    """Products of Gaussians: precisions add up, means are weighted by them.

    Args:
        first: a factor of each product, of ``[S, B, Z]``.
        loc, log_scale: ``[S, B, N, Z]`` of the others.
        among: ``[B, K, N]`` which of them are in each of K products.

    Returns:
        Means and log-scales ``[S, B, K, Z]``.
    """
    here, among = torch.exp(-2 * log_scale), among.to(loc.dtype)
    start = torch.exp(-2 * first.log_scale)
    precision = start[:, :, None] + among @ here
    weighted = (start * first.loc)[:, :, None] + among @ (here * loc)
    return weighted / precision, -0.5 * precision.log()


def chosen_evenly(allowed: Tensor) -> Tensor:
    """``allowed [B, K]`` bool → ``[B, K]`` logarithms of even weights among those allowed; each row must have one."""
    even = -allowed.sum(-1, keepdim=True).clamp(min=1).log()
    return torch.where(allowed, even, torch.full_like(even, -torch.inf))
