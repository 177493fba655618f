"""Columns: the notes of all instruments side by side, as a field holds them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vaery.core.errors import DataError
from vaery.kinds.music.piece import DRUMS, PITCHES, Piece, pitch_name


@dataclass(frozen=True)
class Part:
    """An instrument: its program (128: drums) and its pitches, both ends included."""

    program: int
    low: int
    high: int

    @property
    def width(self) -> int:
        return self.high - self.low + 1


def part_of_column(parts: Sequence[Part], column: int) -> tuple[Part, int]:
    """(instrument, pitch) of a column, counted from 0."""
    for part in parts:
        if column < part.width:
            return part, part.low + column
        column -= part.width
    raise IndexError(column)


def codes_of_piece(piece: Piece, parts: Sequence[Part], where: str) -> tuple[np.ndarray, np.ndarray | None]:
    """A piece on the field's grid → codes ``[t, columns]``, and which are known (``None``: all).

    An instrument that the field does not have is played by the most alike: of the same family of eight programs, else
    the first that is no drum. An instrument of the field that the piece does not have is silent in it.

    Raises:
        DataError: a note that the field has no column for.
    """
    data, mask = np.ma.getdata(piece.roll), np.ma.getmaskarray(piece.roll)
    own = [alike(program, parts) for program in piece.programs]
    codes, seen = [], []
    for i, part in enumerate(parts):
        mine = [k for k, j in enumerate(own) if j == i]
        notes: np.ndarray = data[:, mine].max(1, initial=0)
        hidden: np.ndarray = np.asarray(mask[:, mine].any(1))
        codes.append(np.where(hidden, 0, notes)[:, part.low : part.high + 1])
        seen.append(~hidden[:, part.low : part.high + 1])
        outside = np.ones(PITCHES, dtype=bool)
        outside[part.low : part.high + 1] = False
        _refuse(notes * outside * ~hidden, piece, part, where)
    for k, j in enumerate(own):
        if j is None and (data[:, k] > 0).any():
            raise DataError(f"{where} ({piece.name}) has drums, and no piece of the fit had any; leave that part out")
    known = np.concatenate(seen, 1)
    return np.concatenate(codes, 1).astype(np.uint8), None if known.all() else known


def alike(program: int, parts: Sequence[Part]) -> int | None:
    """The number of the part that plays what was written for ``program``; ``None``: none does."""
    drums = program == DRUMS
    fit = [i for i, part in enumerate(parts) if (part.program == DRUMS) == drums]
    exact = [i for i in fit if parts[i].program == program]
    family = [i for i in fit if parts[i].program // 8 == program // 8]
    return next(iter([*exact, *family, *fit]), None)


def _refuse(outside: np.ndarray, piece: Piece, part: Part, where: str) -> None:
    if outside.any():
        step, pitch = (int(i) for i in np.argwhere(outside)[0])
        raise DataError(
            f"{where} ({piece.name}) plays {pitch_name(pitch)} at quarter note {step / piece.grid:g}; the pieces of "
            f"the fit go from {pitch_name(part.low)} to {pitch_name(part.high)}: transpose it, or leave that note out"
        )


def piece_of_codes(
    codes: np.ndarray,
    seen: np.ndarray | None,
    parts: Sequence[Part],
    grid: int,
    tempo: float,
    meter: tuple[int, int],
    like: Piece | None,
) -> Piece:
    """Codes ``[t, columns]`` → a piece, with the tempo, meter and name of ``like`` where there is one."""
    roll = np.zeros((len(codes), len(parts), PITCHES), dtype=np.uint8)
    mask = np.zeros(roll.shape, dtype=bool)
    at = 0
    for i, part in enumerate(parts):
        here = slice(part.low, part.high + 1)
        roll[:, i, here] = codes[:, at : at + part.width]
        if seen is not None:
            mask[:, i, here] = ~seen[:, at : at + part.width]
        at += part.width
    about = {"tempo": ((0.0, tempo),), "meter": ((0.0, *meter),)}
    if like is not None:
        about = {"tempo": like.tempo, "meter": like.meter, "name": like.name}
    programs = tuple(part.program for part in parts)
    return Piece(roll if seen is None else np.ma.MaskedArray(roll, mask=mask), programs, grid, **about)
