"""Make the environment of the programs we compare with: ``.peers/`` in the repository root, from ``peers.txt``.

    python benchmarks/peers.py            # a minute or two
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
from typing import Any

from common import PEERS, ROOT, about

WANTED = ROOT / "benchmarks" / "peers.txt"
NAMES = ("torch", "numpy", "scikit-learn", "pythae", "pyod", "sdv", "ctgan", "sdmetrics")


def requirements() -> list[str]:
    lines = [line.split("#")[0].strip() for line in WANTED.read_text().splitlines()]
    return [line for line in lines if line]


def make() -> None:
    """Create the environment if it is not there, and install what is missing from it."""
    if not PEERS.exists():
        venv.create(PEERS.parents[1], with_pip=True)
    first, *_ = requirements()
    for arguments in ([first], ["--requirement", str(WANTED)]):
        subprocess.run([PEERS, "-m", "pip", "install", "--quiet", *arguments], check=True)


@cache
def versions() -> dict[str, str]:
    """Name → version of every peer that is installed; empty if the environment is not there."""
    if not PEERS.exists():
        return {}
    code = (
        "import json, importlib.metadata as m\n"
        "have = {d.metadata['Name'].lower(): d.version for d in m.distributions()}\n"
        f"print(json.dumps({{n: have[n] for n in {NAMES!r} if n in have}}))"
    )
    done = subprocess.run([PEERS, "-c", code], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def origin(asked: argparse.Namespace, script: str) -> dict[str, Any]:
    """Where a result came from: machine, versions of both sides, and the command that gives it."""
    command = f"python benchmarks/{script}" + (f" --threads {asked.threads}" if asked.threads != 1 else "")
    return {**about(asked.threads), "peers": versions(), "command": command}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="install nothing")
    if not parser.parse_args().check:
        make()
    found = versions()
    print("\n".join(f"{name} {version}" for name, version in found.items()) or "there is no .peers/ yet")
    return 0 if len(found) == len(NAMES) else 1


if __name__ == "__main__":
    sys.exit(main())
