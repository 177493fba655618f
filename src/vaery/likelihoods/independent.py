"""Independent heads: the cells of a block are independent of one another given the context."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from vaery.core.cells import CellDensity, CellHeads, CellSpec
from vaery.nets.mlp import ResidualMLP


class Independent(nn.Module):
    """p(block | context) = Π over cells p(cell | context).

    Args:
        cells: what each of the D cells can hold.
        context: size C of the context.
        width, depth, dropout: of the residual MLP in front of the heads; ``depth=0`` is a linear map.
    """

    def __init__(
        self, cells: Sequence[CellSpec], context: int, width: int = 128, depth: int = 2, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.heads = CellHeads(cells)
        size = self.heads.size
        self.body = ResidualMLP(context, size, width, depth, dropout) if depth else nn.Linear(context, size)

    def forward(self, context: Tensor) -> CellDensity:
        """``context [S, B, C]`` → density of ``value [S, B, D, 2]``."""
        return self.heads(self.body(context))
