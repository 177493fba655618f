"""Jobs: questions put to a model. A job is a plain function; this decorator says what it takes and gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

Takes = Literal["nothing", "given", "rows", "two rows"]
Gives = Literal["records", "array", "frame", "report"]
Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Job:
    """What the outer layers (the estimator, the command line, the studio) need to know of a job.

    Attributes:
        takes: ``"rows"`` data as it was fitted, any cell or field missing · ``"two rows"`` two of these ·
            ``"given"`` conditions (``given=``) and no rows.
        gives: ``"records"`` an :class:`~vaery.core.evidence.Evidence` (or a raw-data dict), returned as the type that
            was fitted · ``"array"`` one entry a row · ``"frame"`` named columns, one entry a row · ``"report"`` a
            plain dict.
    """

    takes: Takes
    gives: Gives


def job(takes: Takes, gives: Gives) -> Callable[[Function], Function]:
    """Make a function ``(joint, evidence, *, rng, …) -> result`` a job; the file's name is the job's name."""

    def mark(function: Function) -> Function:
        function.job = Job(takes, gives)  # type: ignore[attr-defined]
        return function

    return mark
