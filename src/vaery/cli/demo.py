"""``vaery demo``: all of it once, on data that comes along with scikit-learn."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vaery.cli.guard import guarded
from vaery.cli.jobs import FORCE, JSON
from vaery.cli.text import to_json, warn


def demo(
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write to.")] = Path("vaery-demo"),
    quick: Annotated[bool, typer.Option("--quick", help="Seconds instead of minutes, and bad pictures.")] = False,
    force: FORCE = False,
    as_json: JSON = False,
) -> None:
    """Fit digits and a medical table, ask every question, and leave a folder to look at: open its index.html."""
    with guarded():
        if out.exists() and not out.is_dir():
            raise NotADirectoryError(f"{out} is a file; a folder was expected")
        if not force and out.is_dir() and any(out.iterdir()):
            raise FileExistsError(f"{out} is there already; choose another -o or add --force")

        from vaery.demo import run

        run(out, quick)
        if as_json:
            print(to_json({"command": "demo", "out": [str(out)]}))
        else:
            warn(f"wrote {out}")
