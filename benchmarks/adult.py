"""Quality on the adult census table (official split, its gaps left as they are), and detection on six public tables.

    python benchmarks/adult.py [--tasks generate,impute,detect,tables,predict,bits] [--methods ...] [--seeds 3]

Every (task, method, seed) is one line in ``benchmarks/results/adult.jsonl``; what is there already is not measured
again, so a run that was cut off goes on where it stopped. The peers need ``python benchmarks/peers.py`` once.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable
from typing import Any

import adult_detect
import adult_generate
import adult_impute
import adult_predict
import torch
from common import Clock, Results, arguments
from peers import origin
from task import Asked, Task

TASKS: dict[str, Callable[[Asked], Task]] = {
    "generate": adult_generate.task,
    "impute": adult_impute.task,
    "detect": adult_detect.planted,
    "tables": adult_detect.tables,
    "predict": adult_predict.task,
    "bits": adult_predict.bits,
}


def measure(task: Task, options: Any, seeds: int, results: Results) -> None:
    """Every method of a task that is wanted and not there yet; one that fails is told of and left out."""
    wanted, again = ({n for n in text.split(",") if n} for text in (options.methods, options.again))
    for seed in range(seeds):
        setting = None
        for name, method in task.methods.items():
            if (wanted and name not in wanted) or (name in task.once and seed > 0):
                continue
            key, config = f"{task.name}/{name}/{seed}", {**task.config, "threads": options.threads}
            if results.find(key, config) and not again & {name, task.name}:
                continue
            setting = task.setting(seed) if setting is None else setting
            torch.manual_seed(seed)
            try:
                with Clock() as clock:
                    values = method(setting, seed)
            except Exception:
                print(f"{key} FAILED\n{traceback.format_exc()}", file=sys.stderr, flush=True)
                continue
            took = {"seconds": clock.wall, "cpu_seconds": clock.cpu}
            whose = {"task": task.name, "method": name, "seed": seed, "ours": name in task.ours}
            results.put(key, config, {**whose, "values": values, **took}, origin(options, "adult.py"))
            shown = {k: round(v, 4) for k, v in values.items() if isinstance(v, float)}
            print(f"{key} {took['seconds']:.0f} s {json.dumps(shown)}", file=sys.stderr, flush=True)


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
        measure(TASKS[name](asked), options, seeds, results)


if __name__ == "__main__":
    main()
