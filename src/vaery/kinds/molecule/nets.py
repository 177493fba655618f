"""The networks of molecules: one that reads symbols, with gaps, and one that offers them from left to right."""

from __future__ import annotations

from typing import Any

from torch import nn

from vaery.core.members import member
from vaery.kinds.molecule.field import MoleculeField
from vaery.nets.sequence import SequenceEncoder


def encoder(field: MoleculeField, width: int, depth: int, dropout: float) -> nn.Module:
    """``value [B, L]``, ``known [B, L]`` → ``[B, width]``."""
    return SequenceEncoder(field.codes, width)


def decoder(field: MoleculeField, context: int, width: int, depth: int, dropout: float) -> nn.Module:
    """Context ``[S, B, context]`` → density of ``[S, B, L]``."""
    likelihood = member("likelihoods", field.likelihood)
    return likelihood(field.codes, field.length, context, width=width, depth=depth, dropout=dropout)


def carry(field: MoleculeField, width: int) -> nn.Module:
    """``value [S, B, L]`` → ``[S, B, width]``: what later stops see of a molecule that is visited before the latent."""
    return SequenceEncoder(field.codes, width)


def suggest(field: MoleculeField, rows: int) -> dict[str, Any]:
    """Sizes that suit so many molecules."""
    return {"latent": 64, "width": 256, "depth": 1, "dropout": 0.0}
