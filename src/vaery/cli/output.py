"""Where results go: files by their suffix, CSV or JSON on standard output. Nothing is overwritten unless asked."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from vaery.cli.text import to_json
from vaery.core.errors import DataError

TEXTS = (".csv", ".tsv", ".jsonl", ".ndjson", ".json")
PACKED = (".gz", ".bz2", ".zst")  # after one of TEXTS
FRAMES = (*TEXTS, ".parquet", ".pq", ".feather", ".arrow", ".ipc")
ARRAYS = (".npy", *FRAMES)
PICTURES = ("", ".png", ".npy", ".npz")  # "": a folder of PNG
FOLDER = ("",)
REPORTS = (".json",)


def formats(gives: str, model: Any) -> tuple[str, ...]:
    """The suffixes that a result may be written with."""
    if gives != "records":
        return {"frame": FRAMES, "array": ARRAYS, "column": ARRAYS, "report": REPORTS}[gives]
    kinds = {field.name: field.kind for field in model.fields_}
    if _is_pictures(kinds):
        return PICTURES
    if model.schema_.framed:
        return FRAMES
    return writable(next(iter(kinds.values()))) if len(kinds) == 1 else FOLDER


def writable(kind: str) -> tuple[str, ...]:
    """The suffixes that records of one kind may be written with: what it says itself, else a folder."""
    from vaery.core.members import member

    return FRAMES if kind == "table" else getattr(member("kinds", kind), "SUFFIXES", FOLDER)


def check_format(out: Path, allowed: tuple[str, ...]) -> None:
    """Raise ``ValueError`` unless ``out`` ends in one of ``allowed``."""
    end = ending(out).lower()
    packed = end.endswith(PACKED) and set(TEXTS) <= set(allowed)
    if (end.rsplit(".", 1)[0] if packed else end) not in (TEXTS if packed else allowed):
        words = ", ".join(suffix or "no suffix (a folder)" for suffix in allowed)
        raise ValueError(f"{out} ends in {end or 'no suffix'}; this can be written as: {words}")


def ending(path: Path) -> str:
    """The suffix, with the one before it where that is of a packed file.

    >>> ending(Path("a.b.csv.gz")), ending(Path("a.b.csv")), ending(Path("a"))
    ('.csv.gz', '.csv', '')
    """
    return "".join(path.suffixes[-2:]) if path.suffix.lower() in PACKED else path.suffix


def check_free(out: Path | None, force: bool, many: Iterable[str] = ()) -> None:
    """Raise unless ``out`` can be written without losing anything.

    Args:
        out: the output.
        force: overwriting is asked for. A folder is overwritten only if all in it may have been written by us.
        many: ``"list"``, ``"dict"``: numbered or named files beside ``out`` may be written too.

    Raises:
        FileNotFoundError: the folder to write in is not there.
        FileExistsError, IsADirectoryError: something else is.
    """
    if out is None:
        return
    if not out.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {out.parent} to write {out.name} to")
    parts = "|".join({"list": "[0-9]+", "dict": "[A-Za-z_]+"}[way] for way in many)
    named = re.compile(rf"{re.escape(out.name.removesuffix(ending(out)))}\.({parts}){re.escape(ending(out))}")
    beside = [path for path in sorted(out.parent.iterdir()) if named.fullmatch(path.name)] if parts else []
    for path in [out, *beside]:
        if os.path.lexists(path) and not force:
            raise FileExistsError(f"{path} is there already; choose another -o or add --force")
        if path.is_dir() and path.suffix:
            raise IsADirectoryError(f"{path} is a folder; a file was expected")
        if path.is_dir() and (other := _not_ours(path)):
            raise FileExistsError(
                f"{path} is a folder that holds {other.name}, so it is not overwritten; choose another -o"
            )


def _not_ours(folder: Path) -> Path | None:
    """A file in ``folder`` that we would not write there."""
    files = (path for path in sorted(folder.rglob("*")) if not path.is_dir())
    return next((path for path in files if not re.fullmatch(r"[0-9]{5,}\.(png|mid|wav)|.*\.csv", path.name)), None)


def write(result: Any, out: Path, gives: str, name: str | Sequence[str], model: Any, force: bool = False) -> list[Path]:
    """Write a result, whole or not at all; several sets of records go to several files.

    Args:
        result: as :meth:`vaery.VAE.run` returns it.
        out: the target.
        gives: as in :class:`~vaery.core.job.Job`.
        name: what an array's columns are called: one name, to be numbered, or all of them.
        model: a fitted :class:`~vaery.VAE`; it knows how to write its records.
        force: files that are there may be overwritten.

    Returns:
        What was written.
    """
    parts = split(result, out, gives, model)
    for path in parts:
        check_free(path, force)
        for folder in beside(path, gives, model):
            check_free(folder, force)
    if gives == "records" and model.schema_.framed:
        from vaery.framed import is_frame, seen_from

        names = [field.name for field in model.fields_ if field.kind != "table"]
        parts = {p: seen_from(part, names, p.parent) if is_frame(part) else part for p, part in parts.items()}
    place({path: _writer(part, gives, name, model) for path, part in parts.items()})
    return list(parts)


def split(result: Any, out: Path, gives: str, model: Any) -> dict[Path, Any]:
    """A list of records as numbered files, a dict of them as named ones; anything else is one file."""
    if gives == "records" and isinstance(result, list) and not is_rows(result, model):
        digits = len(str(len(result)))
        return {_beside(out, f"{i + 1:0{digits}d}"): part for i, part in enumerate(result)}
    if gives == "records" and isinstance(result, Mapping) and not set(result) <= {f.name for f in model.fields_}:
        return {_beside(out, str(key)): part for key, part in result.items()}
    return {out: result}


def is_rows(result: list[Any], model: Any) -> bool:
    """Whether a list holds records, and not sets of them: texts, or of kinds whose raw data are lists (they say
    ``LISTED``)."""
    if all(isinstance(row, str | None) for row in result):
        return True
    kinds = {field.kind for field in model.fields_}
    listed = len(model.fields_) == 1 and any(getattr(_kind(kind), "LISTED", False) for kind in kinds)
    return listed and not any(isinstance(item, list) for item in result)


def beside(out: Path, gives: str, model: Any) -> list[Path]:
    """The folders that pictures and sounds in columns of ``out`` go to."""
    if gives != "records" or not model.schema_.framed:
        return []
    from vaery.framed import folder_of

    return [folder_of(out, field.name) for field in model.fields_ if hasattr(_kind(field.kind), "write_one")]


def _beside(out: Path, part: str) -> Path:
    return out.with_name(f"{out.name.removesuffix(ending(out))}.{part}{ending(out)}")


def place(writers: Mapping[Path, Callable[[Path], Any]]) -> None:
    """Let each writer write beside its target, then rename them all; on failure nothing is left.

    Args:
        writers: target → what writes a file (or folder) to the path it is given.
    """
    if not writers:
        return
    some = next(iter(writers))
    workshop = some.with_name(f".{some.name}.{secrets.token_hex(4)}.tmp")
    workshop.mkdir()
    try:
        for target, fill in writers.items():
            fill(workshop / target.name)
            _sync(workshop / target.name)
        for made in sorted(workshop.iterdir()):  # a frame's pictures among them, in folders beside it
            target = some.with_name(made.name)
            if target.is_dir() and not target.is_symlink():  # a folder cannot be renamed onto a folder with files
                os.replace(target, workshop / f"{target.name}.old")
            os.replace(made, target)
    finally:
        shutil.rmtree(workshop, ignore_errors=True)


def _sync(path: Path) -> None:
    with suppress(OSError), open(path, "rb+") as handle:  # folders are left to the system
        os.fsync(handle.fileno())


def _writer(part: Any, gives: str, name: str | Sequence[str], model: Any) -> Callable[[Path], Any]:
    if gives == "report":
        return lambda path: path.write_text(to_json(part, indent=1) + "\n", encoding="utf-8")
    if gives in ("array", "column"):
        return lambda path: _write_array(part, path, name)
    if gives == "frame":
        return lambda path: _tables().write(_flat(part) if path.suffix.lower() != ".jsonl" else part, path)
    if _is_pictures({field.name: field.kind for field in model.fields_}):
        return lambda path: _pictures().write(part, path)
    return lambda path: model.write(part, path)


def _write_array(array: Any, path: Path, name: str | Sequence[str]) -> None:
    import numpy as np

    array = np.asarray(array)
    if path.suffix.lower() != ".npy":
        _tables().write(_named(array, name), path)
    else:
        np.save(path, array.astype(str) if array.dtype.kind == "O" else array, allow_pickle=False)


def _named(array: Any, name: str | Sequence[str]) -> Any:
    """An array as a frame: one column of that name, or one for each entry, numbered or as they are called."""
    import pandas as pd

    if array.ndim == 1:
        return pd.DataFrame({name: array})
    if array.ndim != 2:
        raise DataError(f"an array of shape {array.shape} is no table; write it as .npy")
    names = [f"{name}_{i}" for i in range(array.shape[1])] if isinstance(name, str) else list(name)
    return pd.DataFrame(array, columns=names)


def _flat(frame: Any) -> Any:
    """A frame whose cells hold no lists or dicts but their JSON."""
    columns = {name: frame[name] for name in frame.columns}
    nested = [name for name, column in columns.items() if any(isinstance(cell, list | dict) for cell in column)]
    if not nested:
        return frame
    import pandas as pd

    return pd.DataFrame(columns | {name: [to_json(cell) for cell in columns[name]] for name in nested})


def _kind(name: str) -> Any:
    from vaery.core.members import member

    return member("kinds", name)


def _tables() -> Any:
    return _kind("table")


def _pictures() -> Any:
    return _kind("image")


def _is_pictures(kinds: Mapping[str, str]) -> bool:
    """Whether the image kind writes all of it: images, with labels or without."""
    image = [name for name, kind in kinds.items() if kind == "image"]
    return len(image) == 1 and set(kinds) <= {*image, "label"} and (len(kinds) == 1 or image == ["image"])


# ---------------------------------------------------------------------- standard output


def show(result: Any, gives: str, name: str | Sequence[str], model: Any) -> None:
    """A result on standard output: tables as CSV, reports as JSON.

    Raises:
        ValueError: it is neither.
    """
    if gives == "report":
        print(to_json(result, indent=1))
        return
    parts = split(result, Path("out.csv"), gives, model)
    with tempfile.TemporaryDirectory() as folder:
        for i, (path, part) in enumerate(parts.items()):
            target = Path(folder) / path.name
            _writer(part, gives, name, model)(target)
            print("\n" * (i > 0) + target.read_text(encoding="utf-8"), end="", flush=True)


def check_showable(gives: str, model: Any) -> None:
    """Raise ``ValueError`` if the result cannot be shown on standard output."""
    if gives == "records" and (".csv" not in formats(gives, model) or beside(Path("out.csv"), gives, model)):
        raise ValueError("this result is no table: say where it goes with -o, a folder or a file")
