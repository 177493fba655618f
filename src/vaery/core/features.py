"""Features: what the encoders make of the evidence, and all that a posterior sees of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from vaery.core.by_name import ByName
from vaery.core.evidence import Evidence


@dataclass(frozen=True)
class Features:
    """What the encoders make of the evidence.

    Attributes:
        values: ``[B, N, F]`` one row of features for each of N fields; zeros where a field is absent.
        present: ``[B, N]`` bool.
        own: field → what its encoder has for the field's own levels (maps, or else its features ``[B, F]``), and
            ``[B]`` bool, the rows in which it is known.
        seen: the evidence itself, of the fields that have an encoder, for a posterior that reads it by its own means.
    """

    values: Tensor
    present: Tensor
    own: Mapping[str, tuple[Any, Tensor]] = field(default_factory=dict)
    seen: Evidence | None = None


def encode(encoders: ByName, evidence: Evidence, dtype: torch.dtype) -> Features:
    """Every encoder on what is known of its field.

    Args:
        encoders: field name → module ``(value [B, E…], known [B, M…] or None) -> [B, F]``, all of one width F; or to an
            object with these as ``values``, and ``maps`` for the field's own levels.
        evidence: of any of the fields.
        dtype: of the features.
    """
    made, own = {}, {}
    for name, encoder in encoders.items():
        if name not in evidence:
            continue
        out = encoder(evidence.values[name], evidence.known[name])
        maps, out = (None, out) if isinstance(out, Tensor) else (out.maps, out.values)
        own[name] = (out if maps is None else maps, evidence.present(name))
        whole = evidence.known[name] is None and name not in evidence.blind
        made[name] = out if whole else out * evidence.shown(name)[:, None]
    width = next((f.shape[-1] for f in made.values()), getattr(next(iter(encoders.values())), "width", 1))
    absent = torch.zeros(evidence.rows, width, device=evidence.device, dtype=dtype)
    values = _side_by_side([made.get(name, absent) for name in encoders])
    present = _side_by_side([evidence.shown(name) for name in encoders])
    return Features(values, present, own, evidence.only(*encoders))


class Unread(nn.Module):
    """An encoder where nobody reads features: zeros, ``[B, width]``."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(self, value: Tensor, known: Tensor | None) -> Tensor:
        return torch.zeros(1, 1, device=value.device).expand(len(value), self.width)


def _side_by_side(parts: list[Tensor]) -> Tensor:
    """``torch.stack(parts, 1)``, without a copy of a single part."""
    return parts[0][:, None] if len(parts) == 1 else torch.stack(parts, 1)
