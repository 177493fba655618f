"""Arrays as pictures: single ones, and many on one sheet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vaery.kinds.image.arrays import channels_last, known_values, layout_of, to_array
from vaery.kinds.image.levels import SHORT

if TYPE_CHECKING:
    from PIL.Image import Image

HIDDEN = (250, 214, 165)  # the colour of unknown pixels on a sheet
CAPTION = 14  # height of a line of captions, in pixels
SIDE = 64  # small images are enlarged to about this many pixels on a sheet


def grid(
    images: Any,
    columns: int | None = None,
    scale: int | None = None,
    labels: Sequence[Any] | None = None,
    gap: int = 2,
    bounds: tuple[float, float] | None = None,
) -> Image:
    """Images side by side on a white sheet.

    Args:
        images: ``[N, H, W]``, ``[N, H, W, C]`` or ``[N, C, H, W]``; unknown pixels (masked, NaN) are shown in orange.
        columns: images in a row; ``None``: as many as make the sheet square.
        scale: each pixel is drawn this large; ``None``: small images are enlarged to about 64 pixels.
        labels: a caption for each.
        gap: white pixels between them.
        bounds: the values of black and white; ``None``: by looking at all of them together.

    >>> grid(np.zeros((5, 8, 8)), columns=3, scale=2, gap=1).size
    (52, 35)
    """
    from PIL import Image

    array = to_array(images)
    pixels = _coloured(array, bounds)
    columns = columns or max(1, math.ceil(math.sqrt(len(pixels))))
    scale = scale or max(1, round(SIDE / max(pixels.shape[1:3])))
    pixels = pixels.repeat(scale, 1).repeat(scale, 2)
    height, width = pixels.shape[1:3]
    step = height + gap + (CAPTION if labels is not None else 0)
    rows = max(1, math.ceil(len(pixels) / columns))
    sheet = Image.new("RGB", (gap + columns * (width + gap), gap + rows * step), "white")
    for i, image in enumerate(pixels):
        corner = gap + i % columns * (width + gap), gap + i // columns * step
        sheet.paste(Image.fromarray(image), corner)
        if labels is not None:
            _write_caption(sheet, str(labels[i]), (corner[0], corner[1] + height), width)
    return sheet


def picture(image: np.ndarray) -> Image:
    """One image ``[H, W, C]`` of bytes, booleans or 16-bit numbers."""
    from PIL import Image

    return Image.fromarray(np.ascontiguousarray(image[..., 0] if image.shape[-1] == 1 else image))


def as_bytes(array: np.ndarray, bounds: tuple[float, float] | None = None) -> np.ndarray:
    """Any layout and dtype → ``[N, H, W, C]`` that PNG can hold, by the rules of ``write``; unknown pixels are zero."""
    known = known_values(array)
    data = channels_last(np.asarray(np.ma.getdata(array)), layout_of(array.shape))
    known = None if known is None else channels_last(known, layout_of(array.shape))
    data = data if known is None else np.where(known, data, 0)
    grey = data.shape[-1] == 1
    if bounds is None and (data.dtype == np.uint8 or (data.dtype == bool and grey)):
        return data
    whole = data.dtype.kind in "iu" and data.size > 0 and data.min() >= 0
    if bounds is None and whole and data.max() <= 255:
        return data.astype(np.uint8)
    if bounds is None and whole and grey and data.max() <= 65535:
        return data.astype(np.uint16)
    low, high = bounds or brightness(data if known is None else data[known])
    scaled = np.rint((data.astype(np.float64) - low) * (255 / max(high - low, 1e-12)))
    out = np.clip(scaled, 0, 255).astype(np.uint8)
    return out if known is None else np.where(known, out, 0).astype(np.uint8)


def brightness(values: np.ndarray) -> tuple[float, float]:
    """The values that are shown as black and as white."""
    if values.size == 0 or (values.min() >= 0 and values.max() <= 1):
        return 0.0, 1.0
    low, high = min(0.0, float(values.min())), float(values.max())
    return (0.0, 255.0) if low == 0 and SHORT <= high <= 255 else (low, high)


def _coloured(array: np.ndarray, bounds: tuple[float, float] | None) -> np.ndarray:
    """``[N, H, W, 3]`` bytes, unknown pixels in a colour of their own, transparent ones on white."""
    known = known_values(array)
    own = np.ma.getdata(array)
    pixels = as_bytes(array, bounds or brightness(own if known is None else own[known]))
    if pixels.shape[-1] == 4:
        share = pixels[..., 3:] / 255
        pixels = np.rint(pixels[..., :3] * share + 255 * (1 - share)).astype(np.uint8)
    pixels = pixels.repeat(3, -1) if pixels.shape[-1] == 1 else pixels
    if known is None:
        return pixels
    shown = channels_last(known, layout_of(array.shape)).all(-1, keepdims=True)
    return np.where(shown, pixels, np.array(HIDDEN, dtype=np.uint8))


def _write_caption(sheet: Image, text: str, corner: tuple[int, int], width: int) -> None:
    from PIL import ImageDraw

    draw = ImageDraw.Draw(sheet)
    while len(text) > 1 and draw.textlength(text) > width:
        text = text[:-1]
    draw.text((corner[0] + max(0.0, (width - draw.textlength(text)) / 2), corner[1]), text, fill="black")
