"""Schemas: the fields of a data set, and the way between raw data and evidence."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from vaery.core.errors import DataError, QueryError, choice
from vaery.core.evidence import Evidence
from vaery.core.field import Field, Tabular, Windowed
from vaery.core.members import member, members
from vaery.core.region import Region
from vaery.framed import REST, is_frame, join, own_columns, read_from, split
from vaery.unseen import Rows, Unseen


@dataclass(frozen=True)
class Schema:
    """The fields of a data set.

    Attributes:
        fields: in the order of the data.
        wrapped: data is a dict that names its fields; otherwise it is the one field's own raw data.
        framed: data is one frame, of which some columns are fields of their own, called as the column is; all its
            other columns are one table.
    """

    fields: tuple[Field, ...]
    wrapped: bool
    framed: bool = False

    @classmethod
    def describe(
        cls,
        raw: Any,
        *,
        likelihood: str | Mapping[str, str] | None = None,
        columns: Mapping[str, Any] | None = None,
        net: str = "auto",
        tokens: str = "auto",
        varied: bool | str = "auto",
        kind: str | Mapping[str, str] | None = None,
        labels: Sequence[str] = (),
    ) -> tuple[Schema, Any]:
        """Look at data: which fields it has, and what is in them. Returns the schema and the data as read.

        ``labels`` are columns of a frame that are each a field by themselves.
        """
        whole, by_part = (kind, {}) if isinstance(kind, str) else (None, dict(kind or {}))
        raw = read(raw, whole)
        wrapped, kinds = isinstance(raw, Mapping), {} if whole else own_columns(raw, by_part)
        if labels and is_frame(raw):
            kinds |= dict.fromkeys(labels, "table")
        parts = dict(raw) if wrapped else split(raw, kinds) if kinds else {whole or kind_of(raw): raw}
        _check_kinds([whole] if whole else by_part.values(), by_part, parts)
        if not parts:
            raise DataError(
                "a dict of fields was expected, for instance {'image': array, 'label': array}; this one is empty"
            )
        by_name = dict(likelihood) if isinstance(likelihood, Mapping) else {}
        columns, families = columns or {}, {k: v for k, v in by_name.items() if k not in parts}
        fields = []
        for name, part in parts.items():
            options: dict[str, Any] = {}
            sort = whole or by_part.get(name) or kinds.get(name) or kind_of(part, name)
            chosen = likelihood if isinstance(likelihood, str) else by_name.get(name)
            if chosen is not None:
                options["likelihood"] = chosen
            if sort == "table":
                options |= {"columns": _own(columns, name, parts), "families": _own(families, name, parts)}
            takes = inspect.signature(member("kinds", sort).describe).parameters
            asked = {"net": net, "tokens": tokens, "varied": varied, "whole": len(parts) > 1}
            asked |= {"columns": _own(columns, name, parts)} if "columns" in takes else {}
            options |= {k: v for k, v in asked.items() if k in takes}
            with _named(name if name in kinds else None):
                fields.append(member("kinds", sort).describe(part, name=name, **options))
        return cls(tuple(fields), wrapped, bool(kinds)), raw

    def pack(self, raw: Any) -> Rows:
        """Raw rows, any field or cell missing, as evidence. Levels that were never seen are unknown, and listed."""
        raw = read(raw)
        values: dict[str, Tensor] = {}
        known: dict[str, Tensor | None] = {}
        unseen: list[Unseen] = []
        absent: dict[str, list[int]] = {}
        parts = self.parts(raw)
        for name, part in parts.items():
            lenient = getattr(self[name], "pack_any", None)  # of kinds whose values have levels
            if lenient is None:
                with _named(name if self.framed else None):
                    values[name], known[name] = self[name].pack(part)
                continue
            values[name], known[name], new, absent[name] = lenient(part)
            labels = self[name].cell_names or ()
            unseen += [Unseen(name, cell, str(labels[cell]), tuple(at), first) for cell, (at, first) in new.items()]
        rows = {name: len(value) for name, value in values.items()}
        if len(set(rows.values())) > 1:
            raise DataError(f"every field must have the same number of rows; there are {rows}")
        spans = next((self.windowed[name].spans(part) for name, part in parts.items() if name in self.windowed), None)
        return Rows(next(iter(rows.values()), 0), values, known, unseen=tuple(unseen), absent=absent, spans=spans)

    def enlarged(self, raw: Any, factor: int) -> Any:
        """Raw rows whose pictures came ``factor`` times too small, in the size of the fit: repeated."""
        return self.whole({name: self[name].enlarged(part, factor) for name, part in self.parts(raw).items()}, raw)

    def given(self, asked: Mapping[str, Any]) -> tuple[Evidence, dict[str, dict[str, Any]]]:
        """What ``given=`` says, as one row of evidence, and the exact values by field and cell.

        Where it leaves open how long something is, there are several rows, of which one or the other holds; only one
        field may do that.
        """
        per_field: dict[str, Any] = {}
        exact: dict[str, dict[str, Any]] = {}
        for name, value in asked.items():
            field, cell = self.locate(name)
            if cell is None:
                per_field[field] = value
                continue
            per_field.setdefault(field, {})[cell] = value
            if not hasattr(value, "low") and not hasattr(value, "values"):
                exact.setdefault(field, {})[cell] = value
        values: dict[str, Tensor] = {}
        known: dict[str, Tensor | None] = {}
        regions: dict[str, Region] = {}
        for name, condition in per_field.items():
            value, mask, region = self[name].given(condition)
            if value is not None and len(value) > 1 and any(len(other) > 1 for other in values.values()):
                raise QueryError(f"{name}: only one field can be given with gaps whose length is open")
            if value is not None:
                values[name], known[name] = value, mask
            if region is not None:
                regions[name] = region
        rows = max((len(value) for value in values.values()), default=1)  # more than one: what may be, one or the other
        values = {name: value.expand(rows, *value.shape[1:]) for name, value in values.items()}
        known = {name: None if mask is None else mask.expand(rows, *mask.shape[1:]) for name, mask in known.items()}
        return Evidence(rows, values, known, regions), exact

    def unpack(
        self,
        values: Mapping[str, Tensor],
        like: Any = None,
        keep: bool = False,
        exact: Mapping[str, Mapping[str, Any]] | None = None,
        known: Mapping[str, Tensor | None] | None = None,
    ) -> Any:
        """Rows as raw data, of the type that went in; cells that are not ``known`` are nulls (``None``: none is)."""
        parts = {} if like is None else self.parts(like)
        raw = {
            name: self[name].unpack(
                value,
                (known or {}).get(name),
                like=parts.get(name),
                keep=keep and name in parts,
                given=(exact or {}).get(name),
            )
            for name, value in values.items()
        }
        return self.whole(raw, like, keep)

    def summarise(self, values: Mapping[str, Tensor], weight: Tensor, how: str | float, like: Any, keep: bool) -> Any:
        """Weighted draws as raw data: the mean, median, mode or a quantile of each cell."""
        parts = {} if like is None else self.parts(like)
        raw = {
            name: self[name].summarise(value, _each(weight, value), how, parts.get(name), keep and name in parts)
            for name, value in values.items()
        }
        return self.whole(raw, like, keep)

    def rows(self, raw: Any, which: slice) -> Any:
        """Some rows of raw data."""
        if isinstance(raw, Mapping):
            return {name: _rows(part, which) for name, part in raw.items()}
        return _rows(raw, which)

    def locate(self, name: str) -> tuple[str, str | None]:
        """``name`` of a field or of a cell → (field, cell). A field of one cell may be asked for by its own name."""
        names = {field.name: field for field in self.fields}
        if name in names:
            cells = names[name].cell_names
            return name, cells[0] if cells is not None and len(cells) == 1 else None
        for field in self.fields:
            if field.cell_names is not None and name in field.cell_names:
                return field.name, name
        there_is = [*names] if self.wrapped else []
        there_is += [str(cell) for field in self.fields for cell in field.cell_names or ()]
        raise choice("field or column", name, there_is)

    @property
    def windowed(self) -> dict[str, Windowed]:
        """The fields whose rows are windows of longer records, by name."""
        return {field.name: field for field in self.fields if isinstance(field, Windowed)}

    @property
    def tables(self) -> dict[str, Tabular]:
        """The fields with columns, by name."""
        return {field.name: field for field in self.fields if isinstance(field, Tabular)}

    def __getitem__(self, name: str) -> Field:
        return next(field for field in self.fields if field.name == name)

    def parts(self, raw: Any) -> dict[str, Any]:
        """Raw data by field; fields may be missing.

        Where there is one field, it may be named or not, however it was when the model was fitted: a folder of pictures
        is read as a dict, and asked of a model of an array.
        """
        only = self.fields[0].name if len(self.fields) == 1 else None
        if only is not None and isinstance(raw, Mapping) and only in raw and not self.wrapped:
            return {only: raw[only]}
        if only is not None and self.wrapped and not isinstance(raw, Mapping):
            return {only: raw}
        if self.framed and is_frame(raw):
            return split(raw, [field.name for field in self.fields if field.name != REST])
        if not self.wrapped and not (self.framed and isinstance(raw, Mapping)):
            return {self.fields[0].name: raw}
        if not isinstance(raw, Mapping):
            names = ", ".join(repr(field.name) for field in self.fields)
            raise QueryError(f"this model was fitted on a dict of fields ({names}); give a dict with any of these")
        for name in raw:
            if name not in {field.name for field in self.fields}:
                raise choice("field", name, [field.name for field in self.fields])
        return {field.name: raw[field.name] for field in self.fields if field.name in raw}

    def whole(self, parts: Mapping[str, Any], like: Any = None, keep: bool = False) -> Any:
        """Raw data from that of its fields: the inverse of :meth:`parts`, as ``like`` is where there are columns."""
        if self.framed and not isinstance(like, Mapping):
            return join(parts, like=like if is_frame(like) else None, keep=keep)
        return parts if self.wrapped or self.framed else parts[self.fields[0].name]

    def to_json(self) -> dict[str, Any]:
        about = {"wrapped": self.wrapped, "fields": [field.to_json() for field in self.fields]}
        return about | ({"framed": True} if self.framed else {})

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Schema:
        fields = tuple(_field_class(item["kind"]).from_json(item) for item in data["fields"])
        return cls(fields, bool(data["wrapped"]), bool(data.get("framed", False)))


def _check_kinds(kinds: Iterable[str], by_part: Mapping[str, str], parts: Mapping[str, Any]) -> None:
    """Kinds that were said are kinds that there are, of fields and columns that there are."""
    for kind in kinds:
        if kind not in members("kinds"):
            raise choice("kind", kind, members("kinds"))
    names = {*parts, *(column for name, part in parts.items() for column in _labels(part))}
    for name in by_part:
        if name not in names:
            raise choice("field or column", name, sorted(names))


@contextmanager
def _named(column: str | None) -> Iterator[None]:
    """What goes wrong inside is told with the column it is about."""
    try:
        yield
    except DataError as error:
        if column is None or str(error).startswith((column, f"column {column!r}")):
            raise
        raise DataError(f"column {column!r}: {error}") from error


def _each(weight: Tensor, value: Tensor) -> Tensor:
    """Weights ``[Q, B]`` of ``value [S, B, E…]``, which is to be repeated Q / S times."""
    return weight if len(value) == len(weight) else weight.unflatten(0, (-1, len(value))).sum(0)


def _own(asked: Mapping[str, Any], name: str, parts: Mapping[str, Any]) -> dict[str, Any]:
    """What is asked of the columns of one part: all that no other part has a column for."""
    others = {column for other, part in parts.items() if other != name for column in _column_names(part, other)}
    return {k: v for k, v in asked.items() if k not in others or k in _column_names(parts[name], name)}


def _column_names(part: Any, name: str) -> list[str]:
    if kind_of(part, name) != "table":
        return []
    if labels := _labels(part):
        return labels
    width = part.shape[1] if getattr(part, "ndim", 1) == 2 else 0
    return [f"x{i}" for i in range(width)] or [name]


def _labels(part: Any) -> list[str]:
    """The names of a frame's columns; nothing of what is no frame."""
    arrow = type(part).__module__.startswith("pyarrow")  # whose columns are the arrays themselves
    return [str(label) for label in getattr(part, "column_names" if arrow else "columns", ())]


