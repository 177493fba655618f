"""Pictures from afar: small, and a little out of focus."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from vaery.kinds.image.plain import plain_bits

SIDE = 32  # pixels of the longer side, at most
FOCUS = 28  # the longer side is so many times the standard deviation of the blur
TOGETHER = 512  # pictures


def coarse(pictures: Tensor, levels: int) -> tuple[Tensor, Tensor]:
    """Whole levels ``[N, H, W, C]`` → ``[N, D]`` numbers from 0 to 1, how they look from afar, and ``[N]`` the bits
    that :func:`~vaery.kinds.image.plain.plain_bits` needs of the small ones before they are blurred.

    >>> numbers, bits = coarse(torch.full((1, 64, 48, 3), 255, dtype=torch.uint8), 255)
    >>> numbers.shape, float(numbers.min())
    (torch.Size([1, 2304]), 1.0)
    """
    small, first = _seen(pictures[:TOGETHER], levels)
    numbers, bits = small.new_empty(len(pictures), small.shape[1]), first.new_empty(len(pictures))
    numbers[:TOGETHER], bits[:TOGETHER] = small, first
    for start in range(TOGETHER, len(pictures), TOGETHER):  # in place: two copies of all of them are much
        some = slice(start, start + TOGETHER)
        numbers[some], bits[some] = _seen(pictures[some], levels)
    return numbers, bits


def _seen(pictures: Tensor, levels: int) -> tuple[Tensor, Tensor]:
    small = _small(pictures.movedim(-1, 1).float())
    whole = small.round().to(torch.uint8 if levels <= 255 else torch.int32).movedim(1, -1).contiguous()
    return _blurred(small / levels).flatten(1), torch.from_numpy(plain_bits(whole.cpu().numpy()))


def _small(x: Tensor) -> Tensor:
    height, width = x.shape[-2:]
    if max(height, width) <= SIDE:
        return x
    share = SIDE / max(height, width)
    return F.adaptive_avg_pool2d(x, (max(1, round(share * height)), max(1, round(share * width))))


def _blurred(x: Tensor) -> Tensor:
    """By a Gaussian; what is beyond the border is as the border is. A blur by far less than a pixel changes nothing."""
    spread = max(x.shape[-2:]) / FOCUS
    reach = max(1, round(3 * spread))
    at = torch.arange(-reach, reach + 1, device=x.device, dtype=x.dtype)
    kernel = (-0.5 * (at / spread).square()).exp()
    kernel = (kernel / kernel.sum()).expand(x.shape[1], 1, -1)
    x = F.pad(x, (reach, reach, reach, reach), mode="replicate")
    x = F.conv2d(x, kernel[:, :, :, None], groups=x.shape[1])
    return F.conv2d(x, kernel[:, :, None, :], groups=x.shape[1])
