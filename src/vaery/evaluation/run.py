"""Running it all: rows picked, every check made, every picture's data gathered."""

from __future__ import annotations

import pkgutil
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vaery.core.errors import DataError, QueryError, choice
from vaery.evaluation.evaluation import Evaluation
from vaery.evaluation.layout import Layout, Rows
from vaery.evaluation.measure import FEW
from vaery.evaluation.setting import Setting, told
from vaery.evaluation.tested import Tested

if TYPE_CHECKING:
    from vaery.model import VAE

ORDER = ("generate", "impute", "predict", "detect", "score")  # others come after, by name
MOST_TRAIN = 5000  # training rows that simple methods learn from


def names() -> list[str]:
    """The checks there are: the files of ``checks``."""
    found = sorted(m.name for m in pkgutil.iter_modules([str(Path(__file__).parent / "checks")]))
    return sorted(found, key=lambda name: ORDER.index(name) if name in ORDER else len(ORDER))


def check(name: str) -> Callable[[Setting], Tested | None]:
    """One of them."""
    return getattr(import_module(f"vaery.evaluation.checks.{name}"), name)


def run(
    model: VAE,
    X: Any,
    *,
    train: Any,
    target: str | None,
    rows: int,
    jobs: Sequence[str] | None,
    seed: int,
    verbose: bool | None,
) -> Evaluation:
    """The report card of a fitted model; see :meth:`vaery.VAE.evaluate`."""
    from vaery.evaluation import views

    if [field.kind for field in model.schema_.fields] == ["series"]:
        from vaery.evaluation.series.run import run as of_series

        return of_series(model, X, target=target, rows=rows, jobs=jobs, seed=seed, verbose=verbose)
    start = time.perf_counter()
    unknown = [job for job in jobs or () if job not in names()]
    if unknown:
        raise choice("job to evaluate", unknown[0], names())
    setting, notes, came = prepare(model, X, train, target, rows, seed)
    steps = [name for name in names() if jobs is None or name in jobs]
    done: dict[str, Tested] = {}
    shown: dict[str, Any] = {}
    for step in told([*steps, "pictures"], start, verbose):
        if step == "pictures":
            shown = views.gather(setting)
        elif (tested := check(step)(setting)) is not None:
            done[step] = tested
        else:
            notes.append(f"{step} was not tried: there is nothing here to hold it against")
    return Evaluation(done, _about(setting, came, notes, time.perf_counter() - start), shown)


def prepare(model: VAE, X: Any, train: Any, target: str | None, rows: int, seed: int) -> tuple[Setting, list[str], int]:
    """The setting; what a reader should know of it; how many rows came."""
    if rows < FEW:
        raise QueryError(f"rows={rows} are too few to tell methods apart; write at least rows={FEW}")
    layout = Layout.of(model.schema_)
    aim = None if target is None else layout[target]
    whole = layout.open(X)
    if len(whole) < FEW:
        raise DataError(f"{len(whole)} row(s) came; at least {FEW} are needed to tell methods apart")
    came_as = _sample(len(whole), rows, seed)
    some, notes = layout.readable(whole.take(came_as))
    learn = None if train is None else _to_learn_from(layout, layout.open(train), seed)
    if learn is not None and len(learn) < FEW:
        raise DataError(f"train= has {len(learn)} row(s); at least {FEW} are needed for simple methods to learn from")
    setting = Setting(model, layout, some, learn, aim, seed, came_as)
    if aim is not None and aim not in setting.places:
        raise QueryError(f"target={target!r} holds one value only, or another one in nearly every row; name another")
    if setting.left_out:
        notes.append(f"left out, since they are constant or name single rows: {', '.join(setting.left_out)}")
    return setting, notes, len(whole)


def _sample(rows: int, most: int, seed: int) -> NDArray[np.int64]:
    """The numbers of so many rows at random, in order."""
    if rows <= most:
        return np.arange(rows)
    rng = np.random.default_rng(seed)
    return np.sort(rng.choice(rows, most, replace=False))


def _to_learn_from(layout: Layout, train: Rows, seed: int) -> Rows:
    """Training rows in random order: their first n are a sample of any size."""
    rng = np.random.default_rng(seed + 1)
    order = rng.permutation(len(train))[:MOST_TRAIN]
    return layout.readable(train.take(order))[0]


def _about(setting: Setting, came: int, notes: list[str], seconds: float) -> dict[str, Any]:
    from vaery import __version__

    model = setting.model
    return {
        "rows": len(setting.rows), "rows_given": came, "train": None if setting.train is None else len(setting.train),
        "target": None if setting.target is None else setting.target.label, "seed": setting.seed, "seconds": seconds,
        "columns": [place.label for place in setting.layout.places], "images": list(setting.layout.images),
        "fitted_rows": model.calibration_.get("rows"), "held_out_bound": model.held_out_bound(),
        "vaery": __version__, "notes": notes,
    }  # fmt: skip
