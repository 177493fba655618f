"""Targets: one cell of the joint, asked for by name, from whatever else is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from vaery.core.cells import CellSpec
from vaery.core.errors import choice
from vaery.core.evidence import Evidence
from vaery.core.field import all_known
from vaery.core.random import Random
from vaery.inference import firsts, known_cells, sliced
from vaery.joint import Joint


def locate(joint: Joint, target: str) -> tuple[str, int]:
    """Where a target is: the field's name and the index of the cell in it.

    Args:
        joint: the model.
        target: the name of a field with one cell (a label), of a cell (a column), or ``"field.cell"``.

    Raises:
        ChoiceError: nothing is called that, or cells of several fields are.
    """
    places: dict[str, list[tuple[str, int]]] = {}
    for name, field in joint.fields.items():
        names = [*map(str, field.cell_names or ())]
        if field.cells is not None and len(field.cells) == 1:
            places[name] = [(name, 0)]
            names = [cell for cell in names if cell != name]
        for i, cell in enumerate(names):
            places.setdefault(cell, []).append((name, i))
            places.setdefault(f"{name}.{cell}", []).append((name, i))
    found = places.get(target, [])
    if len(found) == 1:
        return found[0]
    if found:
        raise choice("one column", target, [f"{name}.{target}" for name, _ in found])
    plain = [place for place, at in places.items() if len(at) == 1 and "." not in place]
    raise choice("column", target, plain or places)


def spec(joint: Joint, name: str, cell: int) -> CellSpec:
    """What the cell can hold."""
    cells = joint.fields[name].cells
    assert cells is not None, f"{name} is not made of cells"
    return cells[cell]


def hide(joint: Joint, evidence: Evidence, name: str, cell: int | Tensor) -> Evidence:
    """The same rows with this cell unknown; ``cell [B]``: another one in each row."""
    visible = all_known(joint.fields[name], evidence.rows).to(evidence.device)
    visible[torch.arange(evidence.rows, device=evidence.device), cell] = False
    return evidence.hide({name: visible})


@torch.no_grad()
def code_probabilities(joint: Joint, evidence: Evidence, name: str, cell: int, *, rng: Random, draws: int) -> Tensor:
    """``[B, codes]`` the probability of each code of a cell, given all else that is known.

    The mean of p(code | known, z) over weighted draws of z; for a field before the latent its posterior's table.
    """
    tables = []
    for part, noise in sliced(joint, hide(joint, evidence, name, cell), rng, draws):
        ahead = name in firsts(joint)  # then nothing that comes after it has a say
        trace = joint.infer(part, rng=noise, draws=draws, only=[] if ahead else list(joint.fields))
        site, (value, known) = trace[name], known_cells(joint, part, name)
        density: Any = site.density if site.posterior is None else site.posterior
        table = density.given(value, known).code_log_probs(cell).exp()
        weight = trace.weight if site.posterior is None else torch.full_like(trace.weight, 1 / len(trace.weight))
        total = (weight[..., None] * table).sum(0, dtype=torch.float64)  # singles round by the row's place in the batch
        tables.append(total.to(table.dtype))
    return torch.cat(tables)


def raw_cells(raw: Any, cell: int, name: str | None = None) -> list[Any]:
    """One column of raw records, whatever holds them (an array, a frame of any library, a list), as Python values.

    ``name``: a frame may have its columns in another order than the field; it is then asked for by name.

    >>> raw_cells([{"a": 1, "b": 2}, {"a": 3, "b": 4}], 1, "b"), raw_cells(["x", "y"], 0)
    ([2, 4], ['x', 'y'])
    """
    if hasattr(raw, "ndim") and hasattr(raw, "tolist"):
        return (raw if raw.ndim == 1 else raw[:, cell]).tolist()
    if isinstance(raw, Mapping):
        return list(raw[name] if name in raw else [*raw.values()][cell])
    if isinstance(raw, list):
        if not (raw and isinstance(raw[0], Mapping)):
            return raw  # one column
        at = name if name in raw[0] else [*raw[0]][cell]
        return [row[at] for row in raw]
    import narwhals

    frame = narwhals.from_native(raw, eager_only=True)
    return frame[name if name in frame.columns else frame.columns[cell]].to_list()
