"""What may be asked of a cell besides its exact value: that it lies in a range or in a set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Between:
    """An interval, both ends included; ``None`` leaves an end open."""

    low: Any
    high: Any


@dataclass(frozen=True)
class OneOf:
    """A set of values."""

    values: tuple[Any, ...]


def between(low: Any = None, high: Any = None) -> Between:
    """Ask that a value lies in ``[low, high]``, both ends included.

    Args:
        low: smallest value allowed, in the data's own units; ``None``: no lower end.
        high: largest value allowed; ``None``: no upper end.

    Raises:
        ValueError: both ends are open, or ``low`` is above ``high``.

    >>> between(20, 30)
    Between(low=20, high=30)
    """
    if low is None and high is None:
        raise ValueError("between() needs at least one end, for instance between(20, 30) or between(low=20)")
    if (
        low is not None and high is not None and not isinstance(low, str) and low > high
    ):  # text: levels have their order
        raise ValueError(f"between({low!r}, {high!r}) is empty: write between({high!r}, {low!r})")
    return Between(low, high)


def one_of(*values: Any) -> OneOf:
    """Ask that a value is one of these.

    >>> one_of("a", "b")
    OneOf(values=('a', 'b'))
    """
    if not values:
        raise ValueError("one_of() needs at least one value, for instance one_of('a', 'b')")
    return OneOf(tuple(values))
