"""Explain: what the latent units carry, and what each of them does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from vaery.core.density import Density
from vaery.core.errors import QueryError
from vaery.core.evidence import Evidence
from vaery.core.job import Points, job
from vaery.core.random import Random
from vaery.core.trace import Trace
from vaery.inference import known_cells, offer, probabilities, sliced
from vaery.information import ACTIVE, mutual_information
from vaery.joint import Joint
from vaery.surprise import BITS

DRAWS = 8  # of the latent for each row
NAMED = 5  # cells named for each unit
CEILING = 99.0  # bits; a change of a cell beyond this is total


@dataclass(frozen=True)
class Units:
    """The latent units over rows, levels side by side, the top one first: ``[Z]`` each.

    Attributes:
        start: where traversals start from: the middle of the rows, or one of them.
        spread: standard deviation of the unit over rows and draws.
        moved: variance over rows of its posterior mean.
        nats: what it tells of a row.
        total: nats that the whole latent tells of a row.
        level: the level each unit belongs to.
    """

    start: Tensor
    spread: Tensor
    moved: Tensor
    nats: Tensor
    total: float
    level: list[str]


@job(takes="rows", gives="report")
@torch.no_grad()
def explain(
    joint: Joint,
    evidence: Evidence,
    *,
    rng: Random,
    steps: int = 7,
    reach: float = 2.5,
    around: int | None = None,
    most: int = 8,
) -> dict[str, Any]:
    """What the latent carries: which units are in use, how many bits each tells of a row, and what it does.

    A unit is active if its posterior mean differs between rows (Burda, Grosse and Salakhutdinov, 2016). What an active
    one does is seen by moving it alone, some standard deviations down and up from the middle of the rows: the cells
    whose distribution changes most are named, with the mean change in bits (Kullback and Leibler's divergence from
    where the traversal starts).

    Args:
        steps: rows of each traversal.
        reach: how far a traversal goes to each side, in standard deviations of the unit over rows.
        around: the number of a row, from 0, to start from instead of the middle of all.
        most: units that are traversed at most.

    Returns:
        ``units`` (a list of dicts: unit, level, kl_bits, active, does), ``active``, ``bits`` (what the latent tells of
        a row), ``own`` (what levels of a field's own tell beside it, by field, in bits a row), ``mutual_information``
        (bits by which a draw of the latent tells its row from the others: at most log2 of how many there are, or of
        128; Hoffman and Johnson, 2016), ``sentence``, and ``traversals`` (units, offsets in standard deviations, and
        the decoded ``records``, all steps of the first unit, then those of the second …),
        units that tell most first.

    Raises:
        QueryError: fewer than two rows, fewer than two steps, or there is no such row to start from.
    """
    if evidence.rows < 2:
        raise QueryError(f"explain() compares rows: at least 2 are needed, {evidence.rows} came")
    if steps < 2:
        raise QueryError(f"steps={steps}: a traversal has two ends, so at least steps=2")
    if around is not None and not 0 <= around < evidence.rows:
        raise QueryError(f"around={around}: there is no such row; {evidence.rows} came, the first of which is 0")
    joint = joint.members[0]
    units = measure(joint, evidence, rng)
    if around is not None:
        seen = joint.infer(evidence[slice(around, around + 1)].to(joint.device), rng=rng, mean=True, only=[])
        units = replace(units, start=seen.latent[0, 0])
    order = units.nats.argsort(descending=True, stable=True).tolist()
    active = [unit for unit in order if units.moved[unit] > ACTIVE]
    offsets = torch.linspace(-reach, reach, steps, device=joint.device)
    does = {unit: _does(joint, units, unit, offsets) for unit in active}
    rows = [
        {
            "unit": unit,
            "level": units.level[unit],
            "kl_bits": BITS * float(units.nats[unit]),
            "active": unit in does,
            "does": does.get(unit, []),
        }
        for unit in range(len(units.level))
    ]
    bits = BITS * units.total
    report = {
        "units": rows,
        "active": len(active),
        "bits": bits,
        "own": own(joint, evidence, rng.spawn()),
        "mutual_information": BITS * mutual_information(joint, evidence, rng=rng.spawn()),
        "sentence": _sentence(len(active), len(rows), bits),
    }
    if active:
        records = Points(*_decode(joint, units, active[:most], offsets), "mean")
        report["traversals"] = {"units": active[:most], "offsets": offsets.tolist(), "records": records}
    return report


def measure(joint: Joint, evidence: Evidence, rng: Random) -> Units:
    """How much each unit differs between rows, and what it tells of them."""
    found: dict[str, list[tuple[Tensor, Tensor, Tensor]]] = {name: [] for name in joint.latents}
    for part, noise in sliced(joint, evidence, rng, DRAWS):
        for site in joint.infer(part, rng=noise, draws=DRAWS, only=[]).latents:
            assert site.posterior is not None
            found[site.name].append((site.chosen, site.posterior.mean().expand_as(site.chosen), site.kl))
    middle, spread, moved, nats, total, level = [], [], [], [], 0.0, []
    for name, parts in found.items():
        value, mean, kl = (torch.cat([p[i] for p in parts], 1) for i in range(3))
        within = (value - mean).square().mean((0, 1))
        middle.append(mean.mean((0, 1)))
        moved.append(mean.mean(0).var(0))
        spread.append((moved[-1] + within).sqrt())
        total += float(kl.mean((0, 1)).sum())
        nats.append(kl.mean((0, 1)) if kl.shape[-1] == value.shape[-1] else _gaussian_information(moved[-1], within))
        level += [name] * value.shape[-1]
    return Units(torch.cat(middle), torch.cat(spread), torch.cat(moved), torch.cat(nats), total, level)


def own(joint: Joint, evidence: Evidence, rng: Random) -> dict[str, float]:
    """Field → bits that its own levels tell of a row beside those that all fields hang on."""
    owners = {stop.name: stop.owner for stop in joint.walk if stop.owner is not None and stop.owner in evidence}
    found = dict.fromkeys(owners.values(), 0.0)
    if not found:
        return {}
    for part, noise in sliced(joint, evidence, rng, 1):
        for site in joint.infer(part, rng=noise, only=list(found)).latents:
            owner = owners.get(site.name)
            if owner is not None:
                found[owner] += BITS * float(site.kl.sum()) / evidence.rows
    return found


def _gaussian_information(between: Tensor, within: Tensor) -> Tensor:
    """What a unit would tell if it were Gaussian: ``½ log(total variance / variance within rows)``, in nats.

    For priors whose divergence from the posterior is not known unit by unit.
    """
    return 0.5 * (1 + between / within.clamp(min=1e-12)).log()


def _path(joint: Joint, units: Units, which: list[int], offsets: Tensor) -> dict[str, Tensor]:
    """Level → ``[1, units × steps, Z]``: one unit at a time moved from the start."""
    z = units.start.repeat(len(which), len(offsets), 1)
    for i, unit in enumerate(which):
        z[i, :, unit] += offsets * units.spread[unit]
    sizes = [units.level.count(name) for name in joint.latents]
    return {name: part[None] for name, part in zip(joint.latents, z.flatten(0, 1).split(sizes, -1), strict=True)}


def _decode(joint: Joint, units: Units, which: list[int], offsets: Tensor) -> tuple[Mapping[str, Tensor], Tensor]:
    """Points of all fields along the traversals, and their weights."""
    rows, u = len(which) * len(offsets), probabilities(joint, draws=0)
    sites = offer(joint, _path(joint, units, which, offsets), rows)
    values = {}
    for name in joint.fields:
        value = sites[name].value
        if value is None:
            value = _single(joint, sites, name).points(u).flatten(0, 1)
        values[name] = value.expand(len(u), *value.shape[1:])
    return values, torch.full((len(u), rows), 1 / len(u), device=joint.device)


def _does(joint: Joint, units: Units, unit: int, offsets: Tensor) -> list[dict[str, Any]]:
    """The cells whose distribution moves most with this unit."""
    rows, u = len(offsets), probabilities(joint, draws=0)
    moved = offer(joint, _path(joint, units, [unit], offsets), rows)
    still = offer(joint, _path(joint, units, [unit], torch.zeros_like(offsets)), rows)
    found = []
    for name, field in joint.fields.items():
        if moved[name].value is not None:
            continue  # before the latent: nothing there hangs on it
        there, here = _single(joint, moved, name), _single(joint, still, name)
        value = there.points(u[:1] if there.whole else u).flatten(0, 1)
        change = BITS * (there.log_prob(value) - here.log_prob(value)).mean((0, 1)).clamp(0, CEILING)
        if field.cell_names is None or change.dim() != 1:
            found.append((name, float(change.sum())))
        else:
            found += zip(map(str, field.cell_names), change.tolist(), strict=True)
    found.sort(key=lambda cell: -cell[1])
    return [{"cell": cell, "bits": bits} for cell, bits in found[:NAMED] if bits > 0]


def _single(joint: Joint, trace: Trace, name: str) -> Density:
    """Each single cell's density given the latent alone."""
    nothing = Evidence(trace.latent.shape[1], {}, {})
    return trace[name].density.given(*known_cells(joint, nothing, name))


def _sentence(active: int, units: int, bits: float) -> str:
    """The finding in plain words."""
    if not active:
        return (
            f"None of the {units} latent units carries information ({bits:.1f} bits a row): the posterior has "
            "collapsed onto the prior, and the decoder does without the latent. Generating, scoring and imputing still "
            "work; the embedding is empty. For one that is not, try objective={'name': 'masked', 'options': "
            "{'free_bits': 0.25}} or a decoder that needs the latent (for tables likelihood='independent')."
        )
    if active == units:
        off = "none is switched off" if units > 1 else "there is no other"
    else:
        off = "the other is switched off" if units - active == 1 else "the others are switched off"
    carry = "unit carries" if units == 1 else ("units carries" if active == 1 else "units carry")
    return f"{active} of {units} latent {carry} information ({bits:.1f} bits a row); {off}."
