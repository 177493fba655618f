"""Encoders and decoders of text."""

from __future__ import annotations

from typing import Any

from torch import nn

from vaery.core.members import member
from vaery.kinds.text.field import TextField
from vaery.nets.sequence import SequenceEncoder

FREE_BITS = 0.25  # nats a unit that cost nothing: the latent is used, and all of its units
RUNS = 4  # tokens: of what is counted


def suggest(field: TextField, rows: int) -> dict[str, Any]:
    """Sizes for every ``"auto"``, a plan of training and an objective, for this many texts."""
    large = rows > 10_000
    plan = {"batch": 128 if large else 64, "learning_rate": 2e-3, "least_kl": 1.0}
    plan |= {"evaluations": 16, "watched": 1000}  # a look compares with the whole vocabulary, which is dear
    return {
        "latent": 32 if rows > 1000 else 16,
        "width": 256 if large else 128,
        "depth": 1 if field.net == "recurrent" else 3,
        "dropout": 0.2,
        "plan": {**plan, "steps": min(10_000, max(1500, rows * 30 // 128))},
        "objective": {"free_bits": FREE_BITS},
        "share": 0.25,  # of batches that are partly hidden: the likelihood learns to fill gaps by itself
    }


def encoder(field: TextField, width: int, depth: int, dropout: float) -> nn.Module:
    """``(value [B, L], known [B, L] or None) → [B, width]``."""
    return SequenceEncoder(field.codes, width, hidden=width // 2, dropout=dropout)


def decoder(field: TextField, context: int, width: int, depth: int, dropout: float) -> nn.Module:
    """``context [S, B, C]`` → the density of ``[S, B, L]``."""
    make = member("likelihoods", field.likelihood)
    sizes = {"width": width, "depth": depth, "dropout": dropout}
    return make(field.codes, field.length, context, **sizes, net=field.net, runs=RUNS)
