"""The networks of molecules: one that reads pieces, with gaps, and one that offers them from left to right."""

from __future__ import annotations

from typing import Any

from torch import nn

from vaery.core.members import member
from vaery.kinds.molecule.field import MoleculeField
from vaery.nets.codebook import GROUP
from vaery.nets.sequence import SequenceEncoder

PLACES = 32  # of which the latent speaks one by one: which piece is where (decisions.md)
MANY = 5000  # molecules for which the networks are of full size


def encoder(field: MoleculeField, width: int, depth: int, dropout: float) -> nn.Module:
    """``value [B, L]``, ``known [B, L]`` → ``[B, width]``. Half the width on either side, or reading would cost as
    much as writing."""
    sizes = {"embedding": max(8, width // 4), "hidden": max(8, width // 2)}
    return SequenceEncoder(field.codes, width, **sizes, places=places(field))


def decoder(field: MoleculeField, context: int, width: int, depth: int, dropout: float) -> nn.Module:
    """Context ``[S, B, context]`` → density of ``[S, B, L]``."""
    likelihood = member("likelihoods", field.likelihood)
    sizes = {"width": max(8, width // 2), "hidden": width, "depth": depth, "dropout": dropout}
    return likelihood(field.codes, field.length, context, **sizes, word_dropout=0.0, places=places(field))


def places(field: MoleculeField) -> int:
    """How many pieces the latent speaks of one by one, from the first on."""
    return min(PLACES, field.length)


def suggest(field: MoleculeField, rows: int) -> dict[str, Any]:
    """Sizes for every ``"auto"`` and a plan of training, for this many molecules.

    Alone, molecules have a latent of codes. Less than the whole divergence is minimised, since what a token tells may
    as well be left to the writer, who reads all before it: the latent would stay empty.
    """
    many = rows >= MANY
    hidden = 512 if many else 256  # of the language model over codes, which learns more from each molecule when large
    return {
        "latent": 64 if many else 16,
        "width": 256 if many else 128,
        "depth": 1,
        "dropout": 0.0 if many else 0.1,
        "plan": {
            "batch": 128,
            "learning_rate": 3e-3,
            "steps": min(20_000, max(1500, rows * 30 // 128)),
            "precision": "bfloat16",
        },
        "objective": {"beta": 0.1},
        "alone": {
            "latent": GROUP * places(field),
            "posterior": {"name": "codebook", "field": field.name, "codes": field.codes, "hidden": hidden},
            "prior": "codebook",
            "objective": {"beta": 0.5, "warmup": 0.1},
            "share": 0.1,  # of batches that are partly hidden: gaps need no encoder of their own here
        },
    }
