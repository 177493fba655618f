"""Cells as plain numbers side by side, with nothing learned: what a regression or a tree reads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vaery.kinds.table.column import Column
from vaery.kinds.table.scale import Floats, Scale

MOST = 48  # levels of a cell that have a column each; further ones share the last
HEAP = 0.2  # of a column's values at one place are a level of their own
FAR = 6.0  # standard deviations beyond which a number is no further out


class Plain(nn.Module):
    """``value [B, D, 2]``, ``known [B, D]`` → ``[B, F]``: numbers, one column for each level, and what is unknown.

    A number is there twice where its scale is bent: as the model sees it, by ranks, and in its own units. Levels that
    lie among the numbers of a column (people round) are numbers, but for those that many rows have: where labels are
    few, a column for each would be noise.
    """

    positions: Tensor

    def __init__(self, columns: Sequence[Column]) -> None:
        super().__init__()
        self.cells = tuple(column.cell for column in columns)
        self.straight = nn.ModuleList(_Straight(column.scale) for column in columns)
        self.heaps = [[at for at, share in enumerate(c.shares) if c.family and share >= HEAP] for c in columns]
        most = max((len(cell.positions) for cell in self.cells), default=0)
        places = [[*cell.positions, *[0.0] * (most + 1 - len(cell.positions))] for cell in self.cells]
        self.register_buffer("positions", torch.tensor(places).view(len(self.cells), most + 1), persistent=False)

    def forward(self, value: Tensor, known: Tensor | None = None) -> Tensor:
        seen = value.new_ones(value.shape[:-1]) if known is None else known.to(value.dtype)
        parts = [1 - seen]
        for i, (cell, straight) in enumerate(zip(self.cells, self.straight, strict=True)):
            here, code = seen[:, i : i + 1], value[:, i, 0].long().clamp(min=0)
            if cell.family is not None:
                place = self.positions[i, code.clamp(max=self.positions.shape[1] - 1)]
                number = (value[:, i, 1] + place)[:, None]
                parts += [number * here, straight(number) * here]
                parts += [(code == at)[:, None].to(value.dtype) * here for at in self.heaps[i]]
                continue
            if cell.ordered:
                parts.append((2 * code / max(1, cell.levels - 1) - 1)[:, None].to(value.dtype) * here)
            if cell.codes > 1 and not (cell.ordered and cell.levels > MOST):
                levels = min(cell.codes, MOST)
                parts.append(F.one_hot(code.clamp(max=levels - 1), levels).to(value.dtype) * here)
        return torch.cat(parts, 1)


class _Straight(nn.Module):
    """A scaled number ``[B, 1]`` in its own units, standardised; no column where that is the same."""

    scaled: Tensor
    own: Tensor

    def __init__(self, scale: Scale) -> None:
        super().__init__()
        bent = len(scale.raw) > 2
        own = _standardised(np.array(scale.raw), np.array(scale.scaled)) if bent else np.zeros(0)
        self.register_buffer(
            "scaled", torch.tensor(scale.scaled if bent else [], dtype=torch.float32), persistent=False
        )
        self.register_buffer("own", torch.from_numpy(own).float(), persistent=False)

    def forward(self, number: Tensor) -> Tensor:
        if not len(self.scaled):
            return number[:, :0]
        right = torch.searchsorted(self.scaled, number.contiguous()).clamp(1, len(self.scaled) - 1)
        low, high = self.scaled[right - 1], self.scaled[right]
        share = (number - low) / (high - low)
        return torch.lerp(self.own[right - 1], self.own[right], share).clamp(-FAR, FAR)


def _standardised(raw: Floats, scaled: Floats) -> Floats:
    """Knots in own units less their mean, over their standard deviation, each as frequent as its normal score."""
    size = np.abs(raw).max() or 1.0
    raw, weight = raw / size, np.exp(-0.5 * scaled**2)
    weight = weight / weight.sum()
    mean = (weight * raw).sum()
    spread = np.sqrt((weight * (raw - mean) ** 2).sum())
    return (raw - mean) / max(spread, 1e-12)
