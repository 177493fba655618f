"""Features: cells of a row as numbers that a straight line can be drawn through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from vaery.core.cells import CellSpec

LEVELS = 32  # the most frequent levels of a cell have a feature each …
RARE = 10  # … if they are in so many rows
STEPS = (
    0.05,
    0.1,
    0.2,
    0.3,
    0.4,
    0.5,
    0.6,
    0.7,
    0.8,
    0.9,
    0.95,
)  # quantiles of a cell's numbers at which its line may jump
FAR = 4.0  # numbers are taken no further out than this: packed ones have about unit spread


class Feature(NamedTuple):
    """One number made of one cell; zero, its mean, where the cell is unknown. So values say nothing of gaps.

    Attributes:
        cell: which one.
        kind: ``"level"`` (is it this code), ``"above"`` (a number beyond this), ``"number"`` or ``"empty"``.
        at: the code or the number.
        mean: over the rows of the fit in which the cell is known.
    """

    cell: int
    kind: str
    at: float = 0.0
    mean: float = 0.0


def of_cell(value: Tensor, known: Tensor, spec: CellSpec, cell: int) -> list[Feature]:
    """Features of what one cell holds, ``value [B, D, 2]``."""
    here = value[known[:, cell], cell].double()
    if not len(here):
        return []
    code, number = here.unbind(-1)
    counts = torch.bincount(code.long(), minlength=1)
    top = [int(c) for c in counts.argsort(descending=True, stable=True)[:LEVELS] if RARE <= counts[c] < len(here)]
    found = [Feature(cell, "level", float(c)) for c in top if c < spec.levels]
    number = number[code >= spec.levels]
    if spec.family is not None and len(number) >= RARE:
        found.append(Feature(cell, "number"))
        edges = torch.quantile(number[:100_000], torch.tensor(STEPS, dtype=number.dtype, device=number.device))
        found += [Feature(cell, "above", float(e)) for e in edges.unique() if e < number.max()]
    raw = encode(found, value, known, [spec.levels] * (cell + 1))[known[:, cell]]
    return [f._replace(mean=float(m)) for f, m in zip(found, raw.mean(0), strict=True)]


def encode(features: Sequence[Feature], value: Tensor, known: Tensor, levels: Sequence[int]) -> Tensor:
    """``[B, F]`` float64.

    Args:
        features: F of them.
        value: ``[B, D, 2]``.
        known: ``[B, D]`` bool.
        levels: how many levels each cell has; larger codes are numbers.
    """
    out = torch.zeros(len(value), len(features), dtype=torch.float64, device=value.device)
    for i, feature in enumerate(features):
        cell = feature.cell
        if feature.kind == "empty":
            out[:, i] = (~known[:, cell]).double()
        else:
            raw = _raw(feature, value[:, cell, 0], value[:, cell, 1].double(), levels[cell])
            out[:, i] = torch.where(known[:, cell], raw - feature.mean, 0.0)
    return out


def _raw(feature: Feature, code: Tensor, number: Tensor, levels: int) -> Tensor:
    if feature.kind == "level":
        return (code == feature.at).double()
    if feature.kind == "number":
        return (code >= levels) * number.clamp(-FAR, FAR)
    return ((code >= levels) & (number > feature.at)).double()


def from_json(items: Sequence[Sequence[Any]]) -> list[Feature]:
    return [Feature(int(cell), str(kind), float(at), float(mean)) for cell, kind, at, mean in items]
