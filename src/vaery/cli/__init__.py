"""The command line. ``vaery --help`` answers without importing torch."""

from __future__ import annotations

import os
import warnings
from typing import Any


def main() -> None:
    """The entry point of the command ``vaery``."""
    # Threads that wait by spinning lose many times over on a shared machine. Ours to say: this is our own process, and
    # the library that reads it is loaded later.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from vaery.cli.app import app

    warnings.formatwarning = _one_line
    app()


def _one_line(message: Any, *_: Any, **__: Any) -> str:
    return f"vaery: {' '.join(str(message).split())}\n"
