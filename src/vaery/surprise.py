"""Surprise: how improbable each row and each of its cells is, in bits, and what is usual for a column."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from vaery.core.evidence import Evidence, expand_mask
from vaery.core.random import Random, log_mean_exp
from vaery.core.trace import Trace
from vaery.inference import exact, jacobians, known_cells, sliced
from vaery.joint import Joint
from vaery.marginal import marginal

BITS = 1 / math.log(2)  # bits in a nat


@dataclass(frozen=True)
class Shares:
    """Each row's surprise, split up.

    Attributes:
        cells: field → ``[B, M…]`` bits of each cell; zero where it is unknown. A table of columns, a map of pixels.
        together: ``[B]`` bits of the row as a whole: how unlikely the latent is that its cells call for.
        packed: as ``cells``, but of packed values, so that columns of different units can be compared.
    """

    cells: Mapping[str, Tensor]
    together: Tensor
    packed: Mapping[str, Tensor]

    @property
    def total(self) -> Tensor:
        """``[B]`` -log2 p(row) in the data's own units."""
        return sum((per_row(share) for share in self.cells.values()), self.together)


@torch.no_grad()
def shares(joint: Joint, evidence: Evidence, *, rng: Random, draws: int = 8) -> Shares:
    """Each row's surprise in bits, split up into shares that add up to it.

    A cell's share is the weighted mean over latents of -log2 p(cell | latent, cells before it), every latent with an
    order of its own. The rest belongs to no cell: the latent's own improbability, log q(z) - log p(z), but for what a
    latent says of single cells (a code for each token), which is theirs.
    """
    joint, evidence = exact(joint, evidence)
    parts = [_split(joint, part, noise, draws) for part, noise in sliced(joint, evidence, rng, draws)]
    join = lambda maps: {name: torch.cat([m[name] for m in maps]) for name in maps[0]}
    return Shares(
        join([p.cells for p in parts]), torch.cat([p.together for p in parts]), join([p.packed for p in parts])
    )


def _split(joint: Joint, evidence: Evidence, rng: Random, draws: int) -> Shares:
    trace = joint.infer(evidence, rng=rng, draws=draws)
    packed = {}
    for name in evidence.values:
        _, known = known_cells(joint, evidence, name)
        log_p = torch.where(known, _with_latent(trace, name), 0.0)
        packed[name] = -BITS * (expand_mask(trace.weight, log_p.dim()) * log_p).sum(0)
    together = -BITS * trace.bound - sum(map(per_row, packed.values()))
    units = jacobians(joint, evidence)
    cells = {name: share - BITS * units[name] if name in units else share for name, share in packed.items()}
    return Shares(cells, together, packed)


@torch.no_grad()
def given_others(
    joint: Joint, evidence: Evidence, *, rng: Random, names: Collection[str] | None = None
) -> dict[str, Tensor]:
    """Field → ``[B, M…]`` -log2 p(cell | all other known cells) of each cell, in the data's own units; zero where it is
    unknown. What a cell costs beyond a row without it: of a single wrong cell this is large, while the chain rule's
    terms blame it on whatever came after it.

    The latent is the posterior's mean; where it speaks of cells one by one (:attr:`~.density.Density.field`), a
    cell is told by those before it. ``names`` of the fields that are meant; ``None``: those of named columns.
    """
    joint, evidence = exact(joint, evidence)
    names = [name for name in evidence.values if _named(joint, name)] if names is None else names
    found: dict[str, list[Tensor]] = {name: [] for name in names}
    for part, noise in sliced(joint, evidence, rng):
        trace, units = joint.infer(part, rng=noise, mean=True), jacobians(joint, part)
        for name, costs in found.items():
            value, known = known_cells(joint, part, name)
            log_p = trace[name].density.given_others(value, known).log_prob(value, known)
            log_p = log_mean_exp(torch.where(known, _with_latent(trace, name, log_p), 0.0))
            costs.append(-BITS * (log_p + units[name] if name in units else log_p))
    return {name: torch.cat(costs) for name, costs in found.items()}


@torch.no_grad()
def alone(joint: Joint, evidence: Evidence) -> dict[str, Tensor]:
    """Field → ``[B, C]`` -log2 p(cell) of each named cell by itself, in the data's own units; zero where it is unknown.

    With the same latents each time: what is usual is told apart from what is not by few bits.
    """
    joint, evidence = exact(joint, evidence.to(joint.device))
    units = jacobians(joint, evidence)
    names = [name for name in evidence.values if _named(joint, name)]
    found = {name: marginal(joint, evidence, name, rng=Random(0, joint.device)) for name in names}
    return {name: -BITS * (log_p + units[name] if name in units else log_p) for name, log_p in found.items()}


def _with_latent(trace: Trace, name: str, log_p: Tensor | None = None) -> Tensor:
    """Each cell's log-probability ``[S, B, M…]``, with what a latent costs that speaks of it alone."""
    log_p = trace[name].log_p if log_p is None else log_p
    for site in trace.latents:
        if site.posterior is not None and site.posterior.field == name:
            cells = log_p.shape[-1]
            ratio = site.posterior.log_ratio(site.chosen, site.density)[..., :cells]
            log_p = log_p + torch.nn.functional.pad(ratio, (0, cells - ratio.shape[-1]))
    return log_p


def columns(joint: Joint, evidence: Evidence, cells: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Bits of each column that has a name, side by side ``[B, C]``, and whether it is known. A picture has none."""
    bits, known = [torch.zeros(evidence.rows, 0)], [torch.zeros(evidence.rows, 0, dtype=torch.bool)]
    for name, share in cells.items():
        if _named(joint, name):
            bits.append(share.cpu())
            known.append(known_cells(joint, evidence, name)[1].cpu())
    return torch.cat(bits, 1), torch.cat(known, 1)


def usual(joint: Joint, rows: Evidence) -> list[float]:
    """What each named column costs by itself, in bits: the mean over the rows where it is known."""
    bits, known = columns(joint, rows, alone(joint, rows))
    mean = (bits.double() * known).sum(0) / known.sum(0).clamp(min=1)
    return [round(float(cost), 6) for cost in mean]


def columns_of(joint: Joint, fields: Collection[str]) -> list[int]:
    """Which of all named columns, side by side, are those of these fields: rows may come without the others."""
    found: list[int] = []
    start = 0
    for name, field in joint.fields.items():
        size = field.mask[0] if _named(joint, name) else 0
        found += range(start, start + size) if name in fields else []
        start += size
    return found


def _named(joint: Joint, name: str) -> bool:
    return joint.fields[name].cell_names is not None and len(joint.fields[name].mask) == 1


def per_row(share: Tensor) -> Tensor:
    return share.flatten(1).sum(1) if share.dim() > 1 else share
