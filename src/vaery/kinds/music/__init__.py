"""Music: MIDI files, and piano rolls ``[time, pitch]`` of different lengths."""

from __future__ import annotations

import os
from typing import Any

from vaery.kinds.music.describe import describe
from vaery.kinds.music.field import MusicField
from vaery.kinds.music.io import SUFFIXES, is_midi, looks_like_path, read, write
from vaery.kinds.music.nets import decoder, encoder, suggest
from vaery.kinds.music.pictures import grid
from vaery.kinds.music.piece import Piece
from vaery.kinds.music.rolls import looks_like_rolls
from vaery.kinds.music.sound import synthesise

LISTED = True  # raw data is a list of pieces

__all__ = [
    "LISTED",
    "SUFFIXES",
    "MusicField",
    "Piece",
    "decoder",
    "describe",
    "encoder",
    "grid",
    "looks_like",
    "read",
    "suggest",
    "synthesise",
    "write",
]


def looks_like(raw: Any) -> bool:
    """Whether this is music: a MIDI file or a folder of them, a list of such files or of pieces, a list of piano rolls
    (zeros and ones, 88 or 128 wide, of different lengths) or a ``.npz`` file of these."""
    if isinstance(raw, str | os.PathLike):
        return looks_like_path(raw)
    if not isinstance(raw, list | tuple) or len(raw) == 0:
        return False
    if all(isinstance(item, str | os.PathLike) for item in raw):
        return all(is_midi(item) for item in raw)
    return all(isinstance(item, Piece) for item in raw) or looks_like_rolls(raw)
