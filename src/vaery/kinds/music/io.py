"""Reading and writing music: MIDI files and folders of them, piano rolls, sound, pictures."""

from __future__ import annotations

import os
import warnings
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from vaery.core.errors import DataError
from vaery.kinds.music.midi import library, read_notes, write_midi
from vaery.kinds.music.notes import Notes, grid_of
from vaery.kinds.music.pictures import grid as sheet
from vaery.kinds.music.piece import DRUMS, PITCHES, Piece
from vaery.kinds.music.rolls import LOWEST, piece_of_roll
from vaery.kinds.music.sound import write_wav

MIDI = (".mid", ".midi")
SUFFIXES = ("", ".mid", ".wav", ".npz", ".png")  # "": a folder of MIDI files
LONGEST = 4096  # time steps that a piece may have
NAMED = 5  # files that are named where some are skipped


def is_midi(path: Any) -> bool:
    """Whether this is the path of a MIDI file, by its suffix."""
    return Path(path).suffix.lower() in MIDI


def looks_like_path(path: Any) -> bool:
    """Whether this is a MIDI file, a folder with one, or a ``.npz`` file of piano rolls."""
    path = Path(path)
    try:
        return is_midi(path) or (path.is_dir() and bool(_files(path))) or _holds_rolls(path)
    except OSError:
        return False


def _files(folder: Path) -> list[Path]:
    return sorted(f for f in folder.rglob("*") if is_midi(f) and not f.name.startswith(".") and f.is_file())


def _holds_rolls(path: Path) -> bool:
    if path.suffix.lower() != ".npz" or not path.is_file():
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            with_shape = [_shape(archive, name) for name in archive.namelist()]
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return False
    return bool(with_shape) and all(len(shape) == 2 and shape[1] in LOWEST for shape in with_shape)


def _shape(archive: zipfile.ZipFile, name: str) -> tuple[int, ...]:
    with archive.open(name) as handle:
        version = np.lib.format.read_magic(handle)
        reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        return reader(handle)[0]


def read(path: Any, grid: int | None = None) -> list[Any]:
    """Read music from a MIDI file, a folder of them (and its folders), a list of files, or a ``.npz`` of piano rolls.

    All files are laid on one grid, the simplest that nearly all notes begin on and most end on: 1, 2, 4, 3, 6, 8, 12
    or 24 steps in a quarter note, or 4 where none fits. A warning says which, where notes had to move, and which files
    were skipped and why. Instruments of one program are one; how loud notes are is not kept.

    Args:
        path: of the file or folder, or a list of files.
        grid: steps in a quarter note; ``None``: by looking.

    Returns:
        A list of :class:`~vaery.kinds.music.piece.Piece`, in the order of the files' names; or of rolls.

    Raises:
        DataError: no file can be used; the message says why.
        FileNotFoundError: there is no such file or folder.
        MissingExtra: mido is not installed.
    """
    if not isinstance(path, list | tuple):
        path = Path(path)
        if not path.exists():
            raise FileNotFoundError(f"there is no file or folder {path}")
        if path.suffix.lower() == ".npz":
            return _read_rolls(path)
    files = [Path(p) for p in path] if isinstance(path, list | tuple) else _files(path) if path.is_dir() else [path]
    library()
    found, skipped = _read_files(files)
    if not found:
        raise DataError(f"{path}: none of {len(files)} MIDI files can be used: {_listed(skipped)}")
    steps, off, notes = grid_of(found, grid)
    pieces = [piece.piece(steps) for piece in found]
    for piece in pieces:
        if len(piece) > LONGEST:
            skipped[piece.name] = f"it has {len(piece)} steps of the grid, and {LONGEST} is the most: cut it"
    pieces = [piece for piece in pieces if len(piece) <= LONGEST]
    if not pieces:
        raise DataError(f"{path}: none of {len(files)} MIDI files can be used: {_listed(skipped)}")
    if skipped:
        warnings.warn(f"{len(skipped)} of {len(files)} files were skipped: {_listed(skipped)}", stacklevel=2)
    if off:
        warnings.warn(
            f"{off} of {notes} notes were off the grid of {steps} steps in a quarter note, and moved to the next one",
            stacklevel=2,
        )
    return pieces


def _read_files(files: Sequence[Path]) -> tuple[list[Notes], dict[str, str]]:
    found, skipped = [], {}
    for file in files:
        try:
            found.append(read_notes(file))
        except DataError as error:
            skipped[file.name] = str(error)
    return found, skipped


def _listed(skipped: dict[str, str]) -> str:
    named = [f"{name}: {why}" for name, why in list(skipped.items())[:NAMED]]
    return "; ".join([*named, *([f"and {len(skipped) - NAMED} more"] if len(skipped) > NAMED else [])])


def _read_rolls(path: Path) -> list[np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as found:
            return [found[name] for name in found.files]
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(f"{path} is no file of piano rolls that can be read ({error})") from error


def write(raw: Any, path: str | os.PathLike[str]) -> None:
    """Write pieces or rolls: into a folder of numbered MIDI files, or to a file. Several pieces are played one after
    the other in a ``.mid`` or ``.wav``, and drawn one below the other in a ``.png``; a ``.npz`` file holds arrays.

    Of rolls a step is a quarter note, two a second. Gaps are silent.
    """
    path, items = Path(path), list(raw)
    suffix = path.suffix.lower()
    if suffix == ".npz":
        arrays: dict[str, Any] = {
            f"{i:05d}": np.ma.filled(item.roll if isinstance(item, Piece) else item, 0) for i, item in enumerate(items)
        }
        np.savez(path, allow_pickle=False, **arrays)
    elif suffix == ".png":
        sheet(items).save(path)
    else:
        pieces = [item if isinstance(item, Piece) else piece_of_roll(item) for item in items]
        if suffix == ".wav":
            write_wav(joined(pieces), path)
        elif suffix in MIDI:
            write_midi(joined(pieces), path)
        else:
            path.mkdir(parents=True, exist_ok=True)
            for i, piece in enumerate(pieces):
                write_midi(piece, path / f"{i:0{max(5, len(str(len(pieces))))}d}.mid")


def joined(pieces: Sequence[Piece]) -> Piece:
    """Pieces one after the other, on the finest of their grids, with a bar of silence between them."""
    if len(pieces) == 1:
        return pieces[0]
    if not pieces:
        return Piece(np.zeros((0, 1, PITCHES), dtype=np.uint8))
    steps = max(piece.grid for piece in pieces)
    programs = tuple(sorted({program for piece in pieces for program in piece.programs}, key=lambda p: (p == DRUMS, p)))
    rolls, tempo, meter, at = [], [], [], 0
    for piece in pieces:
        own = replace(piece, roll=np.ma.filled(piece.roll, 0)).on_grid(steps)
        roll = np.zeros((len(own) + own.steps_in_a_bar, len(programs), PITCHES), dtype=np.uint8)
        roll[: len(own), [programs.index(program) for program in own.programs]] = own.roll
        tempo += [(beat + at / steps, bpm) for beat, bpm in piece.tempo]
        meter += [(beat + at / steps, beats, note) for beat, beats, note in piece.meter]
        rolls.append(roll)
        at += len(roll)
    return Piece(np.concatenate(rolls), programs, steps, tuple(tempo), tuple(meter))
