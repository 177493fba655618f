"""``vaery info``: what is in a model file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from vaery.cli.guard import guarded
from vaery.cli.jobs import JSON
from vaery.cli.text import to_json


def info(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A fitted model (.vaery).", show_default=False)],
    as_json: JSON = False,
) -> None:
    """Tell what is in a model: its fields and columns, its size, how well it fits, how it was made."""
    with guarded():
        about = everything(model)
        if as_json:
            print(to_json(about))
        else:
            print("\n".join(lines(about)))


def everything(path: Path) -> dict[str, Any]:
    """What the model says of itself, and what its file says of how it was made."""
    from vaery import storage
    from vaery.model import load

    about = load(path, device="cpu").info()
    manifest, tensors = storage.read(path)
    history = manifest.get("history") or [{}]
    return {
        "command": "info", "model": str(path), "bytes": path.stat().st_size, "tensors": len(tensors), **about,
        "last": history[-1], "versions": manifest.get("versions", {}), "settings": manifest.get("settings", {}),
    }  # fmt: skip


def lines(about: Mapping[str, Any]) -> Iterator[str]:
    """The same for people."""
    from vaery.private import how_good, paragraph

    yield f"{about['model']}: {about['bytes']:,} bytes, {about['parameters']:,} parameters"
    private = about.get("private")
    fit = f"{about['held_out_bits']:.3f} held-out bits a row" if private is None else how_good(about)
    yield f"fitted on {about['rows']:,} rows: {fit}"
    last = about["last"]
    yield f"trained for {last.get('step', 0):,} steps, {last.get('seconds', 0):.0f} s"
    if private is not None:
        yield from filter(None, paragraph(private))
    for field in about["fields"]:
        event = " × ".join(map(str, field["event"])) or "one value"
        yield f"field {field['name']}: {field['kind']}, {event}, likelihood {field['likelihood']}"
        if field.get("columns"):
            yield f"  columns: {', '.join(field['columns'])}"
    for constraint in about.get("constraints", ()):
        yield f"keeps: {constraint}"
    for gap in about.get("gaps", ()):
        yield f"gaps: {gap['says']}"
    levels = ", ".join(map(str, about["latent"]))
    yield f"latent: {levels}; prior {about['prior'].get('name')}"
    if (members := about.get("members", 1)) > 1:
        yield f"a mixture of {members} members; the steps, bits and latent told here are the first one's"
    yield "made with: " + ", ".join(
        f"{name} {version}" for name, version in {"vaery": about["vaery"], **about["versions"]}.items()
    )
    for trouble in about.get("trouble", ()):
        yield f"trouble: {trouble}"
