"""Predict probabilities: how likely each level of a column is."""

from __future__ import annotations

import torch
from torch import Tensor

from vaery.core.errors import QueryError
from vaery.core.evidence import Evidence
from vaery.core.job import job
from vaery.core.random import Random
from vaery.joint import Joint
from vaery.target import code_probabilities, locate, spec


@job(takes="rows", gives="array", rowwise=True)
@torch.no_grad()
def predict_proba(joint: Joint, evidence: Evidence, *, rng: Random, target: str, draws: int = 4) -> Tensor:
    """The probability of each level of a column, from whatever else is known of each row.

    What the rows hold of the target is not looked at. Levels stand in the column's own order. Where the column may also
    hold other numbers than its levels, this is given that it does not.

    Args:
        target: the column (or field of one cell) to predict.
        draws: latents averaged over for each row.

    Returns:
        ``[B, K]``, each row summing to one.

    Raises:
        ChoiceError: no column is called ``target``.
        QueryError: it holds plain numbers and has no levels.
    """
    name, cell = locate(joint, target)
    if spec(joint, name, cell).levels == 0:
        raise QueryError(f"{target!r} holds numbers and has no levels: write predict(x, target={target!r}) instead")
    table = code_probabilities(joint, evidence.to(joint.device), name, cell, rng=rng, draws=draws)
    levels = table[:, : spec(joint, name, cell).levels]
    return (levels / levels.sum(1, keepdim=True, dtype=torch.float64)).to(levels.dtype)
