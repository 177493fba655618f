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

HARDLY = 0.01  # a chance to be a number under which a cell with levels counts as one of them


@job(takes="rows", gives="column", rowwise=True)
@torch.no_grad()
def predict(joint: Joint, evidence: Evidence, *, rng: Random, target: str, draws: int = 4) -> dict[str, Any]:
    """One column from whatever else is known of each row.

    Categories: the likeliest one; numbers: the expected value (whole numbers of which there are only a few count as
    categories). What the rows hold of the target is not looked at.

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
    kind = spec(joint, name, cell)
    table = code_probabilities(joint, evidence, name, cell, rng=rng, draws=draws) if kind.levels else None
    if kind.family is None:
        assert table is not None
        return {"field": name, "cell": cell, "points": _codes(joint, name, cell, table)}
    points = conditionals(joint, hide(joint, evidence, name, cell), rng=rng, draws=draws, only=[name])
    if table is not None:
        points = replace(points, values={name: _settle(points.values[name], cell, table)})
    return {"field": name, "cell": cell, "points": points}


def _settle(value: Tensor, cell: int, table: Tensor) -> Tensor:
    """The likeliest level where a cell that could be a number hardly is one: labels that are written 0, 1, 2, say."""
    is_level = table[:, -1] < HARDLY
    level = torch.stack([table[:, :-1].argmax(1).to(value.dtype), torch.zeros_like(value[0, :, cell, 1])], -1)
    out = value.clone()
    out[:, :, cell] = torch.where(is_level[:, None], level, value[:, :, cell])
    return out


def _codes(joint: Joint, name: str, cell: int, table: Tensor) -> Points:
    """Each code once, weighted by its probability ``[B, K]``; other cells hold zeros."""
    rows, codes = table.shape
    value = torch.zeros(codes, 1, *joint.fields[name].event, device=table.device)
    value[:, 0, cell, 0] = torch.arange(codes, device=table.device)
    return Points({name: value.expand(-1, rows, *value.shape[2:])}, table.T, "mode")
