"""Predict: one column or label, from whatever else is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from vaery.core.evidence import Evidence
from vaery.core.job import Points, job
from vaery.core.random import Random
from vaery.inference import conditionals
from vaery.joint import Joint
from vaery.target import code_probabilities, hide, locate, spec


@job(takes="rows", gives="column")
@torch.no_grad()
def predict(joint: Joint, evidence: Evidence, *, rng: Random, target: str, draws: int = 16) -> dict[str, Any]:
    """One column from whatever else is known of each row.

    Categories: the likeliest one; numbers: the expected value. What the rows hold of the target is not looked at.

    Args:
        target: the column (or field of one cell) to predict.
        draws: latents averaged over for each row.

    Returns:
        ``{"field": its name, "cell": index, "points": Points of that field}``.

    Raises:
        ChoiceError: no column is called ``target``.
    """
    name, cell = locate(joint, target)
    evidence = evidence.to(joint.device)
    if spec(joint, name, cell).family is None:
        table = code_probabilities(joint, evidence, name, cell, rng=rng, draws=draws)
        points = _codes(joint, name, cell, table)
    else:
        hidden = hide(joint, evidence, name, cell)
        points = replace(conditionals(joint, hidden, rng=rng, draws=draws, only=[name]), how="mean")
    return {"field": name, "cell": cell, "points": points}


def _codes(joint: Joint, name: str, cell: int, table: Tensor) -> Points:
    """Each code once, weighted by its probability ``[B, K]``; other cells hold zeros."""
    rows, codes = table.shape
    value = torch.zeros(codes, 1, *joint.fields[name].event, device=table.device)
    value[:, 0, cell, 0] = torch.arange(codes, device=table.device)
    return Points({name: value.expand(-1, rows, *value.shape[2:])}, table.T, "mode")
