"""One measurement in a fresh process: peak memory and seconds, as JSON on the last line. See ``footprint.py``."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


def peak() -> float:
    """Peak resident memory of this process, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def nothing() -> dict[str, float]:
    """What importing alone takes."""
    import numpy  # noqa: F401

    from vaery import VAE

    VAE()
    return {"peak": peak()}


def images(path: str, steps: str) -> dict[str, float]:
    """A whole fit on images kept as bytes."""
    import numpy as np
    from speed_ours import model

    model(steps=int(steps), random_state=0).fit(np.load(path))
    return {"peak": peak()}


def images_pythae(path: str, steps: str) -> dict[str, float]:
    """pythae on the same images, as floats."""
    import numpy as np
    import torch
    from speed_pythae import Pythae

    found = np.load(path)
    x = torch.from_numpy(found.reshape(len(found), -1)).float().div_(255)
    trainer = Pythae(x)
    for _ in range(max(1, int(steps) * 128 // len(x))):
        trainer.epoch()
    return {"peak": peak()}


def import_(statement: str) -> dict[str, float]:
    """CPU seconds of an import in a process of its own, less nothing."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", statement], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime}


def help_() -> dict[str, float]:
    """Wall seconds of ``vaery --help``."""
    program = Path(sys.executable).with_name("vaery")
    start = time.perf_counter()
    subprocess.run([program, "--help"], check=True, stdout=subprocess.DEVNULL)
    return {"wall": time.perf_counter() - start}


def table(path: str, steps: str) -> dict[str, Any]:
    """A whole fit on a Parquet file; then its parts by themselves, on the fitted model."""
    from common import Clock

    from vaery import VAE

    estimator = VAE(steps=int(steps), threads=1, random_state=0, device="cpu")
    with Clock() as fit:
        estimator.fit(path)
    found: dict[str, Any] = {"peak": peak(), "fit_cpu": fit.cpu, "fit_wall": fit.wall}
    return {**found, **parts(estimator, path, 100)}


def parts(estimator: Any, path: str, steps: int) -> dict[str, Any]:
    """Seconds a row of describing and packing, and a step of training."""
    from common import Clock

    from vaery.advice import advise, pick_objective
    from vaery.core.random import Random
    from vaery.schema import Schema
    from vaery.train import Plan, Trainer

    with Clock() as describing:
        schema, raw = Schema.describe(path)
    with Clock() as packing:
        rows = schema.pack(raw)
    advice, plan = advise(estimator, schema.fields, rows.rows), Plan(**{**estimator.plan_, "seconds": None})
    objective = pick_objective("auto", schema.fields, advice, rows.rows)
    trainer = Trainer(estimator.joint_, rows, rows[slice(0, 1)], objective, plan, rng=Random(0))
    estimator.joint_.train()
    trainer._run(20)
    with Clock() as training:
        trainer._run(steps)
    return {
        "rows": rows.rows,
        "describe_seconds_per_row": describing.cpu / rows.rows,
        "pack_seconds_per_row": packing.cpu / rows.rows,
        "seconds_per_row_step": training.cpu / steps / min(plan.batch, rows.rows),
    }


TASKS = {
    "nothing": nothing,
    "images": images,
    "images-pythae": images_pythae,
    "import": import_,
    "help": help_,
    "table": table,
}

if __name__ == "__main__":
    print(json.dumps(TASKS[sys.argv[1]](*sys.argv[2:])))
