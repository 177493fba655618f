"""Pieces as pictures: time from left to right, pitch from low to high."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vaery.kinds.music.piece import HELD, PITCHES, Piece
from vaery.kinds.music.rolls import piece_of_roll

if TYPE_CHECKING:
    from PIL.Image import Image

HIDDEN = (250, 214, 165)  # the colour of what is not known, as of unknown pixels
PAPER, BLACK_KEYS, LINE = (255, 255, 255), (243, 243, 246), (205, 205, 212)
INKS = ((38, 70, 140), (200, 80, 40), (40, 140, 90), (150, 60, 150), (170, 130, 20), (90, 90, 90))
CAPTION = 14


def grid(
    pieces: Any, columns: int = 1, scale: int = 4, labels: Sequence[Any] | None = None, gap: int = 8, most: int = 400
) -> Image:
    """Piano rolls on a white sheet: a colour for each instrument, lines at bars, what is not known in orange.

    Args:
        pieces: pieces or rolls, of any length.
        columns: pieces side by side.
        scale: pixels of a time step and of a pitch.
        labels: a caption for each.
        gap: white pixels between them.
        most: time steps of each that are drawn, at most.

    >>> grid([np.eye(12, 88, 30)], scale=2).size
    (40, 52)
    """
    from PIL import Image, ImageDraw

    found = [item if isinstance(item, Piece) else piece_of_roll(item) for item in pieces]
    low, high = _range(found)
    panels = [_panel(piece, low, high, most).repeat(scale, 0).repeat(scale, 1) for piece in found]
    width = max((panel.shape[1] for panel in panels), default=1)
    step = (high - low + 1) * scale + gap + (CAPTION if labels is not None else 0)
    rows = -(-len(panels) // columns)
    sheet = Image.new("RGB", (gap + columns * (width + gap), gap + rows * step), PAPER)
    for i, panel in enumerate(panels):
        x, y = gap + i % columns * (width + gap), gap + i // columns * step
        sheet.paste(Image.fromarray(panel), (x, y))
        if labels is not None:
            ImageDraw.Draw(sheet).text((x, y + panel.shape[0] + 1), str(labels[i]), fill="black")
    return sheet


def _range(pieces: Sequence[Piece]) -> tuple[int, int]:
    """The lowest and highest pitch of all, and some room."""
    used = np.zeros(PITCHES, dtype=bool)
    for piece in pieces:
        used |= (np.ma.filled(piece.roll, 0) > 0).any((0, 1))
    there = np.flatnonzero(used)
    return (max(0, int(there[0]) - 3), min(PITCHES - 1, int(there[-1]) + 3)) if len(there) else (48, 72)


def _panel(piece: Piece, low: int, high: int, most: int) -> np.ndarray:
    """``[pitches, time, 3]`` bytes, high pitches on top."""
    data, mask = np.ma.getdata(piece.roll)[:most], np.ma.getmaskarray(piece.roll)[:most]
    panel = np.full((PITCHES, max(1, len(data)), 3), PAPER, dtype=np.uint8)
    panel[[p for p in range(PITCHES) if p % 12 in (1, 3, 6, 8, 10)]] = BLACK_KEYS
    panel[:, :: piece.steps_in_a_bar] = LINE
    panel[np.asarray(mask.any(1)).T[:, : len(data)]] = HIDDEN
    for k in range(data.shape[1]):
        ink = np.array(INKS[k % len(INKS)])
        notes = np.where(mask[:, k], 0, data[:, k]).T
        panel[notes > 0] = ink
        panel[notes == HELD] = (0.75 * ink + 0.25 * np.array(PAPER)).astype(np.uint8)
    return np.ascontiguousarray(panel[low : high + 1][::-1])
