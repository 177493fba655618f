"""The report card itself: what :meth:`vaery.VAE.evaluate` returns."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vaery.evaluation.measure import Measure
from vaery.evaluation.tested import Tested


@dataclass(frozen=True, repr=False)
class Evaluation:
    """What a model is good for, job by job, on rows it never saw. Prints as a table.

    Attributes:
        jobs: job → what came of it.
        about: what was evaluated: rows, columns, target, seed, seconds, versions, notes.
        views: what the pictures show, by name, as plain data.
    """

    jobs: Mapping[str, Tested]
    about: Mapping[str, Any]
    views: Mapping[str, Any]

    @property
    def verdicts(self) -> dict[str, str]:
        """Job → ``"better"``, ``"same"`` or ``"do not use it for this"``."""
        return {name: tested.verdict for name, tested in self.jobs.items()}

    def __getitem__(self, job: str) -> Tested:
        return self.jobs[job]

    def __repr__(self) -> str:
        return text(self)

    def to_dict(self, views: bool = True) -> dict[str, Any]:
        """Everything as plain data.

        Args:
            views: what the pictures show, too; it holds rows of the data.
        """
        plain = {"about": dict(self.about), "jobs": {name: tested.to_dict() for name, tested in self.jobs.items()}}
        return finite(plain | ({"views": dict(self.views)} if views else {}))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Evaluation:
        """The inverse of :meth:`to_dict`; what was read from JSON makes the same page."""
        jobs = {name: Tested.from_dict(tested) for name, tested in data["jobs"].items()}
        return cls(jobs, data["about"], data.get("views", {}))

    def to_json(self, path: str | os.PathLike[str]) -> Path:
        """Write everything as strict JSON; numbers that do not exist are null."""
        Path(path).write_text(json.dumps(self.to_dict(), indent=1, allow_nan=False, ensure_ascii=False) + "\n", "utf-8")
        return Path(path)

    def to_html(self, path: str | os.PathLike[str]) -> Path:
        """Write one page that holds its pictures and needs nothing else.

        It shows rows of the data it was made from: whoever may not see those may not see the page.

        Raises:
            MissingExtra: matplotlib is not installed.
        """
        from vaery.report.card import card

        Path(path).write_text(card(self.to_dict()), "utf-8")
        return Path(path)


def finite(value: Any) -> Any:
    """Plain data without numbers that JSON has no word for: these become ``None``."""
    if isinstance(value, Mapping):
        return {str(k): finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [finite(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def text(card: Evaluation) -> str:
    """A table for a terminal: the verdict of each job, and the numbers below it."""
    about = card.about
    what = "steps" if about.get("steps") else "rows"
    lines = [f"Report card: {about['rows']:,} {what} that the model never saw, {about['seconds']:.0f} s", ""]
    wide = max((len(m.name) for tested in card.jobs.values() for m in tested.measures), default=0)
    for name, tested in card.jobs.items():
        lines.append(f"{name}: {tested.verdict}")
        lines += [f"  {_line(measure, wide)}" for measure in tested.measures]
    lines += ["", *(f"note: {note}" for note in about["notes"])]
    return "\n".join(lines).rstrip()


def _line(measure: Measure, wide: int) -> str:
    show = lambda value: f"{value:.{measure.digits}f}"
    words = [f"{measure.name:<{wide}}  vaery {show(measure.ours)}"]
    if measure.promise:
        words.append(f"promised {measure.best} {measure.goal:g}")
    words += [f"{name} {show(value)}" for name, value in {**measure.others, **measure.beside}.items()]
    return ", ".join(words) + (f"  → {measure.verdict}" if measure.verdict else "")
