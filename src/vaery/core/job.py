"""Jobs: questions put to a model. A job is a plain function; this decorator says what it takes and gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

if TYPE_CHECKING:  # the command line reads this file, too, and starts without torch
    from torch import Tensor

FILLED = ("rng", "calibration", "history", "watch")  # what the estimator fills in, and not people
Takes = Literal["nothing", "given", "rows", "two rows"]
Gives = Literal["records", "array", "column", "frame", "report"]
Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Job:
    """What the outer layers (the estimator, the command line, the studio) need to know of a job.

    Attributes:
        takes: ``"rows"`` data as it was fitted, any cell or field missing · ``"two rows"`` two of these, row by row ·
            ``"given"`` conditions (``given=``) and no rows · ``"nothing"`` the model alone.
        gives: ``"records"`` an :class:`~vaery.core.evidence.Evidence` or a :class:`Points` (or a list or dict of
            these), returned as the type that was fitted · ``"array"`` a tensor, one entry a row · ``"column"`` a dict
            of a field's name (``"field"``), the index of a cell in it (``"cell"``) and its :class:`Points`
            (``"points"``), returned as one raw column · ``"frame"`` a dict of columns, one entry a row ·
            ``"report"`` a plain dict.
        keep: in records, cells that were known in the rows come back untouched.
        rowwise: what is said of a row hangs on that row alone, so rows may come in slices.
        smaller: the option that says how many times too small rows come in along each axis, if they do.
        makes: in records, rows are new though it takes rows: like drawn ones, they keep the model's constraints. What
            each was drawn given is the result's ``held``.
    """

    takes: Takes
    gives: Gives
    keep: bool = False
    rowwise: bool = False
    smaller: str = ""
    makes: bool = False


@dataclass(frozen=True)
class Points:
    """Weighted draws of each cell, still to be summed up in the data's own units.

    Attributes:
        values: field → ``[Q, B, E…]``; or ``[S, B, E…]``, where these are to be repeated Q / S times.
        weight: ``[Q, B]``, summing to one over Q.
        how: ``"mean"``, ``"median"``, ``"mode"`` or a quantile in (0, 1); see :meth:`vaery.core.field.Field.summarise`.
    """

    values: Mapping[str, Tensor]
    weight: Tensor
    how: str | float


def job(
    takes: Takes, gives: Gives, keep: bool = False, rowwise: bool = False, smaller: str = "", makes: bool = False
) -> Callable[[Function], Function]:
    """Make a function ``(joint, evidence, *, rng, …) -> result`` a job; the file's name is the job's name.

    ``evidence`` is absent for ``takes="nothing"``, a pair for ``"two rows"``. Keyword arguments are the options of the
    method, the command line and the studio; their docstring lines are the help. These names are filled in by the
    estimator where a job asks for them: ``rng`` (:class:`~vaery.core.random.Random`), ``calibration`` (what was learned
    on held-out rows), ``history`` (of the fit), ``watch`` (is told the share that is done).
    """

    def mark(function: Function) -> Function:
        function.job = Job(takes, gives, keep, rowwise, smaller, makes)
        return function

    return mark
