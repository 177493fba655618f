"""The same pictures seen otherwise: moved, turned, stretched, darker or brighter, a square blotted out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from vaery.core.random import Random

if TYPE_CHECKING:
    from vaery.kinds.image.field import ImageField

SHIFT, TURN, STRETCH, SHEAR = 0.12, 0.3, 0.2, 0.2  # of the sides; radians; log; at most
CONTRAST, SQUARE = 0.3, 0.36  # at most; of the shorter side
LITTLE, MOST = 0.49, 0.9  # how strongly, and which share of them, pictures of which there are few are moved in training


def disturbed(
    field: ImageField, value: Tensor, known: Tensor | None, rng: Random, strength: float
) -> tuple[Tensor, Tensor | None]:
    """Pictures ``[B, H, W, C]`` as numbers on the same scale; unknown pixels move with the others.

    Below half of the strength only what moves: with a square blotted out and other contrast a picture is a hard one.
    """
    grid = _grid(field, len(value), rng, strength).to(value.device)
    x = value.float().permute(0, 3, 1, 2)
    edge = "zeros" if _dark(field) else "border"
    x = F.grid_sample(x, grid, padding_mode=edge, align_corners=False).permute(0, 2, 3, 1)
    if known is not None:
        moved = F.grid_sample(known[:, None].float(), grid, padding_mode="border", align_corners=False)
        known = moved[:, 0] > 0.99
    if strength < 0.5:
        return _hidden(x, known), known
    x = x.masked_fill(
        _square(field, len(x), rng).to(x.device)[..., None], 0.0 if _dark(field) else float(_middle(field))
    )
    contrast = 1 + CONTRAST * strength * (2 * rng.uniform((len(x), 1, 1, 1)).to(x.device) - 1)
    return _hidden(x * contrast, known), known


def moved(field: ImageField, value: Tensor, known: Tensor | None, rng: Random) -> tuple[Tensor, Tensor | None]:
    """Packed pictures, most of them moved, turned and stretched a little, as what they were."""
    x, seen = disturbed(field, value, known, rng, LITTLE)
    if field.levels:
        x = x.round().clamp(0, field.levels)
    here = (rng.uniform((len(value),)) < MOST).to(value.device)
    value = torch.where(here.view(-1, 1, 1, 1), x.to(value.dtype), value)
    return value, known if known is None or seen is None else torch.where(here.view(-1, 1, 1), seen, known)


def _hidden(x: Tensor, known: Tensor | None) -> Tensor:
    return x if known is None else torch.where(known[..., None], x, torch.zeros_like(x))


def _grid(field: ImageField, rows: int, rng: Random, strength: float) -> Tensor:
    draw = (2 * rng.uniform((rows, 6)).cpu() - 1) * strength
    turn, wide, high, shear = TURN * draw[:, 0], (STRETCH * draw[:, 1]).exp(), (STRETCH * draw[:, 2]).exp(), draw[:, 3]
    theta = torch.zeros(rows, 2, 3)
    theta[:, 0, 0], theta[:, 0, 1] = turn.cos() * wide, -turn.sin() * high + SHEAR * shear
    theta[:, 1, 0], theta[:, 1, 1] = turn.sin() * wide, turn.cos() * high
    theta[:, :, 2] = 2 * SHIFT * draw[:, 4:]
    return F.affine_grid(theta, [rows, 1, field.height, field.width], align_corners=False)


def _square(field: ImageField, rows: int, rng: Random) -> Tensor:
    """``[rows, H, W]`` bool: a square somewhere, perhaps partly outside."""
    side = max(1, round(SQUARE * min(field.height, field.width)))
    place = rng.uniform((rows, 2)).cpu()
    top = (place[:, :1] * field.height - side / 2)[..., None]
    left = (place[:, 1:] * field.width - side / 2)[..., None]
    y, x = torch.arange(field.height)[None, :, None], torch.arange(field.width)[None, None]
    return (y >= top) & (y < top + side) & (x >= left) & (x < left + side)


def _dark(field: ImageField) -> bool:
    """Whether these are bright things on a dark ground, with nothing beyond the edge."""
    return field.levels > 0 and sum(field.mean) / len(field.mean) < 0.5 * field.levels


def _middle(field: ImageField) -> float:
    return 0.0 if field.standardised else sum(field.mean) / len(field.mean)
