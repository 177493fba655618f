"""The result of an audit: a verdict, and the reason of each part of it."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from vaery.private import sentence

WIDTH = 110  # characters of a line


@dataclass(frozen=True)
class Part:
    """One measure of an audit.

    Attributes:
        name: what was measured, in a word or two.
        passed: the limit was kept.
        value, low, high: the measure and its interval.
        chance: what it would be if the rows held nothing of the training rows that they do not hold of any others.
        limit: what its interval must not lie wholly beyond.
        reason: all of it in a sentence.
        detail: further numbers.
    """

    name: str
    passed: bool
    value: float
    low: float
    high: float
    chance: float
    limit: float
    reason: str
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Audit:
    """What an audit found; ``bool(audit)`` is whether all parts passed.

    Attributes:
        parts: one for each measure.
        rows: how many rows of each sort were compared.
        look_at: synthetic rows that are copies of rare training rows, or nearly so: their number (``row``), that of the
            training row (``train``), the distance, and the distance to the next training row.
        settings: confidence, seed and limits.
        private: what the model promises by itself, if its training was private: ε, δ, and what these cover.
    """

    parts: tuple[Part, ...]
    rows: Mapping[str, int]
    look_at: tuple[Mapping[str, Any], ...]
    settings: Mapping[str, Any]
    private: Mapping[str, Any] | None = None

    @property
    def passed(self) -> bool:
        """Whether every part passed."""
        return all(part.passed for part in self.parts)

    @property
    def verdict(self) -> str:
        """``"pass"`` or ``"fail"``."""
        return "pass" if self.passed else "fail"

    def __bool__(self) -> bool:
        return self.passed

    def __getitem__(self, name: str) -> Part:
        """A part by its name."""
        found = {part.name: part for part in self.parts}
        if name not in found:
            raise KeyError(f"no part of the audit is called {name!r}; there is: {', '.join(found)}")
        return found[name]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "verdict": self.verdict,
            "failed": [part.name for part in self.parts if not part.passed],
            "rows": dict(self.rows),
            "parts": [{**asdict(part), "detail": dict(part.detail)} for part in self.parts],
            "look_at": [dict(row) for row in self.look_at],
            "settings": dict(self.settings),
            "private": None if self.private is None else dict(self.private),
        }

    def __repr__(self) -> str:
        rows = ", ".join(f"{count:,} {name.replace('_', '-')} rows" for name, count in self.rows.items())
        lines = [f"privacy audit: {self.verdict}", f"  {rows}"]
        if self.private is not None:
            words = f"  the model was {sentence(self.private)}; not covered: {self.private['leaves_out']}"
            lines.append(textwrap.fill(words, WIDTH, subsequent_indent="    "))
        for part in self.parts:
            words = f"  {'pass' if part.passed else 'FAIL'}  {part.name}: {part.reason}"
            lines.append(textwrap.fill(words, WIDTH, subsequent_indent=" " * 8))
        if self.look_at:
            lines.append("  the synthetic rows that come nearest to one rare training row:")
            lines += [
                f"    row {row['row']}, of training row {row['train']}: distance {row['distance']:.2g}, "
                f"{row['next']:.2g} to the next"
                for row in self.look_at[:5]
            ]
        return "\n".join(lines)
