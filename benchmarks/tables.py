"""Tables: every question that is asked of them, ours beside the programs made for it.

    python benchmarks/tables.py [--tasks anomaly,impute,…] [--datasets wine,adult] [--methods vaery] [--seeds 3]

Every (task, table, method, seed) is one line in ``benchmarks/results/tables.jsonl``; what is there already is not
measured again, so a run that was cut off goes on where it stopped, and a peer's row is measured once. ``--seeds`` is
how many, or their numbers (``0,`` or ``1,2``). ``--quick``: the smallest table of each task and fits of ``--steps``
steps, not kept. ``coverage`` is measured with impute and mixed, ``copies`` with synthesis.
The peers need ``python benchmarks/peers.py`` once.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import anomaly
import datasets
import fill
import given
import optimise
import rare_class
import rates
import reasons
import synthesis
import torch
from common import Results, arguments, check_names
from runner import measure
from task import Asked, Task


@dataclass(frozen=True)
class Kind:
    """A task and the tables it is measured on; the first is the smallest, for ``--quick``.

    Attributes:
        more: tables that are measured only when they are asked for.
    """

    make: Callable[[Asked, str], Task]
    tables: tuple[str, ...]
    more: tuple[str, ...] = ()


ADBENCH = ("wbc", *(name for name in datasets.ADBENCH if name != "wbc"))
TASKS = {
    "anomaly": Kind(anomaly.clean, ADBENCH),
    "contaminated": Kind(anomaly.contaminated, ADBENCH),
    "reasons": Kind(reasons.task, reasons.TABLES),
    "fdr": Kind(reasons.discoveries, reasons.TABLES),
    "impute": Kind(fill.numbers, fill.NUMERIC),
    "mixed": Kind(fill.mixed, fill.MIXED),
    "synthesis": Kind(synthesis.task, synthesis.TABLES),
    "given": Kind(given.task, given.TABLES),
    "augment": Kind(rare_class.task, rare_class.TABLES),
    "optimise": Kind(optimise.task, optimise.TABLES),
    "speed": Kind(rates.speed, rates.TABLES),
    "scale": Kind(rates.scale, rates.SIZES, more=(rates.LARGEST,)),
}
ALSO = {"coverage": "impute,mixed", "copies": "synthesis"}  # what is measured by other tasks


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--tasks", default=",".join(TASKS), help="comma-separated")
    parser.add_argument("--datasets", default="", help="comma-separated; default: all of a task")
    parser.add_argument("--methods", default="", help="comma-separated; default: all of a task")
    parser.add_argument("--seeds", default="", help="how many, or which with a comma (default: 3, quick: 1)")
    parser.add_argument("--steps", type=int, help="of our fits, with --quick only (default: 60)")
    options = parser.parse_args()
    options.tasks = ",".join(ALSO.get(name, name) for name in options.tasks.split(","))
    if options.steps is not None and not options.quick:
        parser.error("--steps shortens our fits, so it goes with --quick only: what is kept is fitted by default")
    check_names(parser, "task", options.tasks, TASKS)
    kinds = [TASKS[name] for name in options.tasks.split(",")]
    known = (table for kind in kinds for table in (*kind.tables, *kind.more))
    check_names(parser, "table of these tasks", options.datasets, known)
    asked = Asked(options.data.resolve(), options.threads, options.quick, options.steps or 60)
    torch.set_num_threads(options.threads)
    results = Results("tables", keep=not options.quick)
    for name in dict.fromkeys(options.tasks.split(",")):
        for table in chosen(TASKS[name], options.datasets, options.quick):
            measure(TASKS[name].make(asked, table), options, seeds(options), results, "tables.py")


def chosen(kind: Kind, wanted: str, quick: bool) -> list[str]:
    """The tables of a task that were asked for."""
    if wanted:
        return [table for table in wanted.split(",") if table in (*kind.tables, *kind.more)]
    return list(kind.tables[:1] if quick else kind.tables)


def seeds(options: argparse.Namespace) -> list[int]:
    """``"3"``: 0, 1, 2; ``"0,"`` or ``"1,2"``: these."""
    text = options.seeds or ("1" if options.quick else "3")
    return [int(part) for part in text.split(",") if part] if "," in text else list(range(int(text)))


if __name__ == "__main__":
    main()
