"""Generate: new rows, with whatever is given."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from vaery import gaps
from vaery.core.choose import from_prior
from vaery.core.evidence import Evidence
from vaery.core.job import job
from vaery.core.random import Random
from vaery.inference import BATCH, complete_alike
from vaery.joint import Joint


@dataclass(frozen=True)
class Generated(Evidence):
    """New rows; cells are known except where gaps were drawn.

    Attributes:
        effective_sample_size: how many independent draws the rows are worth at most, by the weights of what they were
            picked from (Kong, 1992): from 1 to the number of rows, and just that where nothing was given.
    """

    effective_sample_size: float = math.nan


@job(takes="given", gives="records")
@torch.no_grad()
def generate(
    joint: Joint,
    evidence: Evidence,
    *,
    rng: Random,
    calibration: Mapping[str, Any] | None = None,
    n: int = 1000,
    candidates: int = 4,
    nulls: bool = True,
) -> Generated:
    """New rows from the model, with whatever is given held fixed.

    Given values come back as they are; the rest is drawn from the model given them. Ranges and sets are conditions on
    the draw, and nothing is rejected. Where something is given, all rows are picked by weight from one pool of
    candidates, which grows until it is worth as many independent draws as rows are asked for, or is sixteen times as
    large. How far to trust the result is its effective sample size.

    Args:
        n: how many rows.
        candidates: latents in the pool for each row, at least.
        nulls: leave cells empty as often, and together, as they were in the data; otherwise every row is complete.

    Returns:
        A :class:`Generated` of ``n`` rows.
    """
    rng = rng.spawn(share_rows=False)
    evidence = evidence.to(joint.device)
    if not evidence.values and not evidence.regions:
        values, known = _from_prior(joint, n, rng), _gaps(joint, evidence, calibration if nulls else None, n, rng)
        return Generated(n, values, known, {}, float(n))
    draws = complete_alike(joint, evidence, n, rng=rng, candidates=candidates)
    known = _gaps(joint, evidence, calibration if nulls else None, n, rng)
    return Generated(n, draws.values, known, {}, draws.effective)


def _gaps(
    joint: Joint, given: Evidence, calibration: Mapping[str, Any] | None, n: int, rng: Random
) -> dict[str, torch.Tensor | None]:
    """Which cells of the new rows are there; what was asked for always is."""
    known: dict[str, torch.Tensor | None] = dict.fromkeys(joint.fields)
    for name, learned in ((calibration or {}).get("gaps") or {}).items():
        there = gaps.draw(learned, joint.fields[name].mask[0], n, rng)
        if name in given:
            mask = given.known[name]
            there = there | (torch.ones_like(there) if mask is None else mask)
        if name in given.regions:
            there = there | given.regions[name].asked
        known[name] = there
    return known


def _from_prior(joint: Joint, n: int, rng: Random) -> dict[str, torch.Tensor]:
    parts = []
    for start in range(0, max(1, n), BATCH):
        trace = joint.trace(min(BATCH, n - start), from_prior(rng))
        parts.append({name: trace[name].value[0] for name in joint.fields})  # type: ignore[index]
    return {name: torch.cat([part[name] for part in parts]) for name in joint.fields}
