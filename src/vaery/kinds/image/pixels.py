"""The density of pixels in packed units, independent of one another given what is around."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vaery.core.density import Density, Elementwise, Factorised, keep_known, masked
from vaery.core.evidence import expand_mask
from vaery.core.random import Random
from vaery.kinds.image.field import ON_LEVELS, ImageField, cut

TABLED = 1024  # levels fewer than this are tabled one by one
SPREAD = 64  # values that stand for a density of numbers
RUMOUR = 1e-7  # no level is less likely than this: densities are wrong now and then, and the data is right


class PixelUnits(nn.Module):
    """Between packed values (levels, standardised numbers) and the unit of a likelihood: ``(v − shift) / scale``.

    Levels stay levels for a likelihood of levels, become shares of full brightness for ``bernoulli``, and are
    standardised by channel for a likelihood of numbers.
    """

    shift: Tensor
    scale: Tensor
    inverse: Tensor

    def __init__(self, field: ImageField) -> None:
        super().__init__()
        self.levels, self.steps = field.levels, field.steps
        self.dtype = field.packed_dtype
        self.binary = bool(field.binarize)
        self.grey = field.likelihood == "bernoulli" and field.steps != 1
        shift, scale = torch.zeros(field.channels), torch.ones(field.channels)
        if field.levels and field.likelihood == "bernoulli":
            scale = scale * field.levels
        elif field.levels and field.likelihood not in ON_LEVELS:
            shift, scale = torch.tensor(field.mean), torch.tensor(field.sd)
        self.register_buffer("shift", shift, persistent=False)
        self.register_buffer("scale", scale, persistent=False)
        self.register_buffer("inverse", 1 / scale, persistent=False)
        self.shifted, self.scaled = bool((shift != 0).any()), bool((scale != 1).any())
        self.log_scale = 0.0 if field.likelihood in ON_LEVELS else float(scale.log().sum())

    def cut(self, value: Tensor) -> Tensor:
        """Packed, as the density tells it apart: black and white where that was asked for."""
        return cut(value, self.levels) if self.binary else value

    def inside(self, value: Tensor) -> Tensor:
        """Packed → the likelihood's unit."""
        value = self.cut(value)
        value = value - self.shift if self.shifted else value
        return value * self.inverse if self.scaled else value.to(self.scale.dtype)

    def outside(self, value: Tensor, channel: int | None = None) -> Tensor:
        """The likelihood's unit → packed, not rounded. ``channel``: values of that one alone."""
        at = slice(None) if channel is None else channel
        value = value * self.scale[at] if self.scaled else value
        return value + self.shift[at] if self.shifted else value

    def around(self, centre: Tensor, spread: Tensor, channel: int) -> tuple[Tensor, Tensor]:
        """A place and a distance of one channel, in about [−1, 1] → the likelihood's unit."""
        if self.levels:
            centre, spread = (centre + 1) * (self.levels / 2), spread * (self.levels / 2)
        return (centre - self.shift[channel]) * self.inverse[channel], spread * self.inverse[channel]

    def packed(self, value: Tensor, channel: int | None = None) -> Tensor:
        """The likelihood's unit → packed, in its own dtype. ``channel``: values of that one alone."""
        value = self.outside(value, channel)
        return value.round().clamp(0, self.levels).to(self.dtype) if self.levels else value


class PixelDensity(Density):
    """Pixels independent of one another given the context: ``value [S, B, H, W, C]`` packed, ``known [B, H, W]``.

    Args:
        elementwise: positions ``[S, B, H, W, C]``, in the likelihood's unit.
        units: the way there and back. For a likelihood of numbers, log-densities are those of packed values.
    """

    def __init__(self, elementwise: Elementwise, units: PixelUnits) -> None:
        self.elementwise = Grey(elementwise) if units.grey else elementwise
        self.factorised, self.units = Factorised(self.elementwise, event_dims=3, mask_dims=2), units

    def log_prob(self, value: Tensor, known: Tensor | None = None) -> Tensor:
        log_p = self.factorised.log_prob(self.units.inside(value))
        return masked(log_p - self.units.log_scale if self.units.log_scale else log_p, known)

    def sample(self, rng: Random, value: Tensor | None = None, known: Tensor | None = None) -> Tensor:
        return keep_known(self.units.packed(self.elementwise.sample(rng)), value, known, 1)

    def mean(self) -> Tensor:
        """In packed units, not rounded."""
        return self.units.outside(self.elementwise.mean())

    def mode(self) -> Tensor:
        return self.units.packed(self.elementwise.mode())

    def table(self, value: Tensor, known: Tensor | None, near: Tensor) -> tuple[Tensor, Tensor]:
        """All levels, up to 1024 of them; else numbers spread as the density is, and those ``near``."""
        ones = [1] * len(self.elementwise.shape)
        if 0 < self.units.levels < TABLED:
            values = torch.arange(self.units.levels + 1.0, device=value.device).view(-1, *ones)
            return values, _levels_of(self.elementwise, self.units)
        u = (torch.arange(SPREAD, device=value.device) + 0.5) / SPREAD
        own = self.units.outside(self.elementwise.transport(u.view(-1, *ones)))
        values = torch.cat([own, near[:, None].expand(len(near), *own.shape[1:]).to(own.dtype)]).sort(0).values
        edges = torch.cat([values[:1], (values[1:] + values[:-1]) / 2, values[-1:]])
        width = edges.diff(dim=0).clamp(min=1e-12).log()  # each value stands for what is nearest to it
        return values, self.elementwise.log_prob(self.units.inside(values)) + width

    def quantile(self, u: Tensor) -> Tensor:
        if not (self.elementwise.discrete and self.units.levels):
            return self.units.packed(self.factorised.quantile(u))
        u = expand_mask(u, 1 + len(self.elementwise.shape))
        below = torch.full((len(u), *self.elementwise.shape), -1.0, device=u.device)
        reached = torch.full_like(below, self.units.steps)
        for _ in range(self.units.steps.bit_length()):  # the last step leaves a gap of one
            middle = ((below + reached) / 2).floor()
            enough = self.elementwise.cdf(middle) >= u
            below, reached = torch.where(enough, below, middle), torch.where(enough, middle, reached)
        return self.units.packed(reached)


def _levels_of(density: Elementwise, units: PixelUnits) -> Tensor:
    """``[K, S, B, H, W, C]`` the logarithm of each level's probability."""
    edges = torch.arange(units.levels, device=units.shift.device) + 0.5
    upto = density.cdf(units.inside(edges.view(-1, *[1] * (len(density.shape) - 1), 1)))
    upto = torch.cat([torch.zeros_like(upto[:1]), upto, torch.ones_like(upto[:1])])
    return (upto.diff(dim=0).clamp(min=0) + RUMOUR).log()


class Grey(Elementwise):
    """A Bernoulli whose probability is itself the grey value.

    Scoring grey pixels by cross-entropy is the habit this serves; it is no density over grey values
    (Loaiza-Ganem and Cunningham, 2019), so there is nothing to draw: every answer is the grey the net believes in.
    """

    def __init__(self, coin: Elementwise) -> None:
        self.coin, self.shape = coin, coin.shape

    def log_prob(self, value: Tensor) -> Tensor:
        return self.coin.log_prob(value)

    def sample(self, rng: Random) -> Tensor:
        return self.coin.mean()

    def mean(self) -> Tensor:
        return self.coin.mean()

    def mode(self) -> Tensor:
        return self.coin.mean()

    def cdf(self, value: Tensor) -> Tensor:
        return (value >= self.coin.mean()).to(torch.float32)
