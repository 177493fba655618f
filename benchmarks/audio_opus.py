"""Opus, through ffmpeg: clips one after the other in one stream, as it is made for. Part of ``audio.py``."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vaery.kinds.audio import Sound, read, write

PAUSE = 0.25  # seconds of silence between clips, as `vaery.kinds.audio.write` has it


def round_trip(sounds: Sequence[Sound], rate: int, bits: int) -> tuple[list[Sound], float, float, float]:
    """The clips after encoding at so many bits a second and decoding; the rate that it took, over the whole stream with
    its pauses, without the container's pages; seconds of encoding and of decoding."""
    with tempfile.TemporaryDirectory() as folder:
        source, packed, target = (Path(folder) / name for name in ("in.wav", "mid.opus", "out.wav"))
        write(list(sounds), source)
        begin = time.perf_counter()
        _ffmpeg("-i", source, "-c:a", "libopus", "-b:a", str(bits), "-application", "voip", packed)
        middle = time.perf_counter()
        _ffmpeg("-i", packed, "-ar", str(rate), "-ac", "1", target)
        end = time.perf_counter()
        stream = _sizes(packed)
        (whole,) = read(target)
    back, at = [], 0
    for sound in sounds:
        samples = whole.samples[at : at + len(sound)]
        back.append(Sound(np.pad(samples, (0, len(sound) - len(samples))), rate))
        at += len(sound) + round(PAUSE * rate)
    return back, 8 * stream / (at / rate), middle - begin, end - middle


def _sizes(path: Path) -> int:
    """Bytes of all packets."""
    asked = ["ffprobe", "-v", "error", "-show_entries", "packet=size", "-of", "csv=p=0", os.fspath(path)]
    found = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    return sum(int(line.strip(", ")) for line in found.split() if line.strip(", "))


def _ffmpeg(*words: object) -> None:
    command = ["ffmpeg", "-v", "error", "-y", "-threads", "1", *map(str, words)]
    subprocess.run(command, check=True, capture_output=True)
