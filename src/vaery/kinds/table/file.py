"""A large table file that is never read as a whole: column by column to describe it, part by part to pack it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from vaery.core.errors import DataError
from vaery.kinds.table.io import first_line

if TYPE_CHECKING:
    import pandas as pd

MANY = 1_000_000  # rows from which on it pays; fewer are quicker read at once
PART = 250_000  # rows at a time
HEAD = 10_000  # rows that tell what the columns hold


def by_column(source: Any) -> TableFile | None:
    """A Parquet file of many rows and plain columns; ``None``: it is something else, and is read as a whole.

    Args:
        source: any data.
    """
    import pyarrow as pa
    import pyarrow.parquet as parquet

    if not isinstance(source, str | os.PathLike) or not os.fspath(source).endswith((".parquet", ".pq")):
        return None
    path = Path(source)
    if not path.is_file():
        return None
    try:
        file = parquet.ParquetFile(path)
    except (pa.ArrowException, OSError):
        return None  # whoever reads it as a whole says what is wrong
    with file:
        names, about = file.schema_arrow.names, file.schema_arrow.pandas_metadata or {}
        kept = [column for column in about.get("index_columns", ()) if not isinstance(column, dict)]
        nested = any(pa.types.is_nested(kind) for kind in file.schema_arrow.types)
        plain = len(set(names)) == len(names) and not nested and not kept
        many = file.metadata.num_rows >= MANY
        return TableFile(path, tuple(names), file.metadata.num_rows) if plain and many else None


def let_go() -> None:
    """Give memory that Arrow keeps for later back: the next column, or part, is another one."""
    import pyarrow as pa

    pa.default_memory_pool().release_unused()


class TableFile:
    """A Parquet file.

    Args:
        path: where it is.
        columns: their names.
        rows: how many there are.
    """

    kind: ClassVar[str] = "table"

    def __init__(self, path: Path, columns: tuple[str, ...], rows: int) -> None:
        self.path, self.columns, self.rows = path, columns, rows

    def __len__(self) -> int:
        return self.rows

    def head(self) -> pd.DataFrame:
        """The first rows.

        Raises:
            DataError: the file is damaged there; so it is of :meth:`parts` and :meth:`each`.
        """
        return next(self._batches(HEAD)).to_pandas()

    def parts(self) -> Iterator[tuple[slice, pd.DataFrame]]:
        """All rows, some at a time, and which they are."""
        let_go()
        start = 0
        for batch in self._batches(PART):
            yield slice(start, start + batch.num_rows), batch.to_pandas()
            start += batch.num_rows
        let_go()

    def each(self) -> Iterator[pd.DataFrame]:
        """All rows of one column after the other."""
        import pyarrow as pa
        import pyarrow.parquet as parquet

        for name in self.columns:
            try:
                table = parquet.read_table(self.path, columns=[name])
            except (pa.ArrowException, OSError) as error:
                raise DataError(f"{self.path} is damaged: {first_line(error)}") from error
            yield table.to_pandas()
            del table
            let_go()

    def _batches(self, size: int) -> Iterator[Any]:
        import pyarrow as pa
        import pyarrow.parquet as parquet

        try:
            with parquet.ParquetFile(self.path) as file:
                for group in range(file.num_row_groups):  # of a whole file, Arrow reads far ahead
                    yield from file.iter_batches(size, row_groups=[group])
                    let_go()
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"{self.path} is damaged: {first_line(error)}") from error
