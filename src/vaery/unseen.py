"""Levels that were never seen: rows that hold one, what is known of such levels, and what is said of them."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from typing import Any

import torch

from vaery.core.evidence import Evidence
from vaery.core.field import Field

PART = 1 << 20  # rows that are looked at at once
COMMON = 0.5  # new values above this share are what a column is made of (a name, an id), and no news


class UnseenCategoryWarning(UserWarning):
    """Rows hold a category that was not there in the fit; it counts as unknown. To have an error instead, write
    ``warnings.simplefilter("error", vaery.unseen.UnseenCategoryWarning)``."""


@dataclass(frozen=True)
class Unseen:
    """One column's new levels.

    Attributes:
        field, cell, column: which one, and its name.
        rows: that hold one.
        first: what the first of these holds, to be shown.
    """

    field: str
    cell: int
    column: str
    rows: tuple[int, ...]
    first: str


@dataclass(frozen=True)
class Rows(Evidence):
    """Evidence, and what it could not hold of the rows that it was made from.

    Attributes:
        unseen: cells that hold a level the model has no code for; they are unknown.
        absent: field → cells that the rows have no column for.
    """

    unseen: tuple[Unseen, ...] = ()
    absent: Mapping[str, Sequence[int]] = dataclass_field(default_factory=dict)

    def to(self, device: torch.device | str) -> Evidence:
        moved = super().to(device)
        return moved if isinstance(moved, Rows) else replace(self, values=moved.values, known=moved.known)


def learn(rows: Evidence, fields: Mapping[str, Field]) -> dict[str, Any]:
    """How often new levels come, from how many there are only once (Good, 1953), as plain data for a file.

    Returns:
        ``"rows"``; ``"once"``: field → for each cell, how many levels occur once, in how many rows it is known, and in
        how many rows a new level would be as odd as one here or odder (see :func:`p_value`). Nothing for cells whose
        numbers may be new without being odd.
    """
    found: dict[str, list[list[int]]] = {}
    single = []  # field, cell, the share of new levels to expect there, the rows that hold a level of their own
    for name, field in fields.items():
        if field.cells is None or name not in rows:
            continue
        found[name] = [[] for _ in field.cells]
        for cell, spec in enumerate(field.cells):
            here = _known(rows, name, cell)
            if spec.family is None and bool(here.any()):
                once, mine = _once(rows.values[name][:, cell, 0], here)
                found[name][cell] = [once, int(here.sum())]
                single.append((name, cell, _share(found[name][cell]), mine))
    oddest = torch.full((rows.rows,), torch.inf, device=rows.device)
    for _, _, share, mine in single:
        oddest = torch.where(mine, oddest.clamp(max=share), oddest)
    for name, cell, share, _ in single:
        found[name][cell].append(int((oddest <= oddest.new_tensor(share)).sum()))
    return {"rows": rows.rows, "once": found} if single else {}


def _once(code: torch.Tensor, here: torch.Tensor) -> tuple[int, torch.Tensor]:
    """How many of the codes ``[B]`` occur once where they are known, ``here [B]`` bool, and ``[B]`` bool the rows that
    hold these."""
    many, count = int(code.max()) + 1, torch.zeros((), dtype=torch.long, device=code.device)
    for some, known in zip(code.split(PART), here.split(PART), strict=True):
        count = count + torch.bincount(some[known].long(), minlength=many)
    alone = count == 1
    return int(alone.sum()), here & torch.cat([alone[some.long()] for some in code.split(PART)])


def mass(learned: Mapping[str, Any] | None, field: str, cell: int) -> float:
    """The share of new levels to expect in a column: (1 + levels seen once) / (1 + rows).

    The estimate of Good and Turing (Good, 1953) with the row at hand among those that are counted, so that it is never
    zero. Not known (an old file): 0.
    """
    counts = _counts(learned, field, cell)
    return _share(counts) if counts else 0.0


def p_value(learned: Mapping[str, Any] | None, field: str, cell: int) -> float:
    """How often ordinary rows hold a new level that is as odd as one in this column, or odder; at most.

    A row whose level no other row of the fit holds would have been such a row, had it come last; and new levels are
    the odder, the smaller the :func:`mass` of their column. If rows come from one source, the new one is any of them
    all with the same chance, so (1 + such rows) / (1 + rows) is a valid p-value (conformal prediction; Vovk et al.,
    2005). Not known (an old file): 1.
    """
    counts = _counts(learned, field, cell)
    return (1 + counts[2]) / (1 + learned["rows"]) if counts and learned else 1.0


def _known(rows: Evidence, name: str, cell: int) -> torch.Tensor:
    known = rows.known[name]
    return torch.ones(rows.rows, dtype=torch.bool, device=rows.device) if known is None else known[:, cell]


def _counts(learned: Mapping[str, Any] | None, field: str, cell: int) -> list[int]:
    cells = (learned or {}).get("once", {}).get(field, ())
    return cells[cell] if cell < len(cells) else []


def _share(counts: Sequence[int]) -> float:
    return (1 + counts[0]) / (1 + counts[1])


def bits(share: float) -> float:
    """-log2 of a share; of one that is not known, nothing.

    >>> bits(0.125), bits(0.0)
    (3.0, 0.0)
    """
    return -math.log2(share) if share else 0.0


def warn(rows: Evidence, learned: Mapping[str, Any] | None, besides: str | None = None, stacklevel: int = 2) -> None:
    """Say once for each column that new levels in it count as unknown.

    Args:
        rows: as they were packed.
        learned: of new levels; columns that are made of them are passed over.
        besides: a column that is not looked at.
        stacklevel: of the line that is to blame.
    """
    for new in getattr(rows, "unseen", ()):
        if new.column == besides or mass(learned, new.field, new.cell) > COMMON:
            continue
        more = f" and {len(new.rows) - 1:,} more" if len(new.rows) > 1 else ""
        total = f" among {learned['rows']:,} training rows" if learned else ""
        warnings.warn(
            f"column {new.column!r}: {new.first} (row {new.rows[0]}{more}) was never seen{total}; it counts as unknown "
            "here, and detect() names such rows",
            UnseenCategoryWarning,
            stacklevel=stacklevel + 1,
        )
