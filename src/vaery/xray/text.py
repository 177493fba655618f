"""The report as text, for a terminal or a notebook."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from vaery.xray.finding import SEVERITIES, Finding
from vaery.xray.findings import Findings, evidence
from vaery.xray.words import places, plural, share

WIDTH = 110
HEADINGS = {"error": "Errors", "warning": "Warnings", "note": "Notes"}


def report(found: Findings) -> str:
    """All of it: the columns first, then the findings."""
    return "\n".join(line for line, _ in lines(found))


def lines(found: Findings, width: int = WIDTH) -> Iterator[tuple[str, str]]:
    """Each line with what it is: ``"title"``, ``"column"``, a severity, ``"detail"`` or nothing."""
    size = f"{plural(found.rows, 'row')} × {plural(len(found.columns), 'column')}"
    yield f"{size}: {found.verdict} ({found.seconds:.1f} s)", "title"
    yield "", ""
    yield from ((line, "column") for line in columns(found, width))
    for severity in SEVERITIES:
        some = [finding for finding in found if finding.severity == severity]
        if some:
            yield "", ""
            yield f"{HEADINGS[severity]} ({len(some)})", severity
        for finding in some:
            yield from one(finding, width)


def columns(found: Findings, width: int) -> Iterator[str]:
    """A line for each column: what it is, how much is missing, what it holds."""
    widest = min(28, max((len(c["column"]) for c in found.columns), default=0))
    for c in found.columns:
        name = c["column"] if len(c["column"]) <= widest else c["column"][: widest - 1] + "…"
        kind = c["sort"] if c["role"] in ("number", "date", "category", "constant") else c["role"]
        missing = f"{share(c['missing'])} missing, " if c["missing"] else ""
        line = f"{name:<{widest}}  {kind:<11}  {missing}{c['distinct']:,} distinct: {c['holds']}"
        yield line if len(line) <= width else line[: width - 1] + "…"


def one(finding: Finding, width: int) -> Iterator[tuple[str, str]]:
    """A finding: the sentence, then evidence, rows and advice."""
    yield from _wrapped("• ", finding.finding, width, finding.severity)
    if finding.evidence:
        yield from _wrapped("  ", evidence(finding), width, "detail")
    if finding.rows:
        yield from _wrapped("  ", places(finding.rows, finding.count), width, "detail")
    yield from _wrapped("  → ", finding.suggestion, width, "detail")


def _wrapped(start: str, text: str, width: int, style: str) -> Iterator[tuple[str, str]]:
    indent = " " * len(start)
    for line in textwrap.wrap(
        text, width, initial_indent=start, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    ):
        yield line, style
