"""SDV's single-table metadata (https://docs.sdv.dev), read and written. SDV itself is not needed.

Metadata says what each column *means*: ``{"tables": {"table": {"columns": {"age": {"sdtype": "numerical"}, …}}}}``.
Read are the forms V1, V2 and SINGLE_TABLE_V1; written is V1, which newer versions of SDV take as well.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping
from typing import Any

from vaery.core.errors import DataError, choice

Source = str | os.PathLike[str] | Mapping[str, Any]

SORTS = {"categorical": "categorical", "boolean": "boolean", "datetime": "datetime"}
FOUND = ("numerical", "ordinal", "unknown", "latitude", "longitude")  # what these hold is found by looking
WRITTEN = {
    "numeric": "numerical",
    "integer": "numerical",
    "categorical": "categorical",
    "ordinal": "categorical",
    "boolean": "boolean",
    "datetime": "datetime",
}
DAY, SECOND, FRACTION = "%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S.%f"


def read_metadata(source: Source, *, table: str | None = None) -> dict[str, Any]:
    """What SDV's metadata says of the columns, as ``VAE(columns=…)`` takes it.

    ``categorical``, ``boolean`` and ``datetime`` are named; a categorical column with an ``order`` (and V2's
    ``ordinal`` with ``range_values``) becomes the list of its levels. ``numerical`` columns are left to what is found
    by looking, which also finds their spikes and whole numbers. Keys and personal data (``id``, ``email`` …) are not
    modelled: they are not in the result, a warning names them, and :func:`prepare` leaves them out of the data.

    Args:
        source: a path, or the metadata itself.
        table: which table, where there are several.

    Returns:
        Column → sort or levels.

    Raises:
        FileNotFoundError: there is no such file.
        DataError: this is no metadata, or of several tables of which none was chosen.
        ChoiceError: no table is called ``table``.

    >>> columns = {"tier": {"sdtype": "categorical"}, "age": {"sdtype": "numerical"}, "ok": {"sdtype": "boolean"}}
    >>> read_metadata({"columns": columns, "METADATA_SPEC_VERSION": "SINGLE_TABLE_V1"})
    {'tier': 'categorical', 'ok': 'boolean'}
    """
    about = _table(source, table)
    found: dict[str, Any] = {}
    for name, column in about["columns"].items():
        sdtype = column["sdtype"]
        levels = column.get("order") or (column.get("range_values") if sdtype == "ordinal" else None)
        if levels:
            found[name] = list(levels)
        elif sdtype in SORTS:
            found[name] = SORTS[sdtype]
    if left := left_out(about):
        warnings.warn(
            f"columns that say who and not what ({', '.join(map(repr, left))}) are not modelled: leave them out of the "
            "data, vaery.sdv.prepare(data, metadata) does so",
            UserWarning,
            stacklevel=2,
        )
    return found


def prepare(data: Any, source: Source, *, table: str | None = None) -> Any:
    """A pandas frame as its metadata means it: without keys and personal data, dates in text read by their format.

    Args:
        data: a pandas frame, or a path.
        source, table: as for :func:`read_metadata`.

    Raises:
        DataError: a column is missing, or holds a date of another format, or text where numbers are meant.
    """
    import pandas as pd

    from vaery.model import read

    frame = read(data)
    if not isinstance(frame, pd.DataFrame):
        raise DataError(
            f"prepare() takes a pandas frame or a path, not {type(frame).__name__}: write frame.to_pandas()"
        )
    about = _table(source, table)
    missing = [name for name in about["columns"] if name not in frame.columns]
    if missing:
        raise DataError(
            f"the metadata speaks of a column {missing[0]!r}, which the data has not; there is: {_names(frame)}"
        )
    out = frame.drop(columns=left_out(about))
    for name in out.columns.intersection(list(about["columns"])):
        column = about["columns"][name]
        if column["sdtype"] == "datetime" and not pd.api.types.is_datetime64_any_dtype(out[name]):
            out[name] = _dates(out[name], column.get("datetime_format"))
        if column["sdtype"] == "numerical" and not pd.api.types.is_numeric_dtype(out[name]):
            out[name] = _numbers(out[name])
    return out


def write_metadata(model: Any, path: str | os.PathLike[str] | None = None) -> dict[str, Any]:
    """SDV's metadata of a fitted model's table, in the form V1.

    Args:
        model: a fitted :class:`vaery.VAE` of one table.
        path: where to write it as JSON, too; a file that is there is not overwritten.

    Raises:
        DataError: the model is not of one table.
        FileExistsError: ``path`` is there already.

    >>> import numpy as np
    >>> from vaery import VAE
    >>> model = VAE(steps=5).fit(np.random.default_rng(0).normal(size=(40, 1)))
    >>> write_metadata(model)["tables"]["table"]["columns"]
    {'x0': {'sdtype': 'numerical'}}
    """
    model._check_fitted()
    if len(model.fields_) != 1 or model.fields_[0].kind != "table":
        names = ", ".join(f"{field.name} ({field.kind})" for field in model.fields_)
        raise DataError(f"SDV's metadata is about one table; this model was fitted on {names}")
    field = model.fields_[0]
    columns = {str(column.name): _described(column) for column in field.columns}
    about = {"tables": {field.name: {"columns": columns}}, "relationships": [], "METADATA_SPEC_VERSION": "V1"}
    if path is not None:
        with open(path, "x", encoding="utf-8") as file:
            json.dump(about, file, indent=4, ensure_ascii=False)
    return about


def left_out(about: Mapping[str, Any]) -> list[str]:
    """The columns of a table that say who and not what: keys, personal data and text of a kind that SDV makes up.

    >>> left_out({"columns": {"k": {"sdtype": "categorical"}, "mail": {"sdtype": "email"}}, "primary_key": "k"})
    ['k', 'mail']
    """
    keys: set[str] = set()
    for key in (about.get("primary_key"), *(about.get("alternate_keys") or ()), about.get("sequence_key")):
        keys.update([key] if isinstance(key, str) else key or [])
    plain = {*SORTS, *FOUND}
    return [
        name
        for name, column in about["columns"].items()
        if name in keys or column["sdtype"] not in plain or column.get("pii") is True
    ]


def _table(source: Source, table: str | None) -> Mapping[str, Any]:
    """The description of one table, checked."""
    where, about = "the metadata", source
    if isinstance(source, str | os.PathLike):
        where = os.fspath(source)
        with open(source, encoding="utf-8") as file:
            try:
                about = json.load(file)
            except ValueError as error:
                raise DataError(f"{where} is not JSON: {error}") from error
    if isinstance(about, Mapping) and isinstance(tables := about.get("tables"), Mapping):
        if table is None and len(tables) != 1:
            raise DataError(
                f"{where} is about {len(tables)} tables ({', '.join(tables)}), and one model is of one table: write "
                "table= with the one you mean"
            )
        if table is not None and table not in tables:
            raise choice("table", table, tables)
        about = tables[table if table is not None else next(iter(tables))]
    if not isinstance(about, Mapping) or not isinstance(about.get("columns"), Mapping):
        raise DataError(f'{where} is no metadata of SDV: {{"tables": {{"table": {{"columns": {{…}}}}}}}} was expected')
    for name, column in about["columns"].items():
        if not isinstance(column, Mapping) or not isinstance(column.get("sdtype"), str):
            raise DataError(f'{where}: column {name!r} has no sdtype; {{"sdtype": "numerical"}} was expected, say')
    return about


def _described(column: Any) -> dict[str, Any]:
    """One of our columns in SDV's words."""
    if column.sort == "datetime" or column.type.startswith(("timestamp", "date")):
        return {"sdtype": "datetime", "datetime_format": _format(column)}
    sdtype = WRITTEN.get(column.sort) or ("numerical" if column.counted else "categorical")
    if column.sort == "ordinal" and not column.counted:
        return {"sdtype": sdtype, "order": list(column.levels)}
    return {"sdtype": sdtype}


