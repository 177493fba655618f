"""CSV as it is found: other separators and encodings, spaces after commas, several words for nothing."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vaery.core.errors import DataError
from vaery.kinds.table.arrays import compute

if TYPE_CHECKING:
    import pandas as pd

NOTHING = ("", "?", "NA", "N/A", "NaN", "nan", "null", "NULL")
SNIFFED = 1 << 16  # bytes that are looked at first


def read_csv(path: Path) -> pd.DataFrame:
    """A CSV or TSV file as a pandas frame.

    The separator is the one the first line holds most of; text is UTF-8, else Latin-1; a first line of nothing but
    numbers is a row and not the names; empty cells and ``NOTHING`` are nulls.

    Raises:
        DataError: rows of unequal length, or no text at all.
    """
    import pyarrow as pa

    from vaery.kinds.table.io import first_line, to_pandas

    try:
        with pa.input_stream(os.fspath(path), compression="detect") as file:
            start = file.read(SNIFFED)
        if not start.strip():
            raise DataError(f"{path} is empty; a table with at least one row was expected")
        try:
            table = _parse(path, start, "utf8")
            if any(pa.types.is_binary(column.type) for column in table.columns):
                table = _parse(path, start, "latin-1")
        except UnicodeDecodeError:
            table = _parse(path, start, "latin-1")
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} is no CSV table: {first_line(error)}") from error
    columns = [_trimmed(column) for column in table.columns]
    return to_pandas(pa.table(columns, names=[str(name).strip() for name in table.column_names]))


def read_text(path: Path) -> dict[str, Any]:
    """Every column of a file that :func:`read_csv` reads, as the text that stands there: spaces, words for nothing and
    leading zeros included."""
    import pyarrow as pa
    import pyarrow.csv as csv

    with pa.input_stream(os.fspath(path), compression="detect") as file:
        start = file.read(SNIFFED)
    for encoding in ("utf8", "latin-1"):
        try:
            read, parse, _ = _options(path, start, encoding)
            with pa.input_stream(os.fspath(path), compression="detect") as file:
                names = csv.open_csv(file, read, parse).schema.names
            convert = csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False)
            with pa.input_stream(os.fspath(path), compression="detect") as file:
                table = csv.read_csv(file, read, parse, convert)
        except (UnicodeDecodeError, pa.ArrowInvalid):
            if encoding == "latin-1":
                raise
            continue
        return {str(name).strip(): column for name, column in zip(names, table.columns, strict=True)}
    return {}


def _parse(path: Path, start: bytes, encoding: str) -> Any:
    import pyarrow as pa
    import pyarrow.csv as csv

    with pa.input_stream(os.fspath(path), compression="detect") as file:
        return csv.read_csv(file, *_options(path, start, encoding))


def _options(path: Path, start: bytes, encoding: str) -> tuple[Any, Any, Any]:
    """How the file is to be read, parsed and converted, found by looking at its start."""
    import pyarrow.csv as csv

    text = start.decode("utf-8-sig" if encoding == "utf8" else encoding, errors="ignore")
    first = text.splitlines()[0]
    separator = "\t" if ".tsv" in path.name.lower() else max(",;\t|", key=first.count)
    names = first.split(separator)
    comma = separator == ";" and re.search(r"\d,\d", text) is not None and re.search(r"\d\.\d", text) is None
    return (
        csv.ReadOptions(
            encoding=encoding, column_names=[f"x{i}" for i in range(len(names))] if _all_numbers(names) else None
        ),
        csv.ParseOptions(delimiter=separator, newlines_in_values=True),
        csv.ConvertOptions(
            null_values=[pad + word + end for word in NOTHING for pad in ("", " ") for end in ("", " ")],
            strings_can_be_null=True,
            decimal_point="," if comma else ".",
        ),
    )


def _all_numbers(names: list[str]) -> bool:
    try:
        return all(float(name) == float(name) for name in names)
    except ValueError:
        return False


def _trimmed(column: Any) -> Any:
    """Text without spaces around it; null where nothing but a word for nothing is left."""
    import pyarrow as pa

    pc = compute()

    if not pa.types.is_string(column.type):
        return column
    bare = pc.utf8_trim_whitespace(column)
    nothing = pc.is_in(bare, value_set=pa.array(NOTHING, pa.string()))
    return pc.if_else(nothing, pa.scalar(None, pa.string()), bare)
