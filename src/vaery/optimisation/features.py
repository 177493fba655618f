"""Features: where a candidate is, for a surrogate to learn from."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from vaery.core.cells import CellSpec
from vaery.core.evidence import Evidence
from vaery.core.random import Random
from vaery.joint import Joint

MOST = 200  # features of the cells of a field; a field with more of them is told by its latent alone
NAMES = 16  # levels without an order that get a feature each; of more, the code has to do


@torch.no_grad()
def features(joint: Joint, rows: Evidence) -> Tensor:
    """``[B, F]``, double precision: the means of the latents, and the cells of fields that have few.

    Heads that see other cells leave little for the latent to say (some tables spend less than a bit on it), so cells
    speak for themselves; a picture or a long sequence is told by its latent.
    """
    rng = Random(0, joint.device, share_rows=True)
    found = [joint.members[0].infer(rows, rng=rng, mean=True, only=[]).latent[0].double().cpu()]
    for name, field in joint.fields.items():
        if field.cells is not None and name in rows and sum(map(_size, field.cells)) <= MOST:
            found.append(cells(field.cells, rows.values[name].double().cpu()))
    return torch.cat(found, 1)


def cells(specs: Sequence[CellSpec], value: Tensor) -> Tensor:
    """``value [B, D, 2]`` (see :mod:`vaery.core.cells`) → ``[B, F]``: numbers; levels, one-hot if without order.

    >>> cells([CellSpec(levels=3), CellSpec(family="normal")], torch.tensor([[[2.0, 0.0], [0.0, 0.5]]]))
    tensor([[0.0000, 0.0000, 1.0000, 0.5000]])
    """
    parts = []
    for spec, code, number in zip(specs, value[..., 0].long().unbind(1), value[..., 1].unbind(1), strict=True):
        if spec.positions:  # levels that lie among the numbers
            at = torch.tensor([*spec.positions, 0.0], dtype=number.dtype)[code.clamp(max=spec.levels)]
            number = torch.where(code < spec.levels, at, number)
        if _named(spec):
            parts.append(F.one_hot(code.clamp(max=spec.levels), spec.levels + 1)[:, : spec.levels].to(value.dtype))
        elif spec.family is None:
            parts.append(code[:, None].to(value.dtype) / max(1, spec.levels - 1))
        if spec.family is not None:
            parts.append(number[:, None])
    return torch.cat(parts, 1)


def _named(spec: CellSpec) -> bool:
    return 0 < spec.levels <= NAMES and not spec.positions and not (spec.ordered and spec.family is None)


def _size(spec: CellSpec) -> int:
    return (spec.levels if _named(spec) else int(spec.family is None)) + (spec.family is not None)
