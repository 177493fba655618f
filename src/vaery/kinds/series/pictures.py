"""Series as pictures: what is known, what fills its gaps with intervals, and where events are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from vaery.core.errors import DataError, extra
from vaery.kinds.series.raw import Raw, open_raw

INK, FILL, ODD, GRID = "#26468c", "#c85028", "#fad6a5", "#e6e6ea"
HEIGHT, WIDTH = 1.5, 11.0  # inches of a channel, and of the picture
MOST = 8  # channels that are drawn


def plot(
    raw: Any,
    filled: Any = None,
    found: Any = None,
    *,
    series: int = 0,
    channels: Sequence[str] | None = None,
    between: tuple[int, int] | None = None,
) -> Any:
    """One series over time, a strip for each channel.

    Args:
        raw: series as they came, with their gaps.
        filled: of ``impute``: whole series, or ``{"value", "low", "high"}`` of these; drawn where ``raw`` is empty.
        found: of ``detect``: events are marked.
        series: which one, where there are several.
        channels: that are drawn; ``None``: the first eight that hold numbers.
        between: the first and the last step that are drawn; ``None``: all.

    Returns:
        A figure of matplotlib; ``.savefig("plant.png")`` writes it.

    Raises:
        DataError: there is no such series or channel.
        MissingExtra: matplotlib is not installed.

    >>> figure = plot([np.arange(10.0)[:, None]])
    >>> len(figure.axes)
    1
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise extra("matplotlib", "plots", "pictures of series") from error
    opened = open_raw(raw)
    rows = _rows(opened, series, between)
    names = _channels(opened, channels)
    made = filled if isinstance(filled, Mapping) and "value" in filled else {"value": filled}
    parts = {name: open_raw(part, opened.roles) for name, part in made.items() if part is not None}
    figure = Figure(figsize=(WIDTH, HEIGHT * len(names) + 0.5), layout="constrained")
    strips = figure.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
    place = _place(opened, rows)
    for axes, name in zip(strips, names, strict=True):
        if found is not None:
            _mark(axes, np.asarray(found["event"])[rows], place)
        _strip(axes, place, {None: _values(opened, name, rows)} | {k: _values(p, name, rows) for k, p in parts.items()})
        axes.set_ylabel(name, color="#444444", fontsize=9)
    return figure


def _strip(axes: Any, place: np.ndarray, lines: Mapping[str | None, np.ndarray]) -> None:
    """One channel: the known values, and the gaps (with a step to each side) as they were filled."""
    known = lines[None]
    if "value" in lines:
        gap = np.isnan(known)
        wide = gap | np.append(gap[1:], False) | np.append(False, gap[:-1])
        shown = {k: np.where(wide, v, np.nan) for k, v in lines.items() if k is not None}
        if "low" in shown and "high" in shown:
            axes.fill_between(place, shown["low"], shown["high"], color=FILL, alpha=0.25, linewidth=0)
        axes.plot(place, shown["value"], color=FILL, linewidth=1.3)
    axes.plot(place, known, color=INK, linewidth=1.1)
    axes.grid(color=GRID, linewidth=0.6)
    axes.tick_params(labelsize=8, colors="#444444", length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    axes.margins(x=0.01)


def _mark(axes: Any, event: np.ndarray, place: np.ndarray) -> None:
    for number in np.unique(event[event > 0]):
        at = np.flatnonzero(event == number)
        axes.axvspan(place[at[0]], place[min(at[-1] + 1, len(place) - 1)], color=ODD, alpha=0.7, linewidth=0)


def _rows(opened: Raw, series: int, between: tuple[int, int] | None) -> np.ndarray:
    """The rows of one series, by time."""
    rows = opened.order[opened.series[opened.order] == series]
    if len(rows) == 0:
        raise DataError(f"there is no series {series}; there are {len(opened.labels)}, counted from 0")
    return rows if between is None else rows[between[0] : between[1] + 1]


def _channels(opened: Raw, asked: Sequence[str] | None) -> list[str]:
    numbers = [n for n, values in zip(opened.names, opened.columns, strict=True) if values.dtype.kind == "f"]
    names = numbers[:MOST] if asked is None else list(asked)
    if missing := [name for name in names if name not in numbers]:
        raise DataError(f"no channel of numbers is called {missing[0]!r}; there is: {', '.join(numbers)}")
    return names


def _values(opened: Raw, name: str, rows: np.ndarray) -> np.ndarray:
    return opened.columns[opened.names.index(name)][rows]


def _place(opened: Raw, rows: np.ndarray) -> np.ndarray:
    """Times, as dates where they are, or numbers of steps."""
    if opened.time is None:
        return np.arange(len(rows))
    time = opened.time[rows]
    return time.astype("datetime64[ns]") if opened.stamp.startswith(("datetime", "timestamp")) else time
