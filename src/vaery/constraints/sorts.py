"""Sorts: what may be added to what, and compared with what; and moments, as they are quoted."""

from __future__ import annotations

import datetime
from collections.abc import Mapping

from vaery.constraints.parse import Column, Compare, Expression, Literal
from vaery.core.errors import ChoiceError
from vaery.core.values import Values

TIMES = ("time", "clock", "duration")
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
PAIRS = {
    ("time", "-", "time"): "duration",
    ("time", "+", "duration"): "time",
    ("duration", "+", "time"): "time",
    ("time", "-", "duration"): "time",
    ("duration", "+", "duration"): "duration",
    ("duration", "-", "duration"): "duration",
    ("clock", "-", "clock"): "duration",
    ("duration", "*", "number"): "duration",
    ("number", "*", "duration"): "duration",
    ("duration", "/", "number"): "duration",
    ("duration", "/", "duration"): "number",
    **{("number", op, "number"): "number" for op in "+-*/"},
}


def sort_of(expression: Expression, columns: Mapping[str, Values]) -> str:
    """The sort of an expression's value.

    Raises:
        ChoiceError: what is added up does not go together (dates and numbers, texts).
    """
    if isinstance(expression, Column):
        return columns[expression.name].sort
    if isinstance(expression, Literal):
        return "quoted" if isinstance(expression.value, str) else "number"
    left, right = sort_of(expression.left, columns), sort_of(expression.right, columns)
    if (left, expression.op, right) not in PAIRS:
        raise ChoiceError(f"'{expression}' is a {left} {expression.op} a {right}, which is nothing")
    return PAIRS[left, expression.op, right]


def check_sorts(compare: Compare, columns: Mapping[str, Values]) -> None:
    """Raise ChoiceError unless the two sides can be compared."""
    for name in compare.columns:
        if columns[name].sort == "other":
            raise ChoiceError(f"constraint '{compare}': column {name!r} holds values of several types")
    try:
        left, right = sort_of(compare.left, columns), sort_of(compare.right, columns)
    except ChoiceError as error:
        raise ChoiceError(f"constraint '{compare}': {error}") from None
    if "quoted" in (left, right) and left != right:
        sort = right if left == "quoted" else left
        if sort in ("time", "clock"):
            for side in (compare.left, compare.right):
                if isinstance(side, Literal):
                    moment(str(side.value), sort, str(compare))
        elif sort != "text":
            raise ChoiceError(f"constraint '{compare}' compares a {sort} with a quoted text")
        left = right = sort
    if left != right:
        raise ChoiceError(f"constraint '{compare}' compares a {left} with a {right}")
    if left == "text" and compare.op not in ("=", "!="):
        raise ChoiceError(f"constraint '{compare}': texts have no order here, they can be compared with = and != only")
    if len({columns[n].zoned for n in compare.columns if columns[n].sort == "time"}) > 1:
        raise ChoiceError(f"constraint '{compare}' compares times with a zone and times without")


def moment(text: str, sort: str, where: str = "") -> int:
    """A date, a moment or a time of day as nanoseconds."""
    try:
        if sort == "clock":
            t = datetime.time.fromisoformat(text)
            return ((t.hour * 60 + t.minute) * 60 + t.second) * 10**9 + t.microsecond * 1000
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        example = "'09:30'" if sort == "clock" else "'2024-12-31' or '2024-12-31 18:00'"
        raise ChoiceError(f"constraint '{where}': {text!r} is no {sort}; write {example}") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)
    gone = moment - EPOCH
    return (gone.days * 86_400 + gone.seconds) * 10**9 + gone.microseconds * 1000
