"""Answers: what a job returned, in the user's own terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaery.core.errors import QueryError
from vaery.core.evidence import Evidence
from vaery.core.job import Points
from vaery.joint import Joint
from vaery.schema import Schema, stack
from vaery.target import locate, raw_cells, spec


def in_raw(schema: Schema, result: Any, like: Any = None, keep: bool = False, exact: Any = None) -> Any:
    """A job's result as raw data: records as the type that was fitted, tensors as arrays, whatever is inside of these.

    Args:
        schema: the fields.
        result: what a job returned; see :class:`~vaery.core.job.Job`.
        like: the raw rows it is about.
        keep: cells known in ``like`` come back untouched.
        exact: raw values by field and cell, written as they are.
    """
    if isinstance(result, Evidence):
        return _records(schema, result, like, keep, exact)
    if isinstance(result, Points):
        raw = schema.summarise(_cpu(result.values), result.weight.cpu(), result.how, like, keep)
        return emptied(schema, raw, getattr(result, "empty", {}))
    if isinstance(result, Tensor):
        return result.detach().cpu().numpy()
    if isinstance(result, list):
        return [in_raw(schema, item, like, keep, exact) for item in result]
    if isinstance(result, Mapping):
        if "points" in result:
            return _column(schema, result)
        return {name: in_raw(schema, item, like, keep, exact) for name, item in result.items()}
    return result


def complete(options: Mapping[str, Any]) -> bool:
    """Whether rows were asked for in which even what does not apply is filled."""
    return bool(options.get("everywhere", False)) or not options.get("nulls", True)


def frame(columns: Mapping[str, Any], like: Any) -> Any:
    """Named columns as the type of frame that came in; pandas for arrays."""
    plain = {k: v.detach().cpu().numpy() if isinstance(v, Tensor) else v for k, v in columns.items()}
    if type(like).__module__.startswith("polars"):
        import polars

        return polars.DataFrame(plain, strict=False)  # what cells hold may be of any type: text, if they differ
    import pandas

    return pandas.DataFrame(plain, index=like.index if isinstance(like, pandas.DataFrame) else None)


def levels(schema: Schema, joint: Joint, target: str) -> np.ndarray:
    """The levels of a cell as raw values, in the order of their codes; see :meth:`vaery.VAE.classes`."""
    name, cell = locate(joint, target)
    count = spec(joint, name, cell).levels
    if count == 0:
        raise QueryError(f"{target!r} holds numbers and has no levels, so there is no list of classes")
    value = torch.zeros(1, count, *joint.fields[name].event)
    value[0, :, cell, 0] = torch.arange(count)
    return _column(schema, {"field": name, "cell": cell, "points": Points({name: value}, torch.ones(1, count), "mode")})


def as_they_came(schema: Schema, reasons: Sequence[list[dict[str, Any]]], rows: Evidence, like: Any) -> None:
    """Let reasons show the values that came in: packed ones are capped at the range that was seen in the fit."""
    columns: dict[str, list[Any]] = {}
    parts = schema.parts(like)
    for row, listed in enumerate(reasons):
        for reason in (r for r in listed if "value" in r):
            name = reason["cell"]
            if name not in columns:
                where, cell = schema.locate(name)
                field, known = schema[where], rows.known[where]
                mask = None if known is None else known.cpu()
                raw = field.unpack(rows.values[where].cpu(), mask, like=parts[where], keep=True)
                columns[name] = raw_cells(raw, list(field.cell_names or ()).index(str(cell)), str(cell))
            reason["value"] = columns[name][row]


def _records(schema: Schema, evidence: Evidence, like: Any, keep: bool, exact: Any) -> Any:
    values = _cpu(evidence.values)
    if original := getattr(evidence, "original", 0):  # the first rows are the user's own
        known = {name: None if mask is None else mask[original:].cpu() for name, mask in evidence.known.items()}
        return stack([like, schema.unpack({name: value[original:] for name, value in values.items()}, known=known)])
    if like is not None and schema.pack(like).rows != evidence.rows:
        like = None
    known = {name: None if mask is None else mask.cpu() for name, mask in evidence.known.items()}
    return schema.unpack(values, like=like, keep=keep, exact=exact, known=known)


def emptied(schema: Schema, raw: Any, empty: Mapping[str, Tensor]) -> Any:
    """Raw rows with some cells (field → ``[B, D]`` bool) empty again."""
    for name, cells in empty.items():
        if not bool(cells.any()):
            continue
        field = schema.tables[name]
        sheet = field.sheet(schema.parts(raw)[name])
        for cell in cells.any(0).nonzero()[:, 0].tolist():
            sheet.clear(str(field.cell_names[cell]), cells[:, cell].nonzero()[:, 0].cpu().numpy())
        raw = schema.whole({**schema.parts(raw), name: sheet.close()}, raw)
    return raw


def _column(schema: Schema, result: Mapping[str, Any]) -> np.ndarray:
    """One cell of summed-up points, as an array."""
    points: Points = result["points"]
    field, cell = schema[result["field"]], result["cell"]
    raw = field.summarise(points.values[field.name].cpu(), points.weight.cpu(), points.how)
    if hasattr(raw, "iloc"):
        return raw.iloc[:, cell].to_numpy()
    return np.asarray(raw_cells(raw, cell, str((field.cell_names or [cell])[cell])))


def _cpu(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value.detach().cpu() for name, value in values.items()}
