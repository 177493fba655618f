"""Oddness: what rows are ranked by when the question is which do not belong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaery import coarse
from vaery.core.evidence import Evidence
from vaery.core.random import Random
from vaery.joint import Joint
from vaery.misfit import SIGNAL, misfits

UPPER = 0.9  # the quantile whose distance from the median is the unit of oddness
AFAR, ALONE, DETAIL = "afar", "alone", ("bits", "beyond")
HALF = 0.5  # what detail counts for where a row is seen from afar: it tells less, and has the longer tail


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


@torch.no_grad()
def signals(
    joint: Joint, evidence: Evidence, bits: Tensor, cells: Mapping[str, Tensor], *, rng: Random
) -> dict[str, Tensor] | None:
    """By name, ``[B]`` numbers by each of which a row may be odd, in bits; ``None``: there is one field and it has no
    plain code, and the surprise is all there is.

    Densities find simple pictures likely, whatever is on them: digits are likelier under a model of clothes than
    clothes are (Nalisnick et al., 2019). So a row is also odd that is far more surprising than what a plain code makes
    of it (Serrà et al., 2020). And what a pixel's neighbours tell of it hardly hangs on what the picture shows: a four
    has the strokes of a nine. So it is also looked at from afar (:func:`vaery.coarse.bits`).

    A model that learned from odd rows finds others like them likely: where a tenth of the flights are late, late is
    how flights are, too. Their values are as rare as before, so a row is also odd by the bits of its named cells each
    by itself, beyond the usual: as many of these count as of the surprise.

    And where a record has several fields, a row is odd whose fields do not go together, though each by itself is like
    others (:func:`vaery.misfit.misfits`).

    Args:
        joint, evidence: of which rows.
        bits: ``[B]`` their surprise.
        cells: of :func:`vaery.surprise.alone`.
        rng: where draws come from.

    Returns:
        ``"bits"``; ``"beyond"`` the plain code; ``"afar"``, how it looks from there, beyond that code; NaN where a
        field is not known as a whole. ``"alone"``, of named cells, where there are several. And ``"misfit …"`` for each
        of several fields.
    """
    found = {"bits": bits.double().cpu()}
    plain = plain_bits(joint, evidence)
    if plain is not None:
        plain = plain.double().cpu()
        found["beyond"] = found["bits"] - plain
    if (afar := coarse.bits(joint, evidence)) is not None:
        found[AFAR] = afar
    if sum(each.shape[1] for each in cells.values()) > 1:  # of a single cell the surprise tells as much
        found[ALONE] = torch.cat(list(cells.values()), 1).sum(1).double().cpu()
    found |= {SIGNAL + name: misfit for name, misfit in misfits(joint, evidence, rng=rng).items()}
    return found if len(found) > 1 else None


def oddness(found: Mapping[str, Tensor], usual: Mapping[str, Any]) -> Tensor:
    """``[B]`` how odd rows are: 0 as the middle one of held-out rows, 1 as their upper tenth, by the largest signal.

    Args:
        found: of :func:`signals`.
        usual: of :func:`learn`; only signals that it knows count.
    """
    return torch.stack(list(_each(found, usual).values())).amax(0)


def odd_alone(found: Mapping[str, Tensor], usual: Mapping[str, Any]) -> Tensor:
    """``[B]`` whether rows are odd, beyond nine of ten held-out ones, by what their cells are each by itself rather
    than by anything else."""
    each = _each(found, usual)
    if ALONE not in each:
        return torch.zeros(len(next(iter(found.values()))), dtype=torch.bool)
    return (each[ALONE] > 1) & (each[ALONE] >= torch.stack(list(each.values())).amax(0))


def _each(found: Mapping[str, Tensor], usual: Mapping[str, Any]) -> dict[str, Tensor]:
    each = {name: _standard(x, *usual[name]) for name, x in found.items() if name in usual}
    if AFAR in each:
        seen = each[AFAR].isfinite()
        each |= {name: torch.where(seen, HALF * each[name], each[name]) for name in DETAIL if name in each}
    return {name: x.nan_to_num(nan=-torch.inf) for name, x in each.items()}


def learn(found: Mapping[str, Tensor]) -> dict[str, Any]:
    """What is usual in held-out rows, as plain data: for each signal its median and the way up to its upper tenth; and
    how odd the rows are, sorted, as scores (higher is more ordinary); and how odd the rows that have several fields are
    by these alone. Rows with pictures that are not known as a whole are left out."""
    whole = [x.isfinite() for name, x in found.items() if not name.startswith(SIGNAL)]
    here = torch.stack(whole).all(0)
    if not bool(here.any()):
        return {}
    found = {name: x[here] for name, x in found.items()}
    usual: dict[str, Any] = {name: _middle(x[x.isfinite()]) for name, x in found.items() if bool(x.isfinite().any())}
    if ALONE in usual:  # in the surprise's unit: where most rows are alike cell by cell, its own is nothing
        usual[ALONE][1] = usual["bits"][1]
    kept = {**usual, "score": _sorted(-oddness(found, usual))}
    if fields := misfitting({name: x for name, x in found.items() if name in usual}):
        together = -oddness(fields, usual)
        kept["together"] = _sorted(together[together.isfinite()])
    return kept


def held_out(calibration: Mapping[str, Any]) -> np.ndarray:
    """How odd held-out rows were, in the units of ``detect``'s oddness."""
    scores = calibration["odd"]["score"] if calibration.get("odd") else calibration["score"]
    odd = -torch.tensor(scores, dtype=torch.float64)
    return standardised(odd, odd).numpy()


def misfitting(found: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Of :func:`signals`, those of how fields go together."""
    return {name: x for name, x in found.items() if name.startswith(SIGNAL)}


def _sorted(scores: Tensor) -> list[float]:
    return sorted(round(float(s), 6) for s in scores)


def standardised(x: Tensor, held_out: Tensor) -> Tensor:
    """How far numbers are beyond the middle one of ``held_out``, in units of the way from there to their upper tenth.

    >>> standardised(torch.tensor([0.0, 2.0, -1.0]), torch.tensor([-1.0, 0.0, 1.0]))
    tensor([ 0.0000,  2.5000, -1.2500])
    """
    return _standard(x, *_middle(held_out))


def _middle(x: Tensor) -> list[float]:
    middle, upper = float(x.median()), float(x.quantile(UPPER))
    return [round(middle, 6), round(max(upper - middle, 1e-6), 6)]


def _standard(x: Tensor, middle: float, unit: float) -> Tensor:
    return (x - middle) / unit
