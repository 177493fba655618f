"""Music: the likelihood of chorales, and wrong notes found, ours beside an RNN-NADE and the histogram of pitches.

    python benchmarks/music.py [--tasks nll,wrong] [--datasets jsb_pianoroll] [--methods vaery] [--seeds 3]
                               [--minutes 10]

Every (task, data and minutes, method, seed) is one line in ``benchmarks/results/music.jsonl``; what is there already is
not measured again. One fit of ours serves all tasks of a run. ``--minutes`` is the time of each fit, ours and the
other's. ``--steps`` and ``--quick`` as in ``images.py``.
"""

from __future__ import annotations

import music_tasks
import torch
from common import Results, arguments
from image_task import Asked
from images import QUICK_SECONDS, Kind, chosen, seeds
from runner import measure

TASKS = {
    "nll": Kind(music_tasks.nll, ("jsb_pianoroll",)),
    "wrong": Kind(music_tasks.wrong, ("jsb_pianoroll", "nottingham_pianoroll")),
}


def main() -> None:
    made = arguments(__doc__)
    made.add_argument("--tasks", default=",".join(TASKS), help="comma-separated")
    made.add_argument("--datasets", default="", help="comma-separated; default: all of a task")
    made.add_argument("--methods", default="", help="comma-separated; default: all of a task")
    made.add_argument("--seeds", default="", help="how many, or which with a comma (default: 3, quick: 1)")
    made.add_argument("--minutes", default="", help="of each fit, comma-separated (default: 10)")
    made.add_argument("--steps", type=int, default=0, help="of our fits, instead of minutes")
    options = made.parse_args()
    asked = Asked(options.data.resolve(), QUICK_SECONDS / 60, options.threads, options.quick, options.steps)
    torch.set_num_threads(options.threads)
    results = Results("music", keep=not options.quick)
    for name in dict.fromkeys(options.tasks.split(",")):
        for task in chosen(TASKS[name], options, asked):
            measure(task, options, seeds(options, TASKS[name]), results, "music.py")


if __name__ == "__main__":
    main()
