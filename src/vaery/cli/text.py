"""What is said on standard output and standard error."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from datetime import date
from typing import Any


def to_json(value: Any, indent: int | None = None) -> str:
    """Strict JSON: tables as lists of rows, arrays as lists, numbers that are not finite as ``null``.

    >>> to_json({"a": float("nan"), 2: (1, True)})
    '{"a": null, "2": [1, true]}'
    """
    return json.dumps(plain(value), indent=indent, allow_nan=False, ensure_ascii=False, default=str)


def plain(value: Any) -> Any:
    """Data for JSON."""
    if hasattr(value, "to_dicts"):  # polars
        value = value.to_dicts()
    elif hasattr(value, "to_pylist"):  # Arrow
        value = value.to_pylist()
    elif hasattr(value, "columns") and hasattr(value, "to_dict"):  # pandas
        value = value.to_dict("records")
    elif hasattr(value, "tolist"):  # NumPy, torch
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if (isinstance(value, float) and not math.isfinite(value)) or type(value).__name__ in ("NaTType", "NAType"):
        return None
    return value.isoformat() if isinstance(value, date) else value


def warn(message: str) -> None:
    """One line on standard error."""
    print(f"vaery: {' '.join(message.split())}", file=sys.stderr, flush=True)
