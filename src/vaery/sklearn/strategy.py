"""How many rows of each class to make: imbalanced-learn's ``sampling_strategy`` for over-sampling."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from vaery.core.errors import ChoiceError, QueryError, choice

WORDS = ("auto", "minority", "not minority", "not majority", "all")
Strategy = str | float | Mapping[Any, int] | Callable[[np.ndarray], Mapping[Any, int]]


def rows_to_make(y: np.ndarray, strategy: Strategy) -> dict[Any, int]:
    """Class → how many new rows of it; classes that are left alone are not in it.

    Args:
        y: ``[rows]`` classes.
        strategy: ``"minority"``, ``"not minority"``, ``"not majority"`` (``"auto"`` is the same) or ``"all"``: these
            classes become as frequent as the most frequent one. A number in (0, 1], of two classes only: the rare
            class is to be this share of the frequent one. A dict: class → rows that there are to be in the end. A
            function of ``y`` that gives such a dict.

    Raises:
        ChoiceError: a word that is none of these, or a class that is not in ``y``.
        QueryError: rows would have to be taken away, or a share is asked for with other than two classes.

    >>> y = np.array(["a"] * 6 + ["b"] * 2 + ["c"])
    >>> rows_to_make(y, "auto"), rows_to_make(y, "minority"), rows_to_make(y, {"c": 3})
    ({'b': 4, 'c': 5}, {'c': 5}, {'c': 2})
    """
    classes, counts = np.unique(y, return_counts=True)
    there = dict(zip(classes.tolist(), counts.tolist(), strict=True))
    if len(there) < 2:
        raise QueryError(f"The target 'y' needs to have more than 1 class. Got {len(there)} class instead")
    if callable(strategy):
        strategy = strategy(y)
    if isinstance(strategy, Mapping):
        return _asked(there, strategy)
    if isinstance(strategy, str):
        return _balanced(there, strategy)
    if isinstance(strategy, numbers.Real):
        return _share(there, float(strategy))
    raise ChoiceError(f"sampling_strategy={strategy!r}: write one of {WORDS}, a share, or a dict class → rows")


def _balanced(there: dict[Any, int], word: str) -> dict[Any, int]:
    if word not in WORDS:
        raise choice("sampling strategy", word, WORDS)
    most, least = max(there, key=there.__getitem__), min(there, key=there.__getitem__)
    chosen = {
        "minority": [least],
        "not minority": [c for c in there if c != least],
        "all": list(there),
    }.get(word, [c for c in there if c != most])
    return {c: there[most] - there[c] for c in chosen if there[c] < there[most]}


def _share(there: dict[Any, int], share: float) -> dict[Any, int]:
    if len(there) != 2:
        raise QueryError(
            f"sampling_strategy={share}: a share is for two classes, y holds {len(there)}; write a dict class → rows"
        )
    if not 0 < share <= 1:
        raise QueryError(f"sampling_strategy={share} is not a share; write for instance 0.5 (or 1.0 for balance)")
    rare, many = sorted(there, key=there.__getitem__)
    wanted = int(share * there[many])
    if wanted < there[rare]:
        raise QueryError(
            f"sampling_strategy={share} would take rows away: class {rare!r} has {there[rare]} rows already, which is "
            f"{there[rare] / there[many]:.3g} of {many!r}; write a larger share"
        )
    return {rare: wanted - there[rare]} if wanted > there[rare] else {}


def _asked(there: dict[Any, int], wanted: Mapping[Any, int]) -> dict[Any, int]:
    out = {}
    for name, rows in wanted.items():
        if name not in there:
            raise choice("class", name, there)
        if rows < there[name]:
            raise QueryError(
                f"sampling_strategy: class {name!r} has {there[name]} rows and {rows} were asked for; nothing is taken "
                "away here, so ask for as many at least"
            )
        if rows > there[name]:
            out[name] = int(rows) - there[name]
    return dict(sorted(out.items(), key=lambda item: list(there).index(item[0])))
