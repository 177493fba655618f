"""The command line. ``vaery --help`` answers without importing torch."""

from __future__ import annotations

import warnings
from typing import Any


def main() -> None:
    """The entry point of the command ``vaery``."""
    from vaery.cli.app import app

    warnings.formatwarning = _one_line
    app()


def _one_line(message: Any, *_: Any, **__: Any) -> str:
    return f"vaery: {' '.join(str(message).split())}\n"
