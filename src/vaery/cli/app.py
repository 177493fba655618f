"""The commands, put together. Listing them imports no job, no torch and no other heavy library."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from vaery import __version__
from vaery.cli import jobs
from vaery.cli.audit import audit
from vaery.cli.demo import demo
from vaery.cli.fit import fit
from vaery.cli.guard import guarded
from vaery.cli.info import info
from vaery.cli.optimise import optimise
from vaery.cli.pictures import latent_map, traversals
from vaery.cli.report import report
from vaery.cli.spec import foreign_spec, own_spec
from vaery.cli.xray import xray
from vaery.core.members import ROOT, members

STYLE: dict[str, Any] = {"rich_markup_mode": None, "pretty_exceptions_enable": False}


class Commands(TyperGroup):
    """The commands; a job of another package is imported when it is asked for, and not before."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name = args[0]
        if name in foreign():
            with guarded():
                spec = foreign_spec(name)
            if spec is not None:
                self.add_command(single(name, jobs.command(spec), spec.help))
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=Commands, name="vaery", no_args_is_help=True, context_settings={"max_content_width": 100}, **STYLE
)


def _say_version(asked: bool) -> None:
    if asked:
        print(f"vaery {__version__}")
        raise typer.Exit


@app.callback()
def vaery(
    version: Annotated[
        bool, typer.Option("--version", help="Say which version this is.", callback=_say_version, is_eager=True)
    ] = False,
) -> None:
    """One model of your data that answers every question.

    First fit a model:  vaery fit adult.csv -o adult.vaery

    then ask it:  vaery generate adult.vaery -n 1000 --given sex=Female --given age=30..40 -o new.csv
    """


def foreign() -> list[str]:
    """The jobs that other packages add."""
    own = {path.stem for path in (ROOT / "jobs").iterdir()}
    return [name for name in members("jobs") if name not in own]


def single(name: str, function: Callable[..., None], text: str) -> Any:
    """One command, as typer makes it."""
    alone = typer.Typer(add_completion=False, **STYLE)
    alone.command(name, help=text)(function)
    return typer.main.get_command(alone)


def _add_all() -> None:
    app.command()(fit)
    app.command()(info)
    app.command()(xray)
    app.command()(report)
    app.command()(audit)
    app.command()(traversals)
    app.command("map")(latent_map)
    app.command()(optimise)
    for name in members("jobs"):
        if name in foreign():
            app.command(name, help="A job of another package.")(lambda: None)
        elif (spec := own_spec(name)) is not None:
            app.command(name, help=spec.help)(jobs.command(spec))
    app.command()(demo)


_add_all()
