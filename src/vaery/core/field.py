"""Fields: the observed sites of the walk, and what is known about each from the data it was described from."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from vaery.core.cells import CellSpec, places
from vaery.core.evidence import zeroed
from vaery.core.random import Random
from vaery.core.region import Region
from vaery.core.scale import Scale

ABSENT = -1e30  # a trait that is not there: less than any other
HIDDEN = 0.3  # the largest chance of a cell to be hidden where rows are to be seen otherwise


@dataclass(frozen=True)
class Field(ABC):
    """One observed site: a frozen, JSON-able description with the statistics learned from data.

    A kind's ``field.py`` holds one subclass, named ``<Kind>Field``. Its attributes must survive
    ``from_json(json.loads(json.dumps(to_json())))``.

    Attributes:
        name: the site's name.
        likelihood: a member of ``likelihoods``.
    """

    kind: ClassVar[str]
    name: str
    likelihood: str

    @property
    @abstractmethod
    def event(self) -> tuple[int, ...]:
        """E…: the shape of one packed value."""

    @property
    @abstractmethod
    def mask(self) -> tuple[int, ...]:
        """M…: the leading part of the event that can be missing by itself."""

    @abstractmethod
    def pack(self, raw: Any) -> tuple[Tensor, Tensor | None]:
        """Raw data → ``value [B, E…]``, ``known [B, M…]`` bool (``None``: all known).

        Unknown cells hold zeros. Raises :class:`~vaery.core.errors.DataError` that names row, column or file.
        """

    @abstractmethod
    def unpack(
        self,
        value: Tensor,
        known: Tensor | None = None,
        like: Any = None,
        keep: bool = False,
        given: Mapping[str, Any] | None = None,
    ) -> Any:
        """``value [B, E…]`` → raw data. The inverse of :meth:`pack`, exact wherever the support is discrete.

        Args:
            value: packed values.
            known: ``[B, M…]`` bool; other cells become nulls. ``None``: all.
            like: raw rows that these belong to: the type, index and names of what comes back. ``None``: as fitted.
            keep: cells that are known in ``like`` are taken from there, untouched.
            given: cell name → raw value, written to every row as it is.
        """

    @abstractmethod
    def summarise(self, value: Tensor, weight: Tensor, how: str | float, like: Any = None, keep: bool = False) -> Any:
        """Draws of each cell → one raw record a row.

        Args:
            value: draws ``[Q, B, E…]``.
            weight: their weights ``[Q, B]``, summing to one along Q.
            how: ``"mean"`` (categories: the mode), ``"median"``, ``"mode"``, or a number in (0, 1): that quantile
                (categories: the mode).
            like, keep: as in :meth:`unpack`.

        Returns:
            Raw data, as :meth:`unpack` gives it; means are taken in the data's own units.
        """

    def log_jacobian(self, value: Tensor) -> Tensor | None:
        """``[B, M…]`` log |d packed / d raw| of each cell: added to a packed log-density, it is one in the data's own
        units. ``None``: zero everywhere (discrete cells, unscaled numbers)."""
        return None

    @property
    def gauged(self) -> bool:
        """Whether intervals of its numbers are widened until they hold what they say, on held-out rows."""
        return False

    def remote(self, known: Tensor) -> Tensor:
        """``[B, M…]`` long: for fields that are :attr:`gauged`, how far each cell is from the known ones, in classes
        from 0 that have intervals of their own; -1: it holds no number."""
        return torch.zeros_like(known, dtype=torch.long)

    @property
    def noise(self) -> float:
        """The share of each number's own spread, given the latent, that new rows are made with; see
        :meth:`~vaery.core.density.Density.hushed`. Here all of it. Where noise that is drawn cell by cell is not what
        data of this kind has (sound), less is nearer to real rows."""
        return 1.0

    @property
    def scale(self) -> Scale | None:
        """What packed numbers mean, for fields of like numbers side by side (pictures); ``None`` for others.

        Noise can be taken off such a field (:mod:`vaery.restore`): its densities have a ``table``.
        """
        return None

    def enlarged(self, raw: Any, factor: int) -> Any:
        """Raw data that came ``factor`` times too small along each axis, in the size it was fitted in: repeated."""
        return raw

    def named_parts(self, value: Tensor, known: Tensor | None = None) -> list[list[tuple[str, list[int]]]] | None:
        """What each row ``[B, E…]`` is made of, where its cells have no names that people know but parts of it do
        (words, notes): their names, with the places of their cells in the mask laid flat. ``None``: nothing has."""
        return None

    @property
    def parts_tell(self) -> bool:
        """Whether the names of its parts say what is there (words, notes), so that what was expected instead has a name
        too. Not where they say which part is meant (moments of a sound)."""
        return True

    @property
    def measures(self) -> Mapping[str, Callable[[Any], Any]]:
        """What can be measured on each raw value by itself (the weight of a molecule), by name: raw values → ``[B]``
        floats, NaN where there is nothing. Columns that are such are found when a model is fitted, and follow."""
        return {}

    def plain_bits(self, value: Tensor) -> Tensor | None:
        """``[B]`` bits that a plain, general code needs for each packed value: how busy it is, whatever it shows.

        ``None``: there is no such code for this kind. Then rows are ranked by their surprise alone.
        """
        return None

    def coarse(self, value: Tensor) -> tuple[Tensor, Tensor] | None:
        """``[B, D]`` numbers from 0 to 1 that tell how packed values look from afar, and ``[B]`` bits that a plain,
        general code needs for that. ``None``: this kind cannot be seen so."""
        return None

    def traits(self, value: Tensor, known: Tensor) -> Tensor | None:
        """``[B, F]`` numbers that tell what rows are like, by which trees tell made rows from real ones
        (:mod:`vaery.discriminator`); :data:`ABSENT` where there is nothing. ``None``: trees do not look at this kind.

        Args:
            value: packed values ``[B, E…]``.
            known: ``[B, M…]`` bool.
        """
        return None

    def given(self, asked: Any) -> tuple[Tensor | None, Tensor | None, Region | None]:
        """What ``given=`` says of this field → one row of (value, known, region), as in Evidence.

        Args:
            asked: a raw value of the field, or (for blocks of cells) cell name → raw value or condition of
                :mod:`vaery.core.query`.
        """
        value, known = self.pack(asked)
        return value, known, None

    @property
    def cells(self) -> Sequence[CellSpec] | None:
        """What each cell can hold, for fields made of cells (:mod:`vaery.core.cells`); ``None`` for others."""
        return None

    @property
    def cell_names(self) -> Sequence[str] | None:
        """A name for each position of the mask, where people have one (columns); ``None`` elsewhere (pixels)."""
        return None

    def hide(self, rows: int, rng: Random) -> Tensor:
        """Which cells to leave visible when training on partly hidden rows: ``[rows, M…]`` bool.

        Here: a random share of random cells, the share uniform for each row. A kind whose gaps have a shape
        (halves of a picture, stretches of a series) says so itself.
        """
        ones = [1] * len(self.mask)
        share = rng.uniform((rows,)).view(rows, *ones)
        return rng.uniform((rows, *self.mask)) > share

    def agree(self, a: Tensor, b: Tensor) -> Tensor:
        """``[B, M…]`` bool: the cells in which two packed values are the same, so that what is between them is, too."""
        same = a == b
        return same.flatten(1 + len(self.mask)).all(-1) if same.dim() > 1 + len(self.mask) else same

    def vary(self, value: Tensor, known: Tensor | None, rng: Random) -> tuple[Tensor, Tensor | None]:
        """Other rows that are as good as these, for training to see instead: music in another key, say.

        Here: the same rows. Held-out rows are never varied.
        """
        return value, known

    @property
    def varies(self) -> bool:
        """Whether :meth:`vary` makes other rows of these."""
        return False

    @property
    def scarce(self) -> bool:
        """Whether the fit saw so few rows that these, varied, tell more of new ones than what is drawn."""
        return False

    def disturb(
        self, value: Tensor, known: Tensor | None, rng: Random, strength: float
    ) -> tuple[Tensor, Tensor | None]:
        """The same rows seen otherwise, so that a label of theirs stays what it is: what a label is read from must not
        hang on what changes here.

        Here: cells are hidden, each with a chance of up to :data:`HIDDEN`. A kind that knows better (pictures are moved
        and turned) says so itself.

        Args:
            value, known: packed rows.
            rng: where draws come from.
            strength: from 0 (as they are) to 1.
        """
        if not self.mask:
            return value, known
        shown = rng.uniform((len(value), *self.mask)).to(value.device) > HIDDEN * strength
        shown = shown if known is None else known & shown
        return zeroed(value, shown), shown

    def certain(self, value: Tensor, known: Tensor) -> Tensor | None:
        """``[B, M…]`` bool: cells that follow with certainty from the known ones (what comes after the end of a
        sequence), so that raw data cannot tell whether they were hidden. ``None``: there are none."""
        return None

    def near(self, value: Tensor, again: Tensor) -> Tensor:
        """``[B]`` bool: whether packed values ``[B, E…]`` are as good as the same, once they went to raw data and back.

        Here: equal, but for rounding. A kind whose raw data has more to it than what is packed (the phases of sound)
        says what it promises instead.
        """
        close = torch.isclose(again.double(), value.double(), rtol=1e-4, atol=1e-4)
        return close.flatten(1).all(1)

    def shown(self, value: Tensor, known: Tensor) -> Tensor:
        """``[B, M…]`` bool: the cells that raw data in which only ``known`` ones are shows to be known. Here: these.

        Where several cells share a part of the raw data, some that are hidden alone show nevertheless."""
        return known

    def to_json(self) -> dict[str, Any]:
        """Plain data; ``kind`` tells which class reads it back."""
        return {"kind": self.kind} | dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Field:
        """The inverse of :meth:`to_json`."""
        return cls(**{k: v for k, v in data.items() if k != "kind"})


class Tabular(Field):
    """A field whose cells are columns that can be read and changed one by one, in raw data of whatever container."""

    @property
    @abstractmethod
    def cell_names(self) -> Sequence[str]:
        """The columns' names."""

    @abstractmethod
    def __getitem__(self, name: str) -> Any:
        """What is known of the column called ``name``."""

    def traits(self, value: Tensor, known: Tensor) -> Tensor | None:
        """A number for each cell. Made numbers are rounded as their column is, or each would give itself away."""
        if self.cells is None:
            return None
        value, there = self.pack(self.unpack(value, known))
        seen = places(self.cells, value)
        return seen if there is None else seen.masked_fill(~there, ABSENT)

    @abstractmethod
    def sheet(self, raw: Any) -> Any:
        """Raw rows (any column missing), opened so that single cells can be read and changed."""

    @abstractmethod
    def decoded(self, value: Tensor) -> Mapping[str, Any]:
        """Packed rows as raw columns by name, in no container yet."""


class Windowed(Field):
    """A field whose rows are windows that are cut from longer records, and may overlap. Its :meth:`unpack` takes all
    windows of ``like`` at once."""

    @abstractmethod
    def spans(self, raw: Any) -> Tensor:
        """``[B, 2]`` where each packed row begins and ends, on one line through all records."""

    @abstractmethod
    def condense(self, value: Tensor, weight: Tensor, how: str | float) -> Tensor:
        """Draws ``[Q, B, E…]`` → one packed row each, as :meth:`summarise` has it."""

    @abstractmethod
    def told(self, like: Any, found: Mapping[str, Any], reasons: int) -> Mapping[str, Any]:
        """What was found of each step of the line (see :meth:`spans`) as columns, one entry for each raw row.

        Args:
            like: raw records.
            found: columns ``[L]``; ``"cells"``, ``"rank"`` and ``"expected"`` are ``[L, C]``: bits, oddness and packed
                values of each channel.
            reasons: how many channels to name for each row.
        """


def all_known(field: Field, rows: int) -> Tensor:
    """A mask ``[rows, M…]`` that is true everywhere."""
    return torch.ones((rows, *field.mask), dtype=torch.bool)
