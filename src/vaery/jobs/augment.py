"""Augment: more rows of the classes that are rare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vaery import gaps, labels
from vaery.core.errors import QueryError, choice
from vaery.core.evidence import Evidence, concatenate
from vaery.core.job import job
from vaery.core.random import Random
from vaery.inference import complete, known_cells, sample_conditional
from vaery.joint import Joint
from vaery.target import locate, spec
from vaery.unseen import Rows

HOW = ("auto", "draw", "vary")


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
    how: str = "auto",
) -> Augmented:
    """Your rows, and new ones after them, so that every class is as frequent as the most frequent.

    New rows have no gaps but for cells that do not apply. Train on the result, and test on rows that were never
    augmented.

    Args:
        target: the column whose levels are the classes.
        n: this many new rows instead, with the classes in the shares they have now.
        how: ``"draw"``: new rows are drawn from the model given their class. ``"vary"``: they are your rows of that
            class, seen otherwise as in training (pictures moved, turned and stretched a little) and with their gaps
            filled. ``"auto"``: that, where there are too few rows to say what new ones may look like, else drawn.

    Returns:
        An :class:`Augmented`: the rows that came in come first.

    Raises:
        ChoiceError: no column is called ``target``, or there is no such ``how``.
        QueryError: it holds numbers, or is empty in all rows; or nothing in these rows can be varied.
    """
    if how not in HOW:
        raise choice("way to make rows (how)", how, HOW)
    name, cell = locate(joint, target)
    levels = spec(joint, name, cell).levels
    if levels == 0:
        raise QueryError(
            f"{target!r} holds numbers; augment needs a column of categories, whose levels are the classes"
        )
    evidence = evidence.to(joint.device)
    value, known = known_cells(joint, evidence, name)
    codes = value[:, cell, 0].long()
    codes = torch.where(known[:, cell] & (codes < levels), codes, levels)  # the last: not known
    counts = torch.bincount(codes, minlength=levels + 1)[:levels]
    if not counts.any():
        raise QueryError(f"{target!r} is empty in all rows; augment needs rows whose class is known")
    wanted = _shares(counts, n) if n else (counts.max() - counts) * (counts > 0)
    stream = rng.spawn(share_rows=False)
    if _varied(joint, evidence, how):
        asked = _otherwise(joint, evidence[_in_turn(codes, wanted, stream)], stream)
        new = complete(joint, asked, rng=stream) if asked.rows else {}
    else:
        asked = _of_class(joint, name, cell, torch.arange(levels, device=codes.device))
        new = _drawn(joint, asked, wanted, calibration, stream)
        asked = asked[torch.arange(levels, device=codes.device).repeat_interleave(wanted)]
    whole = _everywhere(joint, evidence)
    made = Evidence(
        asked.rows, new, {field: _there(joint, calibration, asked, field, value) for field, value in new.items()}
    )
    both = concatenate([whole, _everywhere(joint, made)])
    held = concatenate([whole, _everywhere(joint, asked)])
    held = Rows(held.rows, held.values, held.known, unseen=getattr(evidence, "unseen", ()))
    return Augmented(both.rows, both.values, both.known, {}, evidence.rows, held)


def _varied(joint: Joint, evidence: Evidence, how: str) -> bool:
    """Whether new rows are these rows, seen otherwise."""
    there = [joint.fields[name] for name in evidence.values]
    if how == "vary" and not any(field.varies for field in there):
        raise QueryError(
            "how='vary' needs something that training saw otherwise each time, such as pictures of a model with "
            "VAE(varied=True); there is none in these rows: write how='draw'"
        )
    return how == "vary" or (how == "auto" and any(field.scarce for field in there))


def _in_turn(codes: Tensor, wanted: Tensor, rng: Random) -> Tensor:
    """``wanted [K]`` rows of each class, each as often as the others of its class, but for one time."""
    rows = []
    for code, k in enumerate(wanted.tolist()):
        own = (codes == code).nonzero()[:, 0]
        times = -(-k // max(1, len(own)))
        shuffled = [own[rng.uniform((len(own),)).argsort().to(own.device)] for _ in range(times)]
        rows.append(torch.cat([own[:0], *shuffled])[:k])
    return torch.cat(rows)


def _otherwise(joint: Joint, rows: Evidence, rng: Random) -> Evidence:
    """The same rows as training might have seen them."""
    values, known = dict(rows.values), dict(rows.known)
    for name in values:
        values[name], known[name] = joint.fields[name].vary(values[name], known.get(name), rng)
    return Evidence(rows.rows, values, known)


def _drawn(
    joint: Joint, classes: Evidence, wanted: Tensor, calibration: Mapping[str, Any] | None, rng: Random
) -> dict[str, Tensor]:
    """``wanted [K]`` rows of each class, drawn from the model."""
    parts = []
    for code, k in enumerate(wanted.tolist()):
        if k:
            of_class = classes[slice(code, code + 1)]
            drawn = sample_conditional(joint, of_class, k, rng=rng).values
            parts.append(labels.judge.redraw(joint, of_class, drawn, calibration, rng=rng))
    return {field: torch.cat([part[field] for part in parts]) for field in joint.fields} if parts else {}


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
