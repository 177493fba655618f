"""Networks over the neighbourhood of each pixel: what came before it in reading order, and what is known all around."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vaery.nets.near import Near, Neighbours


@dataclass(frozen=True)
class Pixels:
    """Pictures with a margin all around, pixels in one row: what a window looks at.

    Attributes:
        value: ``[..., C, (H + 2 r) (W + 2 r)]`` in about [−1, 1]; zero where unseen, and on the margin.
        seen: ``[..., 1, the same]``, 1 or 0; the same for all rows where it has no axis of theirs. ``None``: unseen
            pixels are told by their zeros, as where there are two levels.
    """

    value: Tensor
    seen: Tensor | None


@dataclass(frozen=True)
class View:
    """What a window has of some pixels.

    Attributes:
        hidden: ``[..., width]``.
        features: ``[..., F]``.
        centre, spread: ``[..., C]`` of what is near by; ``None``: the window does not look at that.
    """

    hidden: Tensor
    features: Tensor
    centre: Tensor | None = None
    spread: Tensor | None = None


class Window(nn.Module):
    """Features of a picture and pixels near by → raw numbers for each channel of each pixel.

    A pixel sees its features; the pixels before it in reading order within ``reach`` (a causal convolution; van den
    Oord, Kalchbrenner and Kavukcuoglu, 2016); pixels that are known beforehand, on all sides; and, channel by channel,
    its own channels before the one asked for. The last layer starts at zero. Where a channel has a single number, its
    own feature (the first C of them) is added: so the network starts as if pixels were independent given the features.

    Pictures of more than two levels are seen relative to what is near (:class:`~vaery.nets.near.Near`): neighbours less
    their mean, in units of their spread.

    Neighbours are laid side by side and multiplied as one matrix: for so few numbers that is cheaper than a
    convolution, and it can be done for some of the pixels only.

    Args:
        shape: H, W and C of the picture.
        size: raw numbers for each channel.
        features: F, at least C.
        levels: steps between the smallest and the largest value; 1: black and white.
        reach: how many pixels far a window goes on each side.
        width: of the hidden layers.
    """

    corner: Tensor
    before: Tensor
    others: Tensor

    def __init__(
        self,
        shape: tuple[int, int, int],
        size: int,
        features: int,
        levels: int,
        reach: int = 3,
        width: int = 32,
    ) -> None:
        super().__init__()
        height, across, channels = shape
        self.channels, self.size, self.reach, self.relative = channels, size, reach, levels != 1
        near = range(-reach, reach + 1)
        before = [(y, x) for y in near for x in near if (y, x) < (0, 0)]
        others = [(y, x) for y in near for x in near if (y, x) != (0, 0)]
        flat = lambda offsets: torch.tensor(  # in a padded picture
            [(y + reach) * (across + 2 * reach) + x + reach for y, x in offsets]
        )
        corner = torch.arange(height)[:, None] * (across + 2 * reach) + torch.arange(across)
        self.register_buffer("before", flat(before), persistent=False)
        self.register_buffer("others", flat(others), persistent=False)
        self.register_buffer("corner", corner.flatten(), persistent=False)
        inputs = channels + self.relative  # zero is a value of its own where there are more than two
        self.base = nn.Linear(features, width)
        self.earlier = nn.Linear(inputs * len(before) + 2 * channels * self.relative, width, bias=False)
        self.around = nn.Linear(inputs * len(others), width, bias=False)
        self.own = nn.ModuleList(nn.Linear(c, width, bias=False) for c in range(1, channels))
        self.middle = nn.Linear(width, width)
        self.last = nn.ModuleList(nn.Linear(width, size) for _ in range(channels))
        if self.relative:
            self.near = Near(channels, before, others, levels)
            self.follow = nn.Parameter(torch.full((channels,), 0.7))  # how far a channel goes along with the one before
        for layer in (self.around, *self.last):
            assert isinstance(layer, nn.Linear)
            nn.init.zeros_(layer.weight)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)

    def padded(self, x: Tensor, seen: Tensor | None) -> Pixels:
        """``x [..., H, W, C]`` in about [−1, 1], ``seen [..., H, W]``; ``None``: all."""
        if seen is not None:
            x = torch.where(seen[..., None], x, torch.zeros((), dtype=x.dtype, device=x.device))
        flat = lambda t: F.pad(t.movedim(-1, -3), [self.reach] * 4).flatten(-2).contiguous()
        if not self.relative:
            return Pixels(flat(x), None)
        mask = x.new_ones(*[1] * (x.dim() - 3), *x.shape[-3:-1], 1) if seen is None else seen[..., None].to(x.dtype)
        return Pixels(flat(x), flat(mask))

    def look(self, features: Tensor, seen: Pixels, given: Pixels | None = None, at: Tensor | None = None) -> View:
        """What there is to see from some pixels.

        Args:
            features: ``[S, B, P, F]`` of each of the P pixels.
            seen: the pixels that are seen where they come before, of ``[S or 1, B, …]``.
            given: the same of those that are seen on all sides.
            at: ``[P]`` which pixels these are, in reading order; ``None``: all.
        """
        if not self.relative:
            earlier = self._neighbours(seen.value, self.before, at)
            around = None if given is None else self._neighbours(given.value, self.others, at)
            return View(self._hidden(features, _flat(earlier), None if around is None else _flat(around)), features)
        earlier = self._relative(seen, self.before, at)
        around = None if given is None else self._relative(given, self.others, at)
        centre, spread = self.near((earlier, around))
        weight, last = self.earlier.weight.split([self.earlier.in_features - 2 * self.channels, 2 * self.channels], 1)
        hidden = self._told(earlier, weight, centre, spread)
        if around is not None:
            hidden = hidden + self._told(around, self.around.weight, centre, spread)
        hidden = hidden + F.linear(torch.cat([centre, spread.log()], -1), last)
        return View(self.base(features) + hidden, features, centre, spread)

    def _hidden(self, features: Tensor, earlier: Tensor, around: Tensor | None) -> Tensor:
        if around is not None:
            return self.base(features) + self.around(around) + self.earlier(earlier)
        if features.shape[:-1] != earlier.shape[:-1]:
            return self.base(features) + self.earlier(earlier)
        weight = torch.cat([self.base.weight, self.earlier.weight], 1)  # one product is cheaper than two
        return F.linear(torch.cat([features, earlier.to(features.dtype)], -1), weight, self.base.bias)

    def _told(self, part: Neighbours, weight: Tensor, centre: Tensor, spread: Tensor) -> Tensor:
        """What ``weight [width, (C + 1) n]`` makes of neighbours less the centre, in units of the spread, and of which
        are seen: ``[..., P, width]``.

        Σ w (v − c) s / u is (Σ w v − c Σ w s) / u: no neighbour is touched one by one, and the second sum is the same
        for all rows that see the same.
        """
        each = weight.unflatten(1, (self.channels + 1, -1)).unbind(1)
        seen, total = part.seen[..., 0, :, :], None
        for c, w in enumerate(each[:-1]):
            by = centre[..., c] - part.level[..., c, :]
            said = F.linear(part.value[..., c, :, :], w) - by[..., None] * F.linear(seen, w)
            total = said if total is None else total + said
        assert total is not None
        return total / spread.mean(-1, keepdim=True) + F.linear(seen, each[-1])

    def read(self, view: View, channel: int, own: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor] | None]:
        """Raw numbers of one channel, and about which centre and in which unit they are meant.

        Args:
            view: of the pixels.
            channel: which.
            own: ``[..., ≥ channel]`` the pixel's channels before it, in about [−1, 1].
        """
        hidden, around = view.hidden, None
        own = own[..., :channel]
        if view.centre is not None and view.spread is not None:
            own = own - view.centre[..., :channel]
            further = self.follow[channel] * own[..., channel - 1] if channel else 0.0
            around = view.centre[..., channel] + further, view.spread[..., channel]
            own = own / view.spread.mean(-1, keepdim=True)
        if channel:
            hidden = hidden + self.own[channel - 1](own)
        hidden = F.silu(hidden)
        hidden = F.silu(hidden + self.middle(hidden))
        raw = self.last[channel](hidden)
        return (raw + view.features[..., channel : channel + 1] if self.size == 1 else raw), around

    def _relative(self, pixels: Pixels, which: Tensor, at: Tensor | None) -> Neighbours:
        """Neighbours, less the one to the left where that is seen."""
        assert pixels.seen is not None
        value, seen = (self._neighbours(t, which, at) for t in (pixels.value, pixels.seen))
        left = len(self.before) - 1  # of both lists, which are in reading order
        level = value[..., left]
        return Neighbours(torch.addcmul(value, level[..., None], seen, value=-1), seen, level)

    def _neighbours(self, pixels: Tensor, which: Tensor, at: Tensor | None) -> Tensor:
        """``[..., C', padded]`` → ``[..., C', P, n]``: the neighbours of each pixel side by side."""
        corner = self.corner if at is None else self.corner[at]
        taken = pixels.index_select(-1, (corner[:, None] + which).flatten())
        return taken.unflatten(-1, (len(corner), len(which)))


def _flat(neighbours: Tensor) -> Tensor:
    """``[..., C, P, n]`` → ``[..., P, C · n]``."""
    return neighbours.movedim(-3, -2).flatten(-2)
