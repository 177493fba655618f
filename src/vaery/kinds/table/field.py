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
from vaery.core.field import Field
from vaery.core.query import Between, OneOf
from vaery.core.region import Region
from vaery.kinds.table import arrays
from vaery.kinds.table.arrays import Array
from vaery.kinds.table.column import COUNTS, Column
from vaery.kinds.table.conditions import OPEN, Allowed, allowed, single
from vaery.kinds.table.detect import describe_column
from vaery.kinds.table.frames import NAMELESS, ONE_COLUMN, Frame, open_frame
from vaery.kinds.table.restore import Restored, close_frame
from vaery.kinds.table.summary import summarise_column


@dataclass(frozen=True)
class TableField(Field):
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
    def cells(self) -> Sequence[CellSpec]:  # type: ignore[override]
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
        frame = open_frame(raw, self.name)
        value = np.zeros((frame.rows, len(self.columns), 2), dtype=np.float32)
        known = np.zeros((frame.rows, len(self.columns)), dtype=bool)
        for i, array in self._placed(frame).items():
            code, number, here = self.columns[i].encode(array)
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
        packed = value.detach().cpu().numpy().astype(np.float64)
        mask = None if known is None else known.detach().cpu().numpy()
        clip = not (keep and like is None)
        made = [
            c.decode(packed[:, i, 0], packed[:, i, 1], None if mask is None else mask[:, i], clip)
            for i, c in enumerate(self.columns)
        ]
        return self._close(made, like, keep, given)

    def _close(self, made: list[Array], like: Any, keep: bool, given: Mapping[str, Any] | None) -> Any:
        """Columns into the container of ``like`` (or as fitted), with what was known or given written over them."""
        frame = None if like is None else open_frame(like, self.name)
        placed = {} if frame is None else self._placed(frame)
        container = self.container if frame is None else frame.container
        if container in ONE_COLUMN and len(self.columns) > 1:
            container = self.container
        source = list(placed) if frame is not None and frame.names is not None else []
        out = {}
        for i in [*source, *(i for i in range(len(self.columns)) if i not in source)]:
            dtype = self._dtype(i, container, frame, placed)
            array = made[i]
            if keep and i in placed and len(placed[i]) == len(array):
                array, dtype = overlay(array, placed[i], dtype, self._like_dtype(i, frame, placed))
            if given and self.columns[i].name in given:
                array, dtype = overlay(array, self._constant(i, given, len(array)), dtype, "")
            out[i] = Restored(self._label(i, frame, placed), array, dtype, self.columns[i].categories)
        return close_frame(container, list(out.values()), like)

    def _label(self, i: int, frame: Frame | None, placed: Mapping[int, Array]) -> Any:
        if frame is not None and frame.names is not None and i in placed:
            at = list(placed).index(i)
            return frame.labels[at] if frame.labels is not None else frame.names[at]
        return self.labels[i] if self.labels is not None else self.columns[i].name

    def _dtype(self, i: int, container: str, frame: Frame | None, placed: Mapping[int, Array]) -> str:
        """The container's own name for the column's type; ``""`` where only another container is known."""
        family = {"series": "pandas", "polars_series": "polars", "arrow_array": "arrow", "array": "numpy"}
        if family.get(container, container) == family.get(self.container, self.container):
            return self.columns[i].dtype
        return self._like_dtype(i, frame, placed)

    def _like_dtype(self, i: int, frame: Frame | None, placed: Mapping[int, Array]) -> str:
        return frame.dtypes[list(placed).index(i)] if frame is not None and i in placed else ""

    def _constant(self, i: int, given: Mapping[str, Any], rows: int) -> Array:
        column = self.columns[i]
        one = arrays.as_array([given[column.name]], column.name)
        if isinstance(one, np.ndarray):
            return np.repeat(one, rows)
        if column.counted:
            one = column.same_type(one, arrays.known(one))
        return one.take([0] * rows)

    def summarise(self, value: Tensor, weight: Tensor, how: str | float, like: Any = None, keep: bool = False) -> Any:
        packed = value.detach().cpu().numpy().astype(np.float64)
        share = weight.detach().cpu().numpy().astype(np.float64)
        made = [summarise_column(c, packed[:, :, i], share, how) for i, c in enumerate(self.columns)]
        return self._close(made, like, keep, None)

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
        conditions = {k: v for k, v in asked.items() if isinstance(v, Between | OneOf)}
        exact = {self[k].name: v for k, v in asked.items() if k not in conditions}
        region = self._region({k: allowed(self[k], v) for k, v in conditions.items()}) if conditions else None
        if not exact:
            return None, None, region
        value, known = torch.zeros(1, *self.event), torch.zeros(1, *self.mask, dtype=torch.bool)
        for i, column in enumerate(self.columns):
            if column.name in exact:
                value[0, i] = torch.tensor(single(column, exact[column.name]))
                known[0, i] = True
        return value, known, region

    def _region(self, conditions: Mapping[str, Allowed]) -> Region:
        depth = max((len(a.intervals) for a in conditions.values()), default=0) or 1
        most = max(1, *(c.cell.levels for c in self.columns))
        asked = torch.tensor([[c.name in conditions for c in self.columns]])
        levels = torch.ones(1, len(self.columns), most, dtype=torch.bool)
        low = torch.full((1, len(self.columns), depth), -OPEN)
        high = torch.full((1, len(self.columns), depth), OPEN)
        for i, column in enumerate(self.columns):
            if column.name in conditions:
                found = conditions[column.name]
                empty = [(1.0, 0.0)] * (depth - len(found.intervals))
                levels[0, i, :] = False
                levels[0, i, : len(found.levels)] = torch.tensor(found.levels, dtype=torch.bool)
                low[0, i], high[0, i] = torch.tensor([*found.intervals, *empty]).T
        return Region(asked, levels, low, high)

    # ------------------------------------------------------------------ scales

    def log_jacobian(self, value: Tensor) -> Tensor | None:
        """Zero for levels and raw counts. Times are per count of their resolution (days, seconds …)."""
        packed = value.detach().cpu().numpy().astype(np.float64)
        out = np.zeros(packed.shape[:-1], dtype=np.float32)
        for i, column in enumerate(self.columns):
            if column.family is None or column.family in COUNTS:
                continue
            number: NDArray[np.bool_] = packed[..., i, 0] >= len(column.levels)
            own = column.scale.inverse(packed[..., i, 1][number])
            out[..., i][number] = column.scale.log_slope(own, column.half)
        return torch.from_numpy(out).to(value.device)


