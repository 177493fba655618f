"""Table files and databases, read and written."""

from __future__ import annotations

import os
from typing import Any


def read(source: str | os.PathLike[str]) -> Any:
    """A table from a file."""
    import pandas as pd

    return pd.read_csv(source)


def write(frame: Any, path: str | os.PathLike[str]) -> None:
    """A table into a file."""
    frame.to_csv(path, index=False)
