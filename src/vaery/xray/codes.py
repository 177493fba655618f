"""Numbers that stand for "missing": found by standing apart from the rest of their column."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from vaery.xray.column import Seen

REPEATED = 3  # rows under which a value is an outlier and not a code
ROUNDS = 4  # codes that are looked for in one column
BLOCK = 3  # neighbouring codes (97, 98, 99) that may stand together
NOBODYS_CHOICE = frozenset((-2147483648, 2147483647, -32768, 32767, 65535, 4294967295, -9223372036854775808))
PLACEHOLDERS = ("0001-01-01", "1753-01-01", "1899-12-30", "1899-12-31", "1900-01-01", "1970-01-01", "2099-12-31",
                "2999-12-31", "9999-01-01", "9999-12-31", "2262-04-11", "1677-09-21")  # fmt: skip
HELD_DAYS = frozenset(int(np.datetime64(day, "D").astype(np.int64)) for day in PLACEHOLDERS)
How = Literal["far", "sign", "zero", "inside"]


@dataclass(frozen=True)
class Code:
    """One such number.

    Attributes:
        value: of the column's ``x``.
        count: rows that hold it.
        how: ``"far"`` from the rest · the only negative one (``"sign"``) · a ``"zero"`` where the rest stays away from
            zero · a spike ``"inside"`` the rest.
        sure: it is one of the codes people use, and stands far apart.
    """

    value: float
    count: int
    how: How
    sure: bool


def hidden_codes(column: Seen) -> list[Code]:
    """The numbers of a column that look like codes for "missing"."""
    if column.role not in ("number", "date") or column.known.sum() < 20:
        return []
    values, counts = column.values
    found: list[Code] = []
    for _ in range(ROUNDS):
        hits = _ends(values, counts, column.dated) or _zero(values, counts, column.dated)
        if not hits:
            break
        found += hits
        kept = ~np.isin(values, [code.value for code in hits])
        values, counts = values[kept], counts[kept]
    return found + ([] if column.dated else _inside(values, counts))


def listed(value: float, dated: bool = False) -> bool:
    """Whether people use this number for "missing": nines, eights, -1, the ends of integer types; placeholder days.

    >>> [v for v in (-1, 9, 99.9, 998, 90, 88, -9999, 1234) if listed(v)]
    [-1, 9, 99.9, 998, 88, -9999]
    """
    if dated:
        return int(np.floor(value)) in HELD_DAYS
    if float(value) in NOBODYS_CHOICE or abs(value) >= 1e15:
        return True
    digits = f"{value:.10g}".replace(".", "")
    return re.fullmatch(r"-1|-?(9+|9+[78]|8{2,}|7{2,})", digits) is not None


def _ends(values: NDArray[Any], counts: NDArray[Any], dated: bool) -> list[Code]:
    """A block of values at either end that stands apart."""
    for sign in (1, -1):
        v, n = (values, counts) if sign > 0 else (-values[::-1], counts[::-1])
        for size in range(1, min(BLOCK, len(v) - 3) + 1):
            own = sign * v[-size:]
            known = all(listed(float(value), dated) for value in own)
            if (size > 1 and not known) or n[-size:].min() < REPEATED:
                continue
            how, sure = _apart(v[:-size], n[:-size], float(v[-size]), int(n[-size:].max()), known, sign, dated)
            if how is not None:
                return [Code(float(x), int(c), how, sure) for x, c in zip(own, n[-size:], strict=True)]
    return []


def _apart(
    rest: NDArray[Any], counts: NDArray[Any], value: float, count: int, known: bool, sign: int, dated: bool
) -> tuple[How | None, bool]:
    """Whether ``value``, above all the rest, stands apart from it. ``sign`` -1: all is turned around."""
    gap, span = value - rest[-1], rest[-1] - rest[0]
    inner, tail = _quantile(rest, counts, 0.9), _quantile(rest, counts, 0.99)
    step = float(np.diff(rest).max()) if len(rest) <= 20 else 0.0
    alone = sign < 0 and value > 0 >= rest[-1] and known and not dated  # turned around: the only negative one
    if gap > max(0.5 * span, 1.5 * step) and (known or (gap > span and count >= 5 and len(rest) >= 5)):
        return ("sign" if alone else "far"), known
    lonely = count >= 5 and count >= 3 * counts[-3:].max()
    if known and gap > tail - inner and (lonely or gap > 2 * (tail - inner) > 0) and len(rest) > 5:
        return ("sign" if alone else "far"), alone
    if alone and lonely and len(rest) > 5:
        return "sign", value >= 9
    return None, False


def _zero(values: NDArray[Any], counts: NDArray[Any], dated: bool) -> list[Code]:
    """Zeros where all else stays away from zero: the lowest hundredth is further from it than the lowest tenth is wide.

    An amount that is often zero does not look so: its other values come close to zero.
    """
    if dated or values[0] != 0 or counts[0] < REPEATED or counts[1:].sum() < 50 or len(values) < 12:
        return []
    low, inner = _quantile(values[1:], counts[1:], 0.01), _quantile(values[1:], counts[1:], 0.1)
    step = float(np.median(np.diff(values[1:12])))
    apart = low > 1.5 * (inner - low) and values[1] > max(0.5 * (inner - low), 3 * step)
    return [Code(0.0, int(counts[0]), "zero", False)] if apart and counts[0] < 0.6 * counts.sum() else []


def _inside(values: NDArray[Any], counts: NDArray[Any]) -> list[Code]:
    """999 and its like amid other values, ten times as frequent as any of its neighbours."""
    if len(values) <= 20:
        return []
    found = []
    for i in np.flatnonzero(counts >= max(10, 0.005 * counts.sum())):
        beside = np.r_[counts[max(0, i - 4) : i], counts[i + 1 : i + 5]]
        if abs(values[i]) >= 99 and listed(float(values[i])) and counts[i] >= 10 * beside.max():
            found.append(Code(float(values[i]), int(counts[i]), "inside", False))
    return found


def _quantile(values: NDArray[Any], counts: NDArray[Any], share: float) -> float:
    """A quantile of values that occur so many times each."""
    upto = np.cumsum(counts)
    return float(values[min(len(values) - 1, int(np.searchsorted(upto, share * upto[-1])))])
