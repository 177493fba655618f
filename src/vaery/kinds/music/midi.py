"""MIDI files: what is in them as notes, and back (with mido)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from vaery.core.errors import DataError, extra
from vaery.kinds.music.notes import Notes
from vaery.kinds.music.piece import DRUMS, Piece

DRUM_CHANNEL = 9  # counted from 0
TICKS = 480  # in a quarter note, of files that are written
VELOCITY = 80
TRAILING = 4.0  # quarter notes of silence at the end that are kept, at most


def library() -> Any:
    """mido.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import mido
    except ImportError:
        raise extra("mido", "music", "reading and writing MIDI") from None
    return mido


def read_notes(path: Path) -> Notes:
    """The notes of a file; a note that never ends ends with the file.

    Raises:
        DataError: it cannot be used; the message says why, without the file's name.
    """
    mido = library()
    try:
        file = mido.MidiFile(path, clip=True)
    except (OSError, EOFError, ValueError, KeyError, IndexError, TypeError) as error:
        raise DataError(f"it is no whole MIDI file ({error or type(error).__name__})") from error
    if file.type == 2:
        raise DataError("its tracks are pieces of their own (a file of type 2)")
    if not 0 < file.ticks_per_beat < 0x8000:
        raise DataError("its time is counted in frames of film and not in beats")
    reader = _Reader(file.ticks_per_beat)
    for message in mido.merge_tracks(file.tracks):
        reader.take(message)
    if not reader.notes:
        raise DataError("it holds no notes")
    notes = np.array(sorted(reader.finish()), dtype=float).reshape(-1, 4)
    end = float((notes[:, 0] + notes[:, 1]).max())
    meter = reader.meter if reader.meter and reader.meter[0][0] == 0 else [(0.0, 4, 4), *reader.meter]
    tempo = reader.tempo if reader.tempo and reader.tempo[0][0] == 0 else [(0.0, 120.0), *reader.tempo]
    return Notes(notes, min(max(reader.beat, end), end + TRAILING), _changes(tempo), _changes(meter), path.name)


def _changes(listed: list[Any]) -> Any:
    """The last word at each time, without what says again what holds already."""
    last = list({change[0]: change for change in listed}.values())
    return tuple(change for i, change in enumerate(last) if i == 0 or change[1:] != last[i - 1][1:])


class _Reader:
    """Collects notes from messages in the order of time."""

    def __init__(self, ticks: int) -> None:
        self.ticks, self.now = ticks, 0
        self.program = dict.fromkeys(range(16), 0)
        self.open: dict[tuple[int, int], list[tuple[float, int]]] = {}
        self.notes: list[tuple[float, float, int, int]] = []
        self.tempo: list[tuple[float, float]] = []
        self.meter: list[tuple[float, int, int]] = []

    @property
    def beat(self) -> float:
        return self.now / self.ticks

    def take(self, message: Any) -> None:
        self.now += message.time
        if message.type == "set_tempo":
            self.tempo.append((self.beat, round(60e6 / message.tempo, 3)))
        elif message.type == "time_signature":
            self.meter.append((self.beat, message.numerator, message.denominator))
        elif message.type == "program_change":
            self.program[message.channel] = message.program
        elif message.type in ("note_on", "note_off"):
            key = message.channel, message.note
            if message.type == "note_on" and message.velocity > 0:
                self.open.setdefault(key, []).append((self.beat, len(self.notes)))
                program = DRUMS if message.channel == DRUM_CHANNEL else self.program[message.channel]
                self.notes.append((self.beat, 0.0, message.note, program))
            elif self.open.get(key):
                self._close(*self.open[key].pop(0))

    def _close(self, start: float, at: int) -> None:
        _, _, pitch, program = self.notes[at]
        self.notes[at] = (start, self.beat - start, pitch, program)

    def finish(self) -> list[tuple[float, float, int, int]]:
        for left in self.open.values():
            for start, at in left:
                self._close(start, at)
        return self.notes


def write_midi(piece: Piece, path: Path) -> None:
    """A piece as a file of type 1: a track for tempo and meter, then one for each instrument; all notes as loud."""
    mido = library()
    file = mido.MidiFile(type=1, ticks_per_beat=TICKS)
    events = [(beat, mido.MetaMessage("set_tempo", tempo=round(60e6 / bpm))) for beat, bpm in piece.tempo]
    events += [
        (beat, mido.MetaMessage("time_signature", numerator=beats, denominator=note))
        for beat, beats, note in piece.meter
    ]
    end = len(piece) / piece.grid
    file.tracks.append(_track(mido, events, end))
    found = Notes.of(piece).notes
    channels = iter([c for c in range(16) if c != DRUM_CHANNEL] * (1 + len(piece.programs) // 15))
    for program in piece.programs:
        channel = DRUM_CHANNEL if program == DRUMS else next(channels)
        own = [] if program == DRUMS else [(0.0, mido.Message("program_change", channel=channel, program=program))]
        for start, length, pitch, _ in found[found[:, 3] == program]:
            about = {"channel": channel, "note": int(pitch)}
            own.append((start, mido.Message("note_on", velocity=VELOCITY, **about)))
            own.append((start + length, mido.Message("note_off", velocity=0, **about)))
        file.tracks.append(_track(mido, own, end))
    file.save(path)


def _track(mido: Any, events: list[Any], end: float) -> Any:
    """Events at their beats → a track; where a note ends as it is struck again, the end comes first."""
    track, now = mido.MidiTrack(), 0
    order = {"note_off": 1, "note_on": 2}
    for beat, message in sorted(events, key=lambda e: (round(e[0] * TICKS), order.get(e[1].type, 0))):
        track.append(message.copy(time=round(beat * TICKS) - now))
        now = round(beat * TICKS)
    track.append(mido.MetaMessage("end_of_track", time=max(0, round(end * TICKS) - now)))
    return track
