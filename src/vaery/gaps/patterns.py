"""Gaps whatever the row holds: which cells of a block are empty together, and how often."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from vaery.core.random import Random

MOST_ROWS = 100_000  # rows that patterns are counted in
MOST_PATTERNS = 200


def learn(known: Tensor) -> dict[str, Any]:
    """Patterns of gaps in ``known [B, D]``, the most frequent first, as plain data.

    Returns:
        ``{"hidden": [[cell, …], …], "share": […]}``.
    """
    patterns, counts = torch.unique(known[:MOST_ROWS].cpu(), dim=0, return_counts=True)
    top = counts.argsort(descending=True)[:MOST_PATTERNS]
    share = counts[top].double() / counts[top].sum()
    hidden = [(~patterns[i]).nonzero()[:, 0].tolist() for i in top]
    return {"hidden": hidden, "share": [round(float(s), 8) for s in share]}


def draw(learned: Mapping[str, Any], cells: int, rows: int, rng: Random) -> Tensor:
    """``[rows, cells]`` bool, which cells are there: a pattern for each row, whatever the row holds."""
    which = rng.categorical(torch.tensor(learned["share"], device=rng.device).log().expand(rows, -1))
    table = torch.ones(len(learned["hidden"]), cells, dtype=torch.bool, device=rng.device)
    for i, hidden in enumerate(learned["hidden"]):
        table[i, hidden] = False
    return table[which]
