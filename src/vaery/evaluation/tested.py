"""One job, tried: its measures, and what they come to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from vaery.evaluation.measure import BETTER, MISSED, SAME, WORSE, Measure


@dataclass(frozen=True)
class Tested:
    """One job that was tried.

    Attributes:
        job: its name.
        question: what was asked of it, in plain words.
        measures: what came of it; those against other methods decide, promises are told beside.
        rows: how many rows it answered for …
        seconds: … in how many seconds.
        columns: what came of each column: name, measure, ours, others, verdict.
        curve: points of its calibration: ``said``, ``seen``, ``count``.
        notes: what a fair reader should know.
    """

    __test__: ClassVar[bool] = False  # not one of pytest's

    job: str
    question: str
    measures: tuple[Measure, ...]
    rows: int
    seconds: float
    columns: tuple[dict[str, Any], ...] = ()
    curve: tuple[dict[str, float], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """``"better"`` if a measure is and none is worse, ``"do not use it for this"`` if one is worse and none is
        better, else ``"same"``."""
        found = {measure.verdict for measure in self.measures}
        if BETTER in found and WORSE not in found:
            return BETTER
        return WORSE if WORSE in found and BETTER not in found else SAME

    @property
    def sentence(self) -> str:
        """The verdict in plain words, with the numbers it rests on."""
        told = [_told(m) for m in self.measures if m.verdict in (BETTER, SAME, WORSE)]
        missed = [f"not kept: {m.name} is {m.ours:.{m.digits}f}, promised {m.best} {m.goal:g}"
                  for m in self.measures if m.verdict == MISSED]  # fmt: skip
        return "; ".join([*told, *missed])

    def to_dict(self) -> dict[str, Any]:
        """Plain data, with the verdict in it."""
        return {
            "job": self.job, "verdict": self.verdict, "sentence": self.sentence, "question": self.question,
            "measures": [m.to_dict() for m in self.measures], "rows": self.rows, "seconds": self.seconds,
            "columns": list(self.columns), "curve": list(self.curve), "notes": list(self.notes),
        }  # fmt: skip

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Tested:
        """The inverse of :meth:`to_dict`, through JSON."""
        plain: dict[str, Any] = {name: data[name] for name in ("job", "question", "rows", "seconds")}
        lists: dict[str, Any] = {name: tuple(data[name]) for name in ("columns", "curve", "notes")}
        return cls(measures=tuple(map(Measure.from_dict, data["measures"])), **plain, **lists)


def _told(measure: Measure) -> str:
    words = {BETTER: "better than", SAME: "no different from", WORSE: "worse than"}[measure.verdict]
    ours, theirs = (f"{value:.{measure.digits}f}" for value in (measure.ours, measure.others[measure.rival]))
    return f"{measure.name} {ours}, {words} {measure.rival} ({theirs})"
