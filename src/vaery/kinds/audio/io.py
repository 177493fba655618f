"""Reading and writing sounds: folders and files, through libsndfile."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vaery.core.errors import DataError, extra
from vaery.kinds.audio.sound import Sound, as_dtype, joined, wave

FILES = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au")
SUFFIXES = ("", ".wav", ".flac", ".ogg", ".png")  # "": a folder of WAV files
NAMED = 5  # files that a message names at most
CELL = ".wav"  # what a file ends in that stands for a cell of a table
PAUSE = 0.25  # seconds between sounds that are written to one file


def library() -> Any:
    """soundfile.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import soundfile
    except ImportError as error:
        raise extra("soundfile", "audio", "reading and writing sound") from error
    return soundfile


def is_file(path: Any) -> bool:
    """Whether this is the path of a sound, by its suffix."""
    return Path(path).suffix.lower() in FILES


def looks_like_path(path: Any) -> bool:
    """Whether this is a sound, a folder of them, or of folders of these."""
    path = Path(path)
    try:
        return is_file(path) or (path.is_dir() and bool(_files(path) or _classes(path)))
    except OSError:
        return False


def _files(folder: Path) -> list[Path]:
    return sorted(f for f in folder.iterdir() if is_file(f) and not f.name.startswith(".") and f.is_file())


def _classes(folder: Path) -> list[Path]:
    return sorted(f for f in folder.iterdir() if f.is_dir() and not f.name.startswith(".") and _files(f))


def read(path: Any) -> Any:
    """Read sounds from a file, a list of files, or a folder, in the order of their names.

    Args:
        path: a folder with sounds, or with one folder of sounds for each class.

    Returns:
        A list of :class:`~vaery.kinds.audio.sound.Sound`; where there are classes ``{"sound": list, "label": array}``,
        labels being the folders' names.

    Raises:
        DataError: nothing to read there, or files that cannot be read; all of them are named.
        FileNotFoundError: there is no such file or folder.
        MissingExtra: soundfile is not installed.
    """
    if isinstance(path, list | tuple):
        return _read_files([Path(p) for p in path])
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"there is no file or folder {path}")
    if not path.is_dir():
        return _read_files([path])
    files, classes = _files(path), _classes(path)
    if files and classes:
        raise DataError(
            f"{path} holds sounds ({files[0].name} …) and folders of sounds ({classes[0].name} …); "
            "give one folder with sounds only, or with one folder for each class"
        )
    if not files and not classes:
        raise DataError(f"{path} holds no sounds; files ending in {', '.join(FILES)} were expected")
    if files:
        return _read_files(files)
    parts = {c.name: _files(c) for c in classes}
    labels = np.array([name for name, group in parts.items() for _ in group])
    return {"sound": _read_files([file for group in parts.values() for file in group]), "label": labels}


def _read_files(files: Sequence[Path]) -> list[Sound]:
    found, broken = [], []
    for file in files:
        try:
            found.append(read_file(file))
        except DataError as error:
            broken.append(str(error))
    if broken:
        more = f" (and {len(broken) - NAMED} more)" if len(broken) > NAMED else ""
        raise DataError("; ".join(broken[:NAMED]) + more + "; remove what cannot be read, or write it anew")
    return found


def read_file(file: str | os.PathLike[str]) -> Sound:
    """One sound: 16-bit files as int16, all others as float32.

    Raises:
        DataError: it cannot be read; the message names it.
        FileNotFoundError: there is none.
        MissingExtra: soundfile is not installed.
    """
    soundfile, file = library(), Path(file)
    if not file.exists():
        raise FileNotFoundError(f"there is no file {file}")
    try:
        with soundfile.SoundFile(str(file)) as handle:
            dtype = "int16" if handle.subtype == "PCM_16" else "float32"
            return Sound(handle.read(dtype=dtype), int(handle.samplerate), file.name)
    except (soundfile.SoundFileError, RuntimeError, TypeError) as error:
        raise DataError(f"{file} cannot be read as a sound ({error})") from error


def resampled(sound: Sound, rate: int) -> Sound:
    """The same sound at another rate; samples become floats. What is not known stays so.

    Raises:
        MissingExtra: soxr is not installed.
    """
    if sound.rate == rate:
        return sound
    try:
        import soxr
    except ImportError as error:
        raise extra("soxr", "audio", f"a sound at {sound.rate} samples a second among others at {rate}") from error
    found = wave(sound, sound.name or "a sound")
    if len(found.x) == 0:
        return Sound(found.x[:, 0] if sound.samples.ndim == 1 else found.x, rate, sound.name)
    x = soxr.resample(found.x, sound.rate, rate)
    size = max(1, round(len(found.x) * rate / sound.rate))
    x = np.pad(x[:size], ((0, max(0, size - len(x))), (0, 0))).astype(np.float32)
    if found.known is not None:
        place = np.minimum(np.arange(size) * sound.rate // rate, len(found.known) - 1)
        x[~found.known[place]] = np.nan
    return Sound(x[:, 0] if sound.samples.ndim == 1 else x, rate, sound.name)


def write(raw: Any, path: str | os.PathLike[str]) -> None:
    """Write sounds: into a folder of numbered WAV files (with labels: one folder a class), one after the other into a
    ``.wav``, ``.flac`` or ``.ogg`` file, or as pictures of their spectra into a ``.png``. Each at its own rate, 16 bits
    a sample; beyond full scale they are cut. What is not known, and missing sounds, are silent.

    Args:
        raw: a list of sounds, or ``{"sound": list, "label": labels}``.
        path: of the file or folder.
    """
    path, parts = Path(path), dict(raw) if isinstance(raw, Mapping) else {"sound": raw}
    labels = parts.pop("label", None)
    items = [item if item is not None else Sound(np.zeros(0), 8000) for item in next(iter(parts.values()))]
    if path.suffix.lower() == ".png":
        from vaery.kinds.audio.pictures import grid

        grid(items, labels=None if labels is None else list(labels)).save(path)
    elif path.suffix:
        write_one(_in_a_row(items), path)
    else:
        for i, item in enumerate(items):
            folder = path if labels is None else path / str(labels[i])
            folder.mkdir(parents=True, exist_ok=True)
            write_one(item, folder / f"{i:0{max(5, len(str(len(items))))}d}.wav")


def _in_a_row(items: Sequence[Sound]) -> Sound:
    """Sounds as one, at the rate and with the channels of the first, with pauses between them."""
    if len(items) == 1:
        return items[0]
    rate, channels = (items[0].rate, max(item.channels for item in items)) if items else (8000, 1)
    pause, row = Sound(np.zeros((round(PAUSE * rate), channels), np.float32), rate), []
    for item in items:
        x = wave(item if item.rate == rate else resampled(item, rate), item.name or "a sound").x
        row += [Sound(x if x.shape[1] == channels else x.mean(1, keepdims=True).repeat(channels, 1), rate), pause]
    return joined(row[:-1] or [pause])


def write_one(sound: Sound, path: Path) -> None:
    """Write a sound to a file, at its own rate, 16 bits a sample."""
    samples = as_dtype(wave(sound, sound.name or "a sound").x, "int16")
    library().write(str(path), samples, sound.rate)
