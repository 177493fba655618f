"""The field of images: what is known of their shape and their values, and the way to tensors and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from vaery.core.errors import DataError, QueryError
from vaery.core.field import Field
from vaery.core.query import Between, OneOf
from vaery.core.random import Random
from vaery.core.region import Region
from vaery.core.scale import Scale
from vaery.kinds.image.arrays import channels_last, from_channels_last, known_values, layout_of, to_array
from vaery.kinds.image.coarse import coarse
from vaery.kinds.image.disturb import disturbed, moved
from vaery.kinds.image.draws import weighted_mean, weighted_mode, weighted_quantile
from vaery.kinds.image.levels import rounding
from vaery.kinds.image.plain import plain_bits

ON_LEVELS = ("bernoulli", "logistic_mixture", "categorical", "ordinal")  # likelihoods of whole grey levels
BLOCK = 4096  # images converted at a time


@dataclass(frozen=True)
class ImageField(Field):
    """Images of one size. ``E = (H, W, C)``, ``M = (H, W)``: a pixel is known with all its channels or not at all.

    Values with levels are packed as whole levels in the smallest dtype that holds them (uint8 stays uint8), continuous
    ones as float32, standardised by channel.

    Attributes:
        height, width, channels: H, W and C.
        layout: of the raw arrays, ``"NHW"``, ``"NHWC"`` or ``"NCHW"``.
        dtype: of the raw arrays.
        levels: the highest grey level (255 for 8 bits, 1 for black and white); 0: continuous values.
        low, high: the raw values of level 0 and of the highest; for continuous values the smallest and largest seen.
        mean, sd: of each channel, in levels (continuous: in the data's own unit).
        net: ``"auto"``, ``"mlp"`` or ``"conv"``.
        window: how far, in pixels, a pixel sees those before it; 0: pixels are independent given the latent.
        binarize: ``"threshold"``: grey levels are cut at half; ``"dynamic"``: the same, but training draws black and
            white anew at each step, with the grey level as the chance of white. Empty: levels are levels.
        varied: whether training sees most of them moved, turned and stretched a little.
    """

    kind: ClassVar[str] = "image"
    height: int
    width: int
    channels: int
    layout: str
    dtype: str
    levels: int
    low: float
    high: float
    mean: tuple[float, ...]
    sd: tuple[float, ...]
    net: str = "auto"
    window: int = 0
    binarize: str = ""
    varied: bool = False

    @property
    def event(self) -> tuple[int, ...]:
        return self.height, self.width, self.channels

    @property
    def mask(self) -> tuple[int, ...]:
        return self.height, self.width

    @property
    def packed_dtype(self) -> torch.dtype:
        """Of the packed values: whole levels, or standardised numbers."""
        if self.levels == 0:
            return torch.float32
        return torch.uint8 if self.levels <= 255 else torch.int32

    @property
    def scale(self) -> Scale:
        if self.standardised:
            high = self.high if self.high > self.low else self.low + 1  # a constant has no range of its own
            ends = [[(end - m) / s for m, s in zip(self.mean, self.sd, strict=True)] for end in (self.low, high)]
            return Scale(self.sd, tuple(ends[0]), tuple(ends[1]), whole=False, axes=2)
        top, unit = (self.levels, (self.high - self.low) / self.levels) if self.levels else (1, 1.0)
        many = lambda number: (float(number),) * self.channels
        return Scale(many(unit), many(0), many(top), whole=self.levels > 0, axes=2)

    @property
    def steps(self) -> int:
        """The highest level that the density tells apart: 1 where grey levels become black and white."""
        return 1 if self.binarize else self.levels

    @property
    def standardised(self) -> bool:
        """Whether packed values are continuous numbers with mean 0 and standard deviation 1 by channel."""
        return self.levels == 0 and self.likelihood != "bernoulli"

    # ------------------------------------------------------------------ raw → packed

    def pack(self, raw: Any) -> tuple[Tensor, Tensor | None]:
        """Images ``[N, H, W]``, ``[N, H, W, C]`` or ``[N, C, H, W]``; NaN and masked entries are unknown pixels.

        Floats between two levels count as the nearer one, unless all are so dark that they must be on another scale.
        Bytes that are levels as they stand are not copied: the result shares its memory with them.
        """
        if _is_empty(raw):
            nothing = torch.zeros(len(raw), *self.mask, dtype=torch.bool)
            return torch.zeros(len(raw), *self.event, dtype=self.packed_dtype), nothing
        array = to_array(raw)
        layout = layout_of(array.shape, self.event)
        data, seen = np.asarray(np.ma.getdata(array)), known_values(array)
        data = channels_last(data, layout)
        seen = None if seen is None else channels_last(seen, layout)
        same = seen is None and self._is_packed(data)
        value = torch.from_numpy(data) if same else torch.empty(data.shape, dtype=self.packed_dtype)
        for at in range(0, len(data), BLOCK):
            block = slice(at, at + BLOCK)
            part = self._packed(data[block], None if seen is None else seen[block], at)
            if not same:
                value[block] = torch.from_numpy(np.ascontiguousarray(part))
        if seen is None or bool(seen.all()):
            return value, None
        known = torch.from_numpy(np.ascontiguousarray(seen.all(-1)))
        value[~known] = 0
        return value, known

    def _is_packed(self, data: np.ndarray) -> bool:
        """Whether packing would change nothing, and torch may look at the very bytes."""
        plain = data.flags.c_contiguous and data.flags.writeable
        levels = self.levels > 0 and (self.low, self.high) == (0, self.levels)
        return levels and plain and data.dtype == _numpy_dtype(self.packed_dtype)

    def _packed(self, data: np.ndarray, seen: np.ndarray | None, first: int) -> np.ndarray:
        """Some images ``[n, H, W, C]`` as levels or standardised; the message of an error counts from ``first``."""
        if self.levels and data.dtype.kind in "iub" and (self.low, self.high) == (0, self.levels):
            level, wrong = data, (data < 0) | (data > self.levels)
        elif self.levels:
            exact = (data.astype(np.float64) - self.low) * (self.levels / (self.high - self.low))
            level = np.rint(exact)
            wrong = ~((level >= 0) & (level <= self.levels))
            if self.levels > 1 and not (exact > 1).any():  # shares of brightness, given to a model of levels?
                wrong |= np.abs(exact - level) > rounding(data.dtype, self.levels)
        elif self.standardised:
            level = (data.astype(np.float64) - self.mean) / self.sd
            wrong = ~np.isfinite(level)
        else:
            level = data
            wrong = ~((level >= 0) & (level <= 1))
        if seen is not None:
            wrong, level = wrong & seen, np.where(seen, level, 0)
        if wrong.any():
            raise self._error(data, wrong, first)
        return level.astype(_numpy_dtype(self.packed_dtype))

    def _error(self, data: np.ndarray, wrong: np.ndarray, first: int) -> DataError:
        image, row, column, _ = (int(i) for i in np.argwhere(wrong)[0])
        if self.levels == 1:
            expected = f"{self.low:g} or {self.high:g}"
        elif self.levels:
            expected = f"one of {self.levels + 1} evenly spaced values from {self.low:g} to {self.high:g}"
        else:
            expected = "a finite number" if self.standardised else "a number from 0 to 1"
        found = data[tuple(np.argwhere(wrong)[0])]
        return DataError(
            f"{self.name}: image {first + image}, row {row}, column {column} holds {found}, where {expected} was "
            f"expected; scale these images as the fitted ones were ({self.dtype}, {self.low:g} to {self.high:g}), "
            "or write NaN or a masked array where a pixel is not known"
        )

    def enlarged(self, raw: Any, factor: int) -> np.ndarray:
        """Small images with each pixel repeated; where the factor does not divide a side, less often at its end."""
        if factor < 2:
            raise QueryError(f"factor={factor}: a whole number of at least 2 was expected")
        array = to_array(raw)
        small = (-(-self.height // factor), -(-self.width // factor), self.channels)
        try:
            layout = layout_of(array.shape, small)
        except DataError as error:
            raise DataError(
                f"{self.name}: {self.height} × {self.width} pixels (height × width) were fitted, so images of "
                f"{small[0]} × {small[1]} were expected with factor={factor}; this array has the shape {array.shape}"
            ) from error
        down = layout.index("H")
        wide = array.repeat(factor, down).repeat(factor, down + 1)
        return wide[(slice(None),) * down + (slice(self.height), slice(self.width))]

    # ------------------------------------------------------------------ packed → raw

    def unpack(
        self,
        value: Tensor,
        known: Tensor | None = None,
        like: Any = None,
        keep: bool = False,
        given: Mapping[str, Any] | None = None,
    ) -> Any:
        """Images in the layout and dtype of ``like``, or as fitted; a masked array where ``known`` is given.

        ``given`` names cells, and pixels have no names: it is not used.
        """
        original = None if like is None or _is_empty(like) else to_array(like)
        layout = self.layout if original is None else layout_of(original.shape, self.event)
        out = from_channels_last(self._raw(value), layout)
        if original is not None:
            out = out.astype(np.promote_types(out.dtype, original.dtype), copy=False)
        if original is not None and keep:
            shown = known_values(original)
            own = np.ma.getdata(original).astype(out.dtype)
            out = own if shown is None else np.where(shown, own, out)
        if known is None:
            return out
        seen = known.cpu().numpy()[..., None].repeat(self.channels, -1)
        return np.ma.MaskedArray(out, mask=~from_channels_last(seen, layout))

    def _raw(self, value: Tensor) -> np.ndarray:
        """Packed values, means of them included, in the data's own numbers, ``[B, H, W, C]``."""
        packed, dtype = value.detach().cpu(), np.dtype(self.dtype)
        if self.levels and not packed.is_floating_point():
            table = self._level(np.arange(self.levels + 1, dtype=np.float64))
            return table.astype(dtype)[packed.long().numpy()]
        numbers = packed.double().numpy()
        if self.levels:  # a mean: between levels, where the dtype can hold that
            numbers = np.clip(numbers if dtype.kind == "f" else np.rint(numbers), 0, self.levels)
            return self._level(numbers).astype(dtype)
        if self.standardised:
            numbers = numbers * self.sd + self.mean
        if dtype.kind in "iu":
            ends = np.iinfo(dtype)
            numbers = np.clip(np.rint(numbers), ends.min, ends.max)
        return numbers.astype(dtype)

    def _level(self, level: np.ndarray) -> np.ndarray:
        return self.low + (self.high - self.low) * level / self.levels

    def summarise(self, value: Tensor, weight: Tensor, how: str | float, like: Any = None, keep: bool = False) -> Any:
        if how == "mean":
            packed = weighted_mean(value, weight)
        elif how == "mode":
            packed = weighted_mode(value, weight)
        else:
            packed = weighted_quantile(value, weight, 0.5 if how == "median" else float(how))
        return self.unpack(packed, like=like, keep=keep)

    def log_jacobian(self, value: Tensor) -> Tensor | None:
        """Constant: ``−Σ_channels log sd`` for standardised values; levels of a density count as numbers too."""
        if self.standardised:
            constant = -float(np.log(self.sd).sum())
        elif self.levels and self.likelihood not in ON_LEVELS:
            constant = self.channels * float(np.log(self.levels / (self.high - self.low)))
        else:
            return None
        return torch.full(value.shape[:-1], constant, device=value.device)

    def plain_bits(self, value: Tensor) -> Tensor | None:
        """Of the filters of PNG and zlib, for pictures of levels."""
        return torch.from_numpy(plain_bits(self._told(value).cpu().numpy())) if self.levels else None

    def coarse(self, value: Tensor) -> tuple[Tensor, Tensor] | None:
        """Small and blurred, for pictures of levels."""
        return coarse(self._told(value), self.levels) if self.levels else None

    def _told(self, value: Tensor) -> Tensor:
        """Levels as the density tells them apart."""
        return cut(value, self.levels) if self.binarize else value

    # ------------------------------------------------------------------ questions

    def given(self, asked: Any) -> tuple[Tensor | None, Tensor | None, Region | None]:
        """One image, ``[H, W]``, ``[H, W, C]`` or ``[C, H, W]``; a masked array or NaN where it is left open.

        Raises:
            QueryError: a range or a set was asked for, or more than one image.
        """
        if isinstance(asked, Between | OneOf | Mapping):
            raise QueryError(f"{self.name} can be given as an image (pixels masked where open), not as {asked!r}")
        array = to_array(asked)
        single = (self.event[:2], self.event, (self.channels, *self.event[:2]))
        if array.shape in single and not (array.ndim == 3 and len(array) == 1 and self.channels == 1):
            array = array[None]
        if array.ndim < 3 or len(array) != 1:
            raise QueryError(
                f"{self.name} was given an array of shape {array.shape}; one image of {self.height} × {self.width} "
                f"pixels with {self.channels} channel{'s' * (self.channels > 1)} was expected"
            )
        value, known = self.pack(array)
        return value, known, None

    @property
    def varies(self) -> bool:
        return self.varied or self.binarize == "dynamic"

    @property
    def scarce(self) -> bool:
        return self.varied

    def vary(self, value: Tensor, known: Tensor | None, rng: Random) -> tuple[Tensor, Tensor | None]:
        """Most pictures moved, turned and stretched a little, where that was asked for; black or white in place of each
        grey level, drawn anew (Burda et al., 2016), where that was; else the same pictures."""
        if self.varied:
            value, known = moved(self, value, known, rng)
        if self.binarize != "dynamic":
            return value, known
        white = rng.uniform(tuple(value.shape)).to(value.device) * self.levels < value
        return white.to(value.dtype) * self.levels, known

    def disturb(
        self, value: Tensor, known: Tensor | None, rng: Random, strength: float
    ) -> tuple[Tensor, Tensor | None]:
        """Moved, turned, stretched, darker or brighter, and with a square blotted out."""
        return disturbed(self, value, known, rng, strength)

    def hide(self, rows: int, rng: Random) -> Tensor:
        """What to leave visible in training, ``[rows, H, W]``: random pixels, a half, a rectangle or all but one."""
        visible = super().hide(rows, rng)
        y = torch.arange(self.height, device=rng.device)[:, None]
        x = torch.arange(self.width, device=rng.device)
        sort, side = rng.integers(0, 4, (rows, 1, 1)), rng.integers(0, 4, (rows, 1, 1))
        near = torch.where(side < 2, 2 * y + 1 <= self.height, 2 * x + 1 <= self.width)
        half = near ^ (side % 2 == 1)
        edges = rng.uniform((rows, 4, 1, 1))
        top, bottom = (edges[:, :2] * self.height).sort(1).values.unbind(1)
        left, right = (edges[:, 2:] * self.width).sort(1).values.unbind(1)
        inside = (y + 0.5 >= top) & (y + 0.5 < bottom) & (x + 0.5 >= left) & (x + 0.5 < right)
        return torch.where(sort == 0, visible, torch.where(sort == 1, half, inside ^ (sort == 3)))

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ImageField:
        values: dict[str, Any] = {k: v for k, v in data.items() if k != "kind"}
        values |= {"mean": tuple(data["mean"]), "sd": tuple(data["sd"])}
        return cls(**values)


def cut(value: Tensor, levels: int) -> Tensor:
    """Levels as black and white: the lowest level, or the highest for all above half."""
    return (value > levels // 2).to(value.dtype) * levels


def _is_empty(raw: Any) -> bool:
    """Whether this is a list in which there is no picture."""
    return isinstance(raw, list | tuple) and len(raw) > 0 and all(item is None for item in raw)


def _numpy_dtype(dtype: torch.dtype) -> np.dtype:
    return torch.empty(0, dtype=dtype).numpy().dtype
