"""Three more questions about the adult census table (official split, its gaps left as they are): cells planted in its
rows, income, and what a row costs. Everything else that is asked of tables is in ``tables.py``.

    python benchmarks/adult.py [--tasks detect,predict,bits] [--methods ...] [--seeds 3]

Every (task, method, seed) is one line in ``benchmarks/results/adult.jsonl``; what is there already is not measured
again, so a run that was cut off goes on where it stopped. The peers need ``python benchmarks/peers.py`` once.
"""

from __future__ import annotations

from collections.abc import Callable

import adult_detect
import adult_predict
import torch
from common import Results, arguments
from runner import measure
from task import Asked, Task

TASKS: dict[str, Callable[[Asked], Task]] = {
    "detect": adult_detect.planted,
    "predict": adult_predict.task,
    "bits": adult_predict.bits,
}


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--tasks", default=",".join(TASKS), help="comma-separated")
    parser.add_argument("--methods", default="", help="comma-separated; default: all of a task")
    parser.add_argument("--seeds", type=int, default=0, help="how many (default: 3, quick: 1)")
    options = parser.parse_args()
    asked = Asked(options.data.resolve(), options.threads, options.quick)
    torch.set_num_threads(options.threads)
    results = Results("adult", keep=not options.quick)
    for name in options.tasks.split(","):
        seeds = options.seeds or (1 if options.quick else 3)
        measure(TASKS[name](asked), options, range(seeds), results, "adult.py")


if __name__ == "__main__":
    main()
