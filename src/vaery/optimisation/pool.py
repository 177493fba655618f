"""Pools: candidates, and what is needed to choose among them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaery.core.evidence import Evidence, concatenate
from vaery.schema import stack


@dataclass(frozen=True)
class Pool:
    """Candidates.

    Attributes:
        rows: the candidates as the model sees them.
        raw: the same as the user does; ``None`` in searches that need none.
        features: ``[P, F]`` what a surrogate learns from, double precision.
        keys: one for each; equal ones are the same candidate.
    """

    rows: Evidence
    raw: Any
    features: Tensor
    keys: tuple[bytes, ...]

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, index: Tensor | slice) -> Pool:
        which = torch.arange(len(self))[index]
        raw = None if self.raw is None else take(self.raw, which.numpy())
        rows = self.rows[which.to(self.rows.device)]
        return Pool(rows, raw, self.features[which], tuple(self.keys[i] for i in which.tolist()))

    def __add__(self, other: Pool) -> Pool:
        if not len(self) or not len(other):
            return self if len(self) else other
        raw = None if self.raw is None else stack([self.raw, other.raw])
        features = torch.cat([self.features, other.features])
        return Pool(concatenate([self.rows, other.rows]), raw, features, self.keys + other.keys)

    def besides(self, seen: set[bytes]) -> Pool:
        """Those that are not among ``seen``, each once."""
        first = {key: i for i, key in reversed(list(enumerate(self.keys)))}
        return self[torch.tensor(sorted(i for key, i in first.items() if key not in seen), dtype=torch.long)]


def take(raw: Any, index: np.ndarray) -> Any:
    """These rows of raw records, of whatever type they are, in this order; a frame's index is numbered anew.

    >>> take({"x": np.array([5, 6, 7]), "text": ["a", "b", "c"]}, np.array([2, 0]))
    {'x': array([7, 5]), 'text': ['c', 'a']}
    """
    if isinstance(raw, Mapping):
        return {name: take(part, index) for name, part in raw.items()}
    if isinstance(raw, list):
        return [raw[i] for i in index.tolist()]
    if hasattr(raw, "iloc"):
        return raw.iloc[index].reset_index(drop=True)
    if hasattr(raw, "take") and not isinstance(raw, np.ndarray):  # Arrow
        return raw.take(index)
    return raw[index]
