"""What every benchmark shares: where things are, how a number is kept, and what machine it came from.

Nothing here imports vaery or a peer, so that both sides can use it.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PEERS = ROOT / ".peers" / "bin" / "python"
DATA = ROOT.parent / "shared" / "data"
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def arguments(doc: str | None) -> argparse.ArgumentParser:
    """The options that all scripts have."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="folder with load.py (default: ../shared/data)")
    parser.add_argument("--threads", type=int, default=1, help="threads of every contestant (default: 1)")
    parser.add_argument("--quick", action="store_true", help="a small grid, to see that everything runs; not kept")
    parser.add_argument("--again", default="", help="comma-separated names to measure anew though a result is there")
    return parser


def check_names(made: argparse.ArgumentParser, what: str, asked: str, known: Iterable[str]) -> None:
    """Stop with a message unless all names of a comma-separated list are known: a slip would measure nothing."""
    known = dict.fromkeys(known)
    if unknown := [name for name in asked.split(",") if name and name not in known]:
        made.error(f"no such {what}: {', '.join(unknown)}; there are {', '.join(known)}")


def data(folder: Path) -> Any:
    """The loaders beside the data, as a module."""
    spec = importlib.util.spec_from_file_location("load", folder / "load.py")
    if spec is None or spec.loader is None or not (folder / "load.py").exists():
        raise SystemExit(f"there is no load.py in {folder}; say where the data is with --data")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pinned(threads: int) -> dict[str, str]:
    """The environment of a process that is to use so many threads."""
    return {**os.environ, **dict.fromkeys(THREADS, str(threads)), "PYTHONHASHSEED": "0"}


class Clock:
    """CPU and wall seconds of a ``with`` block. CPU seconds are the process's own, all its threads together."""

    cpu = wall = 0.0

    def __enter__(self) -> Clock:
        self._start = time.process_time(), time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.cpu, self.wall = time.process_time() - self._start[0], time.perf_counter() - self._start[1]


# ---------------------------------------------------------------------- results


class Results:
    """One file of results, a JSON object a line, one line for each key.

    A line is found again by its key and by the digest of the configuration that made it, so that a run that was cut
    off goes on where it stopped, and a changed configuration is measured anew.

    Args:
        name: of the file in ``benchmarks/results``.
        keep: ``False``: in memory only (``--quick``).
    """

    def __init__(self, name: str, keep: bool = True) -> None:
        self.path, self.keep = RESULTS / f"{name}.jsonl", keep
        self.lines: dict[str, dict[str, Any]] = {}
        self.read()

    def read(self) -> None:
        """What is on disk, another run's lines too."""
        if self.keep and self.path.exists():
            found = [json.loads(line) for line in self.path.read_text().splitlines()]
            self.lines |= {line["key"]: line for line in found}

    def find(self, key: str, config: Mapping[str, Any]) -> dict[str, Any] | None:
        """The line of this key, if this configuration made it."""
        line = self.lines.get(key)
        return line if line is not None and line["digest"] == digest(config) else None

    def put(self, key: str, config: Mapping[str, Any], values: Mapping[str, Any], about: Mapping[str, Any]) -> dict:
        """Keep a line; it is on disk when this returns."""
        line = {"key": key, "digest": digest(config), "config": dict(config), **values, "about": dict(about)}
        self.read()
        self.lines[key] = line = json.loads(json.dumps(line, default=_plain))
        if self.keep:
            RESULTS.mkdir(parents=True, exist_ok=True)
            beside = self.path.with_suffix(".tmp")
            beside.write_text("".join(json.dumps(self.lines[k]) + "\n" for k in sorted(self.lines)))
            os.replace(beside, self.path)
        return line


def digest(config: Mapping[str, Any]) -> str:
    """A short name for a configuration."""
    return hashlib.sha256(json.dumps(config, sort_keys=True, default=_plain).encode()).hexdigest()[:12]


def _plain(value: Any) -> Any:
    """Numbers of NumPy as Python's, paths as text."""
    return value.item() if hasattr(value, "item") else str(value)


def spread(values: Iterable[float]) -> dict[str, float]:
    """Mean, standard deviation over seeds or rounds, and how many there were."""
    values = [float(v) for v in values]
    sd = statistics.stdev(values) if len(values) > 1 else float("nan")
    return {"mean": statistics.fmean(values), "sd": sd, "n": len(values), "median": statistics.median(values)}


# ---------------------------------------------------------------------- where it came from


def about(threads: int, packages: Iterable[str] = ("torch", "numpy", "scikit-learn", "pandas")) -> dict[str, Any]:
    """Date, machine, versions and commit: what a number is worth nothing without."""
    return {
        "date": date.today().isoformat(),
        "machine": machine(),
        "threads": threads,
        "python": platform.python_version(),
        "versions": {name: version(name) for name in packages},
        "vaery": commit(),
        "load": round(os.getloadavg()[0], 2),
    }


def machine() -> str:
    """The processor, its cores and the memory, in a line."""
    model = platform.processor() or platform.machine()
    for line in _lines("/proc/cpuinfo"):
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}"


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "-"


def commit() -> str:
    """The commit of this tree; with ``+`` if the package differs from it."""
    try:
        return _git("rev-parse", "--short", "HEAD") + ("+" if _git("status", "--short", "src") else "")
    except (OSError, subprocess.CalledProcessError):
        return "-"


def _git(*words: str) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=True)
    return done.stdout.strip()
