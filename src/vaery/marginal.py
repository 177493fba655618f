"""Marginals: how likely each cell is by itself, where nothing else of its record is known."""

from __future__ import annotations

import torch
from torch import Tensor

from vaery.core.evidence import Evidence
from vaery.core.random import Random
from vaery.inference import BATCH, batches, known_cells
from vaery.joint import Joint

DRAWS = 32  # of the latent


@torch.no_grad()
def marginal(joint: Joint, evidence: Evidence, name: str, *, rng: Random, draws: int = DRAWS) -> Tensor:
    """``[B, M…]`` nats, log p(cell) of each cell of a field by itself; 0 where it is unknown.

    The latent is drawn where nothing is known, the same draws for all rows: the mean of what each says of a cell is
    what the model thinks of its column.

    Args:
        joint, evidence: of which rows.
        name: of the field.
        rng: where the latents come from.
        draws: how many.
    """
    value, known = known_cells(joint, evidence, name)
    nothing = evidence[slice(0, 1)].only(name).hide({name: torch.zeros_like(known[:1])})
    trace = joint.infer(nothing, rng=rng, draws=draws, only=[name])
    density = trace[name].density.given(*known_cells(joint, nothing, name))
    weight = trace.weight.log().view(-1, 1, *[1] * len(joint.fields[name].mask))
    found = []
    for part in batches(evidence.only(name), max(1, BATCH // draws)):
        value, known = known_cells(joint, part, name)
        found.append(torch.where(known, (weight + density.log_prob(value[None], known)).logsumexp(0), 0.0))
    return torch.cat(found)
