"""The input side of a block of cells: any subset of them, seen by a network."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vaery.core.cells import WIDE, CellSpec


class CellInput(nn.Module):
    """``value [..., D, 2]``, ``known [..., D]`` → ``[..., width]``: linear in one-hot codes, numbers and mask.

    Codes are looked up and summed, never laid out as one-hot. A cell with many codes is looked up by two digits.

    Args:
        cells: what each of the D cells can hold.
        width: of the output.
    """

    columns: Tensor
    offsets: Tensor
    bases: Tensor
    levels: Tensor
    is_wide: Tensor
    numeric: Tensor
    positions: Tensor

    def __init__(self, cells: Sequence[CellSpec], width: int) -> None:
        super().__init__()
        columns, offsets, bases, total = [], [], [], 0
        for i, cell in enumerate(cells):
            if cell.codes < 2:
                continue
            base = cell.codes if cell.codes <= WIDE else int(cell.codes**0.5) + 1
            columns.append(i)
            offsets.append((total, total + base))
            bases.append(base)
            total += base + (0 if cell.codes <= WIDE else base)
        self.register_buffer("columns", torch.tensor(columns, dtype=torch.long), persistent=False)
        self.register_buffer("offsets", torch.tensor(offsets, dtype=torch.long).view(-1, 2), persistent=False)
        self.register_buffer("bases", torch.tensor(bases, dtype=torch.long), persistent=False)
        self.register_buffer("levels", torch.tensor([c.levels for c in cells]), persistent=False)
        self.wide = any(cells[c].codes > WIDE for c in columns)
        self.register_buffer("is_wide", torch.tensor([cells[c].codes > WIDE for c in columns]), persistent=False)
        self.table = nn.Parameter(torch.randn(total, width) * (1 / max(1, len(cells))) ** 0.5) if total else None
        numeric = [i for i, cell in enumerate(cells) if cell.family is not None]
        self.register_buffer("numeric", torch.tensor(numeric, dtype=torch.long), persistent=False)
        most = max((len(cells[i].positions) for i in numeric), default=0)
        positions = [[*cells[i].positions, *[0.0] * (most + 1 - len(cells[i].positions))] for i in numeric]
        self.register_buffer("positions", torch.tensor(positions).view(len(numeric), most + 1), persistent=False)
        self.linear = nn.Linear(len(numeric) + len(cells), width)
        self.width = width

    def forward(self, value: Tensor, known: Tensor | None = None) -> Tensor:
        lead = value.shape[:-2]
        seen = value.new_ones(value.shape[:-1]) if known is None else known.to(value.dtype)
        seen = seen.expand(value.shape[:-1])
        out = self._linear(torch.cat([self.numbers(value) * seen[..., self.numeric], seen], -1))
        if self.table is None:
            return out
        code = value[..., self.columns, 0].long().view(-1, len(self.columns))
        weight = seen[..., self.columns].reshape(-1, len(self.columns))
        index = torch.where(self.is_wide, code % self.bases, code) + self.offsets[:, 0]
        if self.wide:
            high = (
                torch.where(self.is_wide, code // self.bases, torch.zeros_like(code))
                + self.offsets[:, 1] * self.is_wide
            )
            index = torch.cat([index, high], 1)
            weight = torch.cat([weight, weight * self.is_wide], 1)
        bag = F.embedding_bag(
            index, self.table, mode="sum", per_sample_weights=weight.to(self.table.dtype).contiguous()
        )
        return out + bag.view(*lead, self.width).to(out.dtype)

    def _linear(self, x: Tensor) -> Tensor:
        """Inputs in whole groups of four, where answers are asked for: products over other counts are rounded by the
        row's place in the batch, and a row is to get the same answer wherever it stands."""
        short = -x.shape[-1] % 4
        if self.training or not short:
            return self.linear(x)
        return F.linear(F.pad(x, (0, short)), F.pad(self.linear.weight, (0, short)), self.linear.bias)

    def numbers(self, value: Tensor) -> Tensor:
        """``[..., n]`` the number in each cell that can hold one; of a level, where it lies among the numbers."""
        number = value[..., self.numeric, 1]
        most = self.positions.shape[1] - 1
        if not most:
            return number
        code = value[..., self.numeric, 0].long().clamp(max=most)
        at = torch.arange(len(self.numeric), device=value.device)
        return number + self.positions[at, code]
