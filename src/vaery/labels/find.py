"""Which part of raw data is a label, and which of its entries are unknown."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vaery.core.errors import DataError, choice
from vaery.core.evidence import Evidence
from vaery.core.field import Field

UNLABELLED = -1  # scikit-learn's mark
FEW = 0.5  # a field that fewer rows than this share know is taken for a label unasked
MOST_LEVELS = 256


@dataclass(frozen=True)
class Found:
    """Labels in raw data.

    Attributes:
        raw: the data, with nulls where a label is unknown.
        names: the fields (or columns of a frame) that are labels.
        columns: name → ``"categorical"``, where nothing else is said.
    """

    raw: Any
    names: tuple[str, ...] = ()
    columns: Mapping[str, Any] | None = None


def find(raw: Any, target: str | None, columns: Mapping[str, Any] | None) -> Found:
    """The labels in ``raw``: ``target``, or of a dict every field of classes that is mostly missing.

    In a label of whole numbers, -1 beside two or more other classes, none of them negative, means "unknown" (as in
    ``sklearn.semi_supervised``); that is said aloud.

    Args:
        raw: as read.
        target: the field or column asked for.
        columns: what was said of columns; a label not mentioned is categorical.

    Raises:
        ChoiceError: nothing is called ``target``.
        DataError: no row has that label.
    """
    named = isinstance(raw, Mapping) or hasattr(raw, "columns")
    if not named:
        if target is not None:
            raise DataError(
                f"target={target!r} names a column, and this data has no names: give a frame, or a dict such as "
                "{'x': array, 'label': array}"
            )
        return Found(raw, (), columns)
    names = [str(name) for name in (raw if isinstance(raw, Mapping) else raw.columns)]
    if target is not None and target not in names:
        raise choice("field or column", target, names)
    if target is None and not isinstance(raw, Mapping):
        return Found(raw, (), columns)
    found = {}
    for name in [target] if target is not None else names:
        entries = _entries(raw[name], name)
        if entries is None:
            if target is not None:
                raise DataError(f"target={target!r} is not one value a row; a label is a single column")
            continue
        nulled = _unlabelled(entries, name, asked=target is not None)
        if target is not None or _is_label(nulled):
            found[name] = nulled
    return _replaced(raw, found, columns)


def readable(field: Field) -> bool:
    """Whether a field is a label of a manageable number of classes."""
    cells = field.cells
    return cells is not None and len(cells) == 1 and cells[0].family is None and 2 <= cells[0].levels <= MOST_LEVELS


def codes(rows: Evidence, name: str) -> Tensor:
    """``[B]`` the classes of a label, -1 where it is not known."""
    if name not in rows:
        return torch.full((rows.rows,), -1)
    value, known = rows.values[name], rows.known[name]
    code = value.reshape(rows.rows, -1)[:, 0].long()
    return code if known is None else torch.where(known.reshape(rows.rows), code, -1)


def _replaced(raw: Any, found: Mapping[str, list[Any]], columns: Mapping[str, Any] | None) -> Found:
    if not found:
        return Found(raw, (), columns)
    for name, entries in found.items():
        if all(entry is None for entry in entries):
            raise DataError(f"{name}: no row has a label; at least one of two classes was expected")
    classes = {name: "categorical" for name, entries in found.items() if _whole(entries)}
    said = {**classes, **(columns or {})}
    if isinstance(raw, Mapping):
        return Found({**raw, **{name: _array(entries) for name, entries in found.items()}}, tuple(found), said)
    return Found(_with_columns(raw, found), tuple(found), said)


def _with_columns(frame: Any, found: Mapping[str, list[Any]]) -> Any:
    if type(frame).__module__.startswith("polars"):
        import polars

        return frame.with_columns(**{name: polars.Series(name, entries) for name, entries in found.items()})
    if not hasattr(frame, "assign"):
        raise DataError(f"target= takes a frame of pandas or polars, or a dict of fields, not {type(frame).__name__}")
    import pandas

    return frame.assign(**{n: pandas.Series(_array(e), index=frame.index, dtype=object) for n, e in found.items()})


def _array(entries: list[Any]) -> Any:
    import numpy as np

    out = np.empty(len(entries), dtype=object)
    out[:] = entries
    return out


def _entries(part: Any, name: str) -> list[Any] | None:
    """The values of a single column, ``None`` where there is none; ``None`` for what is no single column."""
    if hasattr(part, "columns"):
        labels = list(part.columns)
        if len(labels) != 1:
            return None
        part = part[labels[0]]
    if getattr(part, "ndim", 1) == 2 and part.shape[1] == 1:
        part = part[:, 0]
    if getattr(part, "ndim", 1) != 1 or isinstance(part, str | bytes | Mapping):
        return None
    values = part.tolist() if hasattr(part, "tolist") else list(part)
    if any(hasattr(value, "__len__") and not isinstance(value, str | bytes) for value in values[:100]):
        return None
    return [None if value is None or str(value) in ("<NA>", "NaT", "nan") else value for value in values]


def _unlabelled(entries: list[Any], name: str, asked: bool) -> list[Any]:
    """The same with nulls for -1, where that must mean "unknown"."""
    known = [entry for entry in entries if entry is not None]
    if not all(_is_whole(entry) for entry in known):
        return entries
    others = {entry for entry in known if entry != UNLABELLED}
    marked = len(known) - sum(entry != UNLABELLED for entry in known)
    if not marked or len(others) < 2 or min(others) < 0 or not (asked or marked > FEW * len(entries)):
        return entries
    warnings.warn(
        f"{name}: {marked} of {len(entries)} rows hold -1 and count as unlabelled; write None where a label is unknown "
        f"to say so yourself, or columns={{{name!r}: 'ordinal'}} with other numbers if -1 is a class",
        UserWarning,
        stacklevel=6,
    )
    return [None if entry == UNLABELLED else entry for entry in entries]


def _is_label(entries: Sequence[Any]) -> bool:
    known = [entry for entry in entries if entry is not None]
    if not known or len(known) > FEW * len(entries):
        return False
    return _whole(entries) and 2 <= len(set(known)) <= min(MOST_LEVELS, len(known) // 2)


def _whole(entries: Sequence[Any]) -> bool:
    """Whether these are classes: texts, truths or whole numbers, and not too many."""
    known = [entry for entry in entries if entry is not None]
    classes = all(isinstance(entry, str | bool) or _is_whole(entry) for entry in known)
    return classes and len(set(known)) <= MOST_LEVELS


def _is_whole(entry: Any) -> bool:
    return isinstance(entry, int | float) and not isinstance(entry, bool) and float(entry).is_integer()
