"""The gaps of one block of cells: learned, drawn, and judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from vaery.core.cells import CellSpec
from vaery.core.evidence import Evidence
from vaery.core.field import Field
from vaery.core.random import Random
from vaery.core.region import Region
from vaery.gaps import chances, patterns, rules
from vaery.gaps.chances import Chance
from vaery.gaps.rules import Rule
from vaery.gaps.screen import Screen, screen

ROWS = 40_000  # that rules and chances are learned from, at most


@dataclass(frozen=True)
class Block:
    """What is known of the gaps of one field.

    Attributes:
        field: the field, a block of D cells.
        learned: plain data, as :func:`learn` gave it.
    """

    field: Field
    learned: Mapping[str, Any]

    @cached_property
    def rules(self) -> list[Rule]:
        return [Rule.from_json(item) for item in self.learned.get("rules", ())]

    @cached_property
    def chances(self) -> list[Chance]:
        return [Chance.from_json(item) for item in self.learned.get("chances", ())]

    @property
    def checked(self) -> tuple[int, int]:
        """Rows of the fit that the rules were checked on, and how many of these break one."""
        return int(self.learned.get("checked", 0)), int(self.learned.get("broken", 0))

    @property
    def filled(self) -> dict[int, tuple[int, int]]:
        """Cells that are filled wherever they apply → in so many rows that check, with so many exceptions."""
        return {int(cell): (int(a), int(b)) for cell, (a, b) in self.learned.get("filled", {}).items()}

    def inapplicable(self, value: Tensor, known: Tensor) -> Tensor:
        """``[B, D]`` bool: the cells that do not apply, by what is known of their rows."""
        return rules.inapplicable(self.rules, value, known, self._cells)

    def applicable(self, value: Tensor, known: Tensor) -> Tensor:
        """``[B, D]`` bool: the cells that have a rule, and are known to apply."""
        return rules.applicable(self.rules, value, known, self._cells)

    def likely_inapplicable(self, value: Tensor, known: Tensor, draws: Tensor, weight: Tensor) -> Tensor:
        """As :meth:`inapplicable`, where the cells that rules look at may have gaps: by weighted draws of these.

        Args:
            value, known: the rows.
            draws: ``[Q, B, D, 2]``.
            weight: ``[Q, B]``, summing to one over Q.
        """
        out = torch.zeros_like(known)
        for rule in self.rules:
            levels = self._cells[rule.by].levels
            guess = (weight * rule.says(draws, levels)).sum(0) > 0.5
            out[:, rule.cell] |= torch.where(known[:, rule.by], rule.says(value, levels), guess)
        return out

    def required(self, asked: Tensor) -> Region | None:
        """What other cells must not hold where something is asked of the cells ``asked [1, D]``: see
        :func:`vaery.gaps.rules.required`."""
        return rules.required(self.rules, asked, self._cells)

    def filled_in(self, value: Tensor) -> Tensor:
        """``[B, D]`` bool: the cells of complete rows that do apply."""
        everything = torch.ones(value.shape[:2], dtype=torch.bool, device=value.device)
        return self._ruled(self.settled(value), everything, torch.zeros_like(everything))

    def settled(self, value: Tensor) -> Tensor:
        """Drawn values as they will be read: rounded to what their column can hold. Rules must go by these."""
        if all(self._cells[rule.by].family is None for rule in self.rules):
            return value
        return self.field.pack(self.field.unpack(value.cpu()))[0].to(value.device)

    def draw(self, value: Tensor, asked: Tensor | None, rng: Random) -> Tensor:
        """``[B, D]`` bool, which cells of new rows are there.

        Args:
            value: ``[B, D, …]``, all cells drawn.
            asked: ``[B or 1, D]`` bool, the cells that must be there.
            rng: where draws come from.
        """
        there = patterns.draw(self.learned, self.field.mask[0], len(value), rng)
        asked = torch.zeros_like(there) if asked is None else asked.expand(there.shape)
        there = there | asked
        if not self.rules and not self.chances:
            return there
        value, levels = self.settled(value), [spec.levels for spec in self._cells]
        for chance in self.chances:
            cell = chance.cell
            there = there & (asked | ~self.inapplicable(value, there))
            gone = rng.uniform((len(value),)) < chance.empty(value, there, levels)
            there[:, cell] &= asked[:, cell] | ~gone
        for cell, other in self.learned.get("alike", ()):
            there[:, cell] = asked[:, cell] | there[:, other]
        return self._ruled(value, there, asked)

    def _ruled(self, value: Tensor, there: Tensor, asked: Tensor) -> Tensor:
        """Rules may hang on one another: what is empty says nothing any more."""
        for _ in range(1 + len(self.rules)):
            after = there & (asked | ~self.inapplicable(value, there))
            if torch.equal(after, there):
                break
            there = after
        return there

    @property
    def _cells(self) -> Sequence[CellSpec]:
        return self.field.cells or ()


def blocks(calibration: Mapping[str, Any] | None, fields: Mapping[str, Field]) -> dict[str, Block]:
    """The gaps of each field that has any, as a fit learned them."""
    found = (calibration or {}).get("gaps") or {}
    return {name: Block(fields[name], learned) for name, learned in found.items()}


def learn(rows: Evidence, fields: Mapping[str, Field]) -> dict[str, dict[str, Any]]:
    """What there is to know of the gaps of each field, as plain data for a file.

    Only blocks of several cells have gaps; a field that is missing as a whole is not a gap in a row.
    """
    found = {}
    for name, field in fields.items():
        known = rows.known.get(name)
        if known is None or len(field.mask) != 1 or field.mask[0] < 2:
            continue
        told = {} if field.cells is None else _learn(rows.values[name], known, field.cells)
        blind = known
        if told:  # what has a rule or a chance of its own is not drawn by pattern
            blind = known.clone()
            blind[:, told.pop("placed")] = True
        found[name] = patterns.learn(blind) | told
    return found


def _learn(value: Tensor, known: Tensor, cells: Sequence[CellSpec]) -> dict[str, Any]:
    """Rules and chances of one block; nothing where there are none."""
    some = Random(0).permutation(len(value))[:ROWS].to(value.device)
    value, known = value[some], known[some]
    alike = _alike(known)
    least = torch.minimum((~known).sum(0), known.sum(0)) >= rules.LEAST
    gappy = [cell for cell in least.nonzero()[:, 0].tolist() if cell not in alike]
    if not gappy:
        return {}
    fitted = ~chances.set_apart(torch.arange(len(value), device=value.device))
    seen = screen(value[fitted], known[fitted], cells, gappy)
    ruled, checked = rules.learn(value, known, cells, seen.pairs())
    for cell, other in alike.items():
        ruled += [replace(rule, cell=cell) for rule in ruled if rule.cell == other]
        if str(other) in checked.get("filled", {}):
            checked["filled"][str(cell)] = checked["filled"][str(other)]
    made, placed = _chances(value, known, cells, seen, ruled, alike)
    if not ruled and not made:
        return {}
    twins = [[cell, other] for cell, other in alike.items() if other in placed]
    return {
        **({"rules": [rule.to_json() for rule in ruled], **checked} if ruled else {}),
        "chances": [chance.to_json() for chance in made],
        "alike": twins,
        "placed": [*placed, *(cell for cell, _ in twins)],
    }


def _chances(
    value: Tensor, known: Tensor, cells: Sequence[CellSpec], seen: Screen, ruled: list[Rule], alike: Mapping[int, int]
) -> tuple[list[Chance], list[int]]:
    """The chances, in the order in which they are drawn, and the cells that have one or a rule."""
    asked = ~rules.inapplicable(ruled, value, known, cells)
    of_rule = {rule.cell for rule in ruled}
    told = {cell for cell in seen.targets if chances.told(value, known, cells, cell, seen, asked[:, cell])}
    own = [cell for cell in seen.targets if cell in told or cell in of_rule]
    placed = chances.order(own, seen, {(rule.cell, rule.by) for rule in ruled})
    before = {cell for cell in range(len(cells)) if cell not in placed and alike.get(cell, cell) not in placed}
    made = []
    for cell in placed:
        if bool((~known[asked[:, cell], cell]).any()):  # else its rules say all there is to say
            made.append(chances.learn(value, known, cells, cell, seen, asked[:, cell], before, values=cell in told))
        before.add(cell)
    return made, placed


def _alike(known: Tensor) -> dict[int, int]:
    """Cells that are empty in the very same rows as another one before them → that one."""
    _, group = torch.unique(known, dim=1, return_inverse=True)
    first: dict[int, int] = {}
    found = {}
    for cell, of in enumerate(group.tolist()):
        if first.setdefault(of, cell) != cell and not bool(known[:, cell].all()):
            found[cell] = first[of]
    return found
