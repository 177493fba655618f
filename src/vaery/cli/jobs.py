"""One command for each job, made from what its source says of it."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from vaery.cli import given, output
from vaery.cli.guard import check_device, guarded, usage
from vaery.cli.spec import UNKNOWN, JobSpec, Option
from vaery.cli.text import to_json, warn

INPUTS = {
    "nothing": {},
    "given": {},
    "rows": {"rows": "Rows: a table, a folder or array of images, with any cell left empty."},
    "two rows": {"a": "Rows.", "b": "As many rows again."},
}
JSON = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
DEVICE = Annotated[str, typer.Option("--device", help="auto, cpu, cuda …")]
FORCE = Annotated[bool, typer.Option("--force", help="Overwrite what is there.")]
SEED = Annotated[
    int | None,
    typer.Option("--seed", help="Another seed gives other draws, the same one the same.", show_default=False),
]
OUT = Annotated[
    Path | None, typer.Option("--out", "-o", help="Where the result goes, by its suffix.", show_default=False)
]
GIVEN = Annotated[
    list[str] | None,
    typer.Option(
        "--given", help="Condition: column=value, column=low..high or column=one,another.", show_default=False
    ),
]


def command(spec: JobSpec) -> Callable[..., None]:
    """The function behind ``vaery <job>``, with the signature that typer reads."""

    def run(**values: Any) -> None:
        with guarded():
            answer(spec, **values)

    model = typer.Argument(metavar="MODEL", help="A fitted model (.vaery).", show_default=False)
    parameters = [_parameter("model", Annotated[Path, model])]
    for name, line in INPUTS[spec.takes].items():
        argument = typer.Argument(metavar=name.upper(), help=line, show_default=False)
        parameters.append(_parameter(f"_{name}", Annotated[str, argument]))
    parameters += [_option(option) for option in spec.options]
    if spec.takes == "given":
        parameters.append(_parameter("given", GIVEN, None))
    parameters += [_parameter("out", OUT, None), _parameter("force", FORCE, False), _parameter("as_json", JSON, False)]
    parameters += [_parameter("seed", SEED, None), _parameter("device", DEVICE, "auto")]
    run.__signature__ = inspect.Signature(parameters)
    run.__annotations__ = {}
    return run


def _parameter(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _option(option: Option) -> inspect.Parameter:
    """A job's keyword argument as typer takes it. A value of several types is read as text and told apart later."""
    flag = f"-{option.name}" if len(option.name) == 1 else "--" + option.name.replace("_", "-")
    if option.types == (bool,):
        flag = f"{flag}/--no-{flag.lstrip('-')}"
    plain: Any = option.types[0] if len(option.types) == 1 else str
    if option.choices and option.types == (str,):
        plain = Literal[option.choices]
    if option.several:
        plain = list[plain]
    default = option.default
    if default is UNKNOWN or (default is None) or default == ():
        default = None
    elif plain is str and default is not inspect.Parameter.empty:
        default = str(default)
    if default is None:
        plain = plain | None
    return _parameter(option.name, Annotated[plain, typer.Option(flag, help=option.help)], default)


def answer(
    spec: JobSpec,
    *,
    model: Path,
    out: Path | None,
    force: bool,
    as_json: bool,
    seed: int | None,
    device: str,
    **values: Any,
) -> None:
    """Ask the model, write what it answers."""
    inputs = [values.pop(f"_{name}") for name in INPUTS[spec.takes]]
    with usage("--given"):
        readings = given.parse(values.pop("given", None) or ())
    options = asked(spec, values)
    plain = not options  # by convention a job that is asked nothing special gives one set of records
    output.check_free(out, force, [way for way in spec.many if way == "list" or not plain])
    with usage("--device"):
        check_device(device)

    from vaery.model import load

    start = time.monotonic()
    fitted = load(model, device=device)
    with usage("-o"):
        if out is not None:
            output.check_format(out, output.formats(spec.gives, fitted))
        elif not as_json:
            output.check_showable(spec.gives, fitted)
    if spec.takes == "given":
        options["given"] = given.settle(readings, fitted.schema_.given)
    result = fitted.run(spec.name, *inputs, seed=seed, **options)
    name = columns_of(result, spec, options.get("target"), fitted)
    written = [] if out is None else output.write(result, out, spec.gives, name, fitted, force)
    if as_json:
        about = {"command": spec.name, "model": str(model), "seconds": round(time.monotonic() - start, 3)}
        about |= found_out(fitted) | ({} if isinstance(name, str) else {"columns": name})
        print(to_json(about | ({"result": result} if out is None else {"out": [str(path) for path in written]})))
    elif out is None:
        output.show(result, spec.gives, name, fitted)
    else:
        strength = sorted(found_out(fitted).get("strength", ()))
        noise = f"; strength {strength[len(strength) // 2]:.3g}" if strength else ""
        warn(f"wrote {', '.join(map(str, written))}{noise}")


def found_out(fitted: Any) -> dict[str, Any]:
    """What a job found out beside its answer."""
    about = {"effective_sample_size": "effective_sample_size_", "strength": "strength_"}
    return {name: getattr(fitted, kept) for name, kept in about.items() if getattr(fitted, kept, None) is not None}


def columns_of(result: Any, spec: JobSpec, target: str | None, fitted: Any) -> str | list[str]:
    """What an array's columns are called: after the target and its classes where there is one number for each."""
    if target is not None and spec.gives == "array" and getattr(result, "ndim", 1) == 2:
        return [f"{target}_{level}" for level in fitted.classes(target)]
    return str(target or spec.name)


def asked(spec: JobSpec, values: Mapping[str, Any]) -> dict[str, Any]:
    """The options that differ from their defaults; the job itself fills in the rest."""
    found: dict[str, Any] = {}
    for option in spec.options:
        value = values[option.name]
        if value is None or value == []:
            continue
        value = told_apart(value, option.types) if isinstance(value, str) else value
        if option.default is inspect.Parameter.empty or value != option.default:
            found[option.name] = value
    return found


def told_apart(text: str, types: tuple[type, ...]) -> Any:
    """A text as the first of ``types`` that it can be.

    >>> told_apart("0.9", (str, float)), told_apart("mean", (str, float)), told_apart("3", (int, float))
    (0.9, 'mean', 3)
    """
    if bool in types and text.lower() in ("true", "false"):
        return text.lower() == "true"
    for number in (int, float):
        if number in types:
            try:
                return number(text)
            except ValueError:
                pass
    if str not in types:
        names = " or ".join(t.__name__ for t in types)
        raise typer.BadParameter(f"{text!r} is not {names}")
    return text
