"""Encoders and decoders of images."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from vaery.core.density import Density
from vaery.core.members import member
from vaery.kinds.image.eye import Eye
from vaery.kinds.image.field import ImageField, cut
from vaery.kinds.image.local import LocalDensity
from vaery.kinds.image.pixels import PixelDensity, PixelUnits
from vaery.nets.conv import SMALLEST, ConvDecoder, ConvEncoder
from vaery.nets.ladder import LadderEncoder, Level, Maps, ladder
from vaery.nets.mlp import MLP
from vaery.nets.window import Window

FLAT = 1024  # grey images of at most this many pixels go through an MLP
GREY, COLOUR = 32, 64  # width of the window's network
BETA = 0.3  # weight of the divergence where grey values are told by those near by: they tell strokes, not digits
EXTRA = 3  # features of a pixel for its window, beside the grey values of its channels


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
    most = min(most, 8000) if field.window else most  # steps take longer with a window, and fewer are needed
    advice: dict[str, Any] = {"objective": {"beta": BETA}} if field.window and field.levels > 1 else {}
    return advice | {
        "latent": 16 if pixels <= 256 else 32 if flat else 64,
        "width": 400 if flat and pixels > 256 else 256,
        "depth": 2 if flat else 1,
        "dropout": 0.0,
        "plan": {"batch": 128, "learning_rate": 2e-3, "steps": min(most, max(3000, rows * 60 // 128))},
    }


def encoder(field: ImageField, width: int, depth: int, dropout: float) -> nn.Module:
    """``(value [B, H, W, C], known [B, H, W] or None) → [B, width]``; of the layer sizes it says ``width``."""
    return ImageEncoder(field, width, depth, dropout)


def reader(field: ImageField, width: int) -> nn.Module:
    """What a label is read from: a convolutional net wherever a side is long enough, since labels are few."""
    size = (field.height, field.width)
    net = ConvEncoder(size, field.channels, width, 1) if max(size) >= SMALLEST else None
    return ImageEncoder(field, width, 2, 0.0, net)


def plain(field: ImageField) -> nn.Module:
    """``value [B, H, W, C]``, ``known [B, H, W]`` → ``[B, F]`` with nothing learned."""
    return Eye(field)


def decoder(field: ImageField, context: int, width: int, depth: int, dropout: float) -> nn.Module:
    """``context [S, B, C]`` → the density of ``[S, B, H, W, C]``."""
    return ImageDecoder(field, context, width, depth, dropout)


def can_climb(field: ImageField) -> bool:
    """Whether the picture can have levels of its own: its network is a convolutional one."""
    return net_of(field) == "conv"


def climb(
    field: ImageField, context: int, levels: int, width: int, depth: int, dropout: float
) -> tuple[nn.Module, list[Level], nn.Module]:
    """Encoder, levels of the picture's own (top first) and decoder: see :mod:`vaery.nets.ladder`."""
    size = (field.height, field.width)
    foot: list[Level] = []

    def decoder(numbers: int) -> nn.Module:
        made, net = ladder(field.name, size, levels, context, numbers, dropout)
        foot.extend(made)
        return net

    below = ImageDecoder(field, context, width, depth, dropout, decoder)
    net = LadderEncoder(size, field.channels, width, depth, dropout)
    return ImageEncoder(field, width, depth, dropout, net), foot, below


class ImageEncoder(nn.Module):
    """Pixels, centred and scaled to about [−1, 1], zero where hidden, through an MLP or a convolutional net.

    Which pixels are hidden enters on its own; where none is, that part is skipped.
    """

    offset: Tensor

    def __init__(self, field: ImageField, width: int, depth: int, dropout: float, net: nn.Module | None = None) -> None:
        super().__init__()
        self.width = width
        if net is not None:
            self.net = net
        elif net_of(field) == "mlp":
            self.net: nn.Module = FlatEncoder((field.height, field.width, field.channels), width, depth, dropout)
        else:
            self.net = ConvEncoder((field.height, field.width), field.channels, width, depth, dropout)
        self.scale = 1.0 if field.standardised else 2 / max(1, field.levels)
        centre = torch.zeros(field.channels) if field.standardised else torch.tensor(field.mean)
        self.register_buffer("offset", -centre * self.scale, persistent=False)
        self.cut = field.levels if field.binarize else 0

    def forward(self, value: Tensor, known: Tensor | None = None) -> Tensor | Maps:
        x = (cut(value, self.cut) if self.cut else value) * self.scale + self.offset
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
    """A context through an MLP or a convolutional net, read by the field's likelihood pixel by pixel.

    ``net`` makes another network, for so many numbers a pixel.

    Where the field has a window, the net gives features instead, and pixels are read in order (:mod:`.local`).
    """

    def __init__(
        self,
        field: ImageField,
        context: int,
        width: int,
        depth: int,
        dropout: float,
        net: Callable[[int], nn.Module] | None = None,
    ) -> None:
        super().__init__()
        flat = net_of(field) == "mlp"
        self.family = member("likelihoods", field.likelihood)(**_options(field, flat))
        self.units, self.hide = PixelUnits(field), field.hide
        self.event = field.event
        numbers, self.window = field.channels * self.family.size, None
        if field.window:  # a grey value for each channel, and some features
            numbers = field.channels + EXTRA
            shape = (field.height, field.width, field.channels)
            wide = GREY if field.channels == 1 else COLOUR
            self.window = Window(shape, self.family.size, numbers, field.steps, field.window, wide)
        size = (field.height, field.width)
        if net is not None:
            self.net: Any = net(numbers)
        elif flat:
            self.net = MLP(context, *[width] * depth, size[0] * size[1] * numbers)
        else:
            self.net = ConvDecoder(context, size, numbers, width, depth, dropout)
        last: Any = self.net[-1] if flat else self.net.up[-1]
        if field.likelihood == "bernoulli" or field.window:  # the picture starts as the mean brightness
            start = torch.tensor([math.log(m / (1 - m)) for m in _shares(field)])
            with torch.no_grad():
                last.bias.view(-1, numbers)[:, : len(start)] = start

    def forward(self, context: Tensor) -> Density:
        raw = self.net(context.flatten(0, 1))
        if self.window is not None:
            features = raw.reshape(*context.shape[:2], *self.event[:2], -1)
            return LocalDensity(features, self.window, self.family, self.units, self.hide)
        return PixelDensity(self.family(raw.reshape(*context.shape[:2], *self.event, -1)), self.units)


def _options(field: ImageField, flat: bool) -> dict[str, Any]:
    if field.likelihood == "logistic_mixture" and field.levels:
        return {"components": 3 if flat else 5, "low": 0, "high": field.levels}
    if field.likelihood in ("categorical", "ordinal"):
        return {"levels": field.levels + 1}
    return {}


def _shares(field: ImageField) -> list[float]:
    """The mean brightness of each channel, away from 0 and 1."""
    return [min(0.99, max(0.01, mean / max(1, field.levels))) for mean in field.mean]
