"""Whether something is a table, told by looking."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import numpy as np

FILES = (".csv", ".tsv", ".parquet", ".pq", ".jsonl", ".ndjson", ".json", ".feather", ".arrow", ".ipc")
PACKED = (".gz", ".bz2", ".zst")
DATABASES = ("sqlite", "postgresql", "postgres")
NESTED = (list, tuple, Mapping, np.ndarray)
LABEL = 64  # texts longer than this are text, not labels


def looks_like(raw: Any) -> bool:
    """Frames, Arrow tables, 2-D arrays, lists of records, one column of labels or numbers, table files, databases.

    A list of strings is a column of labels where they are short and repeat; otherwise it is text, and not ours.

    >>> looks_like(np.zeros((5, 2))), looks_like(np.zeros((5, 8, 8))), looks_like("adult.csv"), looks_like("pictures/")
    (True, False, True, False)
    """
    if isinstance(raw, str | os.PathLike):
        return _names_a_table(os.fspath(raw))
    module, name = type(raw).__module__.split(".")[0], type(raw).__name__
    if module in ("pandas", "polars"):
        return name in ("DataFrame", "LazyFrame") or (name in ("Series", "Index") and _is_column(raw))
    if isinstance(raw, Mapping):
        return False  # a dict names fields
    if isinstance(raw, np.ndarray) or module == "torch":
        return raw.ndim == 2 or (raw.ndim == 1 and _is_column(raw))
    if hasattr(raw, "__arrow_c_stream__") or hasattr(raw, "tocsr"):
        return True
    if isinstance(raw, Sequence) and not isinstance(raw, bytes):
        return _is_column(raw)
    return False


def _names_a_table(text: str) -> bool:
    if "://" in text:
        return urlsplit(text).scheme in DATABASES
    path = text.lower()
    for end in PACKED:
        path = path.removesuffix(end)
    return path.endswith(FILES)


def _is_column(values: Any) -> bool:
    """A sequence of numbers, labels, records or rows of numbers."""
    if getattr(getattr(values, "dtype", None), "names", None):
        return True
    plain = values.tolist() if hasattr(values, "tolist") else values
    first = next((v for v in plain if v is not None), None)
    if isinstance(first, Mapping):
        return True
    if isinstance(first, list | tuple):
        return len({len(row) for row in plain}) == 1 and not any(isinstance(v, NESTED) for v in first)
    texts = [v for v in plain if isinstance(v, str)]
    if not texts:
        return not any(isinstance(v, NESTED) for v in plain[:100])
    return max(map(len, texts)) <= LABEL and 2 * len(set(texts)) <= len(plain)
