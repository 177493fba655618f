"""What the scripts of a benchmark share: their tasks, the options of their command line, and the run itself."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from common import Results, arguments, check_names
from image_task import Asked
from runner import measure
from task import Task

QUICK_SECONDS = 5.0


@dataclass(frozen=True)
class Kind:
    """A task, the data it is measured on, and the minutes of a fit that its bars speak of."""

    make: Callable[[Asked, str], Task]
    data: tuple[str, ...]
    minutes: tuple[float, ...] = (10.0,)
    seeds: int = 3


def run(doc: str | None, name: str, tasks: Mapping[str, Kind]) -> None:
    """The script ``name.py``: measure what the command line asks for, and keep it in ``results/name.jsonl``."""
    made = parser(doc, tasks)
    options = made.parse_args()
    wanted = dict.fromkeys(options.tasks.split(","))
    check_names(made, "task", options.tasks, tasks)
    check_names(made, "data set of these tasks", options.datasets, (d for one in wanted for d in tasks[one].data))
    asked = Asked(
        options.data.resolve(), 0.0, options.threads, options.quick, options.steps, options.device, options.rows
    )
    torch.set_num_threads(options.threads)
    results = Results(name, keep=not options.quick)
    for one in wanted:
        for task in chosen(tasks[one], options, asked):
            measure(task, options, seeds(options, tasks[one]), results, f"{name}.py")


def parser(doc: str | None, tasks: Mapping[str, Kind]) -> argparse.ArgumentParser:
    """The options that these scripts have."""
    made = arguments(doc)
    made.add_argument("--tasks", default=",".join(tasks), help="comma-separated")
    made.add_argument("--datasets", default="", help="comma-separated, without spaces; default: all of a task")
    made.add_argument("--methods", default="", help="comma-separated, without spaces; default: all of a task")
    made.add_argument("--seeds", default="", help="how many, or which with a comma (default: by the task, quick: 1)")
    made.add_argument("--minutes", default="", help="of each fit, comma-separated (default: by the task)")
    made.add_argument("--steps", type=int, default=0, help="of our fits, instead of minutes: the same bytes each time")
    made.add_argument("--rows", type=int, default=0, help="test records that get many draws (default: by the task)")
    made.add_argument("--device", default="cpu", help="of the fits: cpu or cuda (default: cpu)")
    return made


def chosen(kind: Kind, options: argparse.Namespace, asked: Asked) -> Iterator[Task]:
    """The task on each of its data sets that was asked for, with each of the minutes."""
    wanted = [name for name in options.datasets.split(",") if name] or list(kind.data)
    lengths = [float(part) for part in options.minutes.split(",") if part]
    lengths = lengths or ([QUICK_SECONDS / 60] if options.quick else list(kind.minutes))
    for minutes in lengths:
        for name in (name for name in kind.data if name in wanted):
            yield kind.make(replace(asked, minutes=minutes), name)


def seeds(options: argparse.Namespace, kind: Kind) -> list[int]:
    """``"3"``: 0, 1, 2; ``"0,"`` or ``"1,2"``: these."""
    text = options.seeds or ("1" if options.quick else str(kind.seeds))
    return [int(part) for part in text.split(",") if part] if "," in text else list(range(int(text)))
