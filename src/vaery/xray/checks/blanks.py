"""Spaces around texts, and cells of spaces only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from vaery.xray.finding import Finding, at
from vaery.xray.table import Table
from vaery.xray.words import plural, quoted, share

AFTER_EACH_COMMA = 0.95  # the share of cells from which a space belongs to the way a file is written


def blanks(table: Table) -> Iterator[Finding]:
    """Texts with a space before or behind them: " Male" and "Male" are two categories to most programs."""
    for column in table:
        texts, codes = cells(column)
        padded = np.array([t != t.strip() for t in texts], dtype=bool)
        if not padded.any():
            continue
        where = padded[codes] & (codes >= 0)
        bare = {t for t, p in zip(texts, padded, strict=True) if not p}
        twice = [t for t, p in zip(texts, padded, strict=True) if p and t.strip() in bare]
        part = float(where.mean())
        said = f"{plural(int(where.sum()), 'cell')} of {column.name!r} start or end with a space, for instance "
        said += quoted([texts[i] for i in np.flatnonzero(padded)[:1]])
        said += f"; {quoted(twice)} also {'occur' if len(twice) > 1 else 'occurs'} without" if twice else ""
        yield Finding(
            "warning" if twice else "note",
            (column.name,),
            said,
            "the spaces come with every comma of the file: read it with pd.read_csv(…, skipinitialspace=True)"
            if part > AFTER_EACH_COMMA
            else f"cut them off: df[{column.name!r}] = df[{column.name!r}].str.strip()",
            {"cells": int(where.sum()), "share": share(part)},
            **at(where),
        )


def cells(column: Any) -> tuple[list[str], np.ndarray]:
    """The distinct texts of a column of text as they stand in the file (if there is one), and which each row holds."""
    if column.text is not None and not column.spec.counted and column.spec.type != "bool":
        from vaery.kinds.table.arrays import levels, narrowed

        codes, texts = levels(narrowed(column.text, column.name))
        return texts, codes
    return (column.levels, column.codes) if column.textual else ([], column.codes)