def overlay(array: Array, over: Array, dtype: str, over_dtype: str) -> tuple[Array, str]:
    """``array`` with the known values of ``over`` written over it, bit for bit; the type that can hold both."""
    import pyarrow as pa
    import pyarrow.compute as pc

    known = arrays.known(over)
    if isinstance(array, np.ndarray) or isinstance(over, np.ndarray):
        out = np.empty(len(array), dtype=object)
        out[:] = array if isinstance(array, np.ndarray) else array.to_pylist()
        top = over if isinstance(over, np.ndarray) else np.array([*over.to_pylist(), None], dtype=object)[:-1]
        return np.where(known, top, out), dtype
    if str(over.type).startswith("dictionary"):
        over = over.dictionary_decode()  # type: ignore[union-attr]
    if over.type != array.type:
        try:
            over = pc.if_else(pa.array(known), over, pa.scalar(None, over.type)).cast(array.type)  # type: ignore[attr-defined]
        except pa.ArrowException:
            array, dtype = array.cast(over.type, safe=False), over_dtype
    if str(over.type) == "double" and over_dtype:
        dtype = over_dtype if dtype in ("float32", "Float32", "float") else dtype
    return pc.if_else(pa.array(known), over, array), dtype  # type: ignore[attr-defined]


def _others(extra: Sequence[str]) -> str:
    return f" Also unknown: {', '.join(map(repr, extra[1:6]))}." if len(extra) > 1 else ""


def describe(
    raw: Any,
    name: str = "table",
    likelihood: str = "any_order",
    columns: Mapping[str, Any] | None = None,
    families: Mapping[str, str] | None = None,
) -> TableField:
    """Look at a table: what each column is. All of it can be overruled, and read in the result.

    Args:
        raw: a frame, array, list or path.
        name: of the field.
        likelihood: ``"any_order"`` (each cell sees any of the others) or ``"independent"`` (given the latent).
        columns: column → sort (one of ``column.SORTS``), or the list of its levels in order.
        families: column → the family of its numbers: ``"mixture"``, ``"normal"``, ``"student"``,
            ``"logistic_mixture"``, ``"poisson"``, ``"negative_binomial"``, ``"zero_inflated"``; ``"categorical"`` or
            ``"ordinal"``: all its values are levels.

    Raises:
        DataError: no rows, no columns, names that occur twice, infinities and whatever else no column can hold.
        ChoiceError: an override names no column, sort or family.
    """
    frame = open_frame(raw, name)
    if not frame.columns:
        raise DataError("0 feature(s) (columns) were found; a minimum of 1 is required")
    if frame.rows == 0:
        raise DataError("0 sample(s) (rows) were found; a minimum of 1 is required")
    names = frame.names or (
        (name,) if frame.container in ONE_COLUMN else tuple(f"x{i}" for i in range(len(frame.columns)))
    )
    columns, families = columns or {}, families or {}
    for asked in (*columns, *families):
        if asked not in names:
            raise choice("column", asked, names)
    found = [
        describe_column(
            array,
            names[i],
            frame.dtypes[i],
            asked=columns.get(names[i]),
            family=families.get(names[i]),
            order=frame.categories[i] if frame.orders[i] and names[i] not in columns else None,
            categories=frame.categories[i],
        )
        for i, array in enumerate(frame.columns)
    ]
    return TableField(name, likelihood, tuple(found), frame.container, frame.labels)
