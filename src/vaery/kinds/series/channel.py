"""Channels: what one column of a series holds, found by looking, and the way to packed numbers and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from vaery.core.errors import ChoiceError, DataError

FEW = 2  # whole numbers of at most so many values are levels
MOST = 64  # levels of a channel, at most
NORMAL = 1.349  # quartiles of a standard normal are so far apart
SORTS = ("numeric", "integer", "categorical", "time", "id")


@dataclass(frozen=True)
class Channel:
    """One channel.

    Attributes:
        name: of the column.
        levels: what it can hold; none: it holds numbers.
        centre, scale: of numbers: the median and a spread that single far-off values do not move.
        whole: numbers are whole.
        dtype: of the column.
    """

    name: str
    levels: tuple[Any, ...]
    centre: float
    scale: float
    whole: bool
    dtype: str

    def packed(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Raw values ``[R]`` → float32 numbers or codes, and which are known. A level never seen is not known."""
        if not self.levels:
            numbers = _numbers(values, self.name)
            known = np.isfinite(numbers)
            return np.where(known, (numbers - self.centre) / self.scale, 0.0).astype(np.float32), known
        code = {level: i for i, level in enumerate(self.levels)}
        found = np.array([code.get(plain(v), -1) for v in values.tolist()], dtype=np.int64)
        return np.maximum(found, 0).astype(np.float32), found >= 0

    def raw(self, values: np.ndarray, known: np.ndarray) -> np.ndarray:
        """The inverse: float64 with NaN where not known, or Python objects with ``None``."""
        if not self.levels:
            numbers = values.astype(np.float64) * self.scale + self.centre
            numbers = np.rint(numbers) if self.whole else numbers
            return np.where(known, numbers, np.nan)
        codes = np.rint(values).astype(np.int64).clip(0, len(self.levels) - 1)
        out = np.empty(len(codes), dtype=object)
        out[:] = [self.levels[c] if k else None for c, k in zip(codes, known, strict=True)]
        return out

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Channel:
        return cls(**{**data, "levels": tuple(data["levels"])})


def look(values: np.ndarray, name: str, dtype: str, asked: Any = None) -> Channel:
    """What a column ``[R]`` holds.

    Args:
        values: float64 with NaN, or Python objects with ``None``.
        name, dtype: of the column.
        asked: ``"numeric"``, ``"integer"``, ``"categorical"`` or a list of levels, where looking is not to decide.

    Raises:
        ChoiceError: it is none of these.
        DataError: it holds texts and more than 64 of them, or infinite numbers.
    """
    if isinstance(asked, str) and asked not in SORTS[:3]:
        raise ChoiceError(f"columns: {name!r} is said to be {asked!r}; write one of {', '.join(SORTS)}")
    if asked is not None and not isinstance(asked, str):
        return Channel(name, tuple(asked), 0.0, 1.0, False, dtype)
    texts = values.dtype.kind == "O" or dtype.startswith("bool")
    whole = asked == "integer" or dtype.lower().startswith(("int", "uint"))
    if asked == "categorical" or (asked is None and (texts or whole)):
        levels = _levels(values)
        if texts or asked == "categorical" or len(levels) <= FEW:
            if len(levels) > MOST:
                raise DataError(
                    f"channel {name!r} holds {len(levels)} different texts, and {MOST} at most were expected of a "
                    f"categorical channel; leave it out, or say columns={{{name!r}: 'id'}} if it tells series apart"
                )
            levels = (False, True) if dtype.startswith("bool") else levels
            return Channel(name, levels or (0,), 0.0, 1.0, False, dtype)
    centre, scale = _robust(_numbers(values, name))
    return Channel(name, (), centre, scale, whole, dtype)


def _levels(values: np.ndarray) -> tuple[Any, ...]:
    found = {plain(v) for v in values.tolist()} - {None}
    return tuple(sorted(found, key=lambda v: (str(type(v)), v)))


def plain(value: Any) -> Any:
    """A Python value; ``None`` for every sort of nothing; whole floats as whole numbers."""
    if value is None or value != value:
        return None
    value = value.item() if isinstance(value, np.generic) else value
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _numbers(values: np.ndarray, name: str) -> np.ndarray:
    try:
        numbers = values.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"channel {name!r} was expected to hold numbers: {error}") from error
    if np.isinf(numbers).any():
        at = int(np.flatnonzero(np.isinf(numbers))[0])
        raise DataError(f"channel {name!r} is infinite in row {at}; leave the cell empty (NaN) if it is not known")
    return numbers


def _robust(numbers: np.ndarray) -> tuple[float, float]:
    """The median, and the quartiles' distance as a standard deviation; where most values are the same, the standard
    deviation itself. A channel that never changes has the scale 1."""
    known = numbers[np.isfinite(numbers)]
    if len(known) == 0:
        return 0.0, 1.0
    low, centre, high = np.quantile(known, (0.25, 0.5, 0.75))
    spread, sd = float(high - low) / NORMAL, float(known.std())
    scale = spread if spread > 0.2 * sd else sd
    return float(centre), scale if scale > 1e-9 * max(1.0, abs(float(centre))) else 1.0
