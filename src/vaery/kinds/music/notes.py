"""Notes in time, before they are laid on a grid and after."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from vaery.kinds.music.piece import DRUMS, HELD, PITCHES, STRUCK, Meter, Piece, Tempo

GRIDS = (1, 2, 4, 3, 6, 8, 12, 24)  # steps in a quarter note, the simplest first
OTHERWISE = 4  # where no grid fits: sixteenth notes
CLOSE = 0.1  # of a step: a note so near is on the grid
FIT, ENDS = 0.95, 0.75  # the share of notes that must begin there, and that should end there


@dataclass(frozen=True)
class Notes:
    """Notes as they were written or played.

    Attributes:
        notes: ``[n, 4]``: where it begins, how long it is (both in quarter notes), pitch, program (128: drums).
        length: of the piece, in quarter notes.
        tempo, meter, name: as of a :class:`~vaery.kinds.music.piece.Piece`.
    """

    notes: np.ndarray
    length: float
    tempo: Tempo
    meter: Meter
    name: str

    @classmethod
    def of(cls, piece: Piece) -> Notes:
        """The notes of a piece; where it is not known, there are none."""
        found = [
            (start / piece.grid, steps / piece.grid, pitch, piece.programs[k]) for start, steps, k, pitch in runs(piece)
        ]
        notes = np.array(sorted(found), dtype=float).reshape(-1, 4)
        return cls(notes, len(piece) / piece.grid, piece.tempo, piece.meter, piece.name)

    def piece(self, grid: int) -> Piece:
        """On a grid of so many steps in a quarter note: each note begins at the nearest step and is one step long at
        least; drums are struck and not held."""
        programs = tuple(int(program) for program in np.unique(self.notes[:, 3])) or (0,)
        starts = np.rint(self.notes[:, 0] * grid).astype(int)
        ends = np.maximum(starts + 1, np.rint((self.notes[:, 0] + self.notes[:, 1]) * grid).astype(int))
        steps = max(int(np.ceil(self.length * grid - CLOSE)), int(starts.max(initial=-1)) + 1)
        roll = np.zeros((steps, len(programs), PITCHES), dtype=np.uint8)
        for i in np.argsort(starts, kind="stable"):
            k, pitch = programs.index(int(self.notes[i, 3])), int(self.notes[i, 2])
            if programs[k] != DRUMS:
                roll[starts[i] + 1 : ends[i], k, pitch] = HELD
            roll[starts[i], k, pitch] = STRUCK
        return Piece(roll, programs, grid, self.tempo, self.meter, self.name)


def runs(piece: Piece) -> Iterator[tuple[int, int, int, int]]:
    """(first step, steps, number of the instrument, pitch) of each note; a note that is held without having been struck
    begins there."""
    roll = np.ma.filled(piece.roll, 0)
    for k, pitch in np.argwhere((roll > 0).any(0)):
        column = roll[:, k, pitch]
        before = np.concatenate([[0], column[:-1]])
        starts = np.flatnonzero((column == STRUCK) | ((column == HELD) & (before == 0)))
        for start in starts:
            after = column[start + 1 :] == HELD
            yield int(start), 1 + (int(after.argmin()) if not after.all() else len(after)), int(k), int(pitch)


def grid_of(pieces: Iterable[Notes], asked: int | None = None) -> tuple[int, int, int]:
    """The simplest grid that nearly all notes begin on and most end on (or the one that is ``asked`` for), how many
    notes begin off it, and how many notes there are. Where notes end nowhere in particular, beginnings decide alone.

    >>> at = lambda *beats: Notes(np.array([[b, 1, 60, 0] for b in beats]), 4.0, (), (), "")
    >>> grid_of([at(0, 1, 2, 3)]), grid_of([at(0, 0.5, 1, 1.75)]), grid_of([at(0, 1 / 3, 2 / 3)])
    ((1, 0, 4), (4, 0, 4), (3, 0, 3))
    """
    notes = np.concatenate([piece.notes[:, :2] for piece in pieces])
    starts, ends, most = notes[:, 0], notes.sum(1), len(notes)
    off = {grid: _off(starts, grid) for grid in (*GRIDS, asked or OTHERWISE)}
    fit = [grid for grid in GRIDS if off[grid] <= (1 - FIT) * most]
    both = [grid for grid in fit if _off(ends, grid) <= (1 - ENDS) * most]
    grid = asked or next(iter([*both, *fit, OTHERWISE]))
    return grid, off[grid], most


def _off(beats: np.ndarray, grid: int) -> int:
    return int((np.abs(beats * grid - np.rint(beats * grid)) > CLOSE).sum())
