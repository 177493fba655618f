"""One category spelt in several ways."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from vaery.xray.column import Seen
from vaery.xray.finding import Finding, at
from vaery.xray.table import Table
from vaery.xray.words import listed, plural

SENTENCES = 0.3  # levels per row from which texts are titles or sentences and no categories
MOST = 2000  # levels that are compared with one another
RARE, TIMES, LONG = 0.002, 20, 5  # a slip of the pen: a rare level, so many times rarer, with words of so many letters


def spelling(table: Table) -> Iterator[Finding]:
    """Levels that differ in case, spaces, marks or accents only; rare ones a letter away from a frequent one."""
    for column in table:
        if not column.textual or column.role != "category" or column.read is not None:
            continue
        if column.distinct > SENTENCES * column.known.sum():
            continue
        groups = defaultdict(list)
        for i, text in enumerate(column.levels):
            groups[bare(text)].append(i)
        several = [g for g in groups.values() if len({column.levels[i].strip() for i in g}) > 1]  # else see blanks
        same = [sorted(group, key=lambda i: -column.counts[i]) for group in several]
        if same:
            yield _variants(column, same)
        slips = list(_slips(column, {group[0] for group in groups.values()}))
        if slips:
            yield _slipped(column, slips)


def bare(text: str) -> str:
    """A text without case, accents, spaces and marks; marks alone, signs and digits are kept apart."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    kept = "".join(c for c in plain if not unicodedata.combining(c))
    bare = re.sub(r"(?<=\w)[\s_\-./,']+(?=\w|$)|^\s+|\s+$", " ", kept).strip()
    return bare or kept


def _variants(column: Seen, groups: list[list[int]]) -> Finding:
    named = [" = ".join(f"{column.levels[i]!r} ({column.counts[i]:,})" for i in group[:4]) for group in groups]
    rare = [i for group in groups for i in group[1:]]
    return Finding(
        "warning",
        (column.name,),
        f"{column.name!r} spells {plural(len(groups), 'category', 'categories')} in several ways: {listed(named, 3)}",
        f"write each in one way: df[{column.name!r}].replace({{{column.levels[groups[0][1]]!r}: "
        f"{column.levels[groups[0][0]]!r}, …}})",
        {"categories": len(groups), "spellings": sum(map(len, groups))},
        **at(np.isin(column.codes, rare)),
    )


def _slips(column: Seen, first: set[int]) -> Iterator[tuple[int, int]]:
    """(rare level, frequent level it is one letter away from)."""
    if column.distinct > MOST:
        return
    total = int(column.counts.sum())
    rare = [i for i in first if column.counts[i] <= max(1, RARE * total)]
    common = [i for i in first if column.counts[i] >= max(10, TIMES * column.counts[rare].min(initial=1))]
    for i in rare:
        near = [j for j in common if column.counts[j] >= TIMES * column.counts[i]]
        near = [j for j in near if _one_off(column.levels[i].lower(), column.levels[j].lower())]
        if near:
            yield i, max(near, key=lambda j: column.counts[j])


def _one_off(a: str, b: str) -> bool:
    """Whether a letter within a long word was left out, put in, changed, or swapped with the next.

    Not at its end, where languages inflect, and not the first: "11th" and "12th", "grade A" and "grade B" differ for
    good.

    >>> _one_off("femle", "female"), _one_off("grade a", "grade b"), _one_off("germany", "germnay")
    (True, False, True)
    """
    if abs(len(a) - len(b)) > 1 or a == b or re.sub(r"\D", "", a) != re.sub(r"\D", "", b):
        return False
    start = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    end = next((i for i, (x, y) in enumerate(zip(a[::-1], b[::-1], strict=False)) if x != y), min(len(a), len(b)))
    left, right = a[start : len(a) - end], b[start : len(b) - end]
    if not (left + right).isalpha():
        return False
    swapped = len(left) == len(right) == 2 and left == right[::-1]
    if not swapped and (len(left) > 1 or len(right) > 1):
        return False
    before, behind = re.findall(r"[^\W\d_]*$", b[:start]), re.findall(r"^[^\W\d_]*", b[len(b) - end :])
    within = len(before[0]) >= 1 and len(behind[0]) >= 1
    return within and len(before[0]) + len(right) + len(behind[0]) >= LONG


def _slipped(column: Seen, slips: list[tuple[int, int]]) -> Finding:
    named = [
        f"{column.levels[i]!r} ({column.counts[i]:,}), perhaps {column.levels[j]!r} ({column.counts[j]:,})"
        for i, j in slips
    ]
    letters = lambda i: sorted(column.levels[i].lower())
    changed = all(
        len(letters(i)) == len(letters(j)) and letters(i) != letters(j) for i, j in slips
    )  # as words may that are both meant
    return Finding(
        "note" if changed else "warning",
        (column.name,),
        f"{column.name!r} may hold {plural(len(slips), 'slip')} of the pen: {listed(named, 3)}",
        f"if so: df[{column.name!r}].replace({{{column.levels[slips[0][0]]!r}: {column.levels[slips[0][1]]!r}}})",
        {"levels": len(slips)},
        **at(np.isin(column.codes, [i for i, _ in slips])),
    )
