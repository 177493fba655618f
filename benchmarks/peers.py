"""Make the environments of the programs we compare with: ``.peers/`` in the repository root, from ``peers.txt``, and in
it ``.peers/hyperimpute/``, from ``hyperimpute.txt``, for the one that only works with libraries of its time.

    python benchmarks/peers.py            # a few minutes
    python benchmarks/peers.py --check    # only say what is there

torch comes first, so that no peer chooses another version: both sides of every ratio run on the same torch.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import venv
from functools import cache
from pathlib import Path
from typing import Any

from common import PEERS, ROOT, about

HYPERIMPUTE = PEERS.parents[1] / "hyperimpute" / "bin" / "python"
WANTED = {PEERS: ROOT / "benchmarks" / "peers.txt", HYPERIMPUTE: ROOT / "benchmarks" / "hyperimpute.txt"}
FOR_TABLES = ("shap", "imbalanced-learn")
FOR_IMAGES = ("scikit-image", "umap-learn")
NAMES = {
    PEERS: ("torch", "numpy", "scikit-learn", "pythae", "pyod", "sdv", "ctgan", "sdmetrics", *FOR_TABLES, *FOR_IMAGES),
    HYPERIMPUTE: ("hyperimpute",),
}


def make(python: Path) -> None:
    """Create an environment if it is not there, and install what is missing from it: torch, then the rest, then what
    must not bring its requirements along."""
    if not python.exists():
        venv.create(python.parents[1], with_pip=True)
    lines = [line.split("#")[0].strip() for line in WANTED[python].read_text().splitlines()]
    alone = [line.removesuffix("--no-deps").strip() for line in lines if line.endswith("--no-deps")]
    first, *rest = [line for line in lines if line and not line.endswith("--no-deps")]
    for arguments in ([first], [first, *rest], ["--no-deps", *alone] if alone else []):
        if arguments:
            subprocess.run([python, "-m", "pip", "install", "--quiet", *arguments], check=True)


@cache
def versions() -> dict[str, str]:
    """Name → version of every peer that is installed; without those whose environment is not there."""
    found = {}
    for python, names in NAMES.items():
        if python.exists():
            code = (
                "import json, importlib.metadata as m\n"
                "have = {d.metadata['Name'].lower(): d.version for d in m.distributions()}\n"
                f"print(json.dumps({{n: have[n] for n in {names!r} if n in have}}))"
            )
            done = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True)
            found |= json.loads(done.stdout)
    return found


def origin(asked: argparse.Namespace, script: str) -> dict[str, Any]:
    """Where a result came from: machine, versions of both sides, and the command that gives it."""
    command = f"python benchmarks/{script}" + (f" --threads {asked.threads}" if asked.threads != 1 else "")
    return {**about(asked.threads), "peers": versions(), "command": command}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="install nothing")
    if not parser.parse_args().check:
        for python in WANTED:
            make(python)
    found = versions()
    print("\n".join(f"{name} {version}" for name, version in found.items()) or "there is no .peers/ yet")
    return 0 if len(found) == sum(map(len, NAMES.values())) else 1


if __name__ == "__main__":
    sys.exit(main())
