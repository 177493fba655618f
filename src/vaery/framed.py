"""Frames some of whose columns are fields of their own: molecules or texts beside plain columns.

A kind that wants such columns has a function ``picks(values) -> bool`` beside ``looks_like``; it is shown a column's
Python values and says whether they are rather a field of this kind than cells of a table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

from vaery.core.members import member, members

LIBRARIES = ("pandas", "polars")
REST = "table"  # what the field of all other columns is called


def is_frame(raw: Any) -> bool:
    """Whether this is a frame of pandas or polars."""
    return type(raw).__module__.split(".")[0] in LIBRARIES and type(raw).__name__ == "DataFrame"


def own_columns(raw: Any, said: Mapping[str, str] = MappingProxyType({})) -> dict[str, str]:
    """Column → kind, of the columns that a kind picks for itself; nothing for what is no frame.

    Args:
        raw: any data.
        said: column → kind, where it was said and is not to be found by looking; ``"table"``: it stays with the others.
    """
    if not is_frame(raw):
        return {}
    kinds = [(kind, member("kinds", kind)) for kind in members("kinds")]
    pickers = {kind: module.picks for kind, module in kinds if hasattr(module, "picks")}
    names = [name for name in raw.columns if isinstance(name, str) and name != REST] if pickers else []
    alone = [name for name in names if list(raw.columns).count(name) == 1]
    found = {name: said.get(name) or _kind(_texts(raw[name]), pickers) for name in alone}
    return {name: kind for name, kind in found.items() if kind not in (None, REST)}


def split(raw: Any, own: Iterable[str], rest: str = REST) -> dict[str, Any]:
    """A frame as parts: the columns that are fields of their own, as lists, and all others as one frame."""
    own = [name for name in own if name in raw.columns]
    others = [name for name in raw.columns if name not in own]
    parts: dict[str, Any] = {name: _values(raw[name]) for name in own}
    return parts | ({rest: raw[others]} if others else {})


def join(parts: Mapping[str, Any], rest: str = REST, like: Any = None) -> Any:
    """The inverse of :func:`split`; columns stand in the order of ``like``, the type and index are as there."""
    own = {name: part for name, part in parts.items() if name != rest}
    table: Any = parts.get(rest, like)
    if type(table).__module__.startswith("polars"):
        import polars

        columns = {name: polars.Series(name, part) for name, part in own.items()}
        frame = polars.DataFrame(columns) if rest not in parts else table.with_columns(**columns)
    else:
        import pandas

        index = getattr(table, "index", None)
        columns = {name: pandas.Series(part, index=index, dtype=object) for name, part in own.items()}
        frame = pandas.DataFrame(columns) if rest not in parts else table.assign(**columns)
    order = [*own, *(name for name in frame.columns if name not in own)]
    return frame[[name for name in like.columns if name in order] if like is not None else order]


def _kind(values: list[Any], pickers: Mapping[str, Any]) -> str | None:
    return next((kind for kind, picks in pickers.items() if values and picks(values)), None)


def _texts(column: Any) -> list[Any]:
    """The values of a column that may hold texts; nothing of one that holds numbers or times."""
    dtype = str(column.dtype)
    return _values(column) if dtype in ("object", "string", "str", "String") or dtype.startswith("string") else []


def _values(column: Any) -> list[Any]:
    """A column's Python values, ``None`` where there is none."""
    values = column.to_list()
    return [None if value is None or value != value or str(value) == "<NA>" else value for value in values]
