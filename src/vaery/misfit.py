"""Misfits: how badly each field of a row goes with the others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from vaery.core.evidence import Evidence
from vaery.core.random import Random
from vaery.inference import exact, sliced
from vaery.joint import Joint
from vaery.surprise import BITS

DRAWS = 16  # of the latent for each score
SIGNAL = "misfit "  # what the signal of a field is called by, before its name


@torch.no_grad()
def misfits(joint: Joint, evidence: Evidence, *, rng: Random, draws: int = DRAWS) -> dict[str, Tensor]:
    """Field → ``[B]`` bits that it costs more beside the others than by itself, log₂ p(field) + log₂ p(others) -
    log₂ p(all): minus the mutual information of the two in this row (Fano, 1961).

    A field that is surprising in itself costs that with and without the others, so it is not blamed for it. NaN where
    the field is unknown, or all the others are. A model of one field has none.
    """
    names = [name for name in joint.fields if name in evidence]
    if len(names) < 2:
        return {}
    joint, evidence = exact(joint, evidence)
    found: dict[str, list[Tensor]] = {name: [] for name in names}
    for part, noise in sliced(joint, evidence, rng, draws):
        start = noise.state()

        def score(rows: Evidence, noise: Random = noise, start: Tensor = start) -> Tensor:
            noise.restore(start)
            return joint.infer(rows, rng=noise, draws=draws).bound

        whole, each = score(part), {name: score(part.only(name)) for name in names}
        for name in names:
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