def _field_class(kind: str) -> type[Field]:
    return getattr(member("kinds", kind), f"{kind.capitalize()}Field")


def kind_of(raw: Any, name: str | None = None) -> str:
    """Which kind of data this is, by looking.

    Raises:
        DataError: no kind knows it; the message says what is known.
    """
    said = getattr(raw, "kind", None)
    if isinstance(said, str) and said in members("kinds"):  # it was read from a file that says so
        return raw.kind
    for kind in members("kinds"):
        if member("kinds", kind).looks_like(raw):
            return kind
    where = "" if name is None else f"field {name!r}: "
    shape = f" of shape {raw.shape}" if hasattr(raw, "shape") else ""
    if isinstance(raw, np.ndarray) and raw.ndim == 0:
        raise DataError(f"{where}Expected 2D array, got scalar array instead")
    raise DataError(
        f"{where}{type(raw).__name__}{shape} is no kind of data known here ({', '.join(members('kinds'))}); "
        "give a frame, a 2-D array, images [N, H, W] or [N, H, W, C], a path, or a dict of these"
    )


def read(raw: Any, kind: str | None = None) -> Any:
    """A path, folder or URI is read by the kind that was said or that knows it; anything else is returned as it is."""
    if not isinstance(raw, str | os.PathLike):
        return raw if isinstance(raw, Mapping) and not hasattr(raw, "tocsr") else arrays(raw)
    if kind in members("kinds"):
        return read_from(member("kinds", kind).read(raw), raw)
    for name in members("kinds"):
        if member("kinds", name).looks_like(raw):
            return read_from(member("kinds", name).read(raw), raw)
    text = os.fspath(raw)
    if "://" not in text and not os.path.exists(text):
        raise FileNotFoundError(f"there is no file or folder {text}")
    raise DataError(f"{text}: no kind of data known here ({', '.join(members('kinds'))}) reads this")


