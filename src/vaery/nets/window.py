"""Networks over the neighbourhood of each pixel: what came before it in reading order, and what is known all around."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Window(nn.Module):
    """Features of a picture and pixels near by → raw numbers for each channel of each pixel.

    A pixel sees its features; the pixels before it in reading order within ``reach`` (a causal convolution; van den
    Oord, Kalchbrenner and Kavukcuoglu, 2016); pixels that are known beforehand, on all sides; and, channel by channel,
    its own channels before the one asked for. The last layer starts at zero. Where a channel has a single number, its
    own feature (the first C of them) is added: so the network starts as if pixels were independent given the features.

    Neighbours are laid side by side and multiplied as one matrix: for so few numbers that is cheaper than a
    convolution, and it can be done for some of the pixels only.

    Args:
        shape: H, W and C of the picture.
        size: raw numbers for each channel.
        features: F, at least C.
        reach: how many pixels far a window goes on each side.
        width: of the hidden layers.
        masked: unseen pixels are marked in a channel of their own; not needed where zero is no value.
    """

    corner: Tensor
    before: Tensor
    others: Tensor

    def __init__(
        self,
        shape: tuple[int, int, int],
        size: int,
        features: int,
        reach: int = 3,
        width: int = 32,
        masked: bool = True,
    ) -> None:
        super().__init__()
        height, across, channels = shape
        self.channels, self.size, self.reach, self.masked = channels, size, reach, masked
        near = range(-reach, reach + 1)
        offset = lambda y, x: (y + reach) * (across + 2 * reach) + x + reach  # noqa: E731 - in a padded picture
        before = [offset(y, x) for y in near for x in near if (y, x) < (0, 0)]
        others = [offset(y, x) for y in near for x in near if (y, x) != (0, 0)]
        corner = torch.arange(height)[:, None] * (across + 2 * reach) + torch.arange(across)
        self.register_buffer("before", torch.tensor(before), persistent=False)
        self.register_buffer("others", torch.tensor(others), persistent=False)
        self.register_buffer("corner", corner.flatten(), persistent=False)
        inputs = channels + masked
        self.base = nn.Linear(features, width)
        self.earlier = nn.Linear(inputs * len(before), width, bias=False)
        self.around = nn.Linear(inputs * len(others), width, bias=False)
        self.own = nn.ModuleList(nn.Linear(c, width, bias=False) for c in range(1, channels))
        self.middle = nn.Linear(width, width)
        self.last = nn.ModuleList(nn.Linear(width, size) for _ in range(channels))
        for layer in (self.around, *self.last):
            assert isinstance(layer, nn.Linear)
            nn.init.zeros_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)

    def padded(self, x: Tensor, seen: Tensor | None) -> Tensor:
        """``x [..., H, W, C]`` in about [−1, 1], ``seen [..., H, W]`` → ``[..., C', (H + 2 r) (W + 2 r)]``.

        Zero where unseen, and on the margin.
        """
        if seen is not None:
            x = torch.where(seen[..., None], x, torch.zeros((), dtype=x.dtype, device=x.device))
        if self.masked:
            mask = torch.ones_like(x[..., :1]) if seen is None else seen[..., None].to(x.dtype).expand_as(x[..., :1])
            x = torch.cat([x, mask], -1)
        return F.pad(x.movedim(-1, -3), [self.reach] * 4).flatten(-2)

    def hidden(self, features: Tensor, seen: Tensor, given: Tensor | None = None, at: Tensor | None = None) -> Tensor:
        """``features [S, B, P, F]`` of some pixels, and the pixels near by → ``[S, B, P, width]``.

        Args:
            features: of each of the P pixels.
            seen: the pixels that are seen where they come before, ``[S or 1, B, C', …]`` of :meth:`padded`.
            given: the same of those that are seen on all sides.
            at: ``[P]`` which pixels these are, in reading order; ``None``: all.
        """
        near = self._neighbours(seen, self.before, at)
        if given is None and features.shape[:-1] == near.shape[:-1]:  # one product is cheaper than two
            weight = torch.cat([self.base.weight, self.earlier.weight], 1)
            return F.linear(torch.cat([features, near.to(features.dtype)], -1), weight, self.base.bias)
        return self.start(features, given, at) + self.earlier(near)

    def start(self, features: Tensor, given: Tensor | None = None, at: Tensor | None = None) -> Tensor:
        """The part of :meth:`hidden` that does not hang on earlier pixels."""
        base = self.base(features)
        return base if given is None else base + self.around(self._neighbours(given, self.others, at))

    def patch(self, seen: Tensor, pixel: int) -> Tensor:
        """The earlier pixels' part at one pixel: ``[N, C', …]`` of :meth:`padded` → ``[N, width]``."""
        return self.earlier(seen.index_select(-1, self.before + self.corner[pixel]).flatten(1))

    def read(self, hidden: Tensor, features: Tensor, channel: int, own: Tensor) -> Tensor:
        """Raw numbers of one channel.

        Args:
            hidden: ``[..., width]``, as :meth:`hidden` gives it.
            features: ``[..., F]``.
            channel: which.
            own: ``[..., ≥ channel]`` the pixel's channels before it, in about [−1, 1].
        """
        if channel:
            hidden = hidden + self.own[channel - 1](own[..., :channel])
        hidden = F.silu(hidden)
        hidden = F.silu(hidden + self.middle(hidden))
        raw = self.last[channel](hidden)
        return raw + features[..., channel : channel + 1] if self.size == 1 else raw

    def _neighbours(self, pixels: Tensor, which: Tensor, at: Tensor | None) -> Tensor:
        """``[..., C', padded]`` → ``[..., P, C' · n]``: the neighbours of each pixel side by side."""
        corner = self.corner if at is None else self.corner[at]
        taken = pixels.index_select(-1, (corner[:, None] + which).flatten())
        return taken.unflatten(-1, (len(corner), len(which))).movedim(-2, -3).flatten(-2)
