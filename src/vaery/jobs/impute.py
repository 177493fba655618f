"""Impute: what the gaps may hold."""

from __future__ import annotations

from dataclasses import replace

import torch

from vaery.core.errors import QueryError
from vaery.core.evidence import Evidence
from vaery.core.job import Points, job
from vaery.core.random import Random
from vaery.inference import completions, conditionals
from vaery.joint import Joint

LATENTS = 16  # weighted draws of the latent that a filled gap is the mean over
CANDIDATES = 16  # latents that each drawn row is picked from


@job(takes="rows", gives="records", keep=True, rowwise=True)
@torch.no_grad()
def impute(
    joint: Joint, evidence: Evidence, *, rng: Random, how: str = "mean", draws: int = 0, interval: float = 0.0
) -> Points | dict[str, Points] | list[Evidence]:
    """Fill the gaps of each row from what is known of it.

    Best values are for reading and for a model that comes after; for statistics (a variance, a correlation, a
    regression) take several draws, analyse each and pool the results (Rubin, 1987): they keep the spread and the
    correlations that best values lose.

    Args:
        how: the best value of each gap: "mean", "median" or "mode" (categories: always the mode).
        draws: this many complete tables instead, their gaps drawn together and at random.
        interval: also the ends of a central interval that holds this share of what the gap may be, say 0.9.

    Returns:
        Points; with an interval, ``{"value": …, "low": …, "high": …}``; with draws, a list of as many Evidences.

    Raises:
        QueryError: ``how`` or ``interval`` is none of these, or an interval is asked of draws.
    """
    if how not in ("mean", "median", "mode"):
        raise QueryError(f"how={how!r} is not a way to fill a gap; write how='mean', how='median' or how='mode'")
    if not 0 <= interval < 1:
        raise QueryError(f"interval={interval} is not a share; write interval=0.9 for the central nine tenths")
    if draws and interval:
        raise QueryError("draws show the spread by themselves: leave out either draws= or interval=")
    if draws:
        return _tables(joint, evidence.to(joint.device), rng.spawn(share_rows=False), draws)
    points = replace(conditionals(joint, evidence, rng=rng, draws=LATENTS), how=how)
    if not interval:
        return points
    low, high = 0.5 - interval / 2, 0.5 + interval / 2
    return {"value": points, "low": replace(points, how=low), "high": replace(points, how=high)}


def _tables(joint: Joint, evidence: Evidence, rng: Random, draws: int) -> list[Evidence]:
    values = completions(joint, evidence, rng=rng, draws=draws, candidates=CANDIDATES)
    return [Evidence(evidence.rows, table, dict.fromkeys(table)) for table in values]
