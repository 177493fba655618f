"""Flags: what is odd about a row that no density of its known cells can see.

A level that was never seen has no probability, and an empty cell is not scored. Both can be odd all the same: each flag
names the cell, says why, and has a p-value of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vaery import unseen
from vaery.core.evidence import Evidence
from vaery.core.field import Field
from vaery.gaps.block import Block, blocks
from vaery.gaps.words import said
from vaery.unseen import bits


@dataclass(frozen=True)
class Flag:
    """One odd cell.

    Attributes:
        row, field, cell: where.
        bits: how rare such a thing is in that column.
        p_value: how often, at most, an ordinary row has a flag as odd as this one.
        why: in words.
        expects: whether something else was to be expected there (and not: nothing).
    """

    row: int
    field: str
    cell: int
    bits: float
    p_value: float
    why: str
    expects: bool = True


def flags(fields: Mapping[str, Field], rows: Evidence, calibration: Mapping[str, Any] | None) -> list[Flag]:
    """All flags of some rows, those of each row in descending order of bits.

    Args:
        fields: of the model.
        rows: as :meth:`vaery.schema.Schema.pack` gives them; plain evidence has no new levels.
        calibration: what a fit learned; nothing is said of what an old one did not learn.
    """
    found = [*_unseen(rows, (calibration or {}).get("unseen"))]
    for name, block in blocks(calibration, fields).items():
        if name in rows and block.rules:
            found += _breaks(block, rows)
    return sorted(found, key=lambda flag: (flag.row, -flag.bits))


def _unseen(rows: Evidence, learned: Mapping[str, Any] | None) -> Iterator[Flag]:
    """New levels, but for columns that are made of them."""
    for new in getattr(rows, "unseen", ()):
        share = unseen.mass(learned, new.field, new.cell)
        if share > unseen.COMMON:
            continue
        p_value = unseen.p_value(learned, new.field, new.cell)
        why = f"never seen among {learned['rows']:,} training rows" if learned else "never seen in training"
        for row in new.rows:
            yield Flag(row, new.field, new.cell, bits(share), p_value, why)


def _breaks(block: Block, rows: Evidence) -> Iterator[Flag]:
    """Cells that are filled where they do not apply, or empty though they are always filled where they do."""
    name, known = block.field.name, rows.known[block.field.name]
    value = rows.values[name]
    known = torch.ones(value.shape[:2], dtype=torch.bool, device=value.device) if known is None else known
    checked, broken = block.checked
    p_value, there = (1 + broken) / (1 + checked), _there(rows, name, known)
    labels, cells = block.field.cell_names or (), block.field.cells or ()
    for rule in block.rules:
        odd = rule.says(value, cells[rule.by].levels) & known[:, rule.by] & there[:, rule.cell]
        if bool(odd.any()):
            where, empty = said(block.field, rule), f"{rule.rows - rule.filled:,} of {rule.rows:,}"
            why = f"filled, but {labels[rule.cell]} does not apply where {where} (empty in {empty} such training rows)"
            share = (1 + rule.filled) / (1 + rule.rows)
            for row in odd.nonzero()[:, 0].tolist():
                yield Flag(row, name, rule.cell, bits(share), p_value, why, expects=False)
    applies, absent = block.applicable(value, known), getattr(rows, "absent", {}).get(name, ())
    for cell, (count, gone) in block.filled.items():
        if cell not in absent:
            often = f"{count - gone:,} of {count:,} training rows"
            why = f"empty, but {labels[cell]} is filled wherever it applies ({often})"
            for row in (applies & ~there)[:, cell].nonzero()[:, 0].tolist():
                yield Flag(row, name, cell, bits((1 + gone) / (1 + count)), p_value, why)


def _there(rows: Evidence, name: str, known: Tensor) -> Tensor:
    """``[B, D]`` bool: the cells that hold anything, known to the model or not."""
    there = known.clone()
    for new in getattr(rows, "unseen", ()):
        if new.field == name:
            there[list(new.rows), new.cell] = True
    return there
