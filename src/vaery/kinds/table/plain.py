"""Cells as plain numbers side by side, with nothing learned: what a regression or a tree reads."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vaery.core.cells import CellSpec

MOST = 48  # levels of a cell that have a column each; further ones share the last


class Plain(nn.Module):
    """``value [B, D, 2]``, ``known [B, D]`` → ``[B, F]``: numbers, one column for each level, and what is unknown."""

    positions: Tensor

    def __init__(self, cells: Sequence[CellSpec]) -> None:
        super().__init__()
        self.cells = tuple(cells)
        most = max((len(cell.positions) for cell in cells), default=0)
        places = [[*cell.positions, *[0.0] * (most + 1 - len(cell.positions))] for cell in cells]
        self.register_buffer("positions", torch.tensor(places).view(len(self.cells), most + 1), persistent=False)

    def forward(self, value: Tensor, known: Tensor | None = None) -> Tensor:
        seen = value.new_ones(value.shape[:-1]) if known is None else known.to(value.dtype)
        parts = [1 - seen]
        for i, cell in enumerate(self.cells):
            here, code = seen[:, i : i + 1], value[:, i, 0].long().clamp(min=0)
            if cell.family is not None:
                place = self.positions[i, code.clamp(max=self.positions.shape[1] - 1)]
                parts.append((value[:, i, 1] + place)[:, None] * here)
            if cell.ordered and cell.family is None:
                parts.append((2 * code / max(1, cell.levels - 1) - 1)[:, None].to(value.dtype) * here)
            if cell.codes > 1 and not (cell.ordered and cell.levels > MOST):
                levels = min(cell.codes, MOST)
                parts.append(F.one_hot(code.clamp(max=levels - 1), levels).to(value.dtype) * here)
        return torch.cat(parts, 1)
