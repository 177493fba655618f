"""Impute: what the gaps may hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from vaery import coverage, gaps
from vaery.core.errors import QueryError
from vaery.core.evidence import Evidence
from vaery.core.job import Points, job
from vaery.core.random import Random
from vaery.gaps.block import Block
from vaery.inference import completions, conditionals, known_cells
from vaery.joint import Joint

LATENTS = 16  # weighted draws of the latent that a filled gap is the mean over
CANDIDATES = 16  # latents that each drawn row is picked from


@dataclass(frozen=True)
class Filled(Points):
    """Points, and the gaps that stay.

    Attributes:
        empty: field → ``[B, D]`` bool, cells that do not apply.
    """

    empty: Mapping[str, Tensor] = field(default_factory=dict)


@job(takes="rows", gives="records", keep=True, rowwise=True)
@torch.no_grad()
def impute(
    joint: Joint,
    evidence: Evidence,
    *,
    rng: Random,
    calibration: Mapping[str, Any] | None = None,
    how: str = "mean",
    draws: int = 0,
    interval: float = 0.0,
    everywhere: bool = False,
) -> Points | dict[str, Points] | list[Evidence]:
    """Fill the gaps of each row from what is known of it.

    Best values are for reading and for a model that comes after; for statistics (a variance, a correlation, a
    regression) take several draws, analyse each and pool the results (Rubin, 1987): they keep the spread and the
    correlations that best values lose.

    A cell that does not apply stays empty: where another cell says that there is nothing to hold (the ages of children
    where there are none), there is nothing to fill in.

    Args:
        how: the best value of each gap: "mean", "median" or "mode" (categories: always the mode).
        draws: this many complete tables instead, their gaps drawn together and at random.
        interval: also the ends of a central interval that holds this share of what the gap may be, say 0.9.
        everywhere: fill cells that do not apply as well.

    Returns:
        :class:`Filled`; with an interval, ``{"value": …, "low": …, "high": …}`` of these; with draws, a list of as many
        Evidences.

    Raises:
        QueryError: ``how`` or ``interval`` is none of these, or an interval is asked of draws.
    """
    if how not in ("mean", "median", "mode"):
        raise QueryError(f"how={how!r} is not a way to fill a gap; write how='mean', how='median' or how='mode'")
    if not 0 <= interval < 1:
        raise QueryError(f"interval={interval} is not a share; write interval=0.9 for the central nine tenths")
    if draws and interval:
        raise QueryError("draws show the spread by themselves: leave out either draws= or interval=")
    found = {} if everywhere else {k: b for k, b in gaps.blocks(calibration, joint.fields).items() if b.rules}
    evidence = evidence.to(joint.device)
    if draws:
        return _tables(joint, evidence, rng.spawn(share_rows=False), draws, found)
    points = conditionals(joint, evidence, rng=rng, draws=LATENTS)
    filled = Filled(points.values, points.weight, how, _left_empty(joint, evidence, points, found))
    if not interval:
        return filled
    low, high = 0.5 - interval / 2, 0.5 + interval / 2
    values = coverage.widened(joint, evidence, points, interval, (calibration or {}).get("coverage", {}))
    return {
        "value": filled,
        "low": replace(filled, values=values, how=low),
        "high": replace(filled, values=values, how=high),
    }


def _left_empty(joint: Joint, evidence: Evidence, points: Points, found: Mapping[str, Block]) -> dict[str, Tensor]:
    """Gaps that do not apply, by what is known of the row, or likely where that has a gap itself."""
    empty = {}
    for name, block in found.items():
        value, known = known_cells(joint, evidence, name)
        empty[name] = block.likely_inapplicable(value, known, points.values[name], points.weight) & ~known
    return empty


def _tables(joint: Joint, evidence: Evidence, rng: Random, draws: int, found: Mapping[str, Block]) -> list[Evidence]:
    tables = []
    for values in completions(joint, evidence, rng=rng, draws=draws, candidates=CANDIDATES):
        known: dict[str, Tensor | None] = dict.fromkeys(values)
        for name, block in found.items():
            here = known_cells(joint, evidence, name)[1]
            known[name] = here | block.filled_in(values[name])
        tables.append(Evidence(evidence.rows, values, known))
    return tables
