"""Looking at music: what a field has to know of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from vaery.core.errors import DataError, choice
from vaery.kinds.music.columns import Part
from vaery.kinds.music.field import MusicField
from vaery.kinds.music.piece import DRUMS, PITCHES, Piece
from vaery.kinds.music.rolls import LOWEST, as_read, codes_of

ROOM = 12  # pitches beyond the highest and lowest that occur that a piece may have
INSTRUMENTS = 6  # at most, by how often they play; the others are played by the most alike of these
DRUM_RANGE = (35, 81)  # of General MIDI


def describe(raw: Any, name: str = "music", likelihood: str = "categorical") -> MusicField:
    """Look at music: how long pieces are, which instruments play, on which grid.

    Args:
        raw: piano rolls (a list of ``[time, 88]`` or ``[time, 128]`` of zeros and ones), or pieces as read from MIDI.
        name: of the field.
        likelihood: of each cell; there is this one.

    Raises:
        DataError: no pieces, or none of which anything is known.
    """
    items = as_read(raw)
    if not items:
        raise DataError(f"{name}: there are no pieces; at least one was expected")
    if likelihood != "categorical":
        raise choice("likelihood of music", likelihood, ["categorical"])
    lengths = [len(item) for item in items]
    shape = {"steps": max(8, -(-3 * max(lengths) // 2)), "usual": max(2, int(np.median(lengths)))}
    about = _pieces(items, name) if isinstance(items[0], Piece) else _rolls(items, name)
    return MusicField(name=name, likelihood=likelihood, **shape, **about)


def _rolls(items: Sequence[Any], name: str) -> dict[str, Any]:
    width = np.shape(items[0])[-1]
    if width not in LOWEST:
        raise DataError(f"{name}: piano rolls have 88 or 128 columns, these have {width}")
    for i, item in enumerate(items):
        codes_of(item, width, f"{name}: piece {i}")
    parts = (Part(0, LOWEST[width], LOWEST[width] + width - 1),)
    dtype = np.ma.getdata(items[0]).dtype.name
    return {"parts": parts, "states": 2, "grid": 0, "tempo": 120.0, "meter": (4, 4), "dtype": dtype}


def _pieces(items: Sequence[Piece], name: str) -> dict[str, Any]:
    for i, item in enumerate(items):
        if not isinstance(item, Piece):
            raise DataError(f"{name}: item {i} is a {type(item).__name__} among pieces; give all of one sort")
    plays: Counter[int] = Counter()
    used = np.zeros((DRUMS + 1, PITCHES), dtype=bool)
    for item in items:
        there = np.asarray(np.ma.filled(item.roll, 0)) > 0
        for k, program in enumerate(item.programs):
            plays[program] += int(there[:, k].sum())
            used[program] |= there[:, k].any(0)
    kept = [program for program, notes in plays.most_common(INSTRUMENTS) if notes]
    if not kept:
        raise DataError(f"{name}: no piece holds a single note")
    drums = [DRUMS] if plays[DRUMS] else []
    pitched = sorted(set(kept) - {DRUMS})
    any_pitch = np.flatnonzero(np.delete(used, DRUMS, 0).any(0))  # what is left out is played by one of these
    parts = [Part(p, *_room(any_pitch if len(plays) > len(kept) else np.flatnonzero(used[p]))) for p in pitched]
    parts += [Part(DRUMS, *_drum_range(np.flatnonzero(used[DRUMS]))) for _ in drums]
    return {
        "parts": tuple(parts),
        "states": 3,
        "grid": max(item.grid for item in items),
        "tempo": float(np.median([item.tempo[0][1] for item in items])),
        "meter": Counter(item.meter[0][1:] for item in items).most_common(1)[0][0],
        "dtype": "uint8",
    }


def _room(pitches: np.ndarray) -> tuple[int, int]:
    return max(0, int(pitches.min()) - ROOM), min(PITCHES - 1, int(pitches.max()) + ROOM)


def _drum_range(pitches: np.ndarray) -> tuple[int, int]:
    return min(DRUM_RANGE[0], int(pitches.min())), max(DRUM_RANGE[1], int(pitches.max()))
