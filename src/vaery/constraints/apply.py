"""Constraints applied to what a job gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from vaery.answer import emptied
from vaery.constraints.conflict import refuse
from vaery.constraints.keep import Mask, Rows, keep
from vaery.constraints.sheets import Sheets, empty
from vaery.core.evidence import Evidence
from vaery.core.field import Tabular
from vaery.core.job import Job
from vaery.core.query import Between, OneOf
from vaery.core.random import Random
from vaery.gaps import blocks
from vaery.inference import complete, known_cells, sample_conditional
from vaery.schema import Schema

if TYPE_CHECKING:
    from vaery.model import VAE

CANDIDATES = 16  # latents that each row that is drawn again is picked from, where anything is known of it


def refuse_given(model: VAE, given: Mapping[str, Any], rows: int) -> None:
    """Raise QueryError if no row can meet ``given`` and keep the constraints."""
    if model.rules_.constraints and given:
        refuse(model.rules_, given, rows, empty(model.schema_, model.rules_.columns))


def kept(
    model: VAE,
    job: Job,
    answer: Any,
    held: Evidence,
    rng: Random,
    given: Mapping[str, Any] | None = None,
    complete_rows: bool = False,
) -> Any:
    """An answer whose rows keep the model's constraints: of jobs that fill or make rows, not of those that show what
    the model thinks of rows (reconstruct, interpolate). Of an interval, the value does, and not its ends.

    Args:
        model: with its rules.
        job: whose answer it is.
        answer: raw rows, several sets of them (draws), or named ones (an interval).
        held: what each row was drawn given; cells known there are not changed.
        rng: for rows that have to be drawn again.
        given: ranges and sets that they were asked to lie in.
        complete_rows: rows were asked for in which cells are filled even where they do not apply.
    """
    if not model.rules_.all or job.gives != "records" or not (job.takes == "given" or job.keep or job.makes):
        return answer
    schema = model.schema_
    if _several(schema, answer):
        return [kept(model, job, one, held, rng.spawn(), given, complete_rows) for one in answer]
    if _named(schema, answer):
        return {**answer, "value": kept(model, job, answer["value"], held, rng, given, complete_rows)}
    stream = Random(rng.seed() + 1, model.joint_.device)

    def redraw(rows: Rows) -> dict[str, torch.Tensor]:
        if not held.values and not held.regions:
            return complete(model.joint_, held[slice(0, 1)].repeat(len(rows)), rng=stream, candidates=1)
        if job.takes == "given":  # all rows are asked alike: from one pool
            return sample_conditional(model.joint_, held[slice(0, 1)], len(rows), rng=stream).values
        part = held[torch.as_tensor(rows, device=model.joint_.device)]
        return complete(model.joint_, part, rng=stream, candidates=CANDIDATES)

    asked = {name: value for name, value in (given or {}).items() if isinstance(value, Between | OneOf)}
    free = free_cells(schema, held, Sheets(schema, answer).rows)
    alike = job.takes == "given"
    made = keep(model.rules_, schema, answer, free=free, redraw=redraw, asked=asked, alike=alike)
    return made if complete_rows else _applying(model, made, free)


def _applying(model: VAE, raw: Any, free: Mapping[str, Mask]) -> Any:
    """Rows without the free cells that do not apply any more, now that others were drawn again."""
    found = {name: block for name, block in blocks(model.calibration_, model.joint_.fields).items() if block.rules}
    rows, empty = model.schema_.pack(raw) if found else Evidence(0, {}, {}), {}
    for name, block in found.items():
        value, known = known_cells(model.joint_, rows.to(model.joint_.device), name)
        may = [torch.as_tensor(free[str(cell)]) for cell in block.field.cell_names or ()]
        empty[name] = (block.inapplicable(value, known) & known).cpu() & torch.stack(may, 1)
    return emptied(model.schema_, raw, empty)


def free_cells(schema: Schema, held: Evidence, rows: int) -> dict[str, Mask]:
    """Column (or field without columns) → ``[rows]`` bool, where nothing is: what the model has no word for is not
    nothing."""
    free: dict[str, Mask] = {}
    for field in schema.fields:
        known = held.known.get(field.name)
        if not isinstance(field, Tabular):
            there = held.present(field.name).cpu().numpy()
            free[field.name] = ~np.broadcast_to(there, (rows,))
            continue
        for i, name in enumerate(field.cell_names):
            if field.name not in held or known is not None:
                free[name] = np.ones(rows, dtype=bool) if known is None else ~known[:, i].cpu().numpy()
            else:
                free[name] = np.zeros(rows, dtype=bool)
    for new in getattr(held, "unseen", ()):
        free[new.column][list(new.rows)] = False
    return free


def _several(schema: Schema, answer: Any) -> bool:
    """Whether an answer is a list of sets of rows, and not a list of rows."""
    if not isinstance(answer, list) or not answer:
        return False
    return (
        hasattr(answer[0], "shape") or isinstance(answer[0], list) or (schema.wrapped and isinstance(answer[0], dict))
    )


def _named(schema: Schema, answer: Any) -> bool:
    """Whether an answer is sets of rows by name, and not fields or columns by name."""
    if not isinstance(answer, Mapping) or "value" not in answer:
        return False
    names = {f.name for f in schema.fields} if schema.wrapped else set(map(str, schema.fields[0].cell_names or ()))
    return not set(map(str, answer)) <= names
