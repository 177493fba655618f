"""The field of a table: one block of cells, packed and unpacked column by column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vaery.core.cells import CellSpec
from vaery.core.errors import DataError, QueryError, choice
from vaery.core.field import HIDDEN, Tabular
from vaery.core.query import Between, OneOf
from vaery.core.random import Random
from vaery.core.region import Region
from vaery.kinds.table import arrays, words
from vaery.kinds.table.arrays import Array
from vaery.kinds.table.column import COUNTS, Column
from vaery.kinds.table.conditions import region_of, single
from vaery.kinds.table.decode import decode
from vaery.kinds.table.encode import encode, same_type
from vaery.kinds.table.file import TableFile
from vaery.kinds.table.frames import NAMELESS, ONE_COLUMN, Frame, open_frame
from vaery.kinds.table.restore import Restored, close_frame, overlay
from vaery.kinds.table.sheet import Sheet
from vaery.kinds.table.summary import summarise_column

# One column of a frame and the frame have the same types.
COUSINS = {"series": "pandas", "polars_series": "polars", "arrow_array": "arrow", "array": "numpy", "tensor": "numpy"}


@dataclass(frozen=True)
class TableField(Tabular):
    """A table as one block of cells: ``value [B, D, 2]`` (code, number), ``known [B, D]``.

    Attributes:
        columns: one for each of the D cells.
        container: what the table came in; see :class:`~vaery.kinds.table.frames.Frame`.
        labels: the columns' names as they were, where not all are text.
    """

    kind: ClassVar[str] = "table"
    columns: tuple[Column, ...] = ()
    container: str = "pandas"
    labels: tuple[Any, ...] | None = None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> TableField:
        labels = None if data["labels"] is None else tuple(data["labels"])
        columns = tuple(Column.from_json(c) for c in data["columns"])
        return cls(data["name"], data["likelihood"], columns, data["container"], labels)

    @property
    def event(self) -> tuple[int, ...]:
        return len(self.columns), 2

    @property
    def mask(self) -> tuple[int, ...]:
        return (len(self.columns),)

    @cached_property
    def cells(self) -> Sequence[CellSpec]:
        return tuple(column.cell for column in self.columns)

    @property
    def cell_names(self) -> Sequence[str]:
        return tuple(column.name for column in self.columns)

    def __getitem__(self, name: str) -> Column:
        """The column called ``name``.

        Raises:
            ChoiceError: there is none; the message names the nearest.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise choice("column", name, self.cell_names)

    # ------------------------------------------------------------------ raw → packed

    def pack(self, raw: Any) -> tuple[Tensor, Tensor | None]:
        return self._pack(open_frame(raw, self.name), None)

    def pack_any(self, raw: Any) -> tuple[Tensor, Tensor | None, dict[int, tuple[list[int], str]], list[int]]:
        """As :meth:`pack`, but levels that were never seen are unknown cells and no error.

        Returns:
            Value and known; cell → the rows that hold such a level, and the first of these, to be shown; the cells that
            the rows have no column for.
        """
        if isinstance(raw, TableFile):
            return self._pack_parts(raw)
        frame = open_frame(raw, self.name)
        unseen: dict[int, list[int]] = {i: [] for i in range(len(self.columns))}
        value, known = self._pack(frame, unseen)
        placed = self._placed(frame)
        new = {i: (rows, words.show(placed[i], rows[0])) for i, rows in unseen.items() if rows}
        return value, known, new, [i for i in range(len(self.columns)) if i not in placed]

    def _pack_parts(self, raw: TableFile) -> tuple[Tensor, Tensor | None, dict[int, tuple[list[int], str]], list[int]]:
        """As :meth:`pack_any`, of a file that is read in parts."""
        shape = (len(raw), len(self.columns))
        value, known = torch.zeros(*shape, 2), torch.zeros(shape, dtype=torch.bool)
        new: dict[int, tuple[list[int], str]] = {}
        absent: list[int] = []
        for rows, part in raw.parts():
            value[rows], mask, found, absent = self.pack_any(part)
            known[rows] = True if mask is None else mask
            for i, (at, first) in found.items():
                before, shown = new.get(i, ([], first))
                new[i] = ([*before, *(rows.start + row for row in at)], shown)
        return value, None if bool(known.all()) else known, new, absent

    def _pack(self, frame: Frame, unseen: dict[int, list[int]] | None) -> tuple[Tensor, Tensor | None]:
        value = np.zeros((frame.rows, len(self.columns), 2), dtype=np.float32)
        known = np.zeros((frame.rows, len(self.columns)), dtype=bool)
        for i, array in self._placed(frame).items():
            code, number, here = encode(self.columns[i], array, None if unseen is None else unseen[i])
            value[:, i, 0], value[:, i, 1], known[:, i] = code, number, here
        return torch.from_numpy(value), None if known.all() and frame.rows else torch.from_numpy(known)

    def _placed(self, frame: Frame) -> dict[int, Array]:
        """Which of the frame's columns is which of ours: by name where there are names, else by position."""
        by_position = frame.names is None or (
            self.container in NAMELESS and len(frame.names) == len(self.columns) and frame.names != self.cell_names
        )
        if by_position:
            if len(frame.columns) != len(self.columns):
                raise DataError(
                    f"X has {len(frame.columns)} features, but VAE is expecting {len(self.columns)} features as input"
                )
            return dict(enumerate(frame.columns))
        at = {column.name: i for i, column in enumerate(self.columns)}
        assert frame.names is not None
        extra = [name for name in frame.names if name not in at]
        if extra:
            raise DataError(str(choice("column", extra[0], self.cell_names)) + _others(extra))
        return {at[name]: array for name, array in zip(frame.names, frame.columns, strict=True)}

    # ------------------------------------------------------------------ packed → raw

    def unpack(
        self,
        value: Tensor,
        known: Tensor | None = None,
        like: Any = None,
        keep: bool = False,
        given: Mapping[str, Any] | None = None,
    ) -> Any:
        """As in :meth:`vaery.core.field.Field.unpack`.

        Numbers beyond the range that was seen are set to its end: a model's tails go on where the data stopped. With
        ``keep`` and without ``like`` they are left as they are (what was packed comes back).
        """
        packed = value.detach().cpu().float().numpy()
        mask = None if known is None else known.detach().cpu().numpy()
        clip = not (keep and like is None)
        made = [
            decode(c, packed[:, i, 0], packed[:, i, 1], None if mask is None else mask[:, i], clip)
            for i, c in enumerate(self.columns)
        ]
        return self._close(made, like, keep, given)

    def _close(self, made: list[Array], like: Any, keep: bool, given: Mapping[str, Any] | None) -> Any:
        """Columns into the container of ``like`` (or as fitted), with what was known or given written over them."""
        frame = None if like is None else open_frame(like, self.name)
        placed = {} if frame is None else self._placed(frame)
        source = {i: at for at, i in enumerate(placed)}  # where in the frame each of our columns is
        container = self.container if frame is None else frame.container
        if container in ONE_COLUMN and len(self.columns) > 1:
            container = self.container
        own = COUSINS.get(container, container) == COUSINS.get(self.container, self.container)
        order = list(source) if frame is not None and frame.names is not None else []
        out = []
        for i in [*order, *(i for i in range(len(made)) if i not in order)]:
            column, array = self.columns[i], made[i]
            theirs = frame.dtypes[source[i]] if frame is not None and i in source else ""
            dtype = column.dtype if own else theirs
            if keep and i in placed and len(placed[i]) == len(array):
                array, dtype = overlay(array, placed[i], dtype, theirs)
            if given and column.name in given:
                array, dtype = overlay(array, self._constant(i, given, len(array)), dtype, "")
            label = self._label(i) if frame is None or i not in order else frame.label(source[i])
            out.append(Restored(label, array, dtype, column.categories))
        return close_frame(container, out, like)

    def _label(self, i: int) -> Any:
        return self.labels[i] if self.labels is not None else self.columns[i].name

    def _constant(self, i: int, given: Mapping[str, Any], rows: int) -> Array:
        column = self.columns[i]
        one = arrays.as_array([given[column.name]], column.name)
        if isinstance(one, np.ndarray):
            return np.repeat(one, rows)
        if column.counted:
            one = same_type(column, one, arrays.known(one))
        return one.take([0] * rows)

    def summarise(self, value: Tensor, weight: Tensor, how: str | float, like: Any = None, keep: bool = False) -> Any:
        packed = value.detach().cpu().float().numpy()
        share = weight.detach().cpu().numpy().astype(np.float64)
        made = [summarise_column(c, packed[:, :, i], share, how) for i, c in enumerate(self.columns)]
        return self._close(made, like, keep, None)

    def disturb(
        self, value: Tensor, known: Tensor | None, rng: Random, strength: float
    ) -> tuple[Tensor, Tensor | None]:
        """Some cells are those of another row (Bahri et al., 2022)."""
        rows, width = value.shape[:2]
        other = rng.integers(0, max(1, rows), (rows, width)).to(value.device)
        swap = rng.uniform((rows, width)).to(value.device) < HIDDEN * strength
        at = torch.where(swap, other, torch.arange(rows, device=value.device)[:, None])
        column = torch.arange(width, device=value.device)
        return value[at, column], None if known is None else known[at, column]

    def sheet(self, raw: Any) -> Sheet:
        """A table of these columns (any of them missing), opened so that single cells can be read and changed."""
        frame = open_frame(raw, self.name)
        placed = {self.columns[i].name: at for at, i in enumerate(self._placed(frame))}
        return Sheet(raw, frame, self.columns, placed)

    def decoded(self, value: Tensor) -> dict[str, Array]:
        """Packed rows as raw columns by name, in no container yet."""
        packed = value.detach().cpu().float().numpy()
        return {c.name: decode(c, packed[:, i, 0], packed[:, i, 1]) for i, c in enumerate(self.columns)}

    # ------------------------------------------------------------------ conditions

    def given(self, asked: Any) -> tuple[Tensor | None, Tensor | None, Region | None]:
        """As in :meth:`vaery.core.field.Field.given`.

        Args:
            asked: column → value, ``between(...)`` or ``one_of(...)``; for a table of one column, these themselves.

        Raises:
            QueryError: a condition that the column cannot be asked, or that no value of it meets.
        """
        if not isinstance(asked, Mapping):
            if len(self.columns) != 1:
                raise QueryError(f"conditions on a table name its columns: {{{self.columns[0].name!r}: {asked!r}}}")
            asked = {self.columns[0].name: asked}
        conditions = {self[k].name: v for k, v in asked.items() if isinstance(v, Between | OneOf)}
        exact = {self[k].name: v for k, v in asked.items() if k not in conditions}
        region = region_of(self.columns, conditions) if conditions else None
        if not exact:
            return None, None, region
        value, known = torch.zeros(1, *self.event), torch.zeros(1, *self.mask, dtype=torch.bool)
        for i, column in enumerate(self.columns):
            if column.name in exact:
                value[0, i] = torch.tensor(single(column, exact[column.name]))
                known[0, i] = True
        return value, known, region

    # ------------------------------------------------------------------ scales

    def log_jacobian(self, value: Tensor) -> Tensor | None:
        """Zero for levels and raw counts.

        A column whose values lie on a lattice (whole numbers, so many decimals, days) is scored by the probability of a
        value and not by a density: it must be comparable with the probability of its levels, or a rare reading between
        two heaps would count as likelier than either.
        """
        packed = value.detach().cpu().float().numpy()
        out = np.zeros(packed.shape[:-1], dtype=np.float32)
        for i, column in enumerate(self.columns):
            if column.family is None or column.family in COUNTS:
                continue
            number: NDArray[np.bool_] = packed[..., i, 0] >= len(column.levels)
            own = column.scale.inverse(packed[..., i, 1][number].astype(np.float64))
            out[..., i][number] = column.scale.log_slope(own, column.half) + column.log_step
        return torch.from_numpy(out).to(value.device)


def _others(extra: Sequence[str]) -> str:
    return f" Also unknown: {', '.join(map(repr, extra[1:6]))}." if len(extra) > 1 else ""
