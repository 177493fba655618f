"""``vaery traversals`` and ``vaery map``: the latent of a model of images, in pictures."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from vaery.cli import output
from vaery.cli.guard import check_device, guarded, usage
from vaery.cli.jobs import DEVICE, FORCE, JSON
from vaery.cli.text import to_json, warn

if TYPE_CHECKING:
    from vaery.model import VAE

MODEL = Annotated[Path, typer.Argument(metavar="MODEL", help="A fitted model (.vaery).", show_default=False)]
ROWS = Annotated[str, typer.Argument(metavar="ROWS", help="Images: a folder or an array.", show_default=False)]
OUT = Annotated[Path, typer.Option("--out", "-o", help="The picture to write (.png).", show_default=False)]
INVERT = Annotated[bool, typer.Option("--invert", help="Black for white: for pictures that are light on dark.")]
FIELD = Annotated[str | None, typer.Option(help="Which field of images is shown; else the first.", show_default=False)]
AROUND = "The number of a row, from 0, to start from instead of the middle of all."
LABELS = "Name of a field that colours the rows, and does not place them."


def traversals(
    model: MODEL,
    rows: ROWS,
    out: OUT,
    units: Annotated[int, typer.Option(min=1, help="Units of the latent at most, those that tell most.")] = 8,
    steps: Annotated[int, typer.Option(min=2, help="Pictures in a row.")] = 9,
    reach: Annotated[float, typer.Option(help="How far to each side, in standard deviations.")] = 2.0,
    around: Annotated[int | None, typer.Option(help=AROUND, show_default=False)] = None,
    invert: INVERT = False,
    field: FIELD = None,
    device: DEVICE = "auto",
    force: FORCE = False,
    as_json: JSON = False,
) -> None:
    """What each unit of the latent does, as a picture: a row for each, those that tell most on top."""
    _draw("traversals", model, rows, out, force, as_json, device,
          lambda fitted, data: fitted.traversals(data, units=units, steps=steps, reach=reach, around=around,
                                                 invert=invert, field=field))  # fmt: skip


def latent_map(
    model: MODEL,
    rows: ROWS,
    out: OUT,
    coordinates: Annotated[Literal["pca", "tsne"], typer.Option(help="What places the rows.")] = "tsne",
    labels: Annotated[str | None, typer.Option(help=LABELS, show_default=False)] = None,
    across: Annotated[int, typer.Option(min=2, help="Pictures along the longer side.")] = 24,
    most: Annotated[int, typer.Option(min=3, help="Of more rows, so many at random are placed.")] = 5000,
    invert: INVERT = False,
    field: FIELD = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same map.")] = 0,
    device: DEVICE = "auto",
    force: FORCE = False,
    as_json: JSON = False,
) -> None:
    """A map of the latent, as a picture of pictures: where rows lie, with one of those that lie there."""
    _draw("map", model, rows, out, force, as_json, device,
          lambda fitted, data: fitted.map(data, coordinates=coordinates, labels=labels, across=across, most=most,
                                          invert=invert, field=field, seed=seed))  # fmt: skip


def _draw(
    name: str,
    model: Path,
    rows: str,
    out: Path,
    force: bool,
    as_json: bool,
    device: str,
    draw: Callable[[VAE, str], Any],
) -> None:
    with guarded():
        with usage("-o"):
            output.check_format(out, (".png",))
        output.check_free(out, force)
        with usage("--device"):
            check_device(device)
        from vaery.report import style

        style.figure(1, 1)  # without matplotlib, say so before the work
        from vaery.model import load

        start = time.monotonic()
        drawing = draw(load(model, device=device), rows)
        output.place({out: drawing.save})
        if as_json:
            about: dict[str, Any] = {"command": name, "model": str(model), "out": [str(out)]}
            kept = ("units", "bits", "offsets", "active", "axes", "shown")
            about |= {key: drawing.about[key] for key in kept if key in drawing.about}
            print(to_json(about | {"seconds": round(time.monotonic() - start, 3)}))
        else:
            warn(f"wrote {out}")
