"""Pictures of sounds: their spectra, and many of them on one sheet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from vaery.kinds.audio.gaps import heard
from vaery.kinds.audio.sound import Sound, wave
from vaery.kinds.audio.spectrum import Spectrum

if TYPE_CHECKING:
    from PIL.Image import Image

BANDS = 64
RANGE = 60.0  # dB between the darkest and the brightest
HIDDEN = (250, 214, 165)  # the colour of what is not known
CAPTION = 14  # height of a line of captions, in pixels
COLOURS = np.array([[0, 0, 10], [62, 15, 110], [150, 40, 100], [225, 95, 45], [250, 185, 60], [252, 252, 190]])


def grid(
    items: Sequence[Any],
    columns: int | None = None,
    scale: int = 2,
    labels: Sequence[Any] | None = None,
    gap: int = 4,
) -> Image:
    """Spectra side by side on a white sheet: time to the right, pitch (mel) upwards, loudness as brightness.

    Args:
        items: sounds; what is not known is shown in orange.
        columns: sounds in a row; ``None``: as many as make the sheet square.
        scale: a frame of 16 ms is this many pixels wide.
        labels: a caption for each; ``None``: how long it is.
        gap: white pixels between them.

    >>> grid([Sound(np.zeros(2048), 8000)], scale=1, gap=0).size
    (16, 78)
    """
    from PIL import Image, ImageDraw

    pictures = [picture(item) for item in items]
    loudest = max((float(p.max()) for p, _ in pictures if p.size), default=0.0)
    tiles = [_coloured(p, seen, loudest).repeat(scale, 1) for p, seen in pictures]
    columns = columns or max(1, math.ceil(math.sqrt(len(tiles))))
    width = max((t.shape[1] for t in tiles), default=1)
    step = BANDS + CAPTION + gap
    sheet = Image.new("RGB", (gap + columns * (width + gap), gap + max(1, -(-len(tiles) // columns)) * step), "white")
    draw = ImageDraw.Draw(sheet)
    for i, tile in enumerate(tiles):
        at = gap + i % columns * (width + gap), gap + i // columns * step
        sheet.paste(Image.fromarray(tile), at)
        draw.text((at[0], at[1] + BANDS), _caption(items[i], None if labels is None else labels[i]), fill="black")
    return sheet


def picture(item: Sound | None) -> tuple[np.ndarray, np.ndarray]:
    """``[bands, frames]`` dB, pitch upwards, and ``[frames]`` whether they are known; channels are added up."""
    if item is None:
        return np.zeros((BANDS, 1)), np.zeros(1, dtype=bool)
    found, spectrum = wave(item, item.name or "a sound"), Spectrum(item.rate, BANDS)
    loud = spectrum.analyse(torch.from_numpy(found.x.mean(1)))
    hidden = np.zeros(len(found.x), dtype=bool) if found.known is None else ~found.known
    unknown = heard(torch.from_numpy(hidden), spectrum.hop, len(loud)).numpy()
    decibels = 20 * np.log10(loud.double().numpy().T[::-1] + 1e-9)
    return (decibels, ~unknown) if len(loud) else (np.full((BANDS, 1), -180.0), np.ones(1, dtype=bool))


def _coloured(decibels: np.ndarray, seen: np.ndarray, loudest: float) -> np.ndarray:
    """``[bands, frames, 3]`` bytes."""
    share = np.clip((decibels - loudest) / RANGE + 1, 0, 1) * (len(COLOURS) - 1)
    low = np.minimum(share.astype(int), len(COLOURS) - 2)
    mixed = COLOURS[low] + (share - low)[..., None] * (COLOURS[low + 1] - COLOURS[low])
    return np.where(seen[None, :, None], mixed, HIDDEN).astype(np.uint8)


def _caption(item: Sound | None, label: Any) -> str:
    return str(label) if label is not None else "missing" if item is None else f"{item.seconds:.2f} s"
