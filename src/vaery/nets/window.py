"""Networks over the neighbourhood of each pixel: what came before it in reading order, and what is known all around."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vaery.nets.near import Near


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

    def padded(self, x: Tensor, seen: Tensor | None) -> Tensor:
        """``x [..., H, W, C]`` in about [−1, 1], ``seen [..., H, W]`` → ``[..., C', (H + 2 r) (W + 2 r)]``.

        Zero where unseen, and on the margin.
        """
        if seen is not None:
            x = torch.where(seen[..., None], x, torch.zeros((), dtype=x.dtype, device=x.device))
        if self.relative:
            mask = torch.ones_like(x[..., :1]) if seen is None else seen[..., None].to(x.dtype).expand_as(x[..., :1])
            x = torch.cat([x, mask], -1)
        return F.pad(x.movedim(-1, -3), [self.reach] * 4).flatten(-2)

    def look(self, features: Tensor, seen: Tensor, given: Tensor | None = None, at: Tensor | None = None) -> View:
        """What there is to see from some pixels.

        Args:
            features: ``[S, B, P, F]`` of each of the P pixels.
            seen: the pixels that are seen where they come before, ``[S or 1, B, C', …]`` of :meth:`padded`.
            given: the same of those that are seen on all sides.
            at: ``[P]`` which pixels these are, in reading order; ``None``: all.
        """
        earlier = self._neighbours(seen, self.before, at)
        around = None if given is None else self._neighbours(given, self.others, at)
        if not self.relative:
            return View(self._hidden(features, earlier.flatten(-2), around), features)
        centre, spread = self.near((earlier, around))
        unit = spread.mean(-1, keepdim=True)
        around = None if around is None else self._beside(around, centre, unit)
        earlier = self._beside(earlier, centre, unit).flatten(-2)
        lead = *earlier.shape[:-1], self.channels
        earlier = torch.cat([earlier, centre.expand(lead), spread.log().expand(lead)], -1)
        return View(self._hidden(features, earlier, around), features, centre, spread)

    def _hidden(self, features: Tensor, earlier: Tensor, around: Tensor | None) -> Tensor:
        if around is not None:
            return self.base(features) + self.around(around.flatten(-2)) + self.earlier(earlier)
        if features.shape[:-1] != earlier.shape[:-1]:
            return self.base(features) + self.earlier(earlier)
        weight = torch.cat([self.base.weight, self.earlier.weight], 1)  # one product is cheaper than two
        return F.linear(torch.cat([features, earlier.to(features.dtype)], -1), weight, self.base.bias)

    def _beside(self, part: Tensor, centre: Tensor, unit: Tensor) -> Tensor:
        """Neighbours ``[..., C + 1, n]`` less the centre, in units; zero where unseen."""
        value, seen = part[..., : self.channels, :], part[..., self.channels :, :]
        value = (value - centre[..., None]) / unit[..., None] * seen
        return torch.cat([value, seen.expand(*value.shape[:-2], 1, value.shape[-1])], -2)

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

    def _neighbours(self, pixels: Tensor, which: Tensor, at: Tensor | None) -> Tensor:
        """``[..., C', padded]`` → ``[..., P, C', n]``: the neighbours of each pixel side by side."""
        corner = self.corner if at is None else self.corner[at]
        taken = pixels.index_select(-1, (corner[:, None] + which).flatten())
        return taken.unflatten(-1, (len(corner), len(which))).movedim(-2, -3)
