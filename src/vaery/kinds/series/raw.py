"""Raw series: frames and arrays opened as flat columns, and closed again as what they were."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from vaery.core.errors import ChoiceError, DataError

TIMES = ("time", "timestamp", "datetime", "date", "ds", "t")  # what a column of times may be called
IDS = ("id", "series", "series_id", "unique_id", "item_id", "unit", "run", "machine")
INDEX = "<index>"
FRAMES = ("pandas", "polars")
NANO = 1_000_000_000


@dataclass(frozen=True)
class Roles:
    """Which columns of a frame are no channels.

    Attributes:
        time: the column of times, ``"<index>"``, or ``""``: rows are in order, one step apart.
        id: the column that tells series apart, or ``""``: there is one.
    """

    time: str = ""
    id: str = ""


@dataclass(frozen=True)
class Raw:
    """Some series, one below the other: R rows in all.

    Attributes:
        container: ``"array"`` ``[N, T, C]``, ``"list"`` of ``[T, C]``, ``"pandas"`` or ``"polars"``.
        names, columns, dtypes: of the channels: ``[R]`` float64 with NaN, or objects with ``None``.
        series: ``[R]`` the number of the series of each row.
        labels: the series' names.
        time: ``[R]`` nanoseconds (or plain numbers); ``None``: there are no times.
        roles: which columns the times and names came from.
        stamp: the type of the times.
        zone: their time zone.
    """

    container: str
    names: tuple[str, ...]
    columns: tuple[np.ndarray, ...]
    dtypes: tuple[str, ...]
    series: np.ndarray
    labels: tuple[Any, ...]
    time: np.ndarray | None = None
    roles: Roles = Roles()
    stamp: str = ""
    zone: str = ""

    @property
    def rows(self) -> int:
        return len(self.series)

    @property
    def order(self) -> np.ndarray:
        """``[R]`` the rows by series and time; rows at the same time stay in the order in which they came."""
        keys = (self.series,) if self.time is None else (self.time, self.series)
        return np.lexsort(keys)


def open_raw(raw: Any, roles: Roles | None = None, sorts: Mapping[str, Any] | None = None) -> Raw:
    """Open series of any container.

    Args:
        raw: a frame, ``[N, T, C]``, ``[T, C]``, a list of ``[T_i, C]``, or a path.
        roles: which columns are times and names, as in the fit; ``None``: by looking.
        sorts: column → ``"time"`` or ``"id"``, where that is said.

    Raises:
        DataError: it is none of these, series of a list have different channels, or a time is missing.
    """
    if isinstance(raw, str | os.PathLike):
        from vaery.kinds.series.io import read

        raw = read(raw)
    library = type(raw).__module__.split(".")[0]
    if library == "polars":
        return replace(_frame(raw.to_pandas(), roles, sorts or {}), container="polars")
    if library == "pandas":
        return _frame(raw.to_frame() if raw.ndim == 1 else raw, roles, sorts or {})
    if isinstance(raw, list | tuple):
        return _arrays([_numeric(item) for item in raw], "list")
    array = _numeric(raw)
    if array.ndim == 3:
        return _arrays(list(array), "array")
    if array.ndim == 2:
        return _arrays([array], "list")
    raise DataError(f"series were expected: [N, T, C], a list of [T, C] or a frame; this array is {array.ndim}-D")


def _numeric(item: Any) -> np.ndarray:
    array = np.asanyarray(item)
    if array.dtype.kind not in "biuf":
        raise DataError(f"a series of an array must hold numbers, this one holds {array.dtype}; give a frame instead")
    if np.ma.is_masked(array):
        return np.ma.filled(array.astype(np.float64), np.nan)
    return np.asarray(array)


def _arrays(items: list[np.ndarray], container: str) -> Raw:
    items = [item[:, None] if item.ndim == 1 else item for item in items]
    widths = sorted({item.shape[-1] for item in items})
    if len(widths) > 1 or any(item.ndim != 2 for item in items):
        raise DataError(f"all series must have the same channels; these are arrays {[i.shape for i in items][:4]}")
    if not items or not widths or widths[0] == 0:
        raise DataError("there are no series, or they have no channels; [T, C] arrays with C of at least 1 are needed")
    flat = np.concatenate(items)
    series = np.repeat(np.arange(len(items)), [len(item) for item in items])
    width = widths[0]
    columns = tuple(flat[:, c].astype(np.float64) for c in range(width))
    names = tuple(f"x{c}" for c in range(width))
    return Raw(container, names, columns, (flat.dtype.name,) * width, series, tuple(range(len(items))))


# ------------------------------------------------------------------ frames


def _frame(frame: Any, roles: Roles | None, sorts: Mapping[str, Any]) -> Raw:
    looked = roles_of(frame, sorts)
    roles = looked if roles is None else roles
    if roles.time == INDEX and looked.time:  # a file has no index: its times are a column
        roles = replace(roles, time=looked.time)
    if not roles.id and "series" in frame.columns:  # what is generated has a column for that
        roles = replace(roles, id="series")
    for name in (roles.time, roles.id):
        if name not in ("", INDEX) and name not in frame.columns:
            error = ChoiceError if name in sorts else DataError
            raise error(f"the column {name!r} is missing; there is: {', '.join(map(str, frame.columns))}")
    names = [name for name in frame.columns if name not in (roles.time, roles.id)]
    if not names:
        raise DataError("a frame of series needs a channel beside times and names; this one has none")
    labels, series = ((0,), np.zeros(len(frame), np.int64)) if not roles.id else _ids(frame[roles.id])
    time, stamp, zone = _times(frame, roles.time)
    columns = tuple(_column(frame[name], str(name)) for name in names)
    dtypes = tuple(str(frame[name].dtype) for name in names)
    return Raw("pandas", tuple(map(str, names)), columns, dtypes, series, labels, time, roles, stamp, zone)


def roles_of(frame: Any, sorts: Mapping[str, Any]) -> Roles:
    """Times: an index of times, else a column of times, else one that is called so. Names of series: a column that is
    called so, where there are times too and not each row has a name of its own."""
    import pandas as pd

    said = {sort: name for name, sort in sorts.items() if sort in ("time", "id")}
    dated = [c for c in frame.columns if pd.api.types.is_datetime64_any_dtype(frame[c].dtype)]
    named = [c for c in frame.columns if str(c).lower() in TIMES]
    found = INDEX if isinstance(frame.index, pd.DatetimeIndex) else next(iter([*dated, *named]), "")
    who = [c for c in frame.columns if str(c).lower() in IDS and frame[c].nunique() < max(2, len(frame))]
    return Roles(str(said.get("time", found)), str(said.get("id", next(iter(who), ""))))


def _ids(column: Any) -> tuple[tuple[Any, ...], np.ndarray]:
    import pandas as pd

    codes, labels = pd.factorize(column)
    if (codes < 0).any():
        raise DataError(f"row {int(np.flatnonzero(codes < 0)[0])}: no name of a series in column {column.name!r}")
    return tuple(v.item() if isinstance(v, np.generic) else v for v in labels), codes.astype(np.int64)


def _times(frame: Any, name: str) -> tuple[np.ndarray | None, str, str]:
    """Times as nanoseconds, or as the plain numbers that they are; their type and zone."""
    import pandas as pd

    if not name:
        return None, "", ""
    column = frame.index.to_series() if name == INDEX else frame[name]
    if column.dtype.kind == "O" or pd.api.types.is_string_dtype(column.dtype):
        column = _parsed(column, name)
    if column.isna().any():
        row = int(np.flatnonzero(column.isna().to_numpy())[0])
        raise DataError(f"row {row} has no time in column {name!r}; every row needs one (leave out the row otherwise)")
    if not pd.api.types.is_datetime64_any_dtype(column.dtype):
        return column.to_numpy(np.float64), str(column.dtype), ""
    zone = getattr(column.dt, "tz", None)
    plain = column if zone is None else column.dt.tz_convert("UTC").dt.tz_localize(None)
    stamps = plain.to_numpy().astype("datetime64[ns]").astype(np.int64)
    return stamps.astype(np.float64), str(column.dtype), "" if zone is None else str(zone)


def _parsed(column: Any, name: str) -> Any:
    import pandas as pd

    try:
        return pd.to_datetime(column, format="ISO8601")
    except (ValueError, TypeError) as error:
        raise DataError(f"column {name!r} was expected to hold times: {str(error).splitlines()[0]}") from error


def _column(column: Any, name: str) -> np.ndarray:
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(column.dtype) or column.dtype.kind == "m":
        raise DataError(f"column {name!r} holds times, and one column of times is enough; leave it out")
    if pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype):
        return column.to_numpy(np.float64, na_value=np.nan)
    return column.astype(object).where(column.notna(), None).to_numpy()


def places(raw: Raw) -> dict[str, np.ndarray]:
    """Where each row is: its series, if there are several or they are arrays, and its time or step."""
    found: dict[str, np.ndarray] = {}
    if raw.roles.id or raw.container in ("array", "list"):
        found[raw.roles.id or "series"] = np.array(raw.labels, dtype=object)[raw.series]
    if raw.roles.time not in ("", INDEX) and raw.time is not None:
        found[raw.roles.time] = _shown(raw)
    elif raw.time is None:
        order = raw.order
        first = np.r_[True, np.diff(raw.series[order]) != 0] if raw.rows else np.zeros(0, bool)
        at = np.arange(raw.rows)
        step = np.empty(raw.rows, np.int64)
        step[order] = at - np.maximum.accumulate(np.where(first, at, 0))
        found["step"] = step
    return found


def _shown(raw: Raw) -> Any:
    import pandas as pd

    assert raw.time is not None
    if not raw.stamp.startswith(("datetime", "timestamp")):
        return raw.time
    stamps = pd.to_datetime(raw.time.astype(np.int64))
    return stamps.tz_localize("UTC").tz_convert(raw.zone) if raw.zone else stamps
