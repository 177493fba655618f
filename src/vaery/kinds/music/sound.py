"""Pieces as sound: by fluidsynth where it is installed, else by adding up sines."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import wave
from itertools import pairwise
from pathlib import Path

import numpy as np

from vaery.core.errors import VaeryError
from vaery.core.random import Random
from vaery.kinds.music.notes import Notes
from vaery.kinds.music.piece import DRUMS, Piece

RATE = 22050  # samples a second of our own synthesiser
PARTIALS = (1.0, 0.5, 0.25, 0.16, 0.1, 0.06)  # how loud the multiples of a note's frequency are
SOUNDFONTS = ("/usr/share/sounds/sf2", "/usr/share/sounds/sf3", "/usr/share/soundfonts")


def write_wav(piece: Piece, path: Path) -> None:
    """A piece as a WAV file of 16 bits, played by fluidsynth if it and a soundfont are there, else by us.

    The soundfont is the file that the environment variable ``SOUNDFONT`` names, or the first in the usual folders.
    """
    font, program = soundfont(), shutil.which("fluidsynth")
    if font is not None and program is not None:
        _fluidsynth(piece, path, program, font)
        return
    samples = np.rint(synthesise(piece) * 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())


def soundfont() -> Path | None:
    """Where a soundfont is, if there is one."""
    named = os.environ.get("SOUNDFONT")
    folders = [Path(folder) for folder in SOUNDFONTS]
    found = (file for folder in folders if folder.is_dir() for file in sorted(folder.glob("*.sf[23]")))
    return Path(named) if named else next(found, None)


def _fluidsynth(piece: Piece, path: Path, program: str, font: Path) -> None:
    from vaery.kinds.music.midi import write_midi

    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "piece.mid"
        write_midi(piece, source)
        command = [program, "-ni", "-q", "-T", "wav", "-F", str(path), str(font), str(source)]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        if ran.returncode or not path.exists():
            raise VaeryError(
                f"fluidsynth could not play {path.name}: {ran.stderr.strip().splitlines()[-1:] or ran.returncode}"
            )


def synthesise(piece: Piece, rate: int = RATE) -> np.ndarray:
    """``[samples]`` float in [-1, 1]: each note as a few sines that fade, drums as noise that fades faster.

    Args:
        piece: what is played; nothing sounds where it is not known.
        rate: samples a second.

    >>> a = np.zeros((4, 1, 128), np.uint8); a[:, 0, 69] = 1, 2, 2, 2  # a quarter note of A, 440 Hz, half a second
    >>> sound = synthesise(Piece(a)); spectrum = np.abs(np.fft.rfft(sound))
    >>> len(sound) / RATE, round(spectrum.argmax() * RATE / len(sound))
    (1.0, 440)
    """
    found = Notes.of(piece)
    ends = seconds(piece, np.array([0.0, found.length]))
    sound = np.zeros(int(np.ceil((ends[1] + 0.5) * rate)))
    starts, stops = seconds(piece, found.notes[:, 0]), seconds(piece, found.notes[:, :2].sum(1))
    for (pitch, program), first, stop in zip(found.notes[:, 2:], starts, stops, strict=True):
        made = _drum(int(pitch), rate) if program == DRUMS else _tone(pitch, stop - first, rate)
        at = round(float(first) * rate)
        sound[at : at + len(made)] += made[: len(sound) - at]
    loudest = float(np.abs(sound).max(initial=0.0))
    return sound * (0.9 / loudest) if loudest > 0 else sound


def seconds(piece: Piece, beats: np.ndarray) -> np.ndarray:
    """When these quarter notes are reached."""
    changes = [*piece.tempo, (np.inf, piece.tempo[-1][1])]
    total = np.zeros(np.shape(beats))
    for (here, bpm), (there, _) in pairwise(changes):
        total += np.clip(beats, here, there) * (60 / bpm) - here * (60 / bpm)
    return total


def _tone(pitch: float, length: float, rate: int) -> np.ndarray:
    t = np.arange(int((length + 0.15) * rate)) / rate
    frequency = 440.0 * 2 ** ((pitch - 69) / 12)
    partials = [(k + 1, loud) for k, loud in enumerate(PARTIALS) if (k + 1) * frequency < rate / 2]
    sound = sum(
        (loud * np.exp(-(1 + 0.5 * k) * t) * np.sin(2 * np.pi * k * frequency * t) for k, loud in partials), 0 * t
    )
    return sound * np.minimum(1, t / 0.008) * np.clip((length + 0.15 - t) / 0.15, 0, 1)


def _drum(pitch: int, rate: int) -> np.ndarray:
    """Noise, the same each time; low drums are a sine that falls."""
    t = np.arange(int(0.25 * rate)) / rate
    if pitch in (35, 36, 41, 43, 45, 47, 48, 50):
        return np.sin(2 * np.pi * (50 + 2 * (pitch - 35)) * t + 8 * (1 - np.exp(-30 * t))) * np.exp(-14 * t)
    noise = 1.2 * Random(pitch).uniform((len(t),)).numpy() - 0.6
    return noise * np.exp(-(18 if pitch in (38, 40, 46, 49) else 45) * t)
