"""Suggest: which rows to label next."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from vaery.core.errors import QueryError
from vaery.core.evidence import Evidence
from vaery.core.job import job
from vaery.core.random import Random
from vaery.inference import known_cells, sliced
from vaery.joint import Joint
from vaery.labels import readers
from vaery.labels.graph import neighbours
from vaery.labels.simple import Pool
from vaery.surprise import BITS
from vaery.target import code_probabilities, locate, spec

MOST = 4000  # rows that are looked at; of more, so many at random
NEAR = 10  # neighbours: the distance to the last of them is that over which a label speaks


@job(takes="rows", gives="frame")
@torch.no_grad()
def suggest(
    joint: Joint, evidence: Evidence, *, rng: Random, target: str, n: int = 10, draws: int = 4
) -> dict[str, Any]:
    """The rows whose label would teach most, all together.

    A label says something about its own row and about rows like it. What is chosen, one after the other, covers as much
    as can be of what is uncertain: Σ over rows of entropy · likeness to the nearest row that is labelled or chosen
    (facility location: Nemhauser, Wolsey and Fisher, 1978; Wei, Iyer and Bilmes, 2015). So a batch repeats neither
    itself nor what is known, and rows like no other come late. Rows that hold the label are never suggested.

    Args:
        target: the label (a column, or a field of one cell, that has levels).
        n: how many rows.
        draws: latents averaged over for each row, where the label comes after the latent.

    Returns:
        One entry a row: ``"rank"`` (1 … n in the order of use, 0 for the others), ``"bits"`` (what is not known of its
        own label), ``"gain"`` (bits of all rows' uncertainty that it covered when chosen; 0 for the others).

    Raises:
        ChoiceError: no column is called ``target``.
        QueryError: it holds plain numbers, or ``n`` is not positive.
    """
    name, cell = locate(joint, target)
    if spec(joint, name, cell).levels == 0:
        raise QueryError(f"{target!r} holds numbers and has no levels; rows are suggested for labels of classes only")
    if n < 1:
        raise QueryError(f"n={n}: at least one row was expected")
    evidence = evidence.to(joint.device)
    looked = torch.arange(evidence.rows)
    if evidence.rows > MOST:
        looked = torch.randperm(evidence.rows, generator=torch.Generator().manual_seed(rng.seed() % 2**31))[:MOST]
    rows = evidence[looked.to(joint.device)]
    labelled = known_cells(joint, rows, name)[1].reshape(rows.rows, -1)[:, cell].cpu()
    table = code_probabilities(joint, rows, name, cell, rng=rng, draws=draws).cpu()
    bits = -(table * table.clamp(min=1e-12).log()).sum(1) * BITS
    bits[labelled] = 0
    chosen, gains = cover(_places(joint, rows, name, rng).cpu(), bits, labelled, n)
    rank, entropy, gain = (torch.zeros(evidence.rows, dtype=kind) for kind in (torch.long, torch.float, torch.float))
    entropy[looked] = bits.float()
    rank[looked[chosen]] = torch.arange(1, len(chosen) + 1)
    gain[looked[chosen]] = gains
    return {"rank": rank, "bits": entropy, "gain": gain}


def cover(places: Tensor, worth: Tensor, covered: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """The rows that together cover most, greedily, and what each adds.

    Args:
        places: ``[N, F]`` rows that are near are alike.
        worth: ``[N]`` what covering a row is worth.
        covered: ``[N]`` bool, rows that are covered already; they are not chosen.
        n: how many, at most.

    >>> places = torch.tensor([[0.0], [0.1], [0.2], [9.0], [9.1]])
    >>> cover(places, torch.ones(5), torch.zeros(5, dtype=torch.bool), 2)[0].tolist()
    [2, 3]
    """
    if len(places) < 2:
        free = (~covered).nonzero()[:n, 0]
        return free, worth[free]
    reach = neighbours(places, min(NEAR, len(places) - 1))[0][:, -1].median().clamp(min=1e-12)
    square = places.square().sum(1)
    alike = torch.exp(-(square[:, None] + square - 2 * places @ places.T).clamp(min=0) / reach)
    near = alike[covered].amax(0) if bool(covered.any()) else torch.zeros(len(places))
    free, chosen, gains = ~covered, [], []
    for _ in range(min(n, int(free.sum()))):
        gain = ((alike - near).clamp(min=0) * worth).sum(1).masked_fill(~free, -1.0)
        best = int(gain.argmax())
        chosen.append(best)
        gains.append(float(gain[best]))
        free[best] = False
        near = torch.maximum(near, alike[best])
    return torch.tensor(chosen, dtype=torch.long), torch.tensor(gains)


def _places(joint: Joint, rows: Evidence, name: str, rng: Random) -> Tensor:
    """Where rows lie: as the label's reader sees them, or in the latent of what is known beside the label."""
    reader = readers(joint).get(name)
    others = rows.without(name)
    if reader is not None and len(reader.plain) == len(reader.nets):
        return Pool.of(reader.columns(others)).places
    if not others.values:
        return torch.zeros(rows.rows, 1)
    joint = joint.members[0]
    return torch.cat([joint.infer(p, rng=r, mean=True, only=[]).latent[0] for p, r in sliced(joint, others, rng)])
