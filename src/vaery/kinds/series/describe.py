"""Looking at series: their channels, their clock, and how long a window should be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from vaery.core.density import Family
from vaery.core.errors import ChoiceError, DataError, choice
from vaery.core.members import member, members
from vaery.kinds.series.channel import look
from vaery.kinds.series.clock import Clock
from vaery.kinds.series.field import SeriesField
from vaery.kinds.series.raw import Raw, open_raw

WHOLE = 160  # series no longer than this are not cut
LONGEST = 1024  # nor may they be longer than this, where they cannot be
SHORT, USUAL, LONG = 32, 96, 128  # windows that are cut
MANY = 200_000  # rows of which windows overlap by half; of fewer, by three quarters
LAGS = 20_000  # rows of a series that its period is looked for in


def describe(
    raw: Any,
    name: str = "series",
    likelihood: str = "laplace",
    columns: Mapping[str, Any] | None = None,
    whole: bool = False,
) -> SeriesField:
    """Look at series: their channels, their clock and their period.

    Args:
        raw: a frame (long or wide), ``[N, T, C]``, a list of ``[T_i, C]`` (NaN or masked: unknown), or a path.
        name: of the field.
        likelihood: of channels that hold numbers: a member of ``likelihoods``.
        columns: column → ``"time"``, ``"id"``, ``"numeric"``, ``"integer"``, ``"categorical"`` or a list of levels,
            where what is found by looking is not what you mean.
        whole: a series is a record and is not cut into windows, however long it is.

    Raises:
        DataError: no rows, no channels, infinite numbers, times that are missing.
        ChoiceError: there is no such likelihood, or it is not one of numbers.

    >>> describe(np.random.default_rng(0).normal(size=(1, 500, 2))).event
    (96, 2)
    """
    sorts = dict(columns or {})
    family = member("likelihoods", likelihood)
    if not (isinstance(family, type) and issubclass(family, Family) and family.located):
        raise choice("likelihood of series", likelihood, [m for m in members("likelihoods") if m != likelihood])
    opened = open_raw(raw, sorts=sorts)
    if opened.rows == 0:
        raise DataError(f"{name}: there are no time steps; at least one was expected")
    _check_names(sorts, opened)
    about = zip(opened.columns, opened.names, opened.dtypes, strict=True)
    channels = tuple(look(values, channel, dtype, sorts.get(channel)) for values, channel, dtype in about)
    clock = Clock.of(opened)
    longest = int(np.bincount(opened.series).max())
    if whole and longest > LONGEST:
        raise DataError(f"{name}: series beside other fields may have {LONGEST} steps at most, and one has {longest}")
    if whole or longest <= WHOLE:
        window = hop = longest
    else:
        window = _window(opened)
        hop = window // (2 if opened.rows > MANY else 4)
    return SeriesField(name, likelihood, channels, window, hop, opened.container, clock, opened.roles.id)


def _check_names(sorts: Mapping[str, Any], opened: Raw) -> None:
    there_is = [*opened.names, opened.roles.time, opened.roles.id]
    for name in sorts:
        if name not in there_is:
            raise ChoiceError(f"columns: no column is called {name!r}; there is: {', '.join(filter(None, there_is))}")


def _window(opened: Raw) -> int:
    """Two periods, of 32 to 128 steps and a multiple of 16; 96 where nothing repeats."""
    lag = period(opened)
    return USUAL if lag == 0 else int(np.clip(16 * round(2 * lag / 16), SHORT, LONG))


def period(opened: Raw) -> int:
    """The lag at which the longest series is most like itself, by the mean autocorrelation of its channels; 0: none."""
    longest = int(np.bincount(opened.series).argmax())
    rows = opened.order[opened.series[opened.order] == longest][:LAGS]
    total = np.zeros(LONG + 1)
    for values in opened.columns:
        x = values[rows] if values.dtype.kind == "f" else np.zeros(len(rows))
        x = np.nan_to_num(x - np.nanmean(x)) if np.isfinite(x).any() else np.zeros(len(rows))
        power = np.abs(np.fft.rfft(x, 2 * len(x))) ** 2
        correlation = np.fft.irfft(power)[: LONG + 1]
        total[: len(correlation)] += correlation / max(correlation[0], 1e-12)
    total /= len(opened.columns)
    inner = total[1:-1]
    peaks = np.flatnonzero((inner > total[:-2]) & (inner >= total[2:]) & (inner > 0.2)) + 1
    peaks = peaks[peaks >= 4]
    return int(peaks[total[peaks].argmax()]) if len(peaks) else 0
