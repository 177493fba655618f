"""Rules: cells that are empty because another cell says so, and have nothing to hold there (not applicable).

The ages of children are empty where there are no children. Such a gap is no unknown value, and there is nothing to fill
in. A rule says of one cell that it does not apply where another one is among some levels, or beyond some number; a cell
may have several. Gaps that are left over where a cell does apply are ordinary gaps.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor

from vaery.core.cells import CellSpec
from vaery.core.region import Region

LEAST = 20  # rows on either side of a rule
SEARCHED = 20_000  # rows that rules are looked for in, at most; all others check them
SLACK = 0.01  # the share of exceptions that a rule survives: data have errors
CONTRAST = 0.5  # of the other rows, at most so many may be empty as well
CHANCE = 1e-3  # of taking any level to be always empty that only happened to be
SEVERAL = 3  # rules that a cell may have
OPEN = 1e4  # an open end of a range: packed numbers do not lie out there


@dataclass(frozen=True)
class Rule:
    """``cell`` does not apply where ``by`` is known and is one of ``codes``, or a number from ``low`` to ``high``.

    Attributes:
        edge: a number between that range and the next one that was seen.
        rows, filled: of the rows that check: those in which the rule says so, and in how many the cell is filled.
    """

    cell: int
    by: int
    codes: tuple[int, ...] = ()
    low: float | None = None
    high: float | None = None
    edge: float | None = None
    rows: int = 0
    filled: int = 0

    def says(self, value: Tensor, levels: int) -> Tensor:
        """``[…]`` bool, whether ``value […, D, 2]`` of the other cell says so.

        Args:
            value: rows; nothing is asked of what is known.
            levels: how many levels the other cell has.
        """
        code, number = value[..., self.by, 0], value[..., self.by, 1]
        said = torch.isin(code, torch.tensor(self.codes, dtype=code.dtype, device=code.device))
        if self.ranged:
            low, high = -torch.inf if self.low is None else self.low, torch.inf if self.high is None else self.high
            said = said | ((code >= levels) & (number >= low) & (number <= high))
        return said

    @property
    def ranged(self) -> bool:
        """Whether it speaks of a range of numbers."""
        return self.low is not None or self.high is not None

    def covers(self, spec: CellSpec, code: int) -> bool:
        """Whether a level of the other cell lies in the range of numbers."""
        if not self.ranged or code >= len(spec.positions):
            return False
        at = spec.positions[code]
        return (self.low is None or at >= self.low) and (self.high is None or at <= self.high)

    def to_json(self) -> dict[str, Any]:
        return {k: v for k, v in asdict(self).items() if v is not None and v != ()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Rule:
        return cls(**{**data, "codes": tuple(data.get("codes", ()))})


def learn(
    value: Tensor, known: Tensor, cells: Sequence[CellSpec], pairs: Sequence[tuple[int, int]]
) -> tuple[list[Rule], dict[str, Any]]:
    """The rules of a block, found in one half of its rows and checked in the other (both in random order).

    Args:
        value: ``[B, D, 2]``.
        known: ``[B, D]`` bool.
        cells: D of them.
        pairs: (cell, other cell) that may have a rule.

    Returns:
        The rules, and what the rows that check them say: how many these are (``"checked"``), how many of them break
        any rule (``"broken"``), and the cells that are never empty where they apply (``"filled"``: cell → the rows
        that say so, and those that do not).
    """
    half = min(len(value) // 2, SEARCHED)
    search, check = (value[:half], known[:half]), (value[half:], known[half:])
    gappy = ((~search[1]).sum(0) >= LEAST) & (search[1].sum(0) >= LEAST)
    by: dict[int, list[int]] = {}
    for cell, other in pairs:
        by.setdefault(cell, []).append(other)
    found = [rule for cell, others in by.items() if gappy[cell] for rule in _of_cell(*search, cells, cell, others)]
    counted = [_counted(rule, *check, cells) for rule in found]
    kept = [rule for rule in counted if rule.rows >= LEAST / 2 and rule.filled <= exceptions(rule.rows)]
    return kept, _checked(kept, *check, cells)


def exceptions(rows: int) -> int:
    """How many exceptions among so many rows a rule survives."""
    return int(SLACK * rows) + (rows >= LEAST)


def inapplicable(rules: Sequence[Rule], value: Tensor, known: Tensor, cells: Sequence[CellSpec]) -> Tensor:
    """``[B, D]`` bool: the cells that do not apply, by what is known of their rows."""
    out = torch.zeros_like(known)
    for rule in rules:
        out[:, rule.cell] |= rule.says(value, cells[rule.by].levels) & known[:, rule.by]
    return out


def applicable(rules: Sequence[Rule], value: Tensor, known: Tensor, cells: Sequence[CellSpec]) -> Tensor:
    """``[B, D]`` bool: the cells that have rules, all of which are known not to say that they do not apply."""
    out = torch.zeros_like(known)
    ruled = sorted({rule.cell for rule in rules})
    out[:, ruled] = True
    for rule in rules:
        out[:, rule.cell] &= known[:, rule.by] & ~rule.says(value, cells[rule.by].levels)
    return out


def required(rules: Sequence[Rule], asked: Tensor, cells: Sequence[CellSpec]) -> Region | None:
    """What other cells must not hold where cells are asked to be filled; ``None``: they may hold anything.

    Args:
        rules: of the block.
        asked: ``[1, D]`` bool, the cells that something is asked of.
        cells: D of them.
    """
    meant = [rule for rule in rules if bool(asked[0, rule.cell]) and not bool(asked[0, rule.by])]
    if not meant:
        return None
    must = torch.zeros_like(asked)
    levels = torch.ones(1, len(cells), max(1, *(spec.levels for spec in cells)), dtype=torch.bool, device=asked.device)
    low = torch.full((1, len(cells), 1), -OPEN, device=asked.device)
    high = -low
    for rule in meant:
        must[0, rule.by] = True
        for code in rule.codes:
            if code < cells[rule.by].levels:
                levels[0, rule.by, code] = False
            else:  # any number
                low[0, rule.by], high[0, rule.by] = 1.0, 0.0
        if rule.high is not None and rule.edge is not None:
            low[0, rule.by] = max(float(low[0, rule.by, 0]), rule.edge)
        if rule.low is not None and rule.edge is not None:
            high[0, rule.by] = min(float(high[0, rule.by, 0]), rule.edge)
    return Region(must, levels, low, high)


def _of_cell(value: Tensor, known: Tensor, cells: Sequence[CellSpec], cell: int, others: list[int]) -> list[Rule]:
    """The best rule, then the best for the rows that it says nothing of …"""
    rules: list[Rule] = []
    left = torch.ones(len(value), dtype=torch.bool, device=value.device)
    while len(rules) < SEVERAL and int((left & ~known[:, cell]).sum()) >= LEAST:
        tried = [_of_pair(value[left], known[left], cells, cell, by) for by in others]
        found = min((t for t in tried if t is not None), key=lambda t: t[0], default=None)
        if found is None:
            break
        rules.append(found[1])
        left &= ~(found[1].says(value, cells[found[1].by].levels) & known[:, found[1].by])
    return rules


def _of_pair(value: Tensor, known: Tensor, cells: Sequence[CellSpec], cell: int, by: int) -> tuple[float, Rule] | None:
    """What one cell says of the gaps of another, and in how many rows it is wrong; ``None``: nothing."""
    here = known[:, by]
    value, empty = value[here], ~known[here, cell]
    if int(empty.sum()) < LEAST or int((~empty).sum()) < LEAST:
        return None
    rule = Rule(cell, by)
    low, high, edge = _ends(value[:, by], empty, cells[by], len(cells)) or (None, None, None)
    rule = replace(rule, low=low, high=high, edge=edge)
    code, left = value[:, by, 0].long(), ~rule.says(value, cells[by].levels)
    codes = _codes(code[left], empty[left], cells[by], len(cells), rule)
    rule = replace(rule, codes=codes)
    said = rule.says(value, cells[by].levels)
    rows, others = int(said.sum()), int((~said).sum())
    filled, also = int((said & ~empty).sum()), int((~said & empty).sum())
    if min(rows, others) < LEAST or filled > exceptions(rows) or also > CONTRAST * others:
        return None
    return float(filled + also + int((~here).sum())), rule


def _codes(code: Tensor, empty: Tensor, spec: CellSpec, pairs: int, rule: Rule) -> tuple[int, ...]:
    """The codes under which a cell is always empty, by more than chance; or without, in the range of its numbers.

    A level of n rows is always empty by chance with p^n, p the rate of gaps elsewhere; that must be small after as
    many tries as there are levels and columns.

    Args:
        code, empty: ``[B]`` rows beyond the range: what the other cell holds, and whether this one is empty.
        spec: of the other cell.
        pairs: how many other cells are tried.
        rule: with the range, if there is one.
    """
    rows = torch.bincount(code, minlength=spec.levels + 1).double()
    gone = torch.bincount(code[empty], minlength=spec.levels + 1).double()
    slack = (SLACK * rows).floor() + (rows >= LEAST)
    always = (rows > 0) & (rows - gone <= slack) & (gone > 0)
    always[spec.levels :] &= spec.family is not None and not rule.ranged
    pure, tries = always.clone(), pairs * max(1, int((rows > 0).sum()))
    for _ in range(2):  # the rate elsewhere depends on what is taken out, and the other way round
        rate = (gone[~pure].sum() + 1) / (rows[~pure].sum() + 2)
        pure &= rows * rate.log() < math.log(CHANCE / tries)
    return tuple(c for c in always.nonzero()[:, 0].tolist() if pure[c] or rule.covers(spec, c))


def _ends(cell: Tensor, empty: Tensor, spec: CellSpec, pairs: int) -> tuple[float | None, float | None, float] | None:
    """The range at one end of a cell's numbers in which another cell is always empty: ``(low, high, edge)``."""
    numeric = cell[:, 0] >= spec.levels
    if spec.family is None or int(numeric.sum()) < 2 * LEAST:
        return None
    number, order = cell[numeric, 1].sort()
    gone = empty[numeric][order].double()
    jumps = (number[1:] > number[:-1]).nonzero()[:, 0]  # a range ends between two distinct numbers
    if not len(jumps):
        return None
    ahead, total, count = gone.cumsum(0)[jumps], gone.sum(), jumps + 1
    below = (count - ahead) + (total - ahead)  # rows that "empty up to here" gets wrong
    above = ahead + (len(gone) - count) - (total - ahead)
    up = bool(below.min() <= above.min())
    at = int(jumps[(below if up else above).argmin()])
    last, first = float(number[at]), float(number[at + 1])
    inside, outside = (gone[: at + 1], gone[at + 1 :]) if up else (gone[at + 1 :], gone[: at + 1])
    if not _pure(inside, outside, pairs):
        return None
    return (None, last, _between(last, first)) if up else (first, None, _between(first, last))


