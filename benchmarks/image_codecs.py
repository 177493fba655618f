"""Sizes of images under lossless codecs, and under a code that knows each pixel's histogram and nothing else."""

from __future__ import annotations

import io
import lzma
import math
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

RIFF = 20  # bytes of a simple WebP file before its data: "RIFF", size, "WEBP", "VP8L", size


def png(image: np.ndarray) -> tuple[int, int]:
    """Bytes of an optimised PNG: of the file, and of its compressed data alone."""
    file = _saved(image, format="PNG", optimize=True)
    return len(file), sum(size for name, size in png_chunks(file) if name == b"IDAT")


def png_chunks(file: bytes) -> list[tuple[bytes, int]]:
    """Names and sizes of the chunks after the signature; a chunk has its size, its name, its data and a checksum."""
    at, found = 8, []
    while at < len(file):
        size, name = struct.unpack(">I4s", file[at : at + 8])
        found.append((name, size))
        at += 12 + size
    return found


def webp(image: np.ndarray) -> tuple[int, int]:
    """Bytes of a lossless WebP at its greatest effort: of the file, and without its container."""
    file = _saved(image, format="WEBP", lossless=True, quality=100, method=6)
    return len(file), len(file) - RIFF


def _saved(image: np.ndarray, **options: Any) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(image).save(file, **options)
    return file.getvalue()


def one_by_one(codec: Callable[[np.ndarray], tuple[int, int]], images: np.ndarray) -> dict[str, float]:
    """Bits a dimension, headers counted and not."""
    sizes = np.array([codec(image) for image in images]).sum(0) * 8 / images.size
    return {"bits_per_dim": float(sizes[0]), "bare_bits_per_dim": float(sizes[1])}


def xz(images: np.ndarray) -> dict[str, float]:
    """All images in one file."""
    return {"bits_per_dim": len(lzma.compress(images.tobytes(), preset=9 | lzma.PRESET_EXTREME)) * 8 / images.size}


def histograms(train: np.ndarray, test: np.ndarray, levels: int = 256) -> dict[str, float]:
    """The code length of ``test`` if each pixel has its own histogram, counted on ``train``, half a count added to each
    level (Krichevsky and Trofimov, 1981)."""
    nats = 0.0
    for x, y in zip(train.reshape(len(train), -1).T, test.reshape(len(test), -1).T, strict=True):
        count = np.bincount(x, minlength=levels) + 0.5
        nats -= float(np.log(count / count.sum())[y].sum())
    return {"bits_per_dim": nats / test.size / math.log(2)}
