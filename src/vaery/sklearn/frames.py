"""Tables with one more column (a target), whatever holds them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def as_frame(X: Any, names: Sequence[str] | None = None) -> Any:
    """Rows as a frame: an array becomes a pandas frame with the columns ``x0``, ``x1`` …

    Args:
        X: a frame or a 2-D array.
        names: what the columns are to be called, by position; ``None``: as they are.
    """
    import pandas as pd

    if isinstance(X, np.ndarray):
        labels = [f"x{i}" for i in range(X.shape[1])] if names is None else list(names)
        if X.dtype.kind == "f" and X.dtype.itemsize not in (4, 8):
            X = X.astype(np.float64)
        columns = {i: X[:, i] for i in range(X.shape[1])}
        return pd.DataFrame(columns, index=range(len(X))).set_axis(labels, axis=1)
    if names is None or [str(name) for name in column_names(X)] == list(names):
        return X
    if isinstance(X, pd.DataFrame):
        return X.set_axis(list(names), axis=1)
    import narwhals

    frame = narwhals.from_native(X, eager_only=True)
    return frame.rename(dict(zip(frame.columns, names, strict=True))).to_native()


def column_names(frame: Any) -> list[Any]:
    """The names of a frame's columns."""
    arrow = type(frame).__module__.startswith("pyarrow")  # whose columns are the arrays themselves
    return list(frame.column_names if arrow else frame.columns)


def free_name(X: Any, wish: str = "target") -> str:
    """A name that no column has yet.

    >>> import pandas as pd
    >>> free_name(pd.DataFrame({"target": [1]}))
    'target_'
    """
    taken = set() if isinstance(X, np.ndarray) else {str(name) for name in column_names(X)}
    while wish in taken:
        wish += "_"
    return wish


def with_column(frame: Any, name: str, values: np.ndarray | Sequence[Any]) -> Any:
    """The frame with one more column, rows by position; ``frame`` itself stays as it is."""
    import pandas as pd

    if isinstance(frame, pd.DataFrame):
        out = frame.copy(deep=False)
        out[name] = np.asarray(values)
        return out
    import narwhals

    table = narwhals.from_native(frame, eager_only=True)
    plain = np.asarray(values).tolist()
    return table.with_columns(narwhals.new_series(name, plain, backend=table.implementation)).to_native()


def columns_at(frame: Any, positions: Sequence[int]) -> Any:
    """Some columns of a frame or array, by position."""
    if isinstance(frame, np.ndarray):
        return frame[:, list(positions)]
    if hasattr(frame, "iloc"):
        return frame.iloc[:, list(positions)]
    names = column_names(frame)
    return frame.select([names[i] for i in positions])


def column_of(frame: Any, name: str) -> np.ndarray:
    """One column of a frame as an array."""
    return np.asarray(frame[name])
