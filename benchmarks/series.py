"""Sensor series: gaps filled, intervals, odd steps; ours beside lines, pypots, windows and recurrent networks.

    python benchmarks/series.py [--tasks impute,anomaly] [--datasets etth1] [--methods vaery,linear] [--seeds 3]
                                [--minutes 5]

Every (task, data and minutes, method, seed) is one line in ``benchmarks/results/series.jsonl``; what is there already
is not measured again. ``--minutes`` is the time of each fit, ours and the others'; of ``anomaly``, of all records of a
data set together. ``--steps`` and ``--quick`` as in ``images.py``.
"""

from __future__ import annotations

import series_tasks
from suite import Kind, run

TASKS = {
    "impute": Kind(series_tasks.impute, ("etth1", "smd", "skab"), (5.0,)),
    "anomaly": Kind(series_tasks.anomaly, ("smd", "smap", "skab", "nab"), (5.0,)),
}


if __name__ == "__main__":
    run(__doc__, "series", TASKS)
