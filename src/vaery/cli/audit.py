"""``vaery audit``: whether a model, and rows made by it, give away the rows it was fitted on."""

from __future__ import annotations

import inspect
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from vaery.cli.guard import check_device, guarded, usage
from vaery.cli.jobs import DEVICE, JSON
from vaery.cli.text import to_json

NOT_LIMITS = ("model", "train", "test", "synthetic", "canaries", "seed")
FAILED = 3  # the exit code of a failed audit, where it was asked to be one


def audit(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="A fitted model (.vaery).", show_default=False)],
    train: Annotated[str, typer.Argument(metavar="TRAIN", help="The rows it was fitted on.")],
    test: Annotated[str, typer.Argument(metavar="TEST", help="Rows of the same source that it never saw.")],
    synthetic: Annotated[
        str | None, typer.Option(help="The rows to let go; without, rows are generated.", show_default=False)
    ] = None,
    canaries: Annotated[str | None, typer.Option(help="Rows that were planted into TRAIN.", show_default=False)] = None,
    limit: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=NUMBER", help="A limit, for instance closer=0.55; may be repeated."),
    ] = None,
    gate: Annotated[bool, typer.Option("--gate", help="End with exit code 3 if the audit fails.")] = False,
    seed: Annotated[int, typer.Option(help="Of the rows that are generated, and of those that are compared.")] = 0,
    device: DEVICE = "auto",
    as_json: JSON = False,
) -> None:
    """Compare synthetic rows with training and held-out rows, attack the model, and say pass or fail.

    A fail is an answer and no error: the exit code is 0 all the same, unless --gate asks for 3.
    """
    with guarded():
        with usage("--device"):
            check_device(device)
        with usage("--set"):
            limits = parse_limits(limit or ())

        from vaery.model import load

        start = time.monotonic()
        fitted = load(model, device=device)
        found = fitted.audit(train, test, synthetic, canaries=canaries, seed=seed, **limits)
        if as_json:
            about = {"command": "audit", "model": str(model), "seconds": round(time.monotonic() - start, 3)}
            print(to_json({**about, **found.to_dict()}))
        else:
            print(found)
    if gate and not found.passed:
        raise typer.Exit(FAILED)


def parse_limits(texts: Iterable[str]) -> dict[str, Any]:
    """``key=number`` texts as arguments of the audit.

    Raises:
        ValueError: one of them is no limit, or no number.

    >>> parse_limits(["closer=0.55", "most=500"])
    {'closer': 0.55, 'most': 500}
    """
    from vaery.audit import audit as function

    known = {n: p.default for n, p in inspect.signature(function).parameters.items() if n not in NOT_LIMITS}
    found: dict[str, Any] = {}
    for text in texts:
        name, _, number = text.partition("=")
        if name not in known:
            raise ValueError(f"{text!r}: write key=number, with one of {', '.join(known)}")
        try:
            found[name] = type(known[name])(number)
        except ValueError:
            raise ValueError(f"{text!r}: {number!r} is not a number, for instance {name}={known[name]}") from None
    return found
