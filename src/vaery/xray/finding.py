"""Findings: one thing that was seen in a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
LISTED = 100  # rows that are listed one by one; the rest are counted


@dataclass(frozen=True)
class Histogram:
    """A picture of one column: how many rows in each bin, and how many of them the finding is about.

    Attributes:
        edges: of the bins, one more than there are bins.
        counts, marked: ``[bins]`` rows, and those of them that are meant.
        low, high: what the ends of the axis are called.
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]
    marked: tuple[int, ...]
    low: str
    high: str


@dataclass(frozen=True)
class Finding:
    """One thing that was seen.

    Attributes:
        severity: ``"error"``: it falsifies what is made of the table · ``"warning"``: most likely wrong, look at it ·
            ``"note"``: good to know.
        columns: the names of the columns it is about; empty: the rows as a whole.
        finding: what was seen, in a sentence.
        suggestion: what to do.
        evidence: name → number or text: what the sentence rests on.
        rows: the first :data:`LISTED` of the rows it is about, counted from zero.
        count: how many rows it is about; 0: the column as a whole.
        picture: of the first column.
        check: which check found it (a file of ``xray/checks``).
    """

    severity: Severity
    columns: tuple[str, ...]
    finding: str
    suggestion: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
    rows: tuple[int, ...] = ()
    count: int = 0
    picture: Histogram | None = None
    check: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain data: strings, numbers, lists and dicts."""
        return {
            "severity": self.severity,
            "check": self.check,
            "columns": list(self.columns),
            "finding": self.finding,
            "suggestion": self.suggestion,
            "evidence": dict(self.evidence),
            "rows": list(self.rows),
            "count": self.count,
        }


def at(rows: NDArray[Any] | Iterable[int]) -> dict[str, Any]:
    """The arguments ``rows`` and ``count`` of a finding, from a mask or from indices of rows.

    >>> at(np.array([False, True, True]))
    {'rows': (1, 2), 'count': 2}
    """
    where = np.asarray(rows)
    where = np.flatnonzero(where) if where.dtype == bool else where
    return {"rows": tuple(int(row) for row in where[:LISTED]), "count": len(where)}
