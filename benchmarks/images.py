"""Images: densities, samples and every job, ours beside the programs made for it.

    python benchmarks/images.py [--tasks nll,bits,quality,…] [--datasets mnist] [--methods vaery] [--seeds 3]
                                [--minutes 10,60] [--device cuda]

Every (task, images and minutes, method, seed) is one line in ``benchmarks/results/images.jsonl``; what is there already
is not measured again, so a run that was cut off goes on where it stopped. ``--minutes`` is the time of each fit, ours
and a peer's (default: what the bars of a task name). ``--steps``: fits of ours of just so many steps, which give the
same bytes each time; as the minutes do, they become part of the name. ``--quick``: few images, fits of five seconds
(``--minutes`` or ``--steps`` change that), not kept. The peers need ``python benchmarks/peers.py`` once.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import image_augment
import image_bits
import image_classes
import image_denoise
import image_disentangle
import image_inpaint
import image_map
import image_nll
import image_ood
import image_quality
import image_speed
import torch
from common import Results, arguments
from image_task import Asked
from runner import measure
from task import Task

QUICK_SECONDS = 5.0


@dataclass(frozen=True)
class Kind:
    """A task, the images it is measured on, and the minutes of a fit that its bars speak of."""

    make: Callable[[Asked, str], Task]
    data: tuple[str, ...]
    minutes: tuple[float, ...] = (10.0,)
    seeds: int = 3


TASKS = {
    "nll": Kind(image_nll.task, image_nll.DATA, (10.0, 60.0)),
    "bits": Kind(image_bits.task, image_bits.DATA),
    "quality": Kind(image_quality.task, image_quality.DATA),
    "classes": Kind(image_classes.task, image_classes.DATA),
    "inpaint": Kind(image_inpaint.task, image_inpaint.DATA),
    "denoise": Kind(image_denoise.task, image_denoise.DATA, (6.0,)),
    "ood": Kind(image_ood.task, image_ood.DATA),
    "augment": Kind(image_augment.task, image_augment.DATA),
    "map": Kind(image_map.task, image_map.DATA),
    "disentangle": Kind(image_disentangle.task, image_disentangle.DATA, seeds=5),
    "speed": Kind(image_speed.task, image_speed.DATA),
}


def parser() -> argparse.ArgumentParser:
    made = arguments(__doc__)
    made.add_argument("--tasks", default=",".join(TASKS), help="comma-separated")
    made.add_argument("--datasets", default="", help="comma-separated; default: all of a task")
    made.add_argument("--methods", default="", help="comma-separated; default: all of a task")
    made.add_argument("--seeds", default="", help="how many, or which with a comma (default: 3, quick: 1)")
    made.add_argument("--minutes", default="", help="of each fit, comma-separated (default: by the task)")
    made.add_argument("--steps", type=int, default=0, help="of our fits, instead of minutes: the same bytes each time")
    made.add_argument("--rows", type=int, default=0, help="test images that get many draws (default: all)")
    made.add_argument("--device", default="cpu", help="of the fits: cpu or cuda (default: cpu)")
    return made


def main() -> None:
    options = parser().parse_args()
    unknown = {name for name in options.tasks.split(",") if name not in TASKS}
    if unknown:
        parser().error(f"no such task: {', '.join(sorted(unknown))}; there are {', '.join(TASKS)}")
    asked = Asked(
        options.data.resolve(), 0.0, options.threads, options.quick, options.steps, options.device, options.rows
    )
    torch.set_num_threads(options.threads)
    results = Results("images", keep=not options.quick)
    for name in dict.fromkeys(options.tasks.split(",")):
        for task in chosen(TASKS[name], options, asked):
            measure(task, options, seeds(options, TASKS[name]), results, "images.py")


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


if __name__ == "__main__":
    main()
