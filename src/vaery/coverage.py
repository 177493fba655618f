"""Coverage: intervals that hold as much as they say, on held-out rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaery.core.evidence import Evidence
from vaery.core.job import Points
from vaery.core.random import Random
from vaery.inference import conditionals, known_cells
from vaery.joint import Joint

ROWS = 512  # that are looked at; few rows several times
TOGETHER = 64  # rows at a time
LEVELS = (0.5, 0.8, 0.9, 0.95, 0.99)
FEWEST = 100  # cells of a class that can speak for it


@torch.no_grad()
def learn(joint: Joint, held_out: Evidence, *, rng: Random) -> dict[str, Any]:
    """By what factor central intervals have to be widened, so that they hold their share of what was hidden of held-out
    rows: split conformal prediction with scores in units of the interval's own half (Lei et al., 2018).

    Cells are hidden as a field's gaps are (:meth:`~vaery.core.field.Field.hide`), and told apart by how far they are
    from what is known (:meth:`~vaery.core.field.Field.remote`).

    Returns:
        Field → for each class, a factor for each of :data:`LEVELS`; nothing of fields that do not ask for it.
    """
    found: dict[str, Any] = {}
    for name in [name for name, field in joint.fields.items() if name in held_out and field.gauged]:
        rows, field = held_out[slice(0, ROWS)].to(joint.device), joint.fields[name]
        rows = rows.repeat(max(1, ROWS // max(1, rows.rows)))  # few rows are looked at with several gaps each
        shown = field.hide(rows.rows, rng).to(joint.device)
        ratios: list[Tensor] = []
        classes: list[Tensor] = []
        for start in range(0, rows.rows, TOGETHER):
            at = slice(start, start + TOGETHER)
            value, known = known_cells(joint, rows[at], name)
            seen = known & shown[at]
            points = conditionals(joint, rows[at].hide({name: shown[at]}), rng=rng, draws=1, only=[name])
            remote = field.remote(seen)
            asked = known & ~seen & (remote >= 0)
            ratios.append(_ratios(points.values[name][:, asked], value[asked]))
            classes.append(remote[asked])
        if factors := _factors(torch.cat(ratios, 1), torch.cat(classes)):
            found[name] = factors
    return found


def _ratios(points: Tensor, value: Tensor) -> Tensor:
    """``[levels, N]`` how far out each value lies, in halves of the interval of each level. ``points [Q, N]``."""
    middle = points.quantile(0.5, 0)
    out = []
    for level in LEVELS:
        low, high = points.quantile(0.5 - level / 2, 0), points.quantile(0.5 + level / 2, 0)
        half = torch.where(value > middle, high - middle, middle - low).clamp(min=1e-6)
        out.append((value - middle).abs() / half)
    return torch.stack(out)


def _factors(ratios: Tensor, classes: Tensor) -> list[list[float]]:
    """For each class a factor for each level; a class with few cells takes those of all."""
    if ratios.shape[1] < FEWEST:
        return []
    out = []
    for c in range(int(classes.max()) + 1):
        mine = ratios[:, classes == c] if int((classes == c).sum()) >= FEWEST else ratios
        n = mine.shape[1]
        shares = [min(1.0, level * (n + 1) / n) for level in LEVELS]
        out.append([round(float(r.quantile(share)), 4) for r, share in zip(mine, shares, strict=True)])
    return out


def widened(
    joint: Joint, evidence: Evidence, points: Points, interval: float, learned: Mapping[str, Any]
) -> dict[str, Tensor]:
    """Points ``[Q, B, E…]`` by field, drawn apart around their median (or together) as was learned for it."""
    out = dict(points.values)
    for name, factors in learned.items():
        if name not in out:
            continue
        remote = joint.fields[name].remote(known_cells(joint, evidence, name)[1])
        by_class = torch.tensor([float(np.interp(interval, LEVELS, f)) for f in factors] + [1.0], device=remote.device)
        factor = by_class[torch.where(remote >= 0, remote.clamp(max=len(factors) - 1), len(factors))]
        middle = out[name].median(0).values
        out[name] = middle + factor.to(middle.dtype) * (out[name] - middle)
    return out
