"""Encoders and decoders of images, and the density of pixels in packed units."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from vaery.core.density import Density, Elementwise, Factorised, keep_known, masked
from vaery.core.evidence import expand_mask
from vaery.core.members import member
from vaery.core.random import Random
from vaery.kinds.image.field import ON_LEVELS, ImageField
from vaery.nets.conv import SMALLEST, ConvDecoder, ConvEncoder
from vaery.nets.mlp import MLP

FLAT = 1024  # grey images of at most this many pixels go through an MLP


def net_of(field: ImageField) -> str:
    """``"mlp"`` or ``"conv"``: small grey images are cheaper flat, and lose little by it."""
    if field.net != "auto":
        return field.net
    small = field.channels == 1 and field.height * field.width <= FLAT
    return "mlp" if small or max(field.height, field.width) < SMALLEST else "conv"


def suggest(field: ImageField, rows: int) -> dict[str, Any]:
    """Sizes for every ``"auto"`` and a plan of training, for this many rows."""
    flat = net_of(field) == "mlp"
    pixels = field.height * field.width
    most = 20_000 if flat else min(20_000, max(2000, 10_000_000 // pixels))  # what a step costs grows with the pixels
    return {
        "latent": 16 if pixels <= 256 else 32 if flat else 64,
        "width": 400 if flat and pixels > 256 else 256,
        "depth": 2 if flat else 1,
        "dropout": 0.0,
        "plan": {"batch": 128, "learning_rate": 2e-3, "steps": min(most, max(3000, rows * 60 // 128))},
    }


def encoder(field: ImageField, width: int, depth: int, dropout: float) -> nn.Module:
    """``(value [B, H, W, C], known [B, H, W] or None) → [B, width]``; of the layer sizes it says ``width``."""
    return ImageEncoder(field, width, depth, dropout)


def decoder(field: ImageField, context: int, width: int, depth: int, dropout: float) -> nn.Module:
    """``context [S, B, C]`` → the density of ``[S, B, H, W, C]``."""
    return ImageDecoder(field, context, width, depth, dropout)


class ImageEncoder(nn.Module):
    """Pixels, centred and scaled to about [−1, 1], zero where hidden, through an MLP or a convolutional net.

    Which pixels are hidden enters on its own; where none is, that part is skipped.
    """

    offset: Tensor

    def __init__(self, field: ImageField, width: int, depth: int, dropout: float) -> None:
        super().__init__()
        self.width = width
        if net_of(field) == "mlp":
            self.net: nn.Module = FlatEncoder((field.height, field.width, field.channels), width, depth, dropout)
        else:
            self.net = ConvEncoder((field.height, field.width), field.channels, width, depth, dropout)
        self.scale = 1.0 if field.standardised else 2 / max(1, field.levels)
        centre = torch.zeros(field.channels) if field.standardised else torch.tensor(field.mean)
        self.register_buffer("offset", -centre * self.scale, persistent=False)

    def forward(self, value: Tensor, known: Tensor | None = None) -> Tensor:
        x = value * self.scale + self.offset
        if known is None:
            return self.net(x)
        missing = (~known).to(x.dtype)
        return self.net(x.masked_fill(~known[..., None], 0.0), missing)


class FlatEncoder(nn.Module):
    """An MLP of exactly ``depth`` hidden layers over all pixels side by side."""

    def __init__(self, event: tuple[int, int, int], width: int, depth: int, dropout: float = 0.0) -> None:
        super().__init__()
        height, across, colours = event
        self.first = nn.Linear(height * across * colours, width)
        self.missing = nn.Linear(height * across, width, bias=False)
        nn.init.zeros_(self.missing.weight)  # a model that never met a gap is not thrown by its first
        self.rest = nn.Sequential(nn.ReLU(), nn.Dropout(dropout))
        for _ in range(depth - 1):
            self.rest.extend([nn.Linear(width, width), nn.ReLU(), nn.Dropout(dropout)])

    def forward(self, x: Tensor, missing: Tensor | None = None) -> Tensor:
        h = self.first(x.flatten(1))
        return self.rest(h if missing is None else h + self.missing(missing.flatten(1)))


class ImageDecoder(nn.Module):
    """A context through an MLP or a convolutional net, read by the field's likelihood pixel by pixel."""

    def __init__(self, field: ImageField, context: int, width: int, depth: int, dropout: float) -> None:
        super().__init__()
        flat = net_of(field) == "mlp"
        self.family = member("likelihoods", field.likelihood)(**_options(field, flat))
        self.units = PixelUnits(field)
        self.event = field.event
        numbers = field.channels * self.family.size
        if flat:
            pixels = field.height * field.width
            self.net: nn.Module = (net := MLP(context, *[width] * depth, pixels * numbers))
            last: Any = net[-1]
        else:
            self.net = net = ConvDecoder(context, (field.height, field.width), numbers, width, depth, dropout)
            last = net.up[-1]
        if field.likelihood == "bernoulli":  # the picture starts as the mean brightness
            start = torch.tensor([math.log(m / (1 - m)) for m in _shares(field)])
            with torch.no_grad():
                last.bias.copy_(start.repeat(len(last.bias) // len(start)))

    def forward(self, context: Tensor) -> PixelDensity:
        raw = self.net(context.flatten(0, 1))
        return PixelDensity(self.family(raw.reshape(*context.shape[:2], *self.event, -1)), self.units)


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
        self.levels = field.levels
        self.dtype = field.packed_dtype
        self.grey = field.likelihood == "bernoulli" and field.levels != 1
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

    def inside(self, value: Tensor) -> Tensor:
        """Packed → the likelihood's unit."""
        value = value - self.shift if self.shifted else value
        return value * self.inverse if self.scaled else value.to(self.scale.dtype)

    def outside(self, value: Tensor) -> Tensor:
        """The likelihood's unit → packed, not rounded."""
        value = value * self.scale if self.scaled else value
        return value + self.shift if self.shifted else value

    def packed(self, value: Tensor) -> Tensor:
        """The likelihood's unit → packed, in its own dtype."""
        value = self.outside(value)
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

    def quantile(self, u: Tensor) -> Tensor:
        if not (self.elementwise.discrete and self.units.levels):
            return self.units.packed(self.factorised.quantile(u))
        u = expand_mask(u, 1 + len(self.elementwise.shape))
        below = torch.full((len(u), *self.elementwise.shape), -1.0, device=u.device)
        reached = torch.full_like(below, self.units.levels)
        for _ in range(self.units.levels.bit_length()):  # the last step leaves a gap of one
            middle = ((below + reached) / 2).floor()
            enough = self.elementwise.cdf(middle) >= u
            below, reached = torch.where(enough, below, middle), torch.where(enough, middle, reached)
        return reached.to(self.units.dtype)


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


def _options(field: ImageField, flat: bool) -> dict[str, Any]:
    if field.likelihood == "logistic_mixture" and field.levels:
        return {"components": 3 if flat else 5, "low": 0, "high": field.levels}
    if field.likelihood in ("categorical", "ordinal"):
        return {"levels": field.levels + 1}
    return {}


def _shares(field: ImageField) -> list[float]:
    """The mean brightness of each channel, away from 0 and 1."""
    return [min(0.99, max(0.01, mean / max(1, field.levels))) for mean in field.mean]
