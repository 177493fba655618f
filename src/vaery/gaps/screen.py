"""A screen: which cells may have to do with the gaps of which others, by one product of matrices for each cell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vaery.core.cells import CellSpec
from vaery.gaps.features import Feature, encode, of_cell

MOST, LEAST = 30_000, 1_000  # rows that are looked at …
WORK = 10_000_000  # … by how many cells and targets there are
TELLING = 10.8  # χ² with one degree of freedom, exceeded by chance once in a thousand times …
LUCK = 0.1  # … or, of all features of a target together, so often


@dataclass(frozen=True)
class Screen:
    """What was seen.

    Attributes:
        targets: the cells whose gaps were looked at.
        features: of all cells.
        strength: ``[F, targets]`` χ² of each feature and each target's gaps.
    """

    targets: list[int]
    features: list[Feature]
    strength: Tensor

    @property
    def threshold(self) -> float:
        """χ² that tells: its tail is about exp(-χ² / 2), and many features are tried."""
        return max(TELLING, 2 * math.log(max(1, len(self.features)) / LUCK))

    def telling(self, target: int, most: int, among: set[int] | None = None) -> list[Feature]:
        """The features of other cells that have most to do with the gaps of one; ``among``: of these cells only."""
        strength = self.strength[:, self.targets.index(target)]
        told = (strength > self.threshold).nonzero()[:, 0]
        order = told[strength[told].argsort(descending=True, stable=True)].tolist()
        fits = lambda f: f.cell != target and (among is None or f.cell in among)
        return [self.features[i] for i in order if fits(self.features[i])][:most]

    def between(self, target: int, cell: int) -> float:
        """How much what a cell holds has to do with the gaps of a target."""
        mine = [i for i, f in enumerate(self.features) if f.cell == cell]
        return float(self.strength[mine, self.targets.index(target)].max()) if mine else 0.0

    def pairs(self) -> list[tuple[int, int]]:
        """(target, other cell) that have anything to do with one another."""
        found = {
            (target, self.features[i].cell)
            for at, target in enumerate(self.targets)
            for i in (self.strength[:, at] > self.threshold).nonzero()[:, 0].tolist()
        }
        return sorted((target, cell) for target, cell in found if target != cell)


def screen(value: Tensor, known: Tensor, cells: Sequence[CellSpec], targets: list[int]) -> Screen:
    """Every feature of every cell against the gaps of every target, in rows in which the cell is known."""
    rows = max(LEAST, min(MOST, WORK // (len(cells) * len(targets))))
    value, known, levels = value[:rows], known[:rows], [spec.levels for spec in cells]
    gone = (~known[:, targets]).float()
    features: list[Feature] = []
    strength = [torch.zeros(0, len(targets), device=value.device)]
    for cell, spec in enumerate(cells):
        found = of_cell(value, known, spec, cell)
        if not found:
            continue
        here = known[:, cell]
        x, y = encode(found, value[here], known[here], levels).float(), gone[here] - gone[here].mean(0)
        scale = x.square().mean(0)[:, None] * y.square().mean(0)
        strength.append((x.T @ y).square() / (len(y) * scale).clamp(min=1e-12))
        features += found
    return Screen(targets, features, torch.cat(strength))
