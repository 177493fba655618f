"""What is said of gaps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from vaery.core.field import Field
from vaery.gaps.block import Block, blocks
from vaery.gaps.rules import Rule
from vaery.target import raw_cells

SHOWN = 5  # levels, or columns, named in a sentence
SLIGHT = 1e-3  # a share of gaps that is not worth a line


def about(fields: Mapping[str, Field], calibration: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """One entry for each column and sort of gap: ``"column"``, ``"sort"`` (``"not applicable"``, ``"missing at
    random"`` or ``"unknown"``) and ``"says"``, a sentence."""
    return [entry for block in blocks(calibration, fields).values() for entry in _of_block(block)]


def _of_block(block: Block) -> list[dict[str, Any]]:
    names, found = list(map(str, block.field.cell_names or ())), []
    for rule in block.rules:
        where, n = said(block.field, rule), rule.rows - rule.filled
        says = f"{names[rule.cell]} does not apply where {where} (empty in {n:,} of {rule.rows:,} such rows)"
        found.append({"column": names[rule.cell], "sort": "not applicable", "says": says})
    told = {cell for chance in block.chances if (cell := chance.cell) >= 0 and _drivers(block, cell)}
    for cell in sorted(told):
        hangs = _listed([names[k] for k in _drivers(block, cell)], "and")
        says = f"whether {names[cell]} is empty can be predicted from {hangs}"
        found.append({"column": names[cell], "sort": "missing at random", "says": says})
    for cell, other in block.learned.get("alike", ()):
        says = f"{names[cell]} is empty in the same rows as {names[other]}"
        sort = "missing at random" if other in told else None
        found += [{"column": names[cell], "sort": sort, "says": says}] if sort else []
    hidden, share = block.learned["hidden"], block.learned["share"]
    for cell, name in enumerate(names):
        rate = sum(s for h, s in zip(hidden, share, strict=True) if cell in h)
        if rate >= SLIGHT:
            says = f"{name} is empty in {rate:.1%} of the rows, whatever these hold as far as can be told"
            found.append({"column": name, "sort": "unknown", "says": says})
    return found


def said(field: Field, rule: Rule) -> str:
    """Where a rule says that its cell does not apply: ``"children is 0"``.

    Values are read by the field, as it would give them back.
    """
    name = str((field.cell_names or [rule.by])[rule.by])
    spec = (field.cells or ())[rule.by]
    levels = spec.levels
    codes = [code for code in rule.codes if code < levels and not rule.covers(spec, code)]
    ends = [end for end in (rule.low, rule.high) if end is not None]
    probe = torch.zeros(len(codes) + len(ends), *field.event)
    probe[:, rule.by, 0] = torch.tensor([*codes, *[levels] * len(ends)], dtype=torch.float32)
    probe[len(codes) :, rule.by, 1] = torch.tensor(ends, dtype=torch.float32)
    raw = [_plain(v) for v in raw_cells(field.unpack(probe), rule.by, name)] if len(probe) else []
    parts = [_listed(raw[: len(codes)], "or")] if codes else []
    if any(code >= levels for code in rule.codes):
        parts.append("another number")
    for end, text in zip(ends, raw[len(codes) :], strict=True):
        parts.append(f"{text} or {'more' if end == rule.low else 'less'}")
    return f"{name} is {', or '.join(parts)}"


def _drivers(block: Block, cell: int) -> list[int]:
    """The cells whose values tell the gaps of one, those that tell most first."""
    chance = next(c for c in block.chances if c.cell == cell)
    return list(dict.fromkeys(f.cell for f in chance.features if f.kind != "empty"))


def _listed(items: Sequence[str], last: str) -> str:
    """``a, b or c``; many are cut short.

    >>> _listed(["a", "b", "c"], "or"), _listed(list("abcdefgh"), "and")
    ('a, b or c', 'a, b, c, d, e and 3 more')
    """
    if len(items) > SHOWN:
        return f"{', '.join(items[:SHOWN])} {'or one of' if last == 'or' else last} {len(items) - SHOWN} more"
    return f" {last} ".join(filter(None, [", ".join(items[:-1]), *items[-1:]]))


def _plain(value: Any) -> str:
    """A raw value as people write it: whole floats without their point."""
    if isinstance(value, float) and value == int(value):
        return str(int(value))
    text = str(value)
    return text if len(text) <= 40 else text[:37] + "..."
