"""``vaery optimise``: the best rows that a model can make, by one of its columns."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer

from vaery.cli import given, output
from vaery.cli.guard import check_device, guarded, usage
from vaery.cli.jobs import DEVICE, FORCE, GIVEN, JSON, OUT
from vaery.cli.text import to_json, warn

START = "Rows to begin from; they do not come back."
WITHIN = "How near to START, in the latent; 1 is the median distance between two draws."
SURROGATE = "What guesses where to look next: gp, forest, or auto for the first there is."


def optimise(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A fitted model (.vaery).", show_default=False)],
    up: Annotated[str | None, typer.Option("--raise", help="The column to raise.", show_default=False)] = None,
    down: Annotated[str | None, typer.Option("--lower", help="The column to lower.", show_default=False)] = None,
    n: Annotated[int, typer.Option("-n", min=1, help="How many rows.")] = 10,
    calls: Annotated[int, typer.Option(min=1, help="For how many rows the column is predicted.")] = 500,
    start: Annotated[str | None, typer.Option(metavar="ROWS", help=START, show_default=False)] = None,
    within: Annotated[float | None, typer.Option(help=WITHIN, show_default=False)] = None,
    surrogate: Annotated[str, typer.Option(help=SURROGATE)] = "auto",
    compare: Annotated[bool, typer.Option("--compare", help="Also say what as many rows at random come to.")] = False,
    given: GIVEN = None,
    out: OUT = None,
    force: FORCE = False,
    as_json: JSON = False,
    seed: Annotated[int, typer.Option(help="The same seed gives the same rows.")] = 0,
    device: DEVICE = "auto",
) -> None:
    """The best rows that the model can make: a column raised or lowered, conditions kept.

    The column of each row holds the model's prediction, from all else in the row. Rows that the model finds less
    probable than 95 % of its own draws under the same conditions are left out.
    """
    with guarded():
        with usage("--raise"):
            if (up is None) == (down is None):
                raise ValueError("name the column to --raise or the one to --lower")
        how = {"n": n, "calls": calls, "start": start, "within": within, "surrogate": surrogate}
        how |= {"direction": "max" if down is None else "min", "compare": compare, "seed": seed}
        _optimise(model, str(up or down), given or [], out, force, as_json, device, how)


def _optimise(
    model: Path,
    target: str,
    conditions: list[str],
    out: Path | None,
    force: bool,
    as_json: bool,
    device: str,
    how: dict[str, Any],
) -> None:
    with usage("--given"):
        readings = given.parse(conditions)
    output.check_free(out, force)
    with usage("--device"):
        check_device(device)

    from vaery.model import load

    began = time.monotonic()
    fitted = load(model, device=device)
    with usage("-o"):
        if out is not None:
            output.check_format(out, output.formats("records", fitted))
        elif not as_json:
            output.check_showable("records", fitted)
    found = fitted.optimise(target, given=given.settle(readings, fitted.schema_.given), **how)
    written = [] if out is None else output.write(found.records, out, "records", target, fitted, force)
    if as_json:
        about = {"command": "optimise", "model": str(model), "seconds": round(time.monotonic() - began, 3)}
        result: dict[str, Any] = {"result": found.records} if out is None else {"out": [str(path) for path in written]}
        print(to_json({**about, **found.to_dict(), **result}))
        return
    if out is None:
        output.show(found.records, "records", target, fitted)
    warn(f"{found!r}{'' if out is None else f'; wrote {out}'}")
