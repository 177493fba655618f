"""Pixels in reading order, each given the latent and those near by."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from vaery.core.density import Density, Elementwise, Family, masked
from vaery.core.random import Random
from vaery.kinds.image.pixels import PixelDensity, PixelUnits
from vaery.nets.window import View, Window

CHUNK = 64  # pictures that go through the window at once where nobody needs gradients: what fits a cache
CLASSIC = 0.2  # the share of training in which the latent is learned alone; less than a plan's patience
ALONE = 0.4  # the share of training after which all rows see the pixels before each
PART = 0.25  # of the pixels that a step of training looks at
SHARE = 4  # one row in so many also learns to answer with known pixels all around
BLANK = 0.25  # the share of these that see no pixel at all

Hide = Callable[[int, Random], Tensor]
Around = tuple[Tensor, Tensor] | None


class LocalDensity(Density):
    """p(pixels | latent) as a product in reading order, each pixel given the ones before it near by.

    What is known of a picture is scored in reading order, each pixel given the known ones before it. What is unknown is
    drawn in reading order, given what came before and all that is known on every side. One network answers for all of
    these; in training a quarter of the rows also asks it the second question, with parts hidden at random
    (:meth:`estimate`), so that it has an answer.

    ``value [S, B, H, W, C]`` packed, ``known [B, H, W]``.

    Args:
        features: ``[S, B, H, W, F]``.
        window: the network.
        family: of each channel.
        units: between packed values and the family's unit.
        hide: rows, rng → which pixels a row may see, ``[rows, H, W]``.
    """

    def __init__(self, features: Tensor, window: Window, family: Family, units: PixelUnits, hide: Hide) -> None:
        self.features, self.window, self.family, self.units, self.hide = features, window, family, units, hide

    # ------------------------------------------------------------------ scoring

    def log_prob(self, value: Tensor, known: Tensor | None = None) -> Tensor:
        value = value if value.dim() == self.features.dim() else value[None]
        if torch.is_grad_enabled():
            return self._scored(self.features, value, known, known)
        parts = [
            self._scored(self.features[:, rows], value[:, rows], _at(known, rows), _at(known, rows))
            for rows in self._chunks()
        ]
        return torch.cat(parts, 1)

    def estimate(self, value: Tensor, known: Tensor | None, rng: Random, progress: float = 1.0) -> Tensor:
        """As :meth:`log_prob`; where gradients are needed, from a random :data:`PART` of the pixels.

        At first grey values are learned as by the classic VAE, which is quick and leaves all to the latent; then more
        and more rows see the pixels before each. With the window from the first step on, the latent is hardly used:
        strokes are learned sooner than digits. Until then what is returned is no estimate of this density.
        What is given for one row in :data:`SHARE` also has the gradient of the second question, and the value of the
        first alone.
        """
        if not torch.is_grad_enabled():
            return self.log_prob(value, known)
        value = value if value.dim() == self.features.dim() else value[None]
        if progress < CLASSIC:
            return self._classic(value, known)
        height, width = value.shape[-3:-1]
        some = rng.permutation(height * width)[: max(1, round(PART * height * width))].to(value.device)
        shown = known
        if progress < ALONE:
            alone = rng.uniform((value.shape[1], 1, 1)).to(value.device) < (ALONE - progress) / (ALONE - CLASSIC)
            shown = ~alone.expand(-1, height, width) if known is None else known & ~alone
        total = self._scored(self.features, value, known, shown, at=some).sum(-1)
        rows = slice(0, -(-value.shape[1] // SHARE))
        lesson = self._lesson(self.features[:, rows], value[:, rows], _at(known, rows), some, rng)
        total = total + F.pad(lesson, (0, total.shape[1] - lesson.shape[1]))
        share = total / len(some)  # of the row's estimate, the same for every pixel
        return share[..., None, None].expand(*total.shape, height, width)

    def _lesson(self, features: Tensor, value: Tensor, known: Tensor | None, at: Tensor, rng: Random) -> Tensor:
        """``[S, B]`` zeros with the gradient of log p(the rest | latent, a random part seen on all sides); half of the
        rows see the rest before each pixel as well, the others are asked for each pixel by itself."""
        rows = value.shape[1]
        given = self.hide(rows, rng).to(value.device) & (rng.uniform((rows, 1, 1)).to(value.device) > BLANK)
        given = given if known is None else given & known
        rest = ~given if known is None else known & ~given
        seen = given | (rest & (rng.uniform((rows, 1, 1)).to(value.device) < 0.5))
        found = self._scored(features, value, rest, seen, given, at).sum(-1)
        return found - found.detach()

    def _scored(
        self,
        features: Tensor,
        value: Tensor,
        scored: Tensor | None,
        seen: Tensor | None,
        given: Tensor | None = None,
        at: Tensor | None = None,
    ) -> Tensor:
        """The pixels ``scored``, each given the ``seen`` ones before it and the ``given`` ones: ``[S, B, H, W]``, or
        ``[S, B, P]`` of the pixels ``at [P]``."""
        own, inside, features = self._unit(value), self.units.inside(value), features.flatten(2, 3)
        before = self.window.padded(own, seen)
        around = None if given is None else self.window.padded(own, given)
        if at is not None:
            features, scored = features[:, :, at], None if scored is None else scored.flatten(1)[:, at]
            own, inside = own.flatten(2, 3)[:, :, at], inside.flatten(2, 3)[:, :, at]
        else:
            own, inside = own.flatten(2, 3), inside.flatten(2, 3)
            scored = None if scored is None else scored.flatten(1)
        view = self.window.look(features, before, around, at)
        terms = [self._density(*self._read(view, c, own)).log_prob(inside[..., c]) for c in range(own.shape[-1])]
        total = terms[0] if len(terms) == 1 else torch.stack(terms).sum(0)
        total = masked(total - self.units.log_scale if self.units.log_scale else total, scored)
        return total if at is not None else total.unflatten(-1, value.shape[-3:-1])

    def _read(self, view: View, channel: int, own: Tensor) -> tuple[Tensor, Around]:
        """Raw numbers of one channel given those before it, and where the family is to take them from."""
        raw, around = self.window.read(view, channel, own)
        if around is None or not self.family.located:
            return raw, None
        return raw, self.units.around(*around, channel)

    def _density(self, raw: Tensor, around: Around) -> Elementwise:
        return self.family(raw) if around is None else self.family(raw, around)

    def _look(self, own: Tensor, seen: Tensor) -> View:
        """What the window has of all pixels, ``[S, B, H · W, …]``, if these are ``seen`` on all sides."""
        pixels = self.window.padded(own, seen)
        return self.window.look(self.features.flatten(2, 3), pixels, pixels)

    def _unit(self, value: Tensor) -> Tensor:
        """Packed → about [−1, 1], where the network lives."""
        x = self.units.cut(value).to(self.features.dtype)
        return x * (2 / self.units.levels) - 1 if self.units.levels else x

    def _chunks(self) -> Iterator[slice]:
        draws, rows = self.features.shape[:2]
        size = max(1, CHUNK // draws)
        return (slice(start, start + size) for start in range(0, max(1, rows), size))

    # ------------------------------------------------------------------ drawing

    @torch.no_grad()
    def sample(self, rng: Random, value: Tensor | None = None, known: Tensor | None = None) -> Tensor:
        height, width, channels = (*self.features.shape[2:4], self.window.channels)
        shape = (*self.features.shape[:-1], channels)
        if value is not None and known is None:
            return value.expand(shape)
        open_ = None if known is None else (~known).flatten(1).any(0).tolist()
        own, around = self.features.new_zeros(shape), None
        made = torch.zeros(shape, dtype=self.units.dtype, device=own.device)
        if value is not None and known is not None:
            made = torch.where(known[..., None], value.to(made.dtype), made)
            own = torch.where(known[..., None], self._unit(value), own)
            around = self.window.padded(own, known)
        seen, r = self.window.padded(own, None), self.window.reach
        places = torch.arange(height * width, device=own.device)
        for i in range(height * width):
            if open_ is not None and not open_[i]:
                continue
            y, x = divmod(i, width)
            view = self.window.look(self.features[:, :, y, x, None], seen, around, places[i : i + 1])
            pixel = own[:, :, y, x, None].clone()
            for c in range(channels):
                drawn = self._density(*self._read(view, c, pixel)).sample(rng)
                fresh = self.units.packed(drawn, c).to(made.dtype)
                if known is not None:
                    fresh = torch.where(known[:, y, x, None], made[:, :, y, x, None, c], fresh)
                made[:, :, y, x, None, c] = fresh
                pixel[..., c] = self._unit(fresh)
            own[:, :, y, x, None] = pixel
            seen.value[..., (y + r) * (width + 2 * r) + x + r] = pixel[:, :, 0]
        return made

    # ------------------------------------------------------------------ single pixels

    def given(self, value: Tensor, known: Tensor | None) -> PixelDensity:
        """Each single pixel given the known ones, on whatever side; a channel given the likeliest ones before it."""
        own = self._unit(value if value.dim() == self.features.dim() else value[None])
        seen = torch.ones(own.shape[1:-1], dtype=torch.bool, device=own.device) if known is None else known
        return self._single(self._look(own, seen))

    def given_others(self, value: Tensor, known: Tensor | None) -> PixelDensity:
        return self.given(value, known)  # no window shows a pixel to itself

    def table(self, value: Tensor, known: Tensor | None, near: Tensor) -> tuple[Tensor, Tensor]:
        """A channel given the ones before it as they are, too, where the pixel is known."""
        own = self._unit(value)[None]
        seen = torch.ones(own.shape[1:-1], dtype=torch.bool, device=own.device) if known is None else known
        single = self._single(self._look(own, seen), own.flatten(2, 3) if known is None else None)
        return single.table(value, known, near)

    def _single(self, view: View, value: Tensor | None = None) -> PixelDensity:
        """``value [1, B, H · W, C]``: channels before each, in about [−1, 1]; ``None``: the expected ones."""
        channels: list[tuple[Tensor, Around]] = []
        own = view.hidden[..., :0]
        for c in range(self.window.channels):
            channels.append(self._read(view, c, own))
            if value is not None:
                own = value[..., : c + 1].expand(*view.hidden.shape[:-1], -1)
                continue
            expected = self._density(*channels[-1]).mean()
            own = torch.cat([own, self._unit(self.units.outside(expected, c))[..., None]], -1)
        raw, around, size = torch.stack([raw for raw, _ in channels], -2), None, self.features.shape[2:4]
        if places := [place for _, place in channels if place is not None]:
            side_by_side = lambda parts: torch.stack(torch.broadcast_tensors(*parts), -1).unflatten(2, size)
            around = side_by_side([place[0] for place in places]), side_by_side([place[1] for place in places])
        return PixelDensity(self._density(raw.unflatten(2, size), around), self.units)

    def mean(self) -> Tensor:
        return self._alone().mean()

    def mode(self) -> Tensor:
        return self._alone().mode()

    def quantile(self, u: Tensor) -> Tensor:
        return self._alone().quantile(u)

    def _classic(self, value: Tensor, known: Tensor | None) -> Tensor:
        """``[S, B, H, W]`` the cross-entropy of grey values, pixels independent given the latent: the habit of VAEs."""
        grey = value.to(self.features.dtype) / max(1, self.units.levels)
        logits = self.features[..., : self.window.channels].float()
        return masked((grey * logits - F.softplus(logits)).sum(-1), known)

    def _alone(self) -> PixelDensity:
        """Each single pixel given the latent and no other pixel."""
        blank = torch.zeros(self.features.shape[1:-1], dtype=torch.bool, device=self.features.device)
        none = torch.zeros(1, *blank.shape, self.window.channels, device=blank.device, dtype=self.features.dtype)
        return self._single(self._look(none, blank))


def _at(mask: Tensor | None, rows: slice) -> Tensor | None:
    return None if mask is None else mask[rows]
