"""Pieces of molecules: runs of symbols that come up again and again, each with a code of its own.

A molecule of forty symbols is a dozen pieces, so that networks have a third of the way to go (byte pair encoding: Gage,
1994; Sennrich, Haddow and Birch, 2016).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from vaery.core.tokens import FIRST

SAMPLE = 10_000  # molecules that pieces are learned from
MOST = 300  # pieces of more than one symbol
OFTEN = 50  # a piece comes up in the data once in so many molecules at least …
AT_LEAST = 20  # … and so many times
GAP = 0  # between molecules

Codes = NDArray[np.int64]
Pair = tuple[int, int]


def learn(molecules: Sequence[Sequence[int]], codes: int) -> tuple[Pair, ...]:
    """Which codes to join, one pair after the other: each time the commonest neighbours.

    Args:
        molecules: codes of symbols, from 2 on.
        codes: how many there are; the first pair becomes the code ``codes``, the second the one after it.

    >>> learn([[2, 3, 2, 3]] * 20, 4)
    ((2, 3), (4, 4))
    """
    step = max(1, len(molecules) // SAMPLE)
    chain, pairs = _chain(molecules[::step]), []
    least = max(AT_LEAST, len(molecules[::step]) // OFTEN)
    while len(pairs) < MOST:
        inside = (chain[:-1] != GAP) & (chain[1:] != GAP)
        size = codes + len(pairs)
        counts = np.bincount((chain[:-1] * size + chain[1:])[inside])
        if not len(counts) or counts.max() < least:
            break
        left, right = divmod(int(counts.argmax()), size)
        pairs.append((left, right))
        chain = _joined(chain, left, right, size)
    return tuple(pairs)


def cut(molecules: Sequence[Sequence[int]], codes: int, pairs: Iterable[Pair]) -> list[list[int]]:
    """Molecules as codes of pieces, by the pairs that :func:`learn` found."""
    chain = _chain(molecules)
    for i, (left, right) in enumerate(pairs):
        chain = _joined(chain, left, right, codes + i)
    return [part[:-1].tolist() for part in np.split(chain, np.flatnonzero(chain == GAP) + 1)[:-1]]


def names(symbols: Sequence[str], pairs: Iterable[Pair]) -> list[str]:
    """What each code from 2 on is made of: single symbols first.

    >>> names(["[C]", "[O]"], [(2, 3), (4, 2)])
    ['[C]', '[O]', '[C][O]', '[C][O][C]']
    """
    found = list(symbols)
    for left, right in pairs:
        found.append(found[left - FIRST] + found[right - FIRST])
    return found


def _chain(molecules: Sequence[Sequence[int]]) -> Codes:
    """One after the other, a gap after each."""
    return np.array([code for molecule in molecules for code in (*molecule, GAP)], dtype=np.int64)


def _joined(chain: Codes, left: int, right: int, code: int) -> Codes:
    """The chain with ``code`` for each ``left`` before a ``right``; of runs of equals, from the left on."""
    at = np.flatnonzero((chain[:-1] == left) & (chain[1:] == right))
    if left == right and len(at):
        start = np.flatnonzero(np.diff(at, prepend=-2) > 1)
        first = np.repeat(at[start], np.diff(np.append(start, len(at))))
        at = at[(at - first) % 2 == 0]
    chain = chain.copy()
    chain[at] = code
    return np.delete(chain, at + 1)
