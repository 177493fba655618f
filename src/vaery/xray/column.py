"""One column of a table, as the checks see it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaery.kinds.table import arrays
from vaery.kinds.table.column import Column
from vaery.xray.codes import hidden_codes
from vaery.xray.finding import Histogram
from vaery.xray.reading import Read, as_dates, as_numbers
from vaery.xray.words import number

FEW = 20  # at most so many distinct numbers, each five times on average, are as good as categories
BINS = 40
ENOUGH = 20  # known cells under which nothing is said of a column's distribution
PROSE = 4.0  # words in a text, on average, from which on it is no category
UNITS = {"day": 86_400e9, "s": 1e9, "ms": 1e6, "us": 1e3, "ns": 1.0}  # nanoseconds


@dataclass(frozen=True)
class Seen:
    """One column.

    Attributes:
        name: of the column.
        array: its values; see :mod:`vaery.kinds.table.arrays`.
        spec: what the table kind takes it for.
        text: its cells as they stand in the file, where there is one.
    """

    name: str
    array: Any
    spec: Column
    text: Any = None

    # ------------------------------------------------------------------ levels and numbers

    @cached_property
    def known(self) -> NDArray[np.bool_]:
        """``[rows]`` where there is a value."""
        return arrays.known(self.array)

    @cached_property
    def _coded(self) -> tuple[NDArray[np.int64], list[Any]]:
        codes, found = arrays.levels(self.array)
        used = np.bincount(codes[codes >= 0], minlength=len(found)) > 0
        place = np.append(np.cumsum(used) - 1, -1)  # the last for -1, nothing
        return place[codes], [v for v, u in zip(found, used, strict=True) if u]

    @cached_property
    def levels(self) -> list[Any]:
        """The distinct values, as Python values, in the order of their codes."""
        return self._coded[1]

    @cached_property
    def codes(self) -> NDArray[np.int64]:
        """``[rows]`` which level each row holds; -1: none."""
        return self._coded[0]

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """``[levels]`` how many rows hold each level."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.levels))

    @property
    def distinct(self) -> int:
        return len(self.levels)

    @cached_property
    def textual(self) -> bool:
        """All its values are texts."""
        return self.spec.type == "large_string" and self.distinct > 0

    @cached_property
    def read(self) -> Read | None:
        """What its texts read as, where they are numbers or dates."""
        if not self.textual or self.sealed:
            return None
        return as_numbers(self.levels, self.counts) or as_dates(self.levels, self.counts)

    @cached_property
    def dated(self) -> bool:
        """Its values are times, written as such or as text."""
        if self.textual and self.read is not None:
            return as_numbers(self.levels, self.counts) is None
        return self.spec.type.startswith(("timestamp", "date32"))

    @cached_property
    def sealed(self) -> bool:
        """Digits that are names (postcodes, account numbers): some start with a zero that would be lost."""
        texts = [t for t in self.levels if t.strip().isdigit()] if self.textual else []
        return len(texts) > 0.5 * self.distinct and sum(t.strip()[0] == "0" and len(t.strip()) > 1 for t in texts) > 1

    @cached_property
    def x(self) -> NDArray[np.float64] | None:
        """``[rows]`` numbers, NaN where there is none; times as days since 1970. ``None``: it holds no numbers."""
        if self.spec.counted:
            found = arrays.native(self.array).astype(np.float64)
            if arrays.is_time(self.spec.type):
                unit = re.split(r"[\[\],]", self.spec.type)[1]
                found = found * (UNITS[unit] / UNITS["day"])
            return np.where(self.known, found, np.nan)
        if self.read is None:
            return None
        return np.where(self.codes >= 0, self.read.values[self.codes], np.nan)

    @cached_property
    def values(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """The distinct numbers in ascending order, and how many rows hold each."""
        assert self.x is not None
        values, counts = np.unique(self.x[~np.isnan(self.x)], return_counts=True)
        return values, counts

    @cached_property
    def clean(self) -> NDArray[np.float64]:
        """:attr:`x` without the numbers that look like codes for "missing"."""
        assert self.x is not None
        codes = [code.value for code in hidden_codes(self)]
        return np.where(np.isin(self.x, codes), np.nan, self.x) if codes else self.x

    # ------------------------------------------------------------------ what it is

    @cached_property
    def role(self) -> str:
        """``"empty"``, ``"constant"``, ``"id"``, ``"text"``, ``"date"``, ``"number"`` or ``"category"``."""
        if not self.known.any():
            return "empty"
        if self.distinct == 1:
            return "constant"
        if self.is_id:
            return "id"
        if self.x is not None:
            return "date" if self.dated else "number"
        return "text" if self.prose else "category"

    @cached_property
    def is_id(self) -> bool:
        """Each row has a value of its own that means nothing: counted up, or a text without words."""
        rows = int(self.known.sum())
        if rows < ENOUGH or self.distinct < rows or self.read is not None:
            return False
        if self.textual:
            return not self.prose
        if self.spec.type != "int64":
            return False
        x = arrays.native(self.array)[self.known]
        steps = np.diff(x)
        return self.dense or (self.named_id and bool((steps > 0).all() or (steps < 0).all() or x.min() > rows))

    @cached_property
    def dense(self) -> bool:
        """Whole numbers that leave hardly any out, such as those that rows are counted with."""
        x = arrays.native(self.array)[self.known]
        return int(x.max()) - int(x.min()) < 1.5 * len(x)

    @cached_property
    def named_id(self) -> bool:
        """Its name says that it is one: ``id``, ``user_id``, ``OrderNo``, ``uuid`` …"""
        words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+|\d+", self.name)
        return bool(words) and words[-1].lower() in ("id", "ids", "uuid", "guid", "key", "number", "no", "nr", "code")

    @cached_property
    def prose(self) -> bool:
        """Texts of several words that hardly repeat."""
        if not self.textual or self.distinct < 0.5 * self.known.sum() or self.distinct < ENOUGH:
            return False
        some = self.levels[:: max(1, self.distinct // 500)]
        return sum(len(t.split()) for t in some) / len(some) >= PROSE

    @property
    def few(self) -> bool:
        """Few distinct values, as often as not."""
        return self.distinct <= FEW and 5 * self.distinct <= self.known.sum()

    @cached_property
    def measured(self) -> bool:
        """Numbers of many values, with enough rows to speak of a distribution."""
        return self.role == "number" and not self.few and self.known.sum() >= ENOUGH and len(self.values[0]) > 5

    @cached_property
    def grouped(self) -> bool:
        """Its values make groups of rows: categories, truths, few-valued numbers."""
        return self.role in ("category", "number") and (self.x is None or self.few) and 2 <= self.distinct <= 1000

    # ------------------------------------------------------------------ words and pictures

    def show(self, value: float) -> str:
        """A number of :attr:`x`, as the column writes it."""
        if not self.dated:
            return number(value)
        day = np.datetime64("1970-01-01") + np.timedelta64(int(np.floor(value)), "D")
        seconds = round((value - np.floor(value)) * 86_400)
        return f"{day}" + (f" {seconds // 3600:02d}:{seconds // 60 % 60:02d}" if seconds else "")

    def literal(self, value: float) -> str:
        """The same, as a line of Python writes it."""
        if self.textual:
            return repr(self.levels[int(self.codes[int(np.flatnonzero(self.x == value)[0])])])
        return repr(self.show(value)) if self.dated else self.show(value)

    def cell(self, row: int) -> str:
        """What stands in a row."""
        if self.x is not None and not np.isnan(self.x[row]) and not self.textual:
            return self.show(float(self.x[row]))
        return repr(self.levels[self.codes[row]]) if self.codes[row] >= 0 else "nothing"

    def histogram(self, marked: NDArray[np.bool_], log: bool = False) -> Histogram | None:
        """A picture of its numbers, with some rows marked."""
        if self.x is None:
            return None
        fits = ~np.isnan(self.x) & (self.x > 0 if log else True)
        x = np.log10(self.x[fits]) if log else self.x[fits]
        if not len(x) or x.max() <= x.min():
            return None
        edges = np.linspace(x.min(), x.max(), BINS + 1)
        counts, meant = (np.histogram(part, edges)[0] for part in (x, x[marked[fits]]))
        ends = [self.show(float(10**v if log else v)) for v in (x.min(), x.max())]
        return Histogram(tuple(edges.tolist()), tuple(counts.tolist()), tuple(meant.tolist()), *ends)
