"""Reconstruct: what the model makes of each row."""

from __future__ import annotations

from dataclasses import replace

import torch

from vaery.core.errors import QueryError
from vaery.core.evidence import Evidence
from vaery.core.job import Points, job
from vaery.core.random import Random
from vaery.inference import conditionals
from vaery.joint import Joint


@job(takes="rows", gives="records", rowwise=True)
@torch.no_grad()
def reconstruct(joint: Joint, evidence: Evidence, *, rng: Random, how: str = "mean", draws: int = 0) -> Points:
    """What the model makes of each row: encoded, and decoded again.

    The latent keeps what a row has in common with others and drops the rest, so this also removes noise. Columns of a
    table are each read given the row's *other* cells as well: a wrong entry is replaced by what fits the rest.
    Gaps are filled.

    Args:
        how: the value of each cell: "mean", "median" or "mode" (categories: always the mode).
        draws: latents drawn from the posterior and averaged over; 0 takes the posterior's mean.

    Returns:
        Points of all cells.

    Raises:
        QueryError: ``how`` is none of these.
    """
    if how not in ("mean", "median", "mode"):
        raise QueryError(f"how={how!r} is not a way to sum up a cell; write how='mean', how='median' or how='mode'")
    return replace(conditionals(joint, evidence, rng=rng, draws=draws, others=True), how=how)
