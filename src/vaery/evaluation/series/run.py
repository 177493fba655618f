"""Running it all, for series."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from vaery.core.errors import QueryError, choice
from vaery.evaluation.evaluation import Evaluation
from vaery.evaluation.measure import FEW
from vaery.evaluation.series import views
from vaery.evaluation.series.checks import CHECKS
from vaery.evaluation.series.setting import Series
from vaery.evaluation.setting import told

if TYPE_CHECKING:
    from vaery.model import VAE

WHY = {
    "impute": "no channel holds numbers, or not one alone",
    "forecast": "no series is as long as a window and the steps after it, or no channel holds numbers",
}


def run(
    model: VAE, X: Any, *, target: str | None, rows: int, jobs: Sequence[str] | None, seed: int, verbose: bool | None
) -> Evaluation:
    """The report card of a model of series; see :meth:`vaery.VAE.evaluate`."""
    start = time.perf_counter()
    unknown = [job for job in jobs or () if job not in CHECKS]
    if unknown:
        raise choice("job to evaluate on series", unknown[0], list(CHECKS))
    if target is not None:
        raise QueryError(f"target={target!r} is for tables; of series every channel is tried: leave it out")
    if rows < FEW:
        raise QueryError(f"rows={rows} are too few to tell methods apart; write at least rows={FEW}")
    setting = Series.of(model, X, rows, seed)
    steps = [name for name in CHECKS if jobs is None or name in jobs]
    done, shown, notes = {}, {}, []
    for step in told([*steps, "pictures"], start, verbose):
        if step == "pictures":
            shown = views.gather(setting)
        elif (tested := CHECKS[step](setting)) is not None:
            done[step] = tested
        else:
            notes.append(f"{step} was not tried: {WHY.get(step, WHY['impute'])}")
    return Evaluation(done, _about(setting, X, notes, time.perf_counter() - start), shown)


def _about(setting: Series, X: Any, notes: list[str], seconds: float) -> dict[str, Any]:
    from vaery import __version__

    model = setting.model
    left_out = [c.name for c in setting.field.channels if c.name not in setting.names]
    if left_out:
        notes.append(f"left out, since they hold levels or one value: {', '.join(left_out)}")
    notes.append(
        f"steps were judged in {setting.segments} segments, since neighbours are alike; simple methods needed nothing "
        "to learn from"
    )
    return {
        "rows": len(setting.line), "rows_given": setting.field.opened(X).rows, "train": None, "target": None,
        "seed": setting.seed, "seconds": seconds, "columns": setting.names, "images": [], "steps": True,
        "fitted_rows": None, "held_out_bound": model.held_out_bound(), "vaery": __version__, "notes": notes,
    }  # fmt: skip
