"""Misfits: how badly each field of a row goes with the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from vaery.core.evidence import Evidence, Some
from vaery.core.random import Random
from vaery.inference import batches, exact, sliced
from vaery.joint import Joint
from vaery.nets.ratio import RATIO, Pairs, Ratio
from vaery.surprise import BITS

DRAWS = 16  # of the latent for each score
SIGNAL = "misfit "  # what the signal of a field is called by, before its name
ROWS, STEPS = 20_000, 600  # that a ratio is learned from, at most …
EACH = 2  # … and a step of its for so many of the model's training: it takes a small part of that time
TOGETHER = 2048  # rows
FEW = 200  # rows with both sides, under which none is learned


def learn(joint: Joint, train: Evidence | Some, held_out: Evidence, *, rng: Random, steps: int) -> tuple[str, ...]:
    """Give the model what tells whether fields go together: a :class:`~vaery.nets.ratio.Ratio` of what a field by
    itself and the others by themselves say of the latent.

    Two bounds and their difference tell it, too, but what an odd field costs, with the others or without, is far more
    than what they say of it: a ratio finds more swapped sounds of digits, in a thirtieth of the time.

    Args:
        joint: as it was trained; it keeps the ratios that tell anything of held-out rows.
        train, held_out: rows.
        rng: of rows, weights and batches.
        steps: that the training took.

    Returns:
        The names of the fields whose ratio it keeps; of two fields one ratio tells both.
    """
    names = _read(joint)
    if len(names) < 2:
        return ()
    some = train[rng.permutation(train.rows)[:ROWS].to(train.device)]
    for name in names[: 1 if len(joint.fields) == 2 else None]:
        pairs, unseen = (_pairs(joint, rows, name, rng)[0] for rows in (some, held_out))
        if len(pairs) < FEW or len(unseen) < 2:
            continue
        ratio = Ratio(pairs.a.shape[1]).to(joint.device, joint.dtype)
        if ratio.fit_to(pairs, unseen, rng, min(STEPS, steps // EACH)):
            joint.aside[RATIO + name] = ratio.requires_grad_(False).eval()
    return tuple(name for name in names if RATIO + name in joint.aside)


def _read(joint: Joint) -> list[str]:
    """The fields that the shared levels are read from."""
    return [name for name in joint.fields if name in joint.members[0].encoders] if joint.latents else []


@torch.no_grad()
def _pairs(joint: Joint, evidence: Evidence, name: str, rng: Random) -> tuple[Pairs, Tensor]:
    """What the field alone, and all others alone, say of the latent, of the rows that have both; and which these are,
    ``[B]`` bool."""
    others = [other for other in joint.members[0].encoders if other != name and other in evidence]
    here = torch.zeros(evidence.rows, dtype=torch.bool, device=evidence.device)
    for other in others:
        here = here | evidence.present(other)
    here = here & evidence.present(name)
    rows = evidence[here.nonzero()[:, 0]]
    side = lambda *n: torch.cat([_latent(joint, part.only(*n), rng) for part in batches(rows, TOGETHER)])
    return Pairs(side(name), side(*others)), here.cpu()


def _latent(joint: Joint, evidence: Evidence, rng: Random) -> Tensor:
    """The posterior's mean, ``[B, Z]``."""
    return joint.members[0].infer(evidence.to(joint.device), rng=rng, mean=True, only=[]).latent[0]


@torch.no_grad()
def misfits(joint: Joint, evidence: Evidence, *, rng: Random, draws: int = DRAWS) -> dict[str, Tensor]:
    """Field → ``[B]`` bits that it costs more beside the others than by itself, log₂ p(field) + log₂ p(others) -
    log₂ p(all): minus the mutual information of the two in this row (Fano, 1961).

    A field that is surprising in itself costs that with and without the others, so it is not blamed for it. NaN where
    the field is unknown, or all the others are. A model of one field has none. By the ratio that the fit learned
    (:func:`learn`); of other fields, by bounds.
    """
    names = [name for name in joint.fields if name in evidence]
    if len(names) < 2:
        return {}
    joint, evidence = exact(joint, evidence)
    told = {name: _by_ratio(joint, evidence, name, rng) for name in names if RATIO + name in joint.aside}
    if len(joint.fields) == 2 and told:  # one tells both
        (both,) = told.values()
        told = dict.fromkeys(names, both)
    rest = [name for name in names if name not in told]
    found = told | (_by_bounds(joint, evidence, names, rest, rng, draws) if rest else {})
    return {name: found[name] for name in names}


def _by_ratio(joint: Joint, evidence: Evidence, name: str, rng: Random) -> Tensor:
    pairs, here = _pairs(joint, evidence.to(joint.device), name, rng.spawn(share_rows=True))
    bits = torch.full((evidence.rows,), torch.nan, dtype=torch.float64)
    bits[here] = -BITS * joint.aside[RATIO + name](pairs.a, pairs.b).double().cpu()
    return bits


def _by_bounds(
    joint: Joint, evidence: Evidence, names: list[str], asked: list[str], rng: Random, draws: int
) -> dict[str, Tensor]:
    found: dict[str, list[Tensor]] = {name: [] for name in asked}
    for part, noise in sliced(joint, evidence, rng, draws):
        start = noise.state()

        def score(rows: Evidence, noise: Random = noise, start: Tensor = start) -> Tensor:
            noise.restore(start)
            return joint.infer(rows, rng=noise, draws=draws).bound

        alone = names if len(names) == 2 else asked  # of two, each is all others of the other
        whole, each = score(part), {name: score(part.only(name)) for name in alone}
        for name in asked:
            others = [other for other in names if other != name]
            rest = each[others[0]] if len(others) == 1 else score(part.without(name))
            both = part.present(name) & torch.stack([part.present(other) for other in others]).any(0)
            found[name].append(torch.where(both, BITS * (each[name] + rest - whole), torch.nan))
    return {name: torch.cat(parts).double().cpu() for name, parts in found.items()}


def unfit(found: Mapping[str, Tensor], usual: Mapping[str, Any]) -> list[dict[str, Any] | None]:
    """For each row a reason that names the field which goes worst with the others, where it goes worse with them than
    in nine of ten held-out rows; ``None``: all go together.

    Args:
        found: signals by name, as :func:`vaery.oddness.signals` gives them.
        usual: signal → its median in held-out rows, and the way up from there to the upper tenth.
    """
    names = [name.removeprefix(SIGNAL) for name in found if name.startswith(SIGNAL) and name in usual]
    rows = len(next(iter(found.values()), ()))
    if not names:
        return [None] * rows
    bits = torch.stack([found[SIGNAL + name] for name in names], 1)
    middle, unit = torch.tensor([usual[SIGNAL + name] for name in names], dtype=bits.dtype).T
    odd, worst = ((bits - middle) / unit).nan_to_num(nan=-torch.inf).max(1)
    reasons: list[dict[str, Any] | None] = []
    for row in range(rows):
        at = int(worst[row])
        others = ", ".join(name for name in names if name != names[at])
        about = {"cell": names[at], "bits": float(bits[row, at]), "beyond": float(bits[row, at] - middle[at])}
        reasons.append({**about, "why": f"does not go with {others}"} if float(odd[row]) > 1 else None)
    return reasons
