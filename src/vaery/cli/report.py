"""``vaery report``: what a model is good for, on rows it never saw."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from vaery.cli import output
from vaery.cli.guard import check_device, guarded, usage
from vaery.cli.jobs import DEVICE, FORCE, JSON
from vaery.cli.text import to_json, warn

FORMATS = (".html", ".json")
TRAIN = "Rows that simple methods may learn from, best those of the fit; else each half of ROWS learns from the other."
TARGET = "The column that matters: it is predicted, and learned from made rows; else every column."
OUT = "The page (.html) or all numbers (.json) to write; else a table on standard output."
JOB = "Only this job (generate, impute, predict, detect, score); may be repeated."


def report(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A fitted model (.vaery).", show_default=False)],
    rows: Annotated[str, typer.Argument(metavar="ROWS", help="Rows the model was not fitted to.", show_default=False)],
    out: Annotated[Path | None, typer.Option("--out", "-o", help=OUT, show_default=False)] = None,
    train: Annotated[str | None, typer.Option(help=TRAIN, show_default=False)] = None,
    target: Annotated[str | None, typer.Option(help=TARGET, show_default=False)] = None,
    job: Annotated[list[str] | None, typer.Option(help=JOB, show_default=False)] = None,
    most: Annotated[int, typer.Option("--rows", min=20, help="How many of ROWS, at random, are tried.")] = 1000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same card.")] = 0,
    device: DEVICE = "auto",
    force: FORCE = False,
    as_json: JSON = False,
) -> None:
    """The report card of a model: each job tried on held-out rows, beside the obvious simple method.

    Cells are hidden and filled, errors planted and looked for, new rows made and judged, columns predicted. The verdict
    on each job is "better", "same" or "do not use it for this". The page needs no network; it shows rows of the data.
    """
    with guarded():
        with usage("-o"):
            if out is not None:
                output.check_format(out, FORMATS)
        output.check_free(out, force)
        with usage("--device"):
            check_device(device)
        _report(model, rows, out, as_json=as_json, device=device,
                train=train, target=target, jobs=job or None, rows=most, seed=seed)  # fmt: skip


def _report(model: Path, held_out: str, out: Path | None, *, as_json: bool, device: str, **how: Any) -> None:
    from vaery.model import load

    if out is not None and out.suffix.lower() == ".html":
        from vaery.report import style

        style.figure(1, 1)  # without matplotlib, say so before the work
    start = time.monotonic()
    card = load(model, device=device).evaluate(held_out, **how)
    if out is not None:
        write = card.to_html if out.suffix.lower() == ".html" else card.to_json
        output.place({out: write})
    if as_json:
        about: dict[str, Any] = {
            "command": "report",
            "model": str(model),
            "seconds": round(time.monotonic() - start, 3),
        }
        about |= {"verdicts": card.verdicts} | card.to_dict(views=False)
        print(to_json(about | ({} if out is None else {"out": [str(out)]})))
        return
    print(card)
    if out is not None:
        warn(f"wrote {out}")
