"""Gaps as they occur: which cells of a block are empty together, and how often."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from vaery.core.evidence import Evidence
from vaery.core.field import Field
from vaery.core.random import Random

MOST_ROWS = 100_000  # rows that patterns are counted in
MOST_PATTERNS = 200


def learn(rows: Evidence, fields: Mapping[str, Field]) -> dict[str, dict[str, Any]]:
    """Patterns of gaps by field, the most frequent first: ``{"hidden": [[cell, …], …], "share": […]}``, plain data.

    Only blocks of several cells have patterns; a field that is missing as a whole is not a gap in a row.
    """
    found = {}
    for name, field in fields.items():
        known = rows.known.get(name)
        if known is None or len(field.mask) != 1 or field.mask[0] < 2:
            continue
        patterns, counts = torch.unique(known[:MOST_ROWS].cpu(), dim=0, return_counts=True)
        top = counts.argsort(descending=True)[:MOST_PATTERNS]
        share = counts[top].double() / counts[top].sum()
        hidden = [(~patterns[i]).nonzero()[:, 0].tolist() for i in top]
        found[name] = {"hidden": hidden, "share": [round(float(s), 8) for s in share]}
    return found


def draw(learned: Mapping[str, Any], cells: int, rows: int, rng: Random) -> Tensor:
    """``[rows, cells]`` bool, which cells are there: a pattern for each row, whatever the row holds."""
    which = rng.categorical(torch.tensor(learned["share"], device=rng.device).log().expand(rows, -1))
    table = torch.ones(len(learned["hidden"]), cells, dtype=torch.bool, device=rng.device)
    for i, hidden in enumerate(learned["hidden"]):
        table[i, hidden] = False
    return table[which]
