"""What pictures look like to a simple eye: numbers that are alike where pictures are, with nothing learned."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vaery.kinds.image.field import ImageField

BINS = 8  # directions of an edge
LARGEST = 32  # pixels: larger pictures are looked at from further away
CELLS = 7  # along the shorter side
UNIT = 20.0  # so that single numbers are about one


class Eye(nn.Module):
    """Pixels and the directions of edges near each place (histograms of oriented gradients: Dalal and Triggs, 2005).

    ``value [B, H, W, C]``, ``known [B, H, W]`` → ``[B, F]``. Unknown pixels count as the mean brightness.
    """

    centre: Tensor

    def __init__(self, field: ImageField) -> None:
        super().__init__()
        shrink = max(1.0, max(field.height, field.width) / LARGEST)
        self.size = (max(1, round(field.height / shrink)), max(1, round(field.width / shrink)))
        self.full = (field.height, field.width)
        self.cell = max(2, min(self.size) // CELLS)
        low = field.low if field.levels == 0 and not field.standardised else 0.0
        self.scale = 1.0 if field.standardised else 1 / max(1, field.levels)
        centre = torch.zeros(field.channels) if field.standardised else torch.tensor(field.mean)
        self.register_buffer("centre", centre - low, persistent=False)

    def forward(self, value: Tensor, known: Tensor | None = None) -> Tensor:
        x = value.to(self.centre.dtype)
        if known is not None:
            x = torch.where(known[..., None], x, self.centre)
        x = (x * self.scale).permute(0, 3, 1, 2)
        if self.size != self.full:
            x = F.interpolate(x, size=self.size, mode="area")
        return torch.cat([UNIT * _unit(x.flatten(1)), 2 * UNIT * _unit(self._edges(x.mean(1, keepdim=True)))], 1)

    def _edges(self, x: Tensor) -> Tensor:
        x = F.pad(x, (1, 1, 1, 1), mode="replicate")
        across = x[:, :, 1:-1, 2:] - x[:, :, 1:-1, :-2]
        down = x[:, :, 2:, 1:-1] - x[:, :, :-2, 1:-1]
        strength = (across.square() + down.square()).sqrt()
        direction = torch.atan2(down, across) % math.pi / math.pi * BINS
        lower = direction.floor()
        share, lower = direction - lower, lower.long() % BINS
        bins = x.new_zeros(len(x), BINS, *self.size)
        bins.scatter_add_(1, lower, strength * (1 - share)).scatter_add_(1, (lower + 1) % BINS, strength * share)
        return F.avg_pool2d(bins, 2 * self.cell, self.cell, self.cell // 2, ceil_mode=True).sqrt().flatten(1)


def _unit(x: Tensor) -> Tensor:
    return x / x.norm(dim=1, keepdim=True).clamp(min=1e-6)
