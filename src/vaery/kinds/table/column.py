"""Columns: what one column of a table can hold, and the way between its raw values and a cell's (code, number)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaery.core.cells import WIDE, CellSpec
from vaery.kinds.table import arrays
from vaery.kinds.table.scale import Floats, Scale

SORTS = ("numeric", "integer", "boolean", "categorical", "ordinal", "datetime", "constant")
COUNTS = ("poisson", "negative_binomial", "zero_inflated")  # families of raw counts, which are not scaled


@dataclass(frozen=True)
class Column:
    """What was found in one column, and what it takes to give its values back.

    A value is a level or a number. The number is modelled on a scale of its own: first ``(raw - origin) / step`` (its
    *own units*: times are counts of their resolution, all else is taken as it is), then ``scale``.

    Attributes:
        name: of the column.
        sort: one of ``SORTS``.
        type: of its values, in Arrow's words (``"int64"``, ``"timestamp[us, tz=UTC]"`` …) or ``"object"`` (mixed).
        dtype: what the container called it.
        levels: the values of the codes 0, 1, …; times as counts of their unit, bytes as Latin-1.
        shares: each level's share of the values.
        ordered: the levels are all there is, and their order counts.
        family: the member of ``likelihoods`` the number follows; ``None``: it is never a number.
        options: of that family.
        scale: own units → what the network sees.
        origin, step: of the own units, for times and large integers.
        decimals: numbers are whole multiples of ``10 ** -decimals`` in own units; ``None``: they are not.
        multiple, phase: numbers are ``phase`` and whole multiples of ``multiple`` such units, if that is coarser
            (people round: credit limits come in ten thousands, prices end in .99).
    XX        categories: the container's own list of categories, used or not.
    """

    name: str
    sort: str
    type: str
    dtype: str = ""
    levels: tuple[Any, ...] = ()
    shares: tuple[float, ...] = ()
    ordered: bool = False
    family: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    scale: Scale = field(default_factory=Scale)
    origin: int = 0
    step: int = 1
    decimals: int | None = None
    multiple: int = 1
    phase: int = 0
    low: float = 0.0
    high: float = 0.0
    rest: float = 0.0
    local: bool = False
    nulls: float = 0.0
    categories: tuple[Any, ...] | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Column:
        """The inverse of ``dataclasses.asdict``, through JSON."""
        scale = data["scale"]
        scale = Scale(tuple(scale["raw"]), tuple(scale["scaled"]), scale["below"], scale["above"])
        lists = {k: None if data[k] is None else tuple(data[k]) for k in ("levels", "shares", "categories")}
        return cls(**{**data, **lists, "scale": scale})

    @cached_property
    def cell(self) -> CellSpec:
        """What the cell can hold. A column without any value has one level, which stands for "nothing"."""
        count = len(self.levels) if self.family is not None else max(1, len(self.levels))
        codes = count + (self.family is not None)
        shares = (*self.shares, self.rest) if self.family is not None else self.shares
        prior = shares if codes > WIDE else None
        return CellSpec(count, self.family, self.options, self.ordered, prior, self._positions())

    def _positions(self) -> tuple[float, ...]:
        if self.family is None or not self.levels:
            return ()
        own = self.own(np.asarray(self.levels))
        return tuple(self.scale.forward(own).tolist())

    @property
    def counted(self) -> bool:
        """Its values have an order and differences: numbers and times."""
        return arrays.is_number(self.type) or arrays.is_time(self.type)

    @property
    def half(self) -> float:
        """Half the distance between neighbouring values in own units; zero where they lie dense."""
        return self.rounding * self.multiple

    @property
    def rounding(self) -> float:
        """Half of the last digit in own units, which is what writing a computed value down may take away; zero where
        values lie dense. Not more where values happen to lie on a coarser lattice."""
        return 0.0 if self.decimals is None else 0.5 * 10.0**-self.decimals

    @property
    def log_step(self) -> float:
        """Logarithm of the width, in own units, that a number's density is multiplied by when it is scored.

        On a lattice, the distance of neighbouring values. Where values lie dense but some are levels, the width of the
        middle half over that of a normal's: a usual number then weighs about as much as a usual level, whatever the
        column is measured in. Else one: a plain density.
        """
        if self.decimals is not None:
            return math.log(self.multiple) - self.decimals * math.log(10)
        if not self.levels or len(self.scale.raw) < 2:
            return 0.0
        low, high = len(self.scale.raw) // 4, -1 - len(self.scale.raw) // 4
        if self.scale.scaled[high] <= self.scale.scaled[low]:
            low, high = 0, -1
        raw, scaled = self.scale.raw[high] - self.scale.raw[low], self.scale.scaled[high] - self.scale.scaled[low]
        return math.log(raw / scaled)

    @property
    def whole(self) -> bool:
        """Its native values are whole numbers (int64); otherwise float64."""
        return self.type == "int64" or arrays.is_time(self.type)

    # ------------------------------------------------------------------ native values (int64, float64) and own units

    def own(self, x: NDArray[Any]) -> Floats:
        """Native values → own units."""
        return ((x - self.origin) / self.step if self.origin or self.step != 1 else x).astype(np.float64)

    def native(self, own: Floats) -> NDArray[Any]:
        """Own units → native values."""
        if not self.whole:
            return own * self.step + self.origin if self.origin or self.step != 1 else own
        room = 2.0**62 / self.step
        return np.rint(np.clip(np.nan_to_num(own), -room, room)).astype(np.int64) * self.step + self.origin

    def _count(self, own: Floats) -> Floats:
        """How many steps of its lattice a number is from the first: whole for those that lie on it."""
        assert self.decimals is not None
        units = own * 10.0**self.decimals
        return units if self.multiple == 1 else (units - self.phase) / self.multiple

    def _at(self, count: Floats) -> Floats:
        assert self.decimals is not None
        units = count if self.multiple == 1 else count * self.multiple + self.phase
        return units / 10.0**self.decimals

    def between(self, low: float, high: float) -> tuple[float, float]:
        """First and last number of the lattice in a range of own units; the range itself where there is no lattice."""
        if self.decimals is None:
            return low, high
        first, last = (np.array([end]) for end in (low, high))
        if not math.isinf(low):
            first = self._at(np.ceil(self._count(first) - 1e-6))
        if not math.isinf(high):
            last = self._at(np.floor(self._count(last) + 1e-6))
        return float(first[0]), float(last[0])

    def on_lattice(self, own: Floats, clip: bool = True) -> Floats:
        """Own units, rounded to what the column can hold and (if asked) kept in the range that was seen."""
        if self.decimals is not None:
            with np.errstate(over="ignore"):
                own = self._at(np.rint(self._count(own)))
        return np.clip(own, self.low, self.high) if clip and self.family is not None else own

    # ------------------------------------------------------------------ levels

    @cached_property
    def level_values(self) -> NDArray[Any]:
        """The levels of a counted column as native values, by code."""
        whole = all(isinstance(v, int) and abs(v) < 2**63 for v in self.levels)
        return np.array(self.levels, dtype=np.int64 if whole else np.float64)

    @cached_property
    def sorted_levels(self) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """The levels of a counted column in ascending order, and their codes."""
        order = np.argsort(self.level_values, kind="stable")
        return self.level_values[order], order

    @cached_property
    def code_of(self) -> Mapping[Any, int]:
        """Key of a level (see :meth:`key`) → its code."""
        return {self.key(v): i for i, v in enumerate(self.level_objects)}

    @property
    def level_objects(self) -> list[Any]:
        """The levels as Python values."""
        return [v.encode("latin-1") for v in self.levels] if self.type == "large_binary" else list(self.levels)

    def key(self, value: Any) -> Any:
        """What tells levels apart."""
        return arrays.object_key(value) if self.type == "object" else value
