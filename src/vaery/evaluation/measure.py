"""Measures: one number of ours, the same number of simple methods, how sure the difference is, and the verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

from vaery.evaluation.bootstrap import Statistic, advantage, everything

BETTER, SAME, WORSE = "better", "same", "do not use it for this"
KEPT, MISSED = "kept", "missed"  # of a promise
FEW = 20  # rows under which nothing is told apart
Best = Literal["low", "high", "at least", "at most"]


@dataclass(frozen=True)
class Measure:
    """One thing that was measured.

    Attributes:
        name: what the number is, and of what.
        best: which numbers are good: ``"low"``, ``"high"``; of a promise: ``"at least"`` or ``"at most"`` the goal.
        ours: our number.
        others: simple method → its number.
        low, high: 95 % interval: of how much better ours is than the best of the others (positive: it is); of a
            promise: of our number.
        verdict: ``"better"``, ``"same"`` (the interval holds zero) or ``"do not use it for this"``; of a promise
            ``"kept"`` or ``"missed"``; empty: only for reading.
        goal: of a promise.
        beside: what the number would be in the best case, for reading: name → number.
        digits: after the point.
        note: what a fair reader should know.
    """

    name: str
    best: Best
    ours: float
    others: Mapping[str, float] = field(default_factory=dict)
    low: float = math.nan
    high: float = math.nan
    verdict: str = ""
    goal: float | None = None
    beside: Mapping[str, float] = field(default_factory=dict)
    digits: int = 3
    note: str = ""

    @property
    def rival(self) -> str:
        """The best of the others; empty where there is none."""
        if not self.others:
            return ""
        return max(self.others, key=lambda name: self.others[name] if self.best == "high" else -self.others[name])

    @property
    def promise(self) -> bool:
        """Whether it is held against a goal and not against other methods."""
        return self.goal is not None

    def of_column(self, column: str) -> dict[str, Any]:
        """What there is to say where this is the measure of one column."""
        return {"column": column, "measure": self.name, "best": self.best, "vaery": self.ours,
                "others": dict(self.others), "verdict": self.verdict}  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self) | {"others": dict(self.others), "beside": dict(self.beside)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Measure:
        """The inverse of :meth:`to_dict`, through JSON."""
        numbers = ("ours", "low", "high")
        return cls(**{**data, **{name: math.nan if data[name] is None else data[name] for name in numbers}})


def compared(
    name: str,
    best: Literal["low", "high"],
    ours: Statistic,
    others: Mapping[str, Statistic],
    rows: int,
    rng: np.random.Generator,
    **about: Any,
) -> Measure:
    """A measure of ours against those of others, on the same rows.

    The verdict is that of a paired bootstrap against the best of the others: ``"same"`` unless 95 % of the resampled
    differences lie on one side of zero, and always below :data:`FEW` rows.

    >>> from vaery.evaluation.bootstrap import per_row
    >>> rng, easy = np.random.default_rng(0), np.random.default_rng(1).random(50)
    >>> compared("error", "low", per_row(easy), {"mean": per_row(easy + 1)}, 50, rng).verdict
    'better'
    """
    whole = everything(rows)
    theirs = {who: statistic(whole) for who, statistic in others.items()}
    plain = Measure(name, best, ours(whole), theirs, **about)
    if not others:
        return plain
    low, high = advantage(ours, others[plain.rival], rows, rng, 1 if best == "high" else -1)
    return Measure(name, best, plain.ours, theirs, low, high, _verdict(low, high, rows), **about)


def _verdict(low: float, high: float, rows: int) -> str:
    if rows < FEW or not (math.isfinite(low) and math.isfinite(high)):
        return SAME
    return BETTER if low > 0 else WORSE if high < 0 else SAME


def promised(
    name: str,
    best: Literal["at least", "at most"],
    ours: float,
    goal: float,
    interval: tuple[float, float],
    slack: float = 0.0,
    **about: Any,
) -> Measure:
    """A measure of what was promised: kept unless all of the 95 % interval, give or take ``slack``, breaks it.

    >>> promised("false alarms", "at most", 0.06, 0.05, (0.04, 0.08)).verdict
    'kept'
    >>> promised("coverage", "at least", 0.80, 0.90, (0.78, 0.82), slack=0.02).verdict
    'missed'
    """
    low, high = interval
    kept = high + slack >= goal if best == "at least" else low - slack <= goal
    return Measure(name, best, ours, {}, low, high, KEPT if kept else MISSED, goal, **about)
