"""``vaery xray``: what is in a table, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vaery.cli import output
from vaery.cli.guard import guarded, usage
from vaery.cli.jobs import FORCE, JSON
from vaery.cli.text import to_json, warn

if TYPE_CHECKING:
    from vaery.xray.findings import Findings

COLOURS = {"title": "bold", "error": "red", "warning": "yellow", "note": "cyan", "detail": "dim", "column": ""}
NARROW = 60


def xray(
    data: Annotated[str, typer.Argument(metavar="DATA", help="A table: a file or a database.", show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Write it: a page (.html), an object (.json), a table.", show_default=False),
    ] = None,
    force: FORCE = False,
    as_json: JSON = False,
) -> None:
    """What is in a table and what is wrong with it: types, codes for missing values, slips of units, copies, cells that
    do not fit. There is nothing to set, and nothing is changed.
    """
    with guarded():
        output.check_free(out, force)
        with usage("-o"):
            if out is not None:
                output.check_format(out, (".html", ".json", *output.FRAMES))
        from vaery.xray import xray as look

        found = look(data)
        if out is not None:
            write(found, out)
        if as_json:
            about = {"command": "xray", "data": data}
            print(to_json(about | ({"out": [str(out)]} if out is not None else {}) | found.to_dict()))
        elif out is None:
            show(found)
        else:
            warn(f"{found.verdict}; wrote {out}")


def write(found: Findings, out: Path) -> None:
    """As its ending says."""
    end = output.ending(out).lower()
    if end == ".html":
        output.place({out: lambda path: path.write_text(found.to_html(), encoding="utf-8")})
    elif end == ".json":
        output.place({out: lambda path: path.write_text(to_json(found.to_dict(), indent=1) + "\n", encoding="utf-8")})
    else:
        from vaery.core.members import member

        frame = found.to_frame()
        frame["rows"] = [to_json(rows) for rows in frame["rows"]]
        output.place({out: lambda path: member("kinds", "table").write(frame, path)})


def show(found: Findings) -> None:
    """On standard output, in colour where it is a terminal."""
    from rich.console import Console
    from rich.text import Text

    from vaery.xray.text import WIDTH, lines

    console = Console(highlight=False)
    width = max(NARROW, min(WIDTH, console.width)) if console.is_terminal else WIDTH
    for line, style in lines(found, width):
        if console.is_terminal:
            console.print(Text(line, style=COLOURS.get(style, "")), soft_wrap=True)
        else:
            print(line)