def arrays(raw: Any) -> Any:
    """Arrays and what converts to one, checked as scikit-learn checks them; anything else as it is.

    Raises:
        DataError: sparse, complex, or not at least two-dimensional.
    """
    if hasattr(raw, "tocsr"):
        raise DataError("sparse input is not supported: write x.toarray(), or a frame of the columns that matter")
    # a list of lists is an array; one with ... in it is a text with gaps of open length
    nested = isinstance(raw, list | tuple) and len(raw) > 0 and isinstance(raw[0], list | tuple) and ... not in raw[0]
    if nested or (hasattr(raw, "__array__") and not hasattr(raw, "__arrow_c_stream__") and not hasattr(raw, "columns")):
        raw = raw if isinstance(raw, np.ndarray) else np.asarray(raw)
    if not isinstance(raw, np.ndarray):
        return raw
    if raw.dtype.kind == "c":
        raise DataError("Complex data not supported: give real and imaginary part as two columns")
    if raw.ndim < 2:
        kind = "scalar" if raw.ndim == 0 else "1D"
        raise DataError(
            f"Expected 2D array, got {kind} array instead. Reshape your data: x.reshape(-1, 1) if it is one column, "
            "x.reshape(1, -1) if it is one row"
        )
    if raw.shape[1] == 0:
        raise DataError(f"0 feature(s) (shape={raw.shape}) while a minimum of 1 is required.")
    return raw


def _rows(raw: Any, which: slice) -> Any:
    if hasattr(raw, "iloc"):
        return raw.iloc[which]
    if hasattr(raw, "slice") and not hasattr(raw, "iloc"):  # polars and Arrow
        return raw.slice(which.start, which.stop - which.start)
    return raw[which]


def stack(parts: list[Any]) -> Any:
    """Raw records one below the other, of whatever type they are."""
    first = parts[0]
    if isinstance(first, Mapping):
        return {name: stack([part[name] for part in parts]) for name in first}
    if isinstance(first, np.ma.MaskedArray):
        return np.ma.concatenate(parts)
    if isinstance(first, np.ndarray):
        return np.concatenate(parts)
    if isinstance(first, list):
        return [row for part in parts for row in part]
    library = type(first).__module__.split(".")[0]
    if library == "pandas":
        import pandas

        return pandas.concat(parts)
    if library == "polars":
        import polars

        return polars.concat(parts)
    import pyarrow

    return pyarrow.concat_tables(parts)
