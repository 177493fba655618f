"""The networks of a table: one that reads any subset of its cells, and one that offers a density of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from vaery.core.cells import CellSpec
from vaery.core.field import Field
from vaery.core.members import member
from vaery.kinds.table.field import TableField
from vaery.kinds.table.plain import Plain
from vaery.nets.cells import CellInput
from vaery.nets.mlp import Trunk


class CellEncoder(nn.Module):
    """``value [B, D, 2]``, ``known [B, D]`` → ``[B, width]``. What unknown cells hold has no influence."""

    def __init__(self, cells: Sequence[CellSpec], width: int, depth: int = 1, dropout: float = 0.0) -> None:
        super().__init__()
        self.see, self.trunk, self.width = CellInput(cells, width), Trunk(width, depth, dropout), width

    def forward(self, value: Tensor, known: Tensor | None = None) -> Tensor:
        return self.trunk(self.see(value, known))


def encoder(field: Field, width: int, depth: int, dropout: float) -> nn.Module:
    """What the posterior sees of a table. One block, whatever the decoder has: the heads see the other cells by
    themselves, and a deeper reader of the row only cost time (and a worse bound) on every table that was tried."""
    return CellEncoder(_cells(field), width)


def reader(field: Field, width: int) -> nn.Module:
    """What a label is read from, of a table: :func:`encoder`, and what keeps it from learning few rows by heart."""
    return CellEncoder(_cells(field), width, depth=2, dropout=0.2)


def plain(field: Field) -> nn.Module:
    """``value [B, D, 2]``, ``known [B, D]`` → ``[B, F]`` with nothing learned."""
    assert isinstance(field, TableField)
    return Plain(field.columns)


def decoder(field: Field, context: int, width: int, depth: int, dropout: float) -> nn.Module:
    """Context ``[S, B, context]`` → the density of ``[S, B, D, 2]``: the field's likelihood."""
    family = member("likelihoods", field.likelihood)
    return family(_cells(field), context=context, width=width, depth=depth, dropout=dropout)


def carry(field: Field, width: int) -> nn.Module:
    """``value [S, B, D, 2]`` → ``[S, B, width]``: what later stops see of a table visited before the latent."""
    return CellInput(_cells(field), width)


def suggest(field: Field, rows: int) -> dict[str, Any]:
    """Sizes that suit a table of so many rows: ``latent``, ``width``, ``depth`` and ``dropout``."""
    advice: dict[str, Any] = {
        "latent": min(8, max(2, len(_cells(field)))),
        "width": 128 if rows < 500 else 256,
        "depth": 2 if rows < 500 else 3,
        "dropout": 0.1,
        "plan": {"learning_rate": 3e-3},
    }
    if len(_cells(field)) > 1:  # a label alone has no say in how the others are trained
        # Heads that see the other cells need the latent little. A floor of a few hundredths of a nat keeps each unit in
        # use; warming the divergence up, or weighing it less, lets the heads lean on what q(z | row) tells of the very
        # cells they are to predict, and every answer about hidden cells suffers.
        advice["objective"] = {"warmup": 0.0, "free_bits": 0.05}
    return advice


def _cells(field: Field) -> Sequence[CellSpec]:
    assert field.cells is not None
    return field.cells
