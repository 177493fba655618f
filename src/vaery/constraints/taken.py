"""Which keys of unique columns are taken, while rows are drawn until all differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaery.constraints.parse import Unique
from vaery.constraints.rules import Rules, keys
from vaery.core.values import Values

Mask = NDArray[np.bool_]
Rows = NDArray[np.int64]


class Taken:
    """Which keys of the unique columns are taken; columns with a numbering see to themselves."""

    def __init__(self, rules: Rules) -> None:
        unique = [c for c in rules.constraints if isinstance(c, Unique)]
        self.keys: dict[Unique, set[Any]] = {u: set() for u in unique if not set(u.columns) & set(rules.fresh)}

    def add_all(self, columns: Mapping[str, Values], good: Mask, free: Mapping[str, Mask]) -> Mask:
        """Take the keys of these rows, fixed ones first; returns which rows found theirs free."""
        out = np.ones(len(good), dtype=bool)
        for unique, taken in self.keys.items():
            fixed = ~np.logical_or.reduce([free[name] for name in unique.columns])
            listed = keys(unique, columns)
            taken.update(listed[row] for row in np.flatnonzero(fixed) if listed[row] is not None)
            for row in np.flatnonzero(good & ~fixed):
                out[row] = listed[row] is None or listed[row] not in taken
                taken.add(listed[row])
        return out

    def winners(self, drawn: Mapping[str, Values], rows: Rows, good: Mask) -> Rows:
        """Of each row, the first draw that is good and whose keys are free; these are taken then."""
        listed = {unique: keys(unique, drawn) for unique in self.keys}
        done: set[int] = set()
        won = []
        for at in np.flatnonzero(good).tolist():
            mine = {unique: found[at] for unique, found in listed.items() if found[at] is not None}
            if int(rows[at]) not in done and not any(key in self.keys[unique] for unique, key in mine.items()):
                for unique, key in mine.items():
                    self.keys[unique].add(key)
                done.add(int(rows[at]))
                won.append(at)
        return np.array(won, dtype=np.int64)
