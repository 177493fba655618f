"""Frames some of whose columns are fields of their own: molecules, texts, pictures or sounds beside plain columns.

A kind that wants such columns has a function ``picks(values) -> bool`` beside ``looks_like``; it is shown a column's
Python values and says whether they are rather a field of this kind than cells of a table.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from vaery.core.members import member, members

LIBRARIES = ("pandas", "polars")
FOLDER = "folder"  # an attribute of frames: where the file was that they were read from
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
    """A frame as parts: the columns that are fields of their own, as lists, and all others as one frame.

    Files that a column names are looked for beside the file that the frame was read from, then here.
    """
    own = [name for name in own if name in raw.columns]
    others = [name for name in raw.columns if name not in own]
    parts: dict[str, Any] = {name: [_found(value, raw) for value in _values(raw[name])] for name in own}
    return parts | ({rest: raw[others]} if others else {})


def join(parts: Mapping[str, Any], rest: str = REST, like: Any = None, keep: bool = False) -> Any:
    """The inverse of :func:`split`; columns stand in the order of ``like``, and after these what it has no
    column for; the type and index are as there.

    ``keep``: what is known was kept, so that a cell of ``like`` that names a file names it again.
    """
    own = {name: _cells(part) for name, part in parts.items() if name != rest}
    if keep and like is not None:
        own = {name: _as_named(cells, like, name) for name, cells in own.items()}
    table: Any = parts.get(rest, like)
    polars = type(table).__module__.startswith("polars")
    frame: Any = _in_polars(own, parts.get(rest)) if polars else _in_pandas(own, parts.get(rest), table)
    order = [*own, *(name for name in frame.columns if name not in own)]
    if like is not None:
        order = [*(name for name in like.columns if name in order), *(n for n in order if n not in like.columns)]
    frame = frame[order]
    if keep and like is not None and FOLDER in getattr(like, "attrs", {}):
        frame.attrs[FOLDER] = like.attrs[FOLDER]
    return frame


def _as_named(cells: list[Any], like: Any, column: str) -> list[Any]:
    """The cells of a column, those that are named in ``like`` as files by their names."""
    before = _values(like[column]) if column in like.columns else [None] * len(cells)
    return [old if _is_file(old, new) else new for old, new in zip(before, cells, strict=True)]


def _in_polars(own: Mapping[str, list[Any]], table: Any) -> Any:
    import polars

    columns = {}
    for name, cells in own.items():
        dtype = None if all(isinstance(cell, str | None) for cell in cells) else polars.Object
        columns[name] = polars.Series(name, cells, dtype=dtype, strict=False)
    return polars.DataFrame(columns) if table is None else table.with_columns(**columns)


def _in_pandas(own: Mapping[str, list[Any]], table: Any, like: Any) -> Any:
    import pandas

    index = getattr(like, "index", None)
    columns = {name: _objects(cells, index) for name, cells in own.items()}
    return pandas.DataFrame(columns) if table is None else table.assign(**columns)


def read_from(frame: Any, source: str | os.PathLike[str]) -> Any:
    """The same frame, that knows the folder it was read from if it names files there."""
    folder = Path(source).resolve().parent
    for name in frame.columns if is_frame(frame) else ():
        first = next((value for value in _texts(frame[name]) if value is not None), None)
        if isinstance(first, str) and _beside(first, folder) is not None:
            frame.attrs[FOLDER] = os.fspath(folder)
    return frame


def seen_from(frame: Any, columns: Iterable[str], folder: Path) -> Any:
    """The same frame, where files beside the one that it was read from are named as they are seen from ``folder``."""
    if FOLDER not in getattr(frame, "attrs", {}):
        return frame
    for name in columns:
        paths = [(value, _found(value, frame)) for value in _values(frame[name])]
        moved = [old if new is old else os.path.relpath(new, folder.resolve()) for old, new in paths]
        frame = frame.assign(**{name: _objects(moved, frame.index)})
    frame.attrs.pop(FOLDER, None)
    return frame


def into_files(frame: Any, kinds: Mapping[str, str], out: Path) -> Any:
    """The same frame with names of files instead of pictures and sounds, written into a folder for each column beside
    ``out``: ``out_column``. Only columns that hold any are written.

    Args:
        frame: as jobs return it.
        kinds: column → kind; a kind whose records are more than texts has ``write_one(record, path)``, and ``CELL``,
            what such a file ends in.
        out: the file that the frame is going to be written to.
    """
    frame = seen_from(frame, [name for name in kinds if name in frame.columns and name != REST], out.parent)
    for name, kind in kinds.items():
        if hasattr(member("kinds", kind), "write_one") and name in frame.columns:
            names = _written(_values(frame[name]), member("kinds", kind), folder_of(out, name))
            frame = join({name: names, REST: frame.drop(columns=name) if hasattr(frame, "iloc") else frame.drop(name)},
                         like=frame)  # fmt: skip
    return frame


def _written(values: list[Any], kind: Any, folder: Path) -> list[str | None]:
    """The names of a column's files, numbered by row, as they are seen from beside the folder, which is made; paths
    stay as they are, ``None`` stays empty."""
    made: list[str | None] = []
    for i, record in enumerate(values):
        if record is None or isinstance(record, str):
            made.append(record)
            continue
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{i:0{max(5, len(str(len(values))))}d}{kind.CELL}"
        kind.write_one(record, folder / name)
        made.append(f"{folder.name}/{name}")
    return made


def folder_of(out: Path, column: str) -> Path:
    """Where the files of a column go, beside the table itself.

    >>> folder_of(Path("new.csv"), "photo").name
    'new_photo'
    """
    return out.with_name(f"{out.name.split('.')[0]}_{column}")


def _found(value: Any, frame: Any) -> Any:
    """The path of a file beside the frame's own, where there is one; anything else as it is."""
    folder = getattr(frame, "attrs", {}).get(FOLDER)
    return value if folder is None else _beside(value, Path(folder)) or value


