"""Sound: files and arrays of samples of any rate and length, mono or stereo.

Inside, a sound is how loud each band of pitch is in each frame of 16 ms; phases are found anew on the way back.
Files are read and written by soundfile, rates are changed by soxr: ``pip install 'vaery[audio]'``.
"""

from __future__ import annotations

import os
from typing import Any

from vaery.kinds.audio.describe import describe
from vaery.kinds.audio.field import AudioField
from vaery.kinds.audio.io import CELL, SUFFIXES, is_file, looks_like_path, read, write, write_one
from vaery.kinds.audio.nets import can_climb, climb, decoder, encoder, suggest
from vaery.kinds.audio.pictures import grid
from vaery.kinds.audio.sound import Sound, joined, sounds, windows

LISTED = True  # raw data is a list of sounds

__all__ = [
    "CELL",
    "LISTED",
    "SUFFIXES",
    "AudioField",
    "Sound",
    "can_climb",
    "climb",
    "decoder",
    "describe",
    "encoder",
    "grid",
    "joined",
    "looks_like",
    "picks",
    "read",
    "sounds",
    "suggest",
    "windows",
    "write",
    "write_one",
]


def looks_like(raw: Any) -> bool:
    """Whether this is sound: a file or a folder of them (or of folders of them), a list of files or of sounds."""
    if isinstance(raw, str | os.PathLike):
        return looks_like_path(raw)
    if isinstance(raw, Sound):
        return True
    if not isinstance(raw, list | tuple):
        return False
    there = [item for item in raw if item is not None]
    if not there:
        return False
    files = all(isinstance(item, str | os.PathLike) and is_file(item) for item in there)
    return files or all(isinstance(item, Sound) for item in there)


def picks(values: list[Any]) -> bool:
    """Whether a frame's column is sounds, or the paths of some."""
    return looks_like(list(values))
