"""Pieces: music on a grid of time steps, one roll for each instrument, with its tempo and meter."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from vaery.core.errors import DataError

PITCHES = 128
DRUMS = 128  # the program of whatever is played on MIDI's drum channel
SILENT, STRUCK, HELD = 0, 1, 2
NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")

Tempo = tuple[tuple[float, float], ...]
Meter = tuple[tuple[float, int, int], ...]


@dataclass(frozen=True, eq=False)
class Piece:
    """One piece of music, as read from a MIDI file.

    Attributes:
        roll: ``[time, instruments, 128]`` uint8: 0 silent, 1 a note begins, 2 it goes on; masked where it is not known.
        programs: of the instruments, by General MIDI (0 to 127); 128: drums.
        grid: time steps in a quarter note.
        tempo: ``((quarter note it starts at, quarter notes a minute), …)``.
        meter: ``((quarter note it starts at, beats, of which note), …)``: ``(0, 3, 4)`` is three quarters.
        name: of the file.

    >>> waltz = Piece(np.zeros((48, 1, 128), np.uint8), meter=((0.0, 3, 4),))
    >>> waltz.bars, waltz.hide(bars=(1, 2)).roll.mask[:, 0, 60].nonzero()[0].tolist()
    (4, [12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23])
    """

    roll: Any
    programs: tuple[int, ...] = (0,)
    grid: int = 4
    tempo: Tempo = ((0.0, 120.0),)
    meter: Meter = ((0.0, 4, 4),)
    name: str = field(default="")

    def __post_init__(self) -> None:
        shape = np.shape(self.roll)
        if len(shape) != 3 or shape[1:] != (len(self.programs), PITCHES):
            raise DataError(
                f"the roll of a piece is [time, {len(self.programs)} instruments, {PITCHES} pitches]; this one has the "
                f"shape {shape}"
            )

    def __len__(self) -> int:
        return len(self.roll)

    def __getitem__(self, steps: slice) -> Piece:
        """Some of the time steps, with the tempo and meter that hold there."""
        start, _, stride = steps.indices(len(self))
        if stride != 1:
            raise DataError("a piece can be cut, but not with steps left out: write piece[start:end]")
        beat = start / self.grid
        return replace(self, roll=self.roll[steps], tempo=_from(self.tempo, beat), meter=_from(self.meter, beat))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Piece):
            return NotImplemented
        about = lambda p: (p.programs, p.grid, p.tempo, p.meter, p.roll.shape)
        if about(self) != about(other):
            return False
        mine, theirs = (np.ma.getmaskarray(p.roll) for p in (self, other))
        same = np.ma.getdata(self.roll) == np.ma.getdata(other.roll)
        return bool((mine == theirs).all() and (same | mine).all())

    @property
    def bars(self) -> int:
        """How many bars there are, by the first meter."""
        return -(-len(self) // self.steps_in_a_bar)

    @property
    def steps_in_a_bar(self) -> int:
        """Time steps of a bar of the first meter."""
        _, beats, note = self.meter[0]
        return max(1, round(self.grid * 4 * beats / note))

    def hide(
        self, bars: tuple[int, int] | None = None, pitches: tuple[int, int] | None = None, program: int | None = None
    ) -> Piece:
        """The same piece of which a part is not known, for ``impute`` to fill.

        Args:
            bars: from the first to before the second, counted from 0; ``None``: all.
            pitches: from the first to before the second; ``None``: all.
            program: of the instrument; ``None``: all.
        """
        mask = np.ma.getmaskarray(self.roll).copy()
        per = self.steps_in_a_bar
        time = slice(None) if bars is None else slice(bars[0] * per, bars[1] * per)
        for i, own in enumerate(self.programs):
            if program in (None, own):
                mask[time, i, slice(*(pitches or (0, PITCHES)))] = True
        return replace(self, roll=np.ma.MaskedArray(np.ma.getdata(self.roll), mask=mask))

    def on_grid(self, grid: int) -> Piece:
        """The same piece with ``grid`` steps in a quarter note; notes move to the nearest step."""
        if grid == self.grid:
            return self
        from vaery.kinds.music.notes import Notes

        if np.ma.is_masked(self.roll):
            raise DataError(f"{self.name or 'a piece'} has gaps on a grid of {self.grid} steps a quarter note, and "
                            f"{grid} are wanted here: call on_grid({grid}) before hide()")  # fmt: skip
        return Notes.of(self).piece(grid)


def _from(changes: Any, beat: float) -> Any:
    """Changes of tempo or meter, counted from ``beat``: the last one before it holds there."""
    held = [change for change in changes if change[0] <= beat][-1:]
    later = [change for change in changes if change[0] > beat]
    return tuple((max(0.0, change[0] - beat), *change[1:]) for change in [*held, *later])


def pitch_name(pitch: int) -> str:
    """``60`` → ``"C4"``, middle C.

    >>> pitch_name(60), pitch_name(21), pitch_name(106)
    ('C4', 'A0', 'A#7')
    """
    return f"{NAMES[pitch % 12]}{pitch // 12 - 1}"
