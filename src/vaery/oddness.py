"""Oddness: what rows are ranked by when the question is which do not belong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from vaery.core.evidence import Evidence
from vaery.joint import Joint

UPPER = 0.9  # the quantile whose distance from the median is the unit of oddness


def plain_bits(joint: Joint, evidence: Evidence) -> Tensor | None:
    """``[B]`` bits that plain codes need for the fields that have one; NaN in rows where such a field is not known as a
    whole. ``None``: no field has one."""
    total = None
    for name, value in evidence.values.items():
        bits = joint.fields[name].plain_bits(value)
        if bits is None:
            continue
        known = evidence.known[name]
        if known is not None:
            bits = torch.where(known.flatten(1).all(1).cpu(), bits, torch.nan)
        total = bits if total is None else total + bits
    return total


def oddness(bits: Tensor, plain: Tensor, usual: Mapping[str, Any]) -> Tensor:
    """``[B]`` how odd rows are: 0 as the middle one of held-out rows, 1 as their upper tenth.

    Densities find simple pictures likely, whatever is on them: digits are likelier under a model of clothes than
    clothes are (Nalisnick et al., 2019). So a row is also odd that is far more surprising than what a plain code makes
    of it (Serrà et al., 2020). The larger of the two counts, since what is odd by being busy loses by the second.

    Args:
        bits: ``[B]`` surprise.
        plain: ``[B]`` of :func:`plain_bits`; NaN: only the surprise counts.
        usual: of :func:`learn`.
    """
    bits, plain = bits.double().cpu(), plain.double().cpu()
    itself, beyond = (_standard(x, *usual[name]) for name, x in (("bits", bits), ("beyond", bits - plain)))
    return torch.maximum(itself, beyond.nan_to_num(nan=-torch.inf))


def learn(bits: Tensor, plain: Tensor) -> dict[str, Any]:
    """What is usual in held-out rows, as plain data: for either number its median and the way up to its upper tenth;
    and how odd the rows are, sorted, as scores (higher is more ordinary). Rows not known as a whole are left out."""
    here = plain.isfinite()
    bits, plain = bits.double().cpu()[here], plain.double().cpu()[here]
    if not len(bits):
        return {}
    found: dict[str, Any] = {"bits": _middle(bits), "beyond": _middle(bits - plain)}
    scores = -oddness(bits, plain, found)
    return {**found, "score": sorted(round(float(s), 6) for s in scores)}


def _middle(x: Tensor) -> list[float]:
    middle, upper = float(x.median()), float(x.quantile(UPPER))
    return [round(middle, 6), round(max(upper - middle, 1e-6), 6)]


def _standard(x: Tensor, middle: float, unit: float) -> Tensor:
    return (x - middle) / unit
