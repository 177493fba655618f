"""Files of series: tables, which the kind of tables reads and writes, and ``.npy`` arrays."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from vaery.core.errors import DataError
from vaery.core.members import member

SUFFIXES = (".csv", ".tsv", ".parquet", ".jsonl", ".json", ".feather", ".npy")  # what `write` makes


def read(path: str | os.PathLike[str]) -> Any:
    """Series from a file or a database: a frame, or an array ``[N, T, C]``.

    Raises:
        DataError: empty, damaged or no such thing; names the file.
        FileNotFoundError: there is no such file.
    """
    if not os.fspath(path).lower().endswith(".npy"):
        return member("kinds", "table").read(path)
    try:
        return np.load(path, allow_pickle=False)
    except ValueError as error:
        raise DataError(f"{path} is no array of numbers: {str(error).splitlines()[0]}") from error


def write(raw: Any, path: str | os.PathLike[str]) -> None:
    """Series to a file: arrays of one length as ``.npy``, all else as a table with a column that tells them apart."""
    if hasattr(raw, "columns"):
        member("kinds", "table").write(_with_index(raw), path)
        return
    items = list(raw) if not isinstance(raw, np.ndarray) or raw.ndim == 3 else [raw]
    if Path(path).suffix.lower() == ".npy":
        if len({item.shape for item in items}) > 1:
            raise DataError(f"{path}: series of different lengths are no array; write a table instead, such as .csv")
        beside = Path(path).with_name(f".{os.getpid()}-{Path(path).name}")
        np.save(beside, np.stack(items))
        os.replace(beside if beside.exists() else f"{beside}.npy", path)
        return
    member("kinds", "table").write(_as_frame(items), path)


def _with_index(frame: Any) -> Any:
    import pandas as pd

    named = isinstance(frame, pd.DataFrame) and isinstance(frame.index, pd.DatetimeIndex)
    return frame.rename_axis(frame.index.name or "time").reset_index() if named else frame


def _as_frame(items: list[np.ndarray]) -> Any:
    import pandas as pd

    flat = np.concatenate(items)
    frame = pd.DataFrame(flat, columns=[f"x{c}" for c in range(flat.shape[1])])
    frame.insert(0, "series", np.repeat(np.arange(len(items)), [len(item) for item in items]))
    return frame
