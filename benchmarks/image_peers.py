"""Peers that work on images. Runs in the peers' environment, and is asked as ``table_peers.py`` is: a task, a file of
arrays, a file for what comes back, and options as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from table_peers import serve


def late(module: str, name: str) -> Callable[..., dict[str, Any]]:
    """A task that is imported when it is first asked for: nobody pays for a library he does not use."""

    def task(source: str, target: str, options: str) -> dict[str, Any]:
        import importlib

        return getattr(importlib.import_module(module), name)(source, target, json.loads(options))

    return task


TASKS = {
    "nll": late("image_pythae", "nll"),
    "samples": late("image_pythae", "samples"),
    "denoise": late("image_filters", "denoise"),
    "umap": late("image_filters", "umap"),
}

if __name__ == "__main__":
    serve(lambda: TASKS)
