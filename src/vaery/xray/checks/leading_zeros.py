"""Digits that are names: postcodes and account numbers, whose leading zeros get lost when they are read as numbers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from vaery.xray.finding import Finding, at
from vaery.xray.table import Table
from vaery.xray.words import plural


def leading_zeros(table: Table) -> Iterator[Finding]:
    """A column of whole numbers, some of which start with a zero in the file."""
    import pyarrow.compute as pc

    for column in table:
        if column.text is None or column.spec.type != "int64":
            continue
        zeros = pc.MatchSubstringOptions(r"^\s*0\d+\s*$")
        padded = pc.call_function("match_substring_regex", [column.text], zeros).to_numpy()
        if np.count_nonzero(padded) < 2:
            continue
        example = column.text[int(padded.argmax())].as_py()
        yield Finding(
            "warning",
            (column.name,),
            f"{column.name!r} reads as whole numbers, but {plural(int(padded.sum()), 'cell starts', 'cells start')} "
            f"with a zero ({example!r}): it holds codes, not amounts",
            f"read it as text, so that the zeros stay: pd.read_csv(…, dtype={{{column.name!r}: str}})",
            {"example": example, "cells": int(padded.sum())},
            **at(padded),
        )
