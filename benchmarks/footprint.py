"""What a fit needs besides time: memory, imports, and a table of a million rows. Parts of ``speed.py``."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from common import PEERS, ROOT, Results, data, pinned
from peers import origin

WORKER = ROOT / "benchmarks" / "footprint_worker.py"
ROWS = (10_000, 100_000, 1_000_000)


def memory(asked: Any, results: Results) -> None:
    """Peak memory of a fit on 60,000 images kept as bytes, against import and data alone."""
    rows, steps = (6000, 60) if asked.quick else (60_000, 1000)
    config = {"rows": rows, "steps": steps, "threads": asked.threads}
    if results.find("memory", config) and "memory" not in asked.again:
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "images.npy"
        np.save(path, data(asked.data).mnist()["x_train"][:rows])
        megabytes = path.stat().st_size / 1e6
        ours = fresh(sys.executable, "images", path, steps, threads=asked.threads)
        import_only = fresh(sys.executable, "nothing", threads=asked.threads)
        peer = fresh(PEERS, "images-pythae", path, steps, threads=asked.threads)
    over = ours["peak"] - import_only["peak"] - megabytes
    values = {
        "peak": ours["peak"],
        "import": import_only["peak"],
        "data": megabytes,
        "over": over,
        "pythae": peer["peak"],
    }
    say("memory (MB)", values)
    results.put("memory", config, values, origin(asked, "speed.py"))


def imports(asked: Any, results: Results) -> None:
    """CPU seconds of imports, each in a fresh process, taking turns; and what ``import vaery`` brings in."""
    tries = 2 if asked.quick else 9
    config = {"tries": tries, "threads": asked.threads}
    if results.find("imports", config) and "imports" not in asked.again:
        return
    statements = {
        "nothing": "pass",
        "torch": "import torch",
        "vaery": "import vaery",
        "vaery.VAE": "from vaery import VAE",
    }
    seconds: dict[str, list[float]] = {name: [] for name in statements}
    help_wall: list[float] = []
    for _ in range(tries):
        for name, statement in statements.items():
            seconds[name].append(fresh(sys.executable, "import", statement, threads=asked.threads)["cpu"])
        help_wall.append(fresh(sys.executable, "help", threads=asked.threads)["wall"])
    brings = "import sys, vaery; print(sorted({m.split('.')[0] for m in sys.modules} & {'torch', 'numpy', 'pandas'}))"
    heavy = subprocess.run([sys.executable, "-c", brings], capture_output=True, text=True, check=True).stdout.strip()
    middle = {name: statistics.median(s) for name, s in seconds.items()}
    values = {"cpu_seconds": middle, "help_wall_seconds": statistics.median(help_wall), "heavy_modules": heavy}
    say("imports", {**middle, "help": values["help_wall_seconds"]})
    results.put("imports", config, values, origin(asked, "speed.py"))


def table(asked: Any, results: Results) -> None:
    """A Parquet table of 20 columns as it grows from ten thousand to a million rows, with the same number of steps."""
    sizes, steps = ((2000, 20_000), 60) if asked.quick else (ROWS, 1000)
    config = {"sizes": list(sizes), "steps": steps, "threads": asked.threads, "seed": 0}
    if results.find("table", config) and "table" not in asked.again:
        return
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for rows in sizes:
            path = Path(folder) / f"{rows}.parquet"
            make_table(path, rows)
            found[str(rows)] = fresh(sys.executable, "table", path, steps, threads=asked.threads)
            say(f"table of {rows} rows", found[str(rows)])
            path.unlink()
    results.put("table", config, {"sizes": found}, origin(asked, "speed.py"))


def make_table(path: Path, rows: int, seed: int = 0, block: int = 100_000) -> None:
    """A seeded table: 12 numeric columns (plain, skewed, whole, with a spike), 8 categorical; one cell in 20 empty."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(seed)
    loadings = rng.normal(size=(3, 20))
    writer = None
    for start in range(0, rows, block):
        n = min(block, rows - start)
        factor = rng.normal(size=(n, 3))
        base = factor @ loadings + 0.5 * rng.normal(size=(n, 20))
        columns: dict[str, Any] = {}
        for i in range(12):
            x = base[:, i]
            shaped = (x, np.exp(0.5 * x), np.round(10 * x), np.where(x < 0, 0.0, x))[i % 4]
            columns[f"number_{i}"] = np.where(rng.random(n) < 0.05, np.nan, shaped)
        for i, levels in enumerate((2, 2, 3, 5, 8, 12, 20, 50)):
            rank = np.clip((base[:, 12 + i] + 3) / 6, 0, 0.999)
            names = np.array([f"level {k}" for k in range(levels)], dtype=object)
            values = names[(rank * levels).astype(int)]
            columns[f"category_{i}"] = np.where(rng.random(n) < 0.05, None, values)
        part = pa.Table.from_pandas(pd.DataFrame(columns), preserve_index=False)
        writer = writer or pq.ParquetWriter(path, part.schema)
        writer.write_table(part)
    if writer is not None:
        writer.close()


def fresh(python: str | Path, task: str, *arguments: Any, threads: int = 1) -> dict[str, float]:
    """A task of ``footprint_worker.py`` in a fresh process."""
    command = [str(part) for part in (python, WORKER, task, *arguments)]
    done = subprocess.run(command, env=pinned(threads), capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        raise RuntimeError(f"{task}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def say(what: str, numbers: dict[str, Any]) -> None:
    print(
        what, {k: round(v, 6) if isinstance(v, float) else v for k, v in numbers.items()}, file=sys.stderr, flush=True
    )
