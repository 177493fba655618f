"""The secret randomness of private training: who is in a batch, and the noise on its gradient.

Numbers are a function of a key of 128 bits and of what they are for (Philox; Salmon, Moraes, Dror and Shaw, 2011), so a
fit that is resumed draws the same again, and no step can draw another one's. torch's generator takes 32 bits of a seed,
which can be tried out one by one.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

BATCHES, GRADIENTS, COUNTS = 0, 1, 2  # what numbers are for


def new_key(seed: int | None = None) -> list[int]:
    """Two words of 64 bits: from the operating system, or from a seed."""
    if seed is None:
        return [secrets.randbits(64), secrets.randbits(64)]
    sequence = np.random.SeedSequence(seed)
    return [int(word) for word in sequence.generate_state(2, np.uint64)]


def members(key: Sequence[int], step: int, rows: int, rate: float) -> Tensor:
    """The rows of a step's batch: each is in it with probability ``rate``, whatever the others do."""
    return torch.from_numpy(np.flatnonzero(_stream(key, BATCHES, step).random(rows) < rate))


def normal(key: Sequence[int], step: int, like: Sequence[Tensor], scale: float) -> list[Tensor]:
    """Gaussian noise of this standard deviation, in the shapes of some tensors."""
    stream = _stream(key, GRADIENTS, step)
    drawn = [stream.standard_normal(tuple(t.shape), dtype=np.float32) for t in like]
    return [torch.from_numpy(np.asarray(x)).to(t).mul_(scale) for x, t in zip(drawn, like, strict=True)]


def laplace(key: Sequence[int], size: int, scale: float) -> np.ndarray:
    """``[size]`` Laplace noise, for counts."""
    return _stream(key, COUNTS, 0).laplace(0.0, scale, size)


def _stream(key: Sequence[int], what: int, step: int) -> np.random.Generator:
    counter = np.array([0, 0, what, step], dtype=np.uint64)  # the first words count up as numbers are drawn
    return np.random.Generator(np.random.Philox(key=np.array(key, dtype=np.uint64), counter=counter))
