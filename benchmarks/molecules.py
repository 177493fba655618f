"""Molecules: samples, reconstruction and properties asked for, ours beside a network over characters.

    python benchmarks/molecules.py [--tasks distribution,reconstruction,given] [--methods vaery] [--seeds 3]
                                   [--minutes 20]

Every (task, data and minutes, method, seed) is one line in ``benchmarks/results/molecules.jsonl``; what is there
already is not measured again. One fit of ours serves all tasks of a run. ``--minutes`` is the time of each fit, ours
and the other's. ``--steps`` and ``--quick`` as in ``images.py``.
"""

from __future__ import annotations

import molecule_tasks
import torch
from common import Results, arguments
from image_task import Asked
from images import QUICK_SECONDS, Kind, chosen, seeds
from runner import measure

DATA = (molecule_tasks.NAME,)
TASKS = {
    "distribution": Kind(molecule_tasks.distribution, DATA, (20.0,)),
    "reconstruction": Kind(molecule_tasks.reconstruction, DATA, (20.0,)),
    "given": Kind(molecule_tasks.given, DATA, (20.0,)),
}


def main() -> None:
    made = arguments(__doc__)
    made.add_argument("--tasks", default=",".join(TASKS), help="comma-separated")
    made.add_argument("--methods", default="", help="comma-separated; default: all of a task")
    made.add_argument("--seeds", default="", help="how many, or which with a comma (default: 3, quick: 1)")
    made.add_argument("--minutes", default="", help="of each fit, comma-separated (default: 20)")
    made.add_argument("--steps", type=int, default=0, help="of our fits, instead of minutes")
    made.set_defaults(datasets="")
    options = made.parse_args()
    asked = Asked(options.data.resolve(), QUICK_SECONDS / 60, options.threads, options.quick, options.steps)
    torch.set_num_threads(options.threads)
    results = Results("molecules", keep=not options.quick)
    for name in dict.fromkeys(options.tasks.split(",")):
        for task in chosen(TASKS[name], options, asked):
            measure(task, options, seeds(options, TASKS[name]), results, "molecules.py")


if __name__ == "__main__":
    main()
