"""Conditions as they are typed: ``--given sex=Female --given age=30..40 --given colour=red,blue``."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Any

from vaery.core.query import between, one_of

# As people write numbers; "007" is more likely a code, and "nan" a name.
NUMBER = re.compile(r"[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")


def parse(conditions: Iterable[str]) -> dict[str, Any]:
    """``name=condition`` texts → what ``given=`` takes.

    ================  ===========================================
    ``30..40``        from 30 to 40, both ends included
    ``..40``          at most 40; ``40..``: at least 40
    ``red,blue``      one of these
    ``red``           this value
    ``"3,4..5"``      this very text, whatever it holds
    ================  ===========================================

    Raises:
        ValueError: one of them cannot be read; the message says how to write it.

    >>> parse(["sex=Female", "age=30..40", "colour=red,blue", "born=..2001-05-17"])["age"]
    Between(low=30, high=40)
    """
    given: dict[str, Any] = {}
    for text in conditions:
        name, equals, condition = text.partition("=")
        if not (name and equals and condition):
            raise ValueError(f"{text!r}: write column=value, column=low..high or column=one,another")
        if name in given:
            raise ValueError(f"{name!r} is given twice; several values are written {name}=one,another")
        try:
            given[name] = read(condition)
        except ValueError as error:
            raise ValueError(f"{text!r}: {error}") from None
    return given


def read(condition: str) -> Any:
    """One condition, without its column."""
    if _is_quoted(condition):
        return condition[1:-1]
    low, dots, high = condition.partition("..")
    if dots:
        return between(*_ends(low, high))
    if "," in condition:
        return one_of(*(value(part) for part in re.findall(r'"[^"]*"|[^,]+', condition)))
    return value(condition)


def value(text: str) -> Any:
    """A whole number, a number, or the text as it is. What a column makes of it, the column knows.

    >>> value("3"), value("-3.5e2"), value("3rd"), value('"3"'), value("007"), value("nan")
    (3, -350.0, '3rd', '3', '007', 'nan')
    """
    if _is_quoted(text):
        return text[1:-1]
    if not NUMBER.fullmatch(text):
        return text
    number = float(text) if re.search("[.eE]", text) else int(text)
    return number if math.isfinite(number) else text


def _ends(low: str, high: str) -> tuple[Any, Any]:
    """Both ends of a range, as numbers if both are."""
    ends = [value(end) if end else None for end in (low, high)]
    if any(isinstance(end, str) for end in ends):
        ends = [end or None for end in (low, high)]
    return ends[0], ends[1]


def _is_quoted(text: str) -> bool:
    return len(text) >= 2 and text[0] == text[-1] == '"' and '"' not in text[1:-1]
