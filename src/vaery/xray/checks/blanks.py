"""Spaces around texts, and cells of spaces only."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from vaery.xray.column import Seen
from vaery.xray.finding import Finding, at
from vaery.xray.table import Table
from vaery.xray.words import listed, plural, quoted, share

AFTER_EACH_COMMA = 0.95  # the share of cells from which a space belongs to the way a file is written


def blanks(table: Table) -> Iterator[Finding]:
    """Texts with a space before or behind them: " Male" and "Male" are two categories to most programs."""
    everywhere: dict[str, NDArray[np.bool_]] = {}
    for column in table:
        texts, codes = cells(column)
        padded = np.array([t != t.strip() for t in texts], dtype=bool)
        if not padded.any():
            continue
        where = padded[codes] & (codes >= 0)
        if where.mean() > AFTER_EACH_COMMA:
            everywhere[column.name] = where
        else:
            yield _finding(column, texts, padded, where)
    if everywhere:
        yield Finding(
            "note",
            tuple(everywhere),
            f"nearly every cell of {listed([repr(name) for name in everywhere])} starts or ends with a space, as all "
            "commas of the file have one beside them",
            "read it with pd.read_csv(…, skipinitialspace=True)",
            {"columns": len(everywhere)},
            **at(np.logical_or.reduce(list(everywhere.values()))),
        )


def _finding(column: Seen, texts: list[str], padded: NDArray[np.bool_], where: NDArray[np.bool_]) -> Finding:
    bare = {t for t, p in zip(texts, padded, strict=True) if not p}
    twice = [t for t, p in zip(texts, padded, strict=True) if p and t.strip() in bare]
    verb = "starts or ends" if where.sum() == 1 else "start or end"
    said = f"{plural(int(where.sum()), 'cell')} of {column.name!r} {verb} with a space, such as "
    said += repr(texts[int(padded.argmax())])
    said += f"; {quoted(twice)} also {'occur' if len(twice) > 1 else 'occurs'} without" if twice else ""
    return Finding(
        "warning" if twice else "note",
        (column.name,),
        said,
        f"cut them off: df[{column.name!r}] = df[{column.name!r}].str.strip()",
        {"cells": int(where.sum()), "share": share(float(where.mean()))},
        **at(where),
    )


def cells(column: Seen) -> tuple[list[str], NDArray[np.int64]]:
    """The distinct texts of a column of text as they stand in the file (if there is one), and which each row holds."""
    if column.text is not None and not column.spec.counted and column.spec.type != "bool":
        from vaery.kinds.table.arrays import levels, narrowed

        codes, texts = levels(narrowed(column.text, column.name))
        return texts, codes
    return (column.levels, column.codes) if column.textual else ([], column.codes)
