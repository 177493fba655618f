"""Flat columns closed again as the frames or arrays that people hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from vaery.kinds.series.raw import INDEX, Raw


def as_it_came(like: Any, opened: Raw, columns: Sequence[np.ndarray], seen: Sequence[np.ndarray | None]) -> Any:
    """The rows of ``like`` with other values in its channels.

    Args:
        like: raw series.
        opened: of ``like``.
        columns: ``[R]`` for each channel: float64 with NaN, or objects with ``None``.
        seen: ``[R]`` bool, cells to be left untouched; ``None``: none.
    """
    if opened.container == "list" and isinstance(like, np.ndarray):
        return _arrays(opened, [like], columns, seen)[0]
    if opened.container in ("array", "list"):
        items = _arrays(opened, list(like), columns, seen)
        return np.stack(items) if opened.container == "array" else items
    polars = opened.container == "polars"
    frame = like.to_pandas() if polars else (like.to_frame() if like.ndim == 1 else like.copy())
    for name, column, kept in zip(opened.names, columns, seen, strict=True):
        frame[name] = _merged(frame[name], column, kept)
    if polars:
        import polars as pl

        return pl.from_pandas(frame).cast({n: t for n, t in like.schema.items() if not frame[n].isna().any()})
    return frame if like.ndim == 2 else frame.iloc[:, 0]


def _arrays(
    opened: Raw, items: list[Any], columns: Sequence[np.ndarray], seen: Sequence[np.ndarray | None]
) -> list[np.ndarray]:
    flat = np.stack([np.asarray(c, dtype=np.float64) for c in columns], 1)
    out, start = [], 0
    for item in items:
        old = np.ma.getdata(item)
        new = flat[start : start + len(item)].reshape(old.shape)
        if seen[0] is not None:
            kept = np.stack([s[start : start + len(item)] for s in seen if s is not None], 1).reshape(old.shape)
            new = np.where(kept, old, new)
        whole = old.dtype.kind == "f" or not np.isnan(new).any()
        out.append(new.astype(old.dtype) if whole else new)
        start += len(item)
    return out


def _merged(old: Any, column: np.ndarray, kept: np.ndarray | None) -> Any:
    """A column of a frame with new values, in its own type where that can hold them."""
    import pandas as pd

    new = pd.Series(column, index=old.index)
    if kept is not None:
        new = new.astype(object).where(~kept, old.astype(object))
    return _typed(new, old.dtype)


def new_rows(
    container: str,
    names: Sequence[str],
    dtypes: Sequence[str],
    columns: Sequence[np.ndarray],
    lengths: Sequence[int],
    clock: tuple[str, str, str, np.ndarray] | None,
    called: str,
) -> Any:
    """Series that belong to no rows that came in.

    Args:
        container: what to make.
        names, dtypes, columns: of the channels; ``[R]`` each, series below series.
        lengths: of the series; they sum to R.
        clock: the column, type and zone of the times, and the times ``[R]``.
        called: the column that tells series apart.
    """
    ends = np.cumsum(lengths)[:-1]
    if container in ("array", "list"):
        flat = np.stack([np.asarray(c, dtype=np.float64) for c in columns], 1)
        flat = flat if np.isnan(flat).any() and np.dtype(dtypes[0]).kind != "f" else flat.astype(dtypes[0])
        items = np.split(flat, ends) if len(lengths) else []
        same = container == "array" and len(set(lengths)) == 1
        return np.stack(items) if same else items
    import pandas as pd

    made: dict[str, Any] = {called: np.repeat(np.arange(len(lengths)), lengths)}
    if clock is not None:
        made[INDEX if clock[0] == INDEX else clock[0]] = _stamps(*clock[1:])
    frame = pd.DataFrame(made)
    for name, dtype, column in zip(names, dtypes, columns, strict=True):
        frame[name] = _typed(pd.Series(column), dtype)
    if INDEX in frame:
        frame = frame.set_index(INDEX).rename_axis(None)
    if container == "polars":
        import polars as pl

        return pl.from_pandas(frame)
    return frame


def _typed(column: Any, dtype: Any) -> Any:
    """A column in this type, where that can hold it: plain truths hold no gaps."""
    try:
        if str(dtype) == "bool" and column.isna().any():
            return column
        return column.astype(dtype)
    except (TypeError, ValueError):
        return column.infer_objects()


def _stamps(dtype: str, zone: str, time: np.ndarray) -> Any:
    """Nanoseconds (or plain numbers) in the type that times came in."""
    import pandas as pd

    if not dtype.startswith(("datetime", "timestamp")):
        return pd.Series(time).astype(dtype if np.dtype(dtype).kind == "f" or (time == np.rint(time)).all() else float)
    stamps = pd.to_datetime(np.rint(time).astype(np.int64))
    stamps = stamps.tz_localize("UTC").tz_convert(zone) if zone else stamps
    return pd.Series(stamps).astype(dtype)
