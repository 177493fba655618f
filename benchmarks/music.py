"""Music: the likelihood of chorales, and wrong notes found, ours beside an RNN-NADE and the histogram of pitches.

    python benchmarks/music.py [--tasks nll,wrong] [--datasets jsb_pianoroll] [--methods vaery] [--seeds 3]
                               [--minutes 10]

Every (task, data and minutes, method, seed) is one line in ``benchmarks/results/music.jsonl``; what is there already is
not measured again. One fit of ours serves all tasks of a run. ``--minutes`` is the time of each fit, ours and the
other's. ``--steps`` and ``--quick`` as in ``images.py``.
"""

from __future__ import annotations

import music_tasks
from suite import Kind, run

TASKS = {
    "nll": Kind(music_tasks.nll, ("jsb_pianoroll",)),
    "wrong": Kind(music_tasks.wrong, ("jsb_pianoroll", "nottingham_pianoroll")),
}


if __name__ == "__main__":
    run(__doc__, "music", TASKS)
