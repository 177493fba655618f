"""Table files, read and written. Databases are in :mod:`vaery.kinds.table.sql`."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vaery.core.errors import DataError
from vaery.kinds.table.arrays import compute
from vaery.kinds.table.looks import FILES, PACKED

if TYPE_CHECKING:
    import pandas as pd

RISKY = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet takes text that starts so for a formula (CWE-1236)


def read(source: str | os.PathLike[str]) -> pd.DataFrame:
    """A table as a pandas frame.

    Args:
        source: a CSV, TSV, Parquet, Feather (Arrow), JSON or JSON-lines file, or a database:
            ``sqlite:///shop.db?table=sales``, ``postgresql://host/shop?query=select …``.

    Raises:
        DataError: empty, damaged, or no table; names the file.
        FileNotFoundError: there is no such file.
        MissingExtra: the database needs a driver; says how to install it.
    """
    text = os.fspath(source)
    if "://" in text:
        from vaery.kinds.table.sql import read_database

        return read_database(text)
    path = Path(text)
    end = _ending(path)
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}")
    if path.is_dir():
        raise DataError(f"{path} is a folder; a table file was expected ({', '.join(FILES)})")
    if path.stat().st_size == 0:
        raise DataError(f"{path} is empty; a table with at least one row was expected")
    frame = _reader(end)(path)
    names = [str(name) for name in frame.columns]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"{path}: these column names occur more than once: {', '.join(map(repr, twice))}; rename them")
    if len(frame) == 0:
        raise DataError(f"{path} has no rows, only column names; at least one row was expected")
    return frame


def _ending(path: Path) -> str:
    name = path.name.lower()
    for packed in PACKED:
        name = name.removesuffix(packed)
    for end in FILES:
        if name.endswith(end):
            return end
    raise DataError(f"{path}: no table file by its name; known endings are {', '.join(FILES)}")


def _reader(end: str) -> Any:
    if end in (".csv", ".tsv"):
        from vaery.kinds.table.csv import read_csv

        return read_csv
    return {".jsonl": _jsonl, ".ndjson": _jsonl, ".json": _json, ".parquet": _parquet, ".pq": _parquet}.get(
        end, _feather
    )


def _parquet(path: Path) -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.parquet as parquet

    try:
        return parquet.read_table(path).to_pandas()
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} is no Parquet file, or damaged: {first_line(error)}") from error


def _feather(path: Path) -> pd.DataFrame:
    import pyarrow as pa

    try:
        try:
            with pa.OSFile(os.fspath(path)) as file:
                return pa.ipc.open_file(file).read_all().to_pandas()
        except pa.ArrowInvalid:
            with pa.OSFile(os.fspath(path)) as file:
                return pa.ipc.open_stream(file).read_all().to_pandas()
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} is no Feather or Arrow file, or damaged: {first_line(error)}") from error


def _jsonl(path: Path) -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.json as lines

    try:
        with pa.input_stream(os.fspath(path), compression="detect") as file:
            return to_pandas(lines.read_json(file))
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} is no file of JSON lines (one object a line): {first_line(error)}") from error


def _json(path: Path) -> pd.DataFrame:
    import pandas as pd
    import pyarrow as pa

    try:
        with pa.input_stream(os.fspath(path), compression="detect") as file:
            return pd.DataFrame(json.loads(file.read()))
    except (ValueError, TypeError, OSError) as error:
        raise DataError(f"{path} is no JSON list of records: {first_line(error)}") from error


def to_pandas(table: Any) -> pd.DataFrame:
    """Arrow → pandas; whole numbers with gaps stay whole numbers, texts that are all ISO dates become dates."""
    import pandas as pd

    columns = []
    for raw in table.columns:
        column = _dated(raw)
        nullable = str(column.type) == "int64" and column.null_count
        made = column.to_pandas(types_mapper={column.type: pd.Int64Dtype()}.get) if nullable else None
        columns.append(column.to_pandas(date_as_object=False) if made is None else made)
    frame = pd.concat(columns, axis=1) if columns else pd.DataFrame()
    frame.columns = list(table.column_names)
    return frame


def _dated(column: Any) -> Any:
    import pyarrow as pa

    pc = compute()

    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return column
    if not pc.all(pc.match_substring_regex(column, r"^\d{4}-\d{2}-\d{2}([T ]|$)")).as_py():
        return column
    try:
        return column.cast(pa.timestamp("us"))
    except pa.ArrowException:
        return column


def first_line(error: BaseException) -> str:
    """What an error says, in one line."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]


# ---------------------------------------------------------------------- write


def write(frame: Any, path: str | os.PathLike[str], guard: bool = True) -> None:
    """Write a table of any container; it stands beside its target until it is whole, and is then renamed.

    Args:
        frame: anything :func:`~vaery.kinds.table.frames.open_frame` opens.
        path: where to; its ending says the format, as for :func:`read`.
        guard: in CSV and TSV, put ``'`` before text that a spreadsheet would take for a formula.

    Raises:
        DataError: no known ending, or no table.
    """
    from vaery.kinds.table.frames import open_frame
    from vaery.kinds.table.restore import Restored, close_frame

    path = Path(path)
    end = _ending(path)
    if not type(frame).__module__.startswith("pandas") or not hasattr(frame, "columns"):
        opened = open_frame(frame)
        names = opened.names or tuple(f"x{i}" for i in range(len(opened.columns)))
        frame = close_frame("pandas", [Restored(n, c) for n, c in zip(names, opened.columns, strict=True)])
    beside = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        _write(frame, beside, end, guard)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def _write(frame: pd.DataFrame, path: Path, end: str, guard: bool) -> None:
    import pyarrow as pa

    if end in (".csv", ".tsv"):
        defused = frame.apply(_defused) if guard and len(frame) else frame
        defused.to_csv(path, index=False, sep="\t" if end == ".tsv" else ",")
    elif end in (".jsonl", ".ndjson", ".json"):
        frame.to_json(path, orient="records", lines=end != ".json", date_format="iso", force_ascii=False)
    else:
        try:
            table = pa.Table.from_pandas(frame, preserve_index=False)
        except pa.ArrowException as error:
            raise DataError(f"{path.name} cannot hold columns of mixed types: {first_line(error)}") from error
        if end in (".parquet", ".pq"):
            import pyarrow.parquet as parquet

            parquet.write_table(table, path)
        else:
            with pa.OSFile(os.fspath(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
                writer.write_table(table)


def _defused(column: Any) -> Any:
    if column.dtype.kind in "biufcmM" and str(column.dtype) != "category":
        return column
    return column.astype(object).map(lambda v: f"'{v}" if isinstance(v, str) and v.startswith(RISKY) else v)
