"""Tables of a database, named by a URI. SQLite comes with Python, PostgreSQL with an extra."""

from __future__ import annotations

import os
import sqlite3
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from vaery.core.errors import DataError, choice, extra

if TYPE_CHECKING:
    import pandas as pd


def read_database(uri: str) -> pd.DataFrame:
    """``sqlite:///file.db?table=t`` (one more slash: an absolute path) or ``…?query=select …``, likewise ``postgresql://``.

    Raises:
        DataError: no such table, a query that fails, no database; names it, never its password.
        FileNotFoundError: there is no such SQLite file; none is made.
    """
    parts = urlsplit(uri)
    asked = dict(parse_qsl(parts.query))
    if parts.scheme == "sqlite":
        return _sqlite(unquote(parts.path)[1:], asked)
    if parts.scheme in ("postgresql", "postgres"):
        return _postgresql(parts, asked)
    raise DataError(f"{parts.scheme}://{parts.hostname or ''}: known databases are sqlite:// and postgresql://")


def _sqlite(path: str, asked: dict[str, str]) -> pd.DataFrame:
    import pyarrow as pa

    from vaery.kinds.table.arrays import as_array
    from vaery.kinds.table.io import to_pandas

    if not os.path.exists(path):
        raise FileNotFoundError(f"there is no database {path}")
    link = sqlite3.connect(f"file:{quote(os.path.abspath(path))}?mode=ro", uri=True)
    try:
        tables = [row[0] for row in link.execute("select name from sqlite_master where type in ('table', 'view')")]
        cursor = link.execute(_select(f"{path}", asked, tables))
        names, rows = [column[0] for column in cursor.description or ()], cursor.fetchall()
    except sqlite3.Error as error:
        raise DataError(f"{path}: {error}") from error
    finally:
        link.close()
    _check(path, names, len(rows))
    columns: list[Any] = [as_array([row[i] for row in rows], name) for i, name in enumerate(names)]
    texts = [c if isinstance(c, pa.Array) else pa.array([None if v is None else str(v) for v in c]) for c in columns]
    return to_pandas(pa.table(texts, names=names))


def _postgresql(parts: Any, asked: dict[str, str]) -> pd.DataFrame:
    try:
        import adbc_driver_postgresql.dbapi as driver
    except ImportError as error:
        raise extra("adbc-driver-postgresql", "sql", "reading PostgreSQL") from error
    from vaery.kinds.table.io import to_pandas

    place = f"postgresql://{parts.hostname or ''}{parts.path}"
    query = _select(place, asked, None)
    others = urlencode({k: v for k, v in asked.items() if k not in ("table", "query")})
    try:
        with driver.connect(parts._replace(query=others).geturl()) as link, link.cursor() as cursor:
            cursor.execute(query)
            table = cursor.fetch_arrow_table()
    except driver.Error as error:
        password = parts.password
        raise DataError(f"{place}: {str(error).replace(password, '***') if password else error}") from None
    _check(place, table.column_names, table.num_rows)
    return to_pandas(table)


def _select(place: str, asked: dict[str, str], tables: list[str] | None) -> str:
    """The query: as asked, or all of the table asked for (or of the only one there is)."""
    if "query" in asked:
        return asked["query"]
    name = asked.get("table") or (tables[0] if tables is not None and len(tables) == 1 else None)
    if name is None:
        there_is = f"; there is: {', '.join(map(repr, tables))}" if tables else ""
        raise DataError(f"{place}: say which table, with ?table=name or ?query=select …{there_is}")
    if tables is not None and name not in tables:
        raise DataError(f"{place}: {choice('table', name, tables)}")
    pieces = [name] if tables is not None else name.split(".")
    return "select * from " + ".".join('"' + piece.replace('"', '""') + '"' for piece in pieces)


def _check(place: str, names: list[str], rows: int) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(
            f"{place}: these columns occur more than once: {', '.join(map(repr, twice))}; use 'as' in the query"
        )
    if rows == 0:
        raise DataError(f"{place}: there are no rows; at least one was expected")
