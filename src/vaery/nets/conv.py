"""Small convolutional encoders and decoders for pictures of any size.

The grid is halved (4×4 kernels, stride 2) along each axis that is still eight or longer, and doubled again on the way
back; one axis at least must be that long. Sizes need not be divisible by two: the decoder knows the size of every grid
the encoder passed and comes back to it. Pictures are ``[B, H, W, C]`` in memory throughout: the kernels like it best.
"""

from __future__ import annotations

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

Size = tuple[int, int]
SMALLEST = 8  # an axis shorter than this is not halved any more
FIRST, WIDEST = 32, 128  # channels of the first grid; they double with each halving up to the widest


def grids(size: Size) -> list[Size]:
    """The sizes of all grids, from the picture to the smallest.

    Raises:
        ValueError: neither axis is long enough to be halved.

    >>> grids((28, 28)), grids((31, 9))
    ([(28, 28), (14, 14), (7, 7)], [(31, 9), (15, 4), (7, 4)])
    """
    if max(size) < SMALLEST:
        raise ValueError(f"a grid of {size[0]} × {size[1]} is too small to halve: use an MLP")
    out = [size]
    while max(out[-1]) >= SMALLEST:
        height, width = out[-1]
        out.append((_half(height), _half(width)))
    return out


def channels(steps: int) -> list[int]:
    """How many channels each grid after the picture itself has."""
    return [min(FIRST << i, WIDEST) for i in range(steps)]


class ConvResidual(nn.Module):
    """``x + b(dropout(silu(a(silu(x)))))`` with 3×3 convolutions; ``b`` starts at zero: the block adds nothing."""

    def __init__(self, width: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(width, width, 3, padding=1), nn.Conv2d(width, width, 3, padding=1)
        self.dropout = dropout
        for p in self.b.parameters():
            nn.init.zeros_(p)

    def forward(self, x: Tensor) -> Tensor:
        h = F.silu(self.a(F.silu(x)))
        return x + self.b(F.dropout(h, self.dropout, self.training) if self.dropout else h)


class ConvEncoder(nn.Module):
    """``x [B, H, W, C]``, ``missing [B, H, W]`` → ``[B, out]``.

    What is missing enters as a contribution of its own to the first grid; where nothing is, it costs nothing.

    Args:
        size: H and W.
        inputs: C.
        out: features a picture.
        depth: residual blocks on the smallest grid.
        dropout: inside these.
    """

    def __init__(self, size: Size, inputs: int, out: int, depth: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        sizes = grids(size)
        widths = [inputs, *channels(len(sizes) - 1)]
        self.missing = halving(1, widths[1], *sizes[:2], bias=False)
        nn.init.zeros_(self.missing.weight)  # a model that never met a gap is not thrown by its first
        self.down = nn.ModuleList(
            halving(a, b, large, small)
            for (a, b), (large, small) in zip(pairwise(widths), pairwise(sizes), strict=True)
        )
        self.blocks = nn.Sequential(*(ConvResidual(widths[-1], dropout) for _ in range(depth)))
        self.last = nn.Linear(widths[-1] * sizes[-1][0] * sizes[-1][1], out)

    def forward(self, x: Tensor, missing: Tensor | None = None) -> Tensor:
        h = x.permute(0, 3, 1, 2)
        for i, conv in enumerate(self.down):
            h = conv(F.silu(h) if i else h)
            if i == 0 and missing is not None:
                h = h + self.missing(missing[:, None])
        h = F.silu(self.blocks(h)).permute(0, 2, 3, 1)
        return F.silu(self.last(h.flatten(1)))


class ConvDecoder(nn.Module):
    """``context [B, C]`` → ``[B, H, W, out]``: the encoder's grids in reverse.

    Args:
        context: C.
        size: H and W.
        out: numbers a pixel.
        width: of the layer in front of the smallest grid.
        depth: residual blocks on the smallest grid.
        dropout: inside these.
    """

    def __init__(
        self, context: int, size: Size, out: int, width: int = 256, depth: int = 1, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.sizes = grids(size)[::-1]
        widths = [out, *channels(len(self.sizes) - 1)][::-1]
        self.first = nn.Linear(context, width)
        self.spread = nn.Linear(width, widths[0] * self.sizes[0][0] * self.sizes[0][1])
        self.blocks = nn.Sequential(*(ConvResidual(widths[0], dropout) for _ in range(depth)))
        self.up = nn.ModuleList(
            doubling(a, b, small, large)
            for a, b, small, large in zip(widths[:-1], widths[1:], self.sizes[:-1], self.sizes[1:], strict=True)
        )

    def forward(self, context: Tensor) -> Tensor:
        h = F.silu(self.spread(F.silu(self.first(context))))
        h = self.blocks(h.view(len(h), *self.sizes[0], -1).permute(0, 3, 1, 2))
        for conv in self.up:
            h = conv(F.silu(h))
        return h.permute(0, 2, 3, 1)


def _half(length: int) -> int:
    return length // 2 if length >= SMALLEST else length


def _kernel(large: Size, small: Size) -> tuple[Size, Size]:
    """Kernel and stride for each axis: 4 and 2 where it is halved, 3 and 1 where it stays."""
    halved = (large[0] != small[0], large[1] != small[1])
    return (3 + halved[0], 3 + halved[1]), (1 + halved[0], 1 + halved[1])


def halving(inputs: int, out: int, large: Size, small: Size, bias: bool = True) -> nn.Conv2d:
    """From one grid to the next smaller one."""
    kernel, stride = _kernel(large, small)
    return nn.Conv2d(inputs, out, kernel, stride, padding=1, bias=bias)


def doubling(inputs: int, out: int, small: Size, large: Size) -> nn.ConvTranspose2d:
    """Back from ``small`` to ``large``, which may be odd."""
    kernel, stride = _kernel(large, small)
    extra = (large[0] - small[0] * stride[0], large[1] - small[1] * stride[1])
    return nn.ConvTranspose2d(inputs, out, kernel, stride, padding=1, output_padding=extra)
