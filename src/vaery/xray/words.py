"""How findings speak: numbers, shares and lists for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any


def plural(count: int, noun: str, nouns: str | None = None) -> str:
    """A count with its noun.

    >>> plural(1, "row"), plural(1234, "row"), plural(2, "is", "are")
    ('1 row', '1,234 rows', '2 are')
    """
    return f"{count:,} {noun if count == 1 else nouns or noun + 's'}"


def share(part: float) -> str:
    """A share in percent, never rounded to none or all of it.

    >>> share(0.25), share(0.00012), share(0.99996), share(1.0)
    ('25 %', '0.012 %', '99.996 %', '100 %')
    """
    percent = 100 * part
    if 10 <= percent <= 90 or percent in (0, 100):
        return f"{percent:.0f} %"
    digits = 1
    while digits < 6 and min(percent, 100 - percent) < 10 ** (1 - digits):  # two digits of what is left over
        digits += 1
    return f"{percent:.{digits}f}".rstrip("0").rstrip(".") + " %"


def number(value: float) -> str:
    """A number to six digits that count; whole numbers as they are, so that they can be searched for.

    >>> number(99999.0), number(0.1 + 0.2), number(1e12), number(-41.25)
    ('99999', '0.3', '1000000000000', '-41.25')
    """
    if float(value).is_integer() and abs(value) < 1e15:
        return str(int(value))
    return f"{value:.6g}"


def quoted(values: Iterable[Any], most: int = 4) -> str:
    """Values in quotes, the first few of them.

    >>> quoted(["a", "b"]), quoted("abcdef", most=2)
    ("'a' and 'b'", "'a', 'b' and 4 more")
    """
    return listed([repr(v) for v in values], most)


def listed(words: Sequence[str], most: int = 4) -> str:
    """Words with commas and a last "and".

    >>> listed(["a"]), listed(["a", "b", "c"])
    ('a', 'a, b and c')
    """
    if len(words) > most:
        return f"{', '.join(words[:most])} and {len(words) - most:,} more"
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def places(rows: Sequence[int], count: int, most: int = 5) -> str:
    """Which rows, in a few words.

    >>> places((3, 7), 2), places((1, 2, 3, 4, 5, 6), 900)
    ('rows 3, 7', 'rows 1, 2, 3, 4, 5 …')
    """
    shown = ", ".join(str(row) for row in rows[:most])
    return f"{'row' if count == 1 else 'rows'} {shown}" + (" …" if count > most else "")
