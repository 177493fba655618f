"""``vaery fit``: from data to one model file."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from vaery.cli import output
from vaery.cli.guard import check_device, guarded, usage
from vaery.cli.jobs import DEVICE, FORCE, JSON
from vaery.cli.text import to_json, warn
from vaery.progress import duration

SOME = 1000  # rows that tell which latent units are in use
SET = "A setting of VAE, for instance latent=8, prior=mixture or likelihood.age=student; may be repeated."
KEPT = "What every row keeps: 'start <= end', 'total = price + tax', 'unique(id)'; may be repeated."
METADATA = "SDV's metadata (JSON) of the table: what each column means. Keys and personal data are left out."
PRIVATE = "Differentially private training: epsilon for one row, for instance 3. More: --set private.delta=1e-6"
TARGET = "A column (or field) you mean to predict: refuse data without it. Any column can be predicted anyway."


def fit(
    data: Annotated[str, typer.Argument(metavar="DATA", help="A table, a folder or an array of images …")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The model file to write.", show_default=False)],
    budget: Annotated[str | None, typer.Option(help="How long to train: 90s, 5m, 2h.", show_default=False)] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes through the rows.", show_default=False)] = None,
    checkpoint: Annotated[Path | None, typer.Option(help="Keep checkpoints here.", show_default=False)] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint there.")] = False,
    private: Annotated[float | None, typer.Option(metavar="EPSILON", help=PRIVATE, show_default=False)] = None,
    target: Annotated[str | None, typer.Option(help=TARGET, show_default=False)] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help=SET, show_default=False)
    ] = None,
    constraint: Annotated[
        list[str] | None, typer.Option("--constraint", metavar="TEXT", help=KEPT, show_default=False)
    ] = None,
    metadata: Annotated[Path | None, typer.Option(help=METADATA, show_default=False)] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same model.")] = 0,
    device: DEVICE = "auto",
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress and no summary.")] = False,
    force: FORCE = False,
    as_json: JSON = False,
) -> None:
    """Fit a model to data: a table, a folder of images, an array, or several of these.

    Training stops by itself when rows held out of it no longer gain; --budget and --epochs set another end. Ctrl-C ends
    it early and keeps the best model so far.
    """
    with guarded():
        with usage():
            if resume and checkpoint is None:
                raise ValueError("--resume needs --checkpoint, the folder to go on from")
        with usage("--set"):
            settings = parse_settings(setting or ())
        with usage("--private"):
            settings |= parse_private(private, settings.get("private"))
        if constraint:
            with usage("--constraint"):
                settings |= {"constraints": parse_constraints(constraint)}
        check_outputs(out, checkpoint, force=force, resume=resume)
        with usage("--device"):
            check_device(device)
        _fit(
            data, out, settings | {"random_state": seed, "device": device}, target, as_json=as_json, quiet=quiet,
            metadata=metadata, budget=budget, epochs=epochs, checkpoint=checkpoint, resume=resume,
        )  # fmt: skip


def _fit(
    data: str,
    out: Path,
    settings: dict[str, Any],
    target: str | None,
    *,
    as_json: bool,
    quiet: bool,
    metadata: Path | None = None,
    **how: Any,
) -> None:
    from vaery.model import VAE, read

    with usage("--set"):
        check_settings(settings, VAE().get_params(deep=False))
    start = time.monotonic()
    raw = read(data)
    if metadata is not None:
        raw, columns = described(raw, metadata)
        settings["columns"] = columns | settings.get("columns", {})
    if target is not None:
        settings |= aimed(raw, target, data)
    model = VAE(**settings).fit(raw, verbose=False if quiet else None, **how)
    model.save(out)
    about = {"command": "fit", "model": str(out), **model.info()}
    for trouble in about["trouble"]:
        warn(trouble)
    about |= {"seconds": round(time.monotonic() - start, 3), "latent_use": latent_use(model, raw)}
    if as_json:
        print(to_json(about))
    elif not quiet:
        print(summary(about))


def check_outputs(out: Path, checkpoint: Path | None, *, force: bool, resume: bool) -> None:
    """Nothing that is there is lost, and there is a place for what comes."""
    if out.is_dir():
        raise IsADirectoryError(f"{out} is a folder; a file name was expected, for instance {out / 'model.vaery'}")
    output.check_free(out, force)
    old = None if checkpoint is None else checkpoint / "checkpoint.vaery"
    if old is not None and old.exists() and not (resume or force):
        raise FileExistsError(f"{old} is there already; add --resume to go on from it or --force to start anew")


def parse_settings(texts: Iterable[str]) -> dict[str, Any]:
    """``key=value`` texts as arguments; ``a.b=c`` is ``a={"b": c}``. Values are JSON where they can be, else text.

    Raises:
        ValueError: one of them is not like that.

    >>> parse_settings(["latent=8", "prior=mixture", "likelihood.age=student", "latent=[4, 8]", "refine=false"])
    {'latent': [4, 8], 'prior': 'mixture', 'likelihood': {'age': 'student'}, 'refine': False}
    """
    settings: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not (key and equals):
            raise ValueError(f"{text!r}: write key=value, for instance latent=8")
        name, dot, inner = key.partition(".")
        if not dot:
            settings[name] = _value(value)
        elif isinstance(settings.setdefault(name, {}), dict):
            settings[name][inner] = _value(value)
        else:
            raise ValueError(f"{text!r}: {name} is set to {settings[name]!r} already")
    return settings


def parse_constraints(texts: Iterable[str]) -> list[str]:
    """The texts, once each can be read; whether the data keeps them is seen at the fit.

    Raises:
        ValueError: one of them cannot be read.
    """
    from vaery.constraints.parse import parse_all
    from vaery.core.errors import ChoiceError

    listed = list(texts)
    try:
        parse_all(listed)
    except ChoiceError as error:
        raise ValueError(str(error)) from None
    return listed


def parse_private(epsilon: float | None, more: Any) -> dict[str, Any]:
    """The setting ``private``, from ``--private`` and from what ``--set`` says of it.

    Raises:
        ValueError: it makes no sense.

    >>> parse_private(3.0, {"delta": 1e-6}), parse_private(None, None)
    ({'private': {'epsilon': 3.0, 'delta': 1e-06}}, {})
    """
    from vaery.core.errors import ChoiceError
    from vaery.private import Private

    if epsilon is None and more is None:
        return {}
    asked = more if epsilon is None else {"epsilon": epsilon, **(more if isinstance(more, Mapping) else {})}
    try:
        Private.of(asked)
    except ChoiceError as error:
        raise ValueError(str(error)) from None
    return {"private": asked}


def _value(text: str) -> Any:
    if text in ("None", "True", "False"):
        return {"None": None, "True": True, "False": False}[text]
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def check_settings(settings: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """Raise ``ValueError`` for a setting that VAE does not have."""
    import difflib

    for name in settings:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there is: {', '.join(known)}"
            raise ValueError(f"no setting is called {name!r}; {hint}")


def aimed(raw: Any, target: str, data: str) -> dict[str, Any]:
    """Settings for a model whose ``target`` matters: a field of its own is visited first, a column must be there.

    Raises:
        DataError: there is no such field or column.
    """
    from vaery.core.errors import DataError

    if isinstance(raw, Mapping) and target in raw:
        return {"target": target}
    parts = raw.values() if isinstance(raw, Mapping) else [raw]
    names = [str(c) for part in parts for c in getattr(part, "columns", ())]
    if target not in names:
        there_is = [*map(str, raw), *names] if isinstance(raw, Mapping) else names
        raise DataError(f"{data}: there is no column {target!r}; there is: {', '.join(there_is) or 'no named column'}")
    empty = not isinstance(raw, Mapping) and float(raw[target].isna().mean()) > 0.5
    return {"target": target} if empty else {}


def described(raw: Any, metadata: Path) -> tuple[Any, dict[str, Any]]:
    """The table as SDV's metadata means it, and what that says of its columns; a message names what is left out."""
    import warnings

    from vaery.sdv import prepare, read_metadata

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        columns = read_metadata(metadata)
    table = prepare(raw, metadata)
    if said:
        names = [str(name) for name in raw.columns if name not in table.columns]
        warn(f"left out, as {metadata.name} says who they are and not what: {', '.join(names)}")
    return table, columns


def latent_use(model: Any, raw: Any) -> str | None:
    """A sentence on what the latent carries; ``None`` where rows are too few to say."""
    from vaery.core.errors import QueryError

    some = {name: part[:SOME] for name, part in raw.items()} if isinstance(raw, Mapping) else raw[:SOME]
    try:
        return model.run("explain", some)["sentence"]
    except QueryError:
        return None


def summary(about: Mapping[str, Any]) -> str:
    """A fit in two sentences."""
    from vaery.private import sentence

    columns = sum(len(field.get("columns", ())) for field in about["fields"])
    names = ", ".join(field["name"] for field in about["fields"])
    what = f"{columns} columns" if len(about["fields"]) == 1 and columns else f"fields {names}"
    took = f"after {duration(about['seconds'])}"
    if about["private"] is not None:
        fit = f"{sentence(about['private'])}, {took}.\nNot covered: {about['private']['leaves_out']}"
    else:
        fit = f"{about['held_out_bits']:.2f} held-out bits a row {took}"
    return f"{about['model']}: {about['rows']:,} rows, {what}; {fit}.\n{about['latent_use'] or ''}".rstrip()
