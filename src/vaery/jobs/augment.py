"""Augment: more rows of the classes that are rare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vaery import gaps, labels
from vaery.core.errors import QueryError
from vaery.core.evidence import Evidence, concatenate
from vaery.core.job import job
from vaery.core.random import Random
from vaery.inference import known_cells, sample_conditional
from vaery.joint import Joint
from vaery.target import locate, spec
from vaery.unseen import Rows


@dataclass(frozen=True)
class Augmented(Evidence):
    """The rows that came in, then new ones.

    Attributes:
        original: how many of the rows, from the first, are those that came in.
        held: what each row was drawn given.
    """

    original: int = 0
    held: Evidence | None = None


@job(takes="rows", gives="records", keep=True)
@torch.no_grad()
def augment(
    joint: Joint,
    evidence: Evidence,
    *,
    rng: Random,
    calibration: Mapping[str, Any] | None = None,
    target: str,
    n: int = 0,
) -> Augmented:
    """Your rows, and new ones after them, so that every class is as frequent as the most frequent.

    New rows are drawn from the model given their class, without gaps but for cells that do not apply. Train on the
    result, and test on rows that were never augmented.

    Args:
        target: the column whose levels are the classes.
        n: this many new rows instead, with the classes in the shares they have now.

    Returns:
        An :class:`Augmented`: the rows that came in come first.

    Raises:
        ChoiceError: no column is called ``target``.
        QueryError: it holds numbers, or is empty in all rows.
    """
    name, cell = locate(joint, target)
    levels = spec(joint, name, cell).levels
    if levels == 0:
        raise QueryError(
            f"{target!r} holds numbers; augment needs a column of categories, whose levels are the classes"
        )
    evidence = evidence.to(joint.device)
    value, known = known_cells(joint, evidence, name)
    codes = value[:, cell, 0].long()
    codes = codes[known[:, cell] & (codes < levels)]
    if not len(codes):
        raise QueryError(f"{target!r} is empty in all rows; augment needs rows whose class is known")
    counts = torch.bincount(codes)
    wanted = _shares(counts, n) if n else (counts.max() - counts) * (counts > 0)
    classes = torch.arange(len(counts), device=codes.device)
    asked, stream = _of_class(joint, name, cell, classes), rng.spawn(share_rows=False)
    parts = []
    for code, k in enumerate(wanted.tolist()):
        if k:
            of_class = asked[slice(code, code + 1)]
            drawn = sample_conditional(joint, of_class, k, rng=stream).values
            parts.append(labels.judge.redraw(joint, of_class, drawn, calibration, rng=stream))
    asked = asked[classes.repeat_interleave(wanted)]
    new = {field: torch.cat([part[field] for part in parts]) for field in joint.fields} if parts else {}
    whole = _everywhere(joint, evidence)
    made = Evidence(
        asked.rows, new, {field: _there(joint, calibration, asked, field, value) for field, value in new.items()}
    )
    both = concatenate([whole, _everywhere(joint, made)])
    held = concatenate([whole, _everywhere(joint, asked)])
    held = Rows(held.rows, held.values, held.known, unseen=getattr(evidence, "unseen", ()))
    return Augmented(both.rows, both.values, both.known, {}, evidence.rows, held)


def _shares(counts: Tensor, n: int) -> Tensor:
    """``n`` split in proportion to the counts: whole parts first, then the largest remainders."""
    exact = counts.double() * n / counts.sum()
    whole = exact.floor().long()
    largest = (exact - whole).argsort(descending=True, stable=True)[: n - int(whole.sum())]
    return whole.index_add(0, largest, torch.ones_like(largest))


def _of_class(joint: Joint, name: str, cell: int, classes: Tensor) -> Evidence:
    """Rows of which only the class is known."""
    value = torch.zeros(len(classes), *joint.fields[name].event, device=classes.device)
    known = torch.zeros(len(classes), *joint.fields[name].mask, dtype=torch.bool, device=classes.device)
    value[:, cell, 0], known[:, cell] = classes.float(), True
    return Evidence(len(classes), {name: value}, {name: known})


def _there(
    joint: Joint, calibration: Mapping[str, Any] | None, asked: Evidence, name: str, value: Tensor
) -> Tensor | None:
    """The cells of new rows that apply; what was asked for always does."""
    block = gaps.blocks(calibration, joint.fields).get(name)
    return None if block is None or not block.rules else block.filled_in(value) | known_cells(joint, asked, name)[1]


def _everywhere(joint: Joint, evidence: Evidence) -> Evidence:
    """The same evidence with every field in it, and explicit masks."""
    cells = {name: known_cells(joint, evidence, name) for name in joint.fields}
    return Evidence(evidence.rows, {k: v for k, (v, _) in cells.items()}, {k: m for k, (_, m) in cells.items()})
