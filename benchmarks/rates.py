"""Speed and size: training beside TVAE, how soon it starts, how long a default fit takes; a table that grows.

``speed``: the official training rows of the census, nulls as a level. Rows a second are those of the epochs after the
first: a long fit less a short one, CPU seconds on the same number of threads. For ours that includes looks at held-out
rows. "First step" is everything between the call of ``fit`` and the first step of the optimiser.

``scale``: a Parquet file of 20 columns (``footprint.py``), the same number of steps at every size, in a fresh process.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import adult_predict
import pandas as pd
from census import filled
from footprint import fresh, make_table
from peer_process import run_peer
from task import Asked, Task, fit

TABLES = ("adult",)
SIZES = ("10000", "100000", "1000000")
LARGEST = "10000000"  # when it is asked for: an hour
OURS, THEIRS = (2, 8), (2, 42)  # epochs: what comes before them takes TVAE 10 to 15 s, and its noise must not count


def speed(asked: Asked, name: str) -> Task:
    setting = lambda seed: filled(adult_predict.rows(asked).train)

    def ours(rows: pd.DataFrame, seed: int) -> dict[str, Any]:
        epochs(asked, rows.head(500), seed, 1)  # so that neither pays for what a first fit imports
        short, long = (epochs(asked, rows, seed, n) for n in OURS)
        _, took = adult_predict.fitted(asked, seed)
        before = first_step(asked, rows, seed)
        return {
            **rate(len(rows), OURS, short, long),
            "first_step_seconds": before,
            "default_fit_seconds": took["fit_seconds"],
        }

    def theirs(rows: pd.DataFrame, seed: int) -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder) / "train.parquet"
            rows.to_parquet(source)
            took = run_peer(asked.threads, "rate", "TVAE", source, seed, *THEIRS)
        return rate(len(rows), THEIRS, took["few"], took["many"])

    config = {"rows": "official", "quick": asked.quick, "ours": OURS, "theirs": THEIRS}
    return Task("speed", config, setting, {"vaery": ours, "TVAE": theirs}, data=name)


def epochs(asked: Asked, rows: pd.DataFrame, seed: int, count: int) -> dict[str, float]:
    """Seconds of a fit of so many epochs."""
    from common import Clock

    from vaery import VAE

    with Clock() as clock:
        VAE(random_state=seed, threads=asked.threads, device="cpu").fit(rows, epochs=count, verbose=False)
    return {"fit_seconds": clock.wall, "fit_cpu_seconds": clock.cpu}


def rate(rows: int, count: tuple[int, int], few: dict[str, float], many: dict[str, float]) -> dict[str, float]:
    seen = rows * (count[1] - count[0])
    return {
        "rows_per_cpu_second": seen / (many["fit_cpu_seconds"] - few["fit_cpu_seconds"]),
        "rows_per_second": seen / (many["fit_seconds"] - few["fit_seconds"]),
    }


def first_step(asked: Asked, rows: pd.DataFrame, seed: int) -> float:
    """CPU seconds until training starts, everything imported before."""
    from vaery.train import Trainer

    class Started(Exception):
        pass

    def stop(self: Any) -> None:
        raise Started

    whole, Trainer.fit = Trainer.fit, stop  # type: ignore[method-assign]
    start = time.process_time()
    try:
        fit(asked, rows, seed)
    except Started:
        return time.process_time() - start
    finally:
        Trainer.fit = whole  # type: ignore[method-assign]
    raise AssertionError("the fit did not train")


def scale(asked: Asked, size: str) -> Task:
    steps = 60 if asked.quick else 1000

    def ours(_: None, seed: int) -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "table.parquet"
            make_table(path, int(size), seed)
            return fresh(sys.executable, "table", path, steps, threads=asked.threads)

    config = {"rows": int(size), "steps": steps, "columns": 20}
    return Task("scale", config, lambda seed: None, {"vaery": ours}, once=frozenset({"vaery"}), data=size)