def _between(inside: float, outside: float) -> float:
    """Nearer to what is outside, so that it is not rounded to what is inside; counts are not divided."""
    return outside if inside.is_integer() and outside.is_integer() else 0.45 * inside + 0.55 * outside


def _pure(inside: Tensor, outside: Tensor, pairs: int) -> bool:
    if min(len(inside), len(outside)) < LEAST:
        return False
    filled, rate = len(inside) - int(inside.sum()), (float(outside.sum()) + 1) / (len(outside) + 2)
    luck = len(inside) * math.log(rate) < math.log(CHANCE / (2 * pairs))
    return luck and filled <= exceptions(len(inside)) and rate <= CONTRAST


def _counted(rule: Rule, value: Tensor, known: Tensor, cells: Sequence[CellSpec]) -> Rule:
    said = rule.says(value, cells[rule.by].levels) & known[:, rule.by]
    return replace(rule, rows=int(said.sum()), filled=int((said & known[:, rule.cell]).sum()))


def _checked(rules: Sequence[Rule], value: Tensor, known: Tensor, cells: Sequence[CellSpec]) -> dict[str, Any]:
    if not rules:
        return {}
    applies, not_there = applicable(rules, value, known, cells), inapplicable(rules, value, known, cells)
    filled = {}
    for cell in sorted({rule.cell for rule in rules}):
        rows, gone = int(applies[:, cell].sum()), int((applies & ~known)[:, cell].sum())
        if rows >= LEAST and gone <= exceptions(rows):
            filled[str(cell)] = [rows, gone]
    broken = not_there & known
    always = [int(cell) for cell in filled]
    broken[:, always] |= (applies & ~known)[:, always]
    return {"checked": len(value), "broken": int(broken.any(1).sum()), "filled": filled}