def _beside(value: Any, folder: Path) -> str | None:
    if not isinstance(value, str | os.PathLike) or not Path(value).suffix or len(os.fspath(value)) > 1024:
        return None
    try:
        return os.fspath(folder / value) if (folder / value).is_file() else None
    except (OSError, ValueError):
        return None


def _is_file(old: Any, new: Any) -> bool:
    return isinstance(old, str | os.PathLike) and not isinstance(new, str | None)


def _cells(part: Any) -> list[Any]:
    """One entry a row; ``None`` where all of it is masked."""
    masked = isinstance(part, np.ma.MaskedArray)
    return [None if masked and np.ma.getmaskarray(cell).all() else cell for cell in part]


def _objects(part: list[Any], index: Any) -> Any:
    """A column of pandas of any objects; arrays would else be taken apart."""
    import pandas

    cells = np.empty(len(part), dtype=object)
    for i, cell in enumerate(part):
        cells[i] = cell
    return pandas.Series(cells, index=index, dtype=object)


def _kind(values: list[Any], pickers: Mapping[str, Any]) -> str | None:
    return next((kind for kind, picks in pickers.items() if values and picks(values)), None)


def _texts(column: Any) -> list[Any]:
    """The values of a column that may hold texts; nothing of one that holds numbers or times."""
    dtype = str(column.dtype)
    return _values(column) if dtype in ("object", "string", "str", "String") or dtype.startswith("string") else []


def _values(column: Any) -> list[Any]:
    """A column's Python values, ``None`` where there is none."""
    values = column.to_list()
    return [None if _is_missing(value) else value for value in values]


def _is_missing(value: Any) -> bool:
    if value is None or isinstance(value, float):
        return value is None or value != value
    return not isinstance(value, str) and type(value).__name__ in ("NAType", "NaTType")
