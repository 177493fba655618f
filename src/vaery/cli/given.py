"""Conditions as they are typed: ``--given sex=Female --given age=30..40 --given colour=red,blue``."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from vaery.core.errors import QueryError, VaeryError
from vaery.core.query import Between, between, one_of

# As people write numbers; "007" is more likely a code, and "nan" a name.
NUMBER = re.compile(r"[-+]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
BOOLEANS = {"true": True, "false": False}

Readings = tuple[Any, ...]  # what a text may mean, the likelier first


def parse(conditions: Iterable[str]) -> dict[str, Readings]:
    """``name=condition`` texts → name → what the condition may mean.

    ================  ===========================================
    ``30..40``        from 30 to 40, both ends included
    ``..40``          at most 40; ``40..``: at least 40
    ``red,blue``      one of these
    ``red``           this value
    ``"3,4..5"``      this very text, whatever it holds
    ``The ... end.``  parts of a text, with more between them
    ================  ===========================================

    Raises:
        ValueError: one of them cannot be read; the message says how to write it.

    >>> parse(["sex=Female", "age=30..40", "zip=10115"])
    {'sex': ('Female',), 'age': (Between(low=30, high=40), Between(low='30', high='40')), 'zip': (10115, '10115')}
    """
    given: dict[str, Readings] = {}
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


def settle(given: Mapping[str, Readings], ask: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    """Of each condition, the first reading that the model accepts: whether ``3`` is a number or a name, it knows.

    Args:
        given: as :func:`parse` returns it.
        ask: raises a :class:`~vaery.core.errors.VaeryError` for a condition that the model cannot be asked.

    Raises:
        VaeryError: no reading is accepted.
    """
    return {name: _accepted(name, readings, ask) for name, readings in given.items()}


def _accepted(name: str, readings: Readings, ask: Callable[[dict[str, Any]], Any]) -> Any:
    errors: list[VaeryError] = []
    for reading in readings:
        try:
            ask({name: reading})
            return reading
        except VaeryError as error:
            errors.append(error)
    said = list(dict.fromkeys(map(str, errors)))
    raise errors[0] if len(said) == 1 else QueryError("; read as text: ".join((said[0], said[-1])))


def read(condition: str) -> Readings:
    """What one condition may mean, without its column."""
    if _is_quoted(condition):
        return (condition[1:-1],)
    if "..." in condition:
        return _parts(condition), condition
    low, dots, high = condition.partition("..")
    if dots:
        return _range(low, high)
    if "," in condition:
        parts = [value(part) for part in re.findall(r'"[^"]*"|[^,]+', condition)]
        likely, plain = one_of(*(part[0] for part in parts)), one_of(*(part[-1] for part in parts))
        return (likely, plain) if likely.values != plain.values else (plain,)
    return value(condition)


def value(text: str) -> Readings:
    """A number or a truth value, where the text can be one, and the text as it is.

    >>> value("3"), value("-3.5e2"), value("true"), value("3rd"), value('"3"'), value("007")
    ((3, '3'), (-350.0, '-3.5e2'), (True, 'true'), ('3rd',), ('3',), ('007',))
    """
    if _is_quoted(text):
        return (text[1:-1],)
    if text.lower() in BOOLEANS:
        return BOOLEANS[text.lower()], text
    if not NUMBER.fullmatch(text):
        return (text,)
    number = float(text) if re.search("[.eE]", text) else int(text)
    return (number, text) if math.isfinite(number) else (text,)


def _parts(condition: str) -> tuple[Any, ...]:
    """``"The ... end."`` → ``("The ", ..., " end.")``."""
    first, *rest = condition.split("...")
    return (first, *(part for run in rest for part in (..., run)))


def _range(low: str, high: str) -> Readings:
    """Both ends as numbers if both can be; and as texts, whose order (of dates, of levels) only the column knows."""
    if not low and not high:
        between()  # says what to write
    ends = [value(end)[0] if end else None for end in (low, high)]
    texts = Between(*(value(end)[-1] if end else None for end in (low, high)))
    return (texts,) if any(isinstance(end, str | bool) for end in ends) else (between(*ends), texts)


def _is_quoted(text: str) -> bool:
    return len(text) >= 2 and text[0] == text[-1] == '"' and '"' not in text[1:-1]
