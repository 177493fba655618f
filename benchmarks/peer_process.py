"""Ask the peers' environment for something. The process stays, so that its imports are paid for once."""

from __future__ import annotations

import atexit
import json
import subprocess
from pathlib import Path
from typing import Any

from common import PEERS, ROOT, pinned

SCRIPT = ROOT / "benchmarks" / "table_peers.py"


class Process:
    """A script of peers in one environment: a list of words goes in, a dictionary comes out."""

    def __init__(self, python: Path, threads: int, script: Path = SCRIPT) -> None:
        if not python.exists():
            raise FileNotFoundError(f"{python.relative_to(ROOT)} is not there yet: python benchmarks/peers.py")
        pipe, env = subprocess.PIPE, {**pinned(threads), "N_JOBS": str(threads)}  # the last is HyperImpute's
        self.process = subprocess.Popen([python, script], stdin=pipe, stdout=pipe, env=env, cwd=ROOT, text=True)

    def __call__(self, *words: Any) -> dict[str, Any]:
        """What the task gives, and its seconds.

        Raises:
            RuntimeError: with the peer's own error, or that its process is gone (killed for memory, say).
        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps([str(word) for word in words]), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the peer's process ended with {self.process.wait()} at: {' '.join(map(str, words))}")
        found = json.loads(line)
        if "error" in found:
            raise RuntimeError(found["error"])
        return found


processes: dict[tuple[Path, int, Path], Process] = {}


def run_peer(threads: int, *words: Any, python: Path = PEERS, script: Path = SCRIPT) -> dict[str, Any]:
    """A task of ``table_peers.py``, or of another script that is served the same way."""
    key = python, threads, script
    if key not in processes or processes[key].process.poll() is not None:
        processes[key] = Process(python, threads, script)
    return processes[key](*words)


@atexit.register
def close() -> None:
    for running in processes.values():
        running.process.terminate()
