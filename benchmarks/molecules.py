"""Molecules: samples, reconstruction and properties asked for, ours beside a network over characters.

    python benchmarks/molecules.py [--tasks distribution,optimise] [--methods vaery] [--seeds 3]
                                   [--minutes 20]

Every (task, data and minutes, method, seed) is one line in ``benchmarks/results/molecules.jsonl``; what is there
already is not measured again. One fit of ours serves all tasks of a run. ``--minutes`` is the time of each fit, ours
and the other's. ``--steps`` and ``--quick`` as in ``images.py``.
"""

from __future__ import annotations

import molecule_optimise
import molecule_tasks
from suite import Kind, run

DATA = (molecule_tasks.NAME,)
TASKS = {
    "distribution": Kind(molecule_tasks.distribution, DATA, (20.0,)),
    "reconstruction": Kind(molecule_tasks.reconstruction, DATA, (20.0,)),
    "given": Kind(molecule_tasks.given, DATA, (20.0,)),
    "optimise": Kind(molecule_optimise.task, DATA, (20.0,)),
}


if __name__ == "__main__":
    run(__doc__, "molecules", TASKS)
