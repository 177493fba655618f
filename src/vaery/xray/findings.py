"""All that was seen in a table: printed, as a frame, as plain data, as a page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vaery.xray.finding import SEVERITIES, Finding
from vaery.xray.words import plural

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, repr=False)
class Findings(Sequence[Finding]):
    """What was seen in a table: a sequence of findings, the gravest first.

    Attributes:
        items: the findings.
        columns: what each column holds; see :func:`vaery.xray.summary.summary`.
        rows: how many rows the table has.
        seconds: how long it took.
    """

    items: tuple[Finding, ...]
    columns: list[dict[str, Any]]
    rows: int
    seconds: float

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.items)

    def __getitem__(self, which: Any) -> Any:
        """By number, a slice, or the name of a column, a severity or a check: the findings that are about it."""
        if not isinstance(which, str):
            return self.items[which]
        return [f for f in self.items if which in (f.severity, f.check) or which in f.columns]

    def __repr__(self) -> str:
        from vaery.xray.text import report

        return report(self)

    def _repr_html_(self) -> str:
        from vaery.xray.page import body

        return "".join(body(self))

    @property
    def verdict(self) -> str:
        """How many findings of each severity, in words."""
        count = Counter(finding.severity for finding in self.items)
        if not self.items:
            return "nothing to report"
        return ", ".join(plural(count[severity], severity) for severity in SEVERITIES if count[severity])

    def to_frame(self) -> pd.DataFrame:
        """One row for each finding: severity, check, column, rows, count, finding, evidence, suggestion."""
        import pandas as pd

        names = ("severity", "check", "column", "rows", "count", "finding", "evidence", "suggestion")
        rows = [
            (f.severity, f.check, ", ".join(f.columns), list(f.rows), f.count, f.finding, evidence(f), f.suggestion)
            for f in self.items
        ]
        return pd.DataFrame(rows, columns=list(names))

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {
            "rows": self.rows,
            "seconds": round(self.seconds, 3),
            "columns": self.columns,
            "findings": [finding.to_dict() for finding in self.items],
        }

    def to_html(self, path: Any = None) -> str:
        """One page that needs nothing else; written to ``path``, if there is one."""
        from vaery.xray.page import whole

        text = whole(self)
        if path is not None:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        return text


def evidence(finding: Finding) -> str:
    """The evidence in one line.

    >>> evidence(Finding("note", ("a",), "", "", {"rows": 3, "share": "1 %"}))
    'rows: 3; share: 1 %'
    """
    return "; ".join(f"{name}: {value}" for name, value in finding.evidence.items())
