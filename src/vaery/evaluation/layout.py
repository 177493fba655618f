"""Where the cells of a model's records are, whatever they come in: one frame of named columns, and pictures beside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vaery.core.errors import DataError, QueryError, VaeryError, choice
from vaery.schema import Schema, read

if TYPE_CHECKING:
    import pandas as pd

NUMBERS = ("numeric", "integer", "datetime")
DAY = 86_400.0  # seconds


@dataclass(frozen=True)
class Place:
    """One column: what the frame calls it, and where the model keeps it.

    Attributes:
        label: its name in the frame; that of the cell, with the field's in front where several fields have it.
        field, cell: its place in the model.
        sort: as the field says: ``"numeric"``, ``"integer"``, ``"datetime"``, ``"categorical"`` …
    """

    label: str
    field: str
    cell: str
    sort: str

    @property
    def numeric(self) -> bool:
        """Its values have differences."""
        return self.sort in NUMBERS


@dataclass(frozen=True)
class Rows:
    """Some rows.

    Attributes:
        cells: a pandas frame, numbered from 0; without any column where there are only pictures.
        images: field → ``[N, H, W, …]``, masked where pixels are hidden.
    """

    cells: pd.DataFrame
    images: Mapping[str, NDArray[Any]]

    def __len__(self) -> int:
        return len(self.cells)

    def __getitem__(self, label: str) -> Any:
        """One column."""
        return self.cells[label]

    def take(self, index: NDArray[Any]) -> Rows:
        """These rows only, by number or by a mask."""
        return Rows(self.cells.iloc[index].reset_index(drop=True), {k: v[index] for k, v in self.images.items()})


@dataclass(frozen=True)
class Layout:
    """The columns and pictures of a model.

    Attributes:
        schema: the model's.
        places: of all columns.
        images: the fields that are pictures.
    """

    schema: Schema
    places: tuple[Place, ...]
    images: tuple[str, ...]

    @classmethod
    def of(cls, schema: Schema) -> Layout:
        """The layout of a model.

        Raises:
            QueryError: it holds a field that is neither a table nor pictures.
        """
        other = [field.name for field in schema.fields if field.kind not in ("table", "image")]
        if other:
            raise QueryError(
                f"evaluate() knows tables, images, and series by themselves; this model's field {other[0]!r} is "
                "none of these"
            )
        tables: list[Any] = [field for field in schema.fields if field.kind == "table"]
        names = [column.name for field in tables for column in field.columns]
        places = [
            Place(column.name if names.count(column.name) == 1 else f"{field.name}.{column.name}",
                  field.name, column.name, column.sort)
            for field in tables for column in field.columns
        ]  # fmt: skip
        return cls(schema, tuple(places), tuple(f.name for f in schema.fields if f.kind == "image"))

    def __getitem__(self, label: str) -> Place:
        for place in self.places:
            if place.label == label:
                return place
        raise choice("column", label, [place.label for place in self.places])

    # ------------------------------------------------------------------ raw ↔ rows

    def open(self, raw: Any) -> Rows:
        """Raw records, as the model takes and gives them; columns that are not there are empty.

        Raises:
            DataError: no rows, or fields of different lengths.
        """
        import pandas as pd

        parts = self.schema.parts(read(raw))
        frames, images = {}, {}
        for name, part in parts.items():
            if name in self.images:
                images[name] = np.ma.asarray(part) if np.ma.isMaskedArray(part) else np.asarray(part)
            else:
                frames[name] = to_frame(part, [place.cell for place in self.places if place.field == name])
        lengths = {len(part) for part in (*frames.values(), *images.values())}
        if len(lengths) != 1:
            raise DataError(f"every field must have the same number of rows; there are {sorted(lengths)}")
        (count,) = lengths
        columns = {}
        for place in self.places:
            there = place.field in frames and place.cell in frames[place.field]
            columns[place.label] = frames[place.field][place.cell].array if there else [None] * count
        return Rows(pd.DataFrame(columns, index=range(count)), images)

    def raw(self, rows: Rows) -> Any:
        """Rows as the model takes them."""
        parts: dict[str, Any] = dict(rows.images)
        for field in {place.field: None for place in self.places}:
            mine = [place for place in self.places if place.field == field]
            frame = rows.cells[[place.label for place in mine]].set_axis([place.cell for place in mine], axis=1)
            single = self.schema.wrapped and len(mine) == 1
            parts[field] = frame.iloc[:, 0].to_numpy(dtype=object, na_value=None) if single else frame
        return parts if self.schema.wrapped else next(iter(parts.values()))

    def readable(self, rows: Rows) -> tuple[Rows, list[str]]:
        """The same rows, cells emptied that the model has no word for (a category it never saw), and what was."""
        cells, notes = rows.cells.copy(), []
        for place in self.places:
            values: Any = cells[place.label]
            if self._reads(place, values):
                continue
            known = values[values.notna()].drop_duplicates()
            bad = [value for value in known if not self._reads(place, known[known == value])]
            strange: Any = values.isin(bad)
            cells[place.label] = values.astype(object).where(~strange, None).infer_objects()
            some = ", ".join(repr(value) for value in bad[:3]) + " …" * (len(bad) > 3)
            notes.append(
                f"{int(strange.sum())} of {len(cells)} rows hold a value of {place.label} that the model never saw "
                f"({some}); these cells count as empty"
            )
        return Rows(cells, rows.images), notes

    def _reads(self, place: Place, values: Any) -> bool:
        try:
            self.schema[place.field].pack(values.to_frame(place.cell))
        except VaeryError:
            return False
        return True


def to_frame(part: Any, names: list[str]) -> pd.DataFrame:
    """Anything tabular as a pandas frame with these columns, or fewer of them."""
    import pandas as pd

    if isinstance(part, pd.Series):
        part = part.to_frame(names[0])
    elif hasattr(part, "to_pandas") and not isinstance(part, pd.DataFrame):
        part = part.to_pandas()
        part = part.to_frame(names[0]) if isinstance(part, pd.Series) else part
    elif not isinstance(part, pd.DataFrame):
        part = pd.DataFrame(part if hasattr(part, "shape") else list(part))
    labels = [str(column) for column in part.columns]
    if len(names) == len(labels) and not set(labels) <= set(names):
        labels = names  # an array: by position
    return part.set_axis(labels, axis=1).reset_index(drop=True)


def numbers(values: Any, sort: str = "numeric") -> NDArray[np.float64]:
    """A column as floats, times in days; NaN where nothing is known."""
    import pandas as pd

    if sort == "datetime" or values.dtype.kind in "mM":
        kind = values.dtype.kind
        times = values if kind in "mM" else pd.to_datetime(values, errors="coerce", utc=True)
        times = times.dt.tz_convert(None) if getattr(times.dt, "tz", None) is not None else times
        whole = times.astype("timedelta64[us]" if kind == "m" else "datetime64[us]").to_numpy()
        seconds = whole.astype("int64") / 1e6
        return np.where(np.isnat(whole), np.nan, seconds / DAY)
    plain: Any = pd.to_numeric(values, errors="coerce")
    return plain.to_numpy(dtype=np.float64, na_value=np.nan)


def labels(values: Any) -> NDArray[np.object_]:
    """A column as texts, whole floats written as integers; ``None`` where nothing is known."""
    out = np.empty(len(values), dtype=object)
    missing = values.isna().to_numpy()
    out[:] = [None if gone else as_text(value) for value, gone in zip(values.tolist(), missing, strict=True)]
    return out


def as_text(value: Any) -> str:
    """One value as a text: what a gap in its column does to its type does not show.

    >>> as_text(1.0), as_text(True), as_text("a"), as_text(0.5)
    ('1', 'True', 'a', '0.5')
    """
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    return str(value)