def _format(column: Any) -> str:
    """How the times are written: a day, a second, or finer, by the step that the values share."""
    if column.type.startswith("date") or not column.type.startswith("timestamp"):
        return DAY
    second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[column.type.split("[")[1].rstrip("]").split(",")[0]]
    zone = "%z" if "tz=" in column.type else ""
    return (DAY if column.step % (86_400 * second) == 0 else SECOND if column.step % second == 0 else FRACTION) + zone


def _dates(column: Any, form: str | None) -> Any:
    import pandas as pd

    parsed = pd.to_datetime(column, format=form, errors="coerce")
    bad = parsed.isna() & column.notna()
    if bad.any():
        at = bad.to_numpy().argmax()
        raise DataError(
            f"column {column.name!r}, row {at}: {column.iloc[at]!r} is not a date"
            + (f" of the format {form!r} that the metadata names" if form else "; name its datetime_format")
        )
    return parsed


def _numbers(column: Any) -> Any:
    import pandas as pd

    parsed = pd.Series(pd.to_numeric(column, errors="coerce"))
    bad = parsed.isna() & column.notna()
    if bad.any():
        at = bad.to_numpy().argmax()
        raise DataError(
            f"column {column.name!r}, row {at}: {column.iloc[at]!r} is not a number, and the metadata says numerical: "
            "correct the cell, or write categorical there"
        )
    return parsed


def _names(frame: Any) -> str:
    return ", ".join(map(str, frame.columns))
