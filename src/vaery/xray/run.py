"""Looking: every check is asked what it sees."""

from __future__ import annotations

import pkgutil
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from vaery.progress import tracked
from vaery.xray.finding import SEVERITIES, Finding
from vaery.xray.findings import Findings
from vaery.xray.summary import summary
from vaery.xray.table import Table, open_table


def run(data: Any) -> Findings:
    """See :func:`vaery.xray`."""
    start = time.perf_counter()
    table = open_table(data)
    found = list(table.findings)
    for name in tracked(names(), "xray"):
        found += [replace(finding, check=name) for finding in check(name)(table)]
    seconds = time.perf_counter() - start
    return Findings(tuple(in_order(found)), summary(table), table.rows, seconds)


def names() -> list[str]:
    """The checks there are, the quick ones first."""
    found = sorted(m.name for m in pkgutil.iter_modules([str(Path(__file__).parent / "checks")]))
    return sorted(found, key=lambda name: name == "suspicious")


def check(name: str) -> Callable[[Table], Iterable[Finding]]:
    """One of them."""
    return getattr(import_module(f"vaery.xray.checks.{name}"), name)


def in_order(found: Iterable[Finding]) -> list[Finding]:
    """The gravest first; among equals as they were found."""
    return sorted(found, key=lambda finding: SEVERITIES.index(finding.severity))
