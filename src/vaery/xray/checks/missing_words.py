"""Words that stand for "missing": "?", "unknown", "n/a", "-"."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaery.xray.checks.blanks import cells
from vaery.xray.codes import listed
from vaery.xray.column import Seen
from vaery.xray.finding import Finding, Severity, at
from vaery.xray.table import Table
from vaery.xray.words import listed as listing
from vaery.xray.words import plural, quoted, share

SINGLE = """na n/a n.a. n.a nan null nil none missing unknown unkn unk undefined unspecified blank tbd tba void #n/a #na
    #null! #value! #ref! #div/0! (null) (blank) <na> <null> nat n/d nd"""
WORDS = frozenset(SINGLE.split()) | {
    "not available",
    "not applicable",
    "not known",
    "not specified",
    "not stated",
    "no data",
    "no answer",
    "no value",
    "not recorded",
    "not reported",
    "keine angabe",
    "unbekannt",
    "inconnu",
    "desconocido",
}
MAYBE = frozenset({"none", "nil", "void", "nd", "not applicable", "blank", "na"})  # often a level like any other


def missing_words(table: Table) -> Iterator[Finding]:
    """Texts that say that there is no value; marks without a letter or digit; codes such as -1 among words."""
    found: dict[tuple[Any, ...], list[tuple[Seen, NDArray[np.bool_]]]] = defaultdict(list)
    for column in table:
        if column.read is not None and not column.dated:
            continue  # said by numbers_as_text
        texts, codes = cells(column)
        hits = [i for i, text in enumerate(texts) if stands_for_nothing(text) or _code(text, column)]
        where = np.isin(codes, hits) & (codes >= 0)
        if hits and where.sum() < (codes >= 0).sum():
            read = column.text is not None and not bool((column.known & where).any())  # our reader took them for gaps
            found[read, *sorted(texts[i] for i in hits)].append((column, where))
    for (read, *words), places in found.items():
        yield _finding(places, words, read)


def stands_for_nothing(text: str) -> bool:
    """Whether a text is a word for nothing, or a mark without any letter or digit.

    >>> [t for t in ("?", "N/A ", "unknown", "Unknown pleasures", "A-1", "--") if stands_for_nothing(t)]
    ['?', 'N/A ', 'unknown', '--']
    """
    bare = text.strip().lower()
    return bare in WORDS or (bool(bare) and re.fullmatch(r"[\W_]+", bare) is not None and bare not in "+<>=")


def _code(text: str, column: Seen) -> bool:
    """A code for "missing" among words."""
    if not re.fullmatch(r"-?\d{1,5}", text.strip()) or column.distinct > 200:
        return False
    digits = sum(re.fullmatch(r"[-\d.,]+", str(level)) is not None for level in column.levels)
    value = int(text)
    return digits <= 2 and column.distinct >= 4 and (abs(value) >= 99 or value < 0) and listed(value)


def _finding(places: list[tuple[Seen, NDArray[np.bool_]]], words: list[str], read: bool) -> Finding:
    rows = {column.name: int(where.sum()) for column, where in places}
    sure = any(word.strip().lower() not in MAYBE for word in words)
    severity: Severity = "note" if read or not sure else "warning"
    said = listing([f"{plural(count, 'cell')} of {name!r}" for name, count in rows.items()], 6)
    said += f" {'holds' if list(rows.values()) == [1] else 'hold'} {quoted(words)}"
    if read:
        said += ", which is read as missing here, though not by every program"
    else:
        looks = "looks like" if sure else "may be"
        said += f': it {looks} a word for "missing", and counts as a category of its own'
    given, names = ", ".join(map(repr, words[:6])), ", ".join(map(repr, rows))
    frame = f"df[[{names}]]" if len(rows) > 1 else f"df[{names}]"
    total = len(places[0][1])
    return Finding(
        severity,
        tuple(rows),
        said,
        f"tell other programs, too: pd.read_csv(…, na_values=[{given}])"
        if read
        else f"if nothing else is meant by it, write it as missing: {frame} = {frame}.replace([{given}], None)",
        {name: f"{count:,} ({share(count / total)})" for name, count in rows.items()},
        **at(np.logical_or.reduce([where for _, where in places])),
    )
