"""Conditional draws: the latent from the posterior, weighted, resampled; then whatever is unknown, given it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from vaery.core.choose import from_posterior, from_prior_given
from vaery.core.evidence import Evidence
from vaery.core.random import Random
from vaery.core.trace import Trace
from vaery.joint import Joint

BATCH = 4096  # draws × rows that walk through the model at once


@dataclass(frozen=True)
class Draws:
    """Completed rows.

    Attributes:
        values: field → ``[B, E…]``, known cells bit for bit as they were.
        effective: ``[B]`` effective sample size of the candidates each row was picked from, in 1 … candidates.
    """

    values: dict[str, Tensor]
    effective: Tensor


def batches(evidence: Evidence, size: int) -> Iterator[Evidence]:
    """The rows in slices of at most ``size``."""
    for start in range(0, evidence.rows, max(1, size)):
        yield evidence[slice(start, start + max(1, size))]


@torch.no_grad()
def complete(joint: Joint, evidence: Evidence, *, rng: Random, candidates: int = 16, sweeps: int = 0) -> Draws:
    """Draw everything unknown from p(unknown | known, conditions), one draw a row.

    Sampling importance resampling: ``candidates`` latents a row come from the posterior (given the known values),
    are weighted by the trace's ``log_weight`` and one is kept. ``sweeps`` more rounds of the same, each started from
    the row kept so far, are an iterated SIR chain (Andrieu, Lee and Vihola, 2018): it has the exact conditional as its
    stationary law and repairs weights that one round left uneven. Nothing is ever rejected, so the cost does not
    depend on how rare the conditions are.

    Args:
        joint: the model.
        evidence: known values and regions.
        rng: where draws come from.
        candidates: latents a row is picked from; 1 means no weighting at all.
        sweeps: further rounds.
    """
    parts = [_complete(joint, part, rng, candidates, sweeps) for part in batches(evidence, BATCH // candidates)]
    values = {k: torch.cat([p.values[k] for p in parts]) for k in parts[0].values}
    return Draws(values, torch.cat([p.effective for p in parts]))


def _complete(joint: Joint, evidence: Evidence, rng: Random, candidates: int, sweeps: int) -> Draws:
    kept: dict[str, Tensor] = {}
    log_kept = torch.full((1, evidence.rows), -torch.inf, device=joint.device)
    effective = torch.ones(evidence.rows, device=joint.device)
    for sweep in range(sweeps + 1):
        trace = _propose(joint, evidence, rng, candidates)
        weight = torch.cat([log_kept, trace.log_weight])
        if sweep == 0:
            effective = trace.effective_sample_size
        pick = rng.categorical(weight.T)
        row = torch.arange(evidence.rows, device=pick.device)
        log_kept = weight[pick, row][None]
        for site in trace.sites.values():
            assert site.value is not None
            fresh = site.value.expand(candidates, *site.value.shape[1:])[(pick - 1).clamp(min=0), row]
            old = kept.get(site.name, fresh)
            stay = (pick == 0).view(-1, *([1] * (fresh.dim() - 1)))
            kept[site.name] = torch.where(stay, old, fresh)
    return Draws({name: kept[name] for name in joint.fields}, effective)


def _propose(joint: Joint, evidence: Evidence, rng: Random, candidates: int) -> Trace:
    """Candidates with weights: from the posterior where anything is known, else straight from the prior."""
    if evidence.values:
        choose = from_posterior(joint.encode(evidence), evidence, rng, fill=True)
    else:
        choose = from_prior_given(evidence, rng)
    return joint.trace(evidence.rows, choose, candidates)


@torch.no_grad()
def conditionals(
    joint: Joint, evidence: Evidence, *, rng: Random, draws: int = 16, points: int = 32, only: list[str] | None = None
) -> Iterator[tuple[dict[str, Tensor], Tensor]]:
    """What each single unknown cell may hold, as equally spaced quantiles of p(cell | known, z) for weighted draws of z.

    Yields, for a slice of rows at a time: field → ``[draws × points, B, E…]``, and weights ``[draws × points, B]`` that
    sum to one over the first axis. Cells are to be read one by one: this says nothing of how they go together.
    """
    u = (torch.arange(points, device=joint.device) + 0.5) / points
    for part in batches(evidence, BATCH // draws):
        trace = joint.infer(part, rng=rng, draws=draws, only=list(joint.fields))
        values = {}
        for name in only or joint.fields:
            site = trace[name]
            blank = site.value is None
            nothing = torch.zeros(part.rows, *joint.fields[name].event, device=joint.device)
            none = torch.zeros(part.rows, *joint.fields[name].mask, dtype=torch.bool, device=joint.device)
            cell = site.density.given(nothing if blank else site.value, none if blank else site.known)
            values[name] = cell.quantile(u).flatten(0, 1)
        yield values, (trace.weight / points).repeat(points, 1)
