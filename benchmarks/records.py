"""Records of several kinds: digits seen and heard, and reviews with their ratings.

    python benchmarks/records.py [--tasks pairs,rating] [--methods vaery] [--seeds 1] [--minutes 10]

Every (task, data and minutes, method, seed) is one line in ``benchmarks/results/records.jsonl``; what is there already
is not measured again. One fit of ours serves all numbers of a task. ``--minutes``: of each fit. ``--quick``: few rows,
fits of five seconds, not kept.
"""

from __future__ import annotations

import records_tasks
from suite import Kind, run

TASKS = {
    "pairs": Kind(records_tasks.pairs, ("mnist_with_speech",), (10.0,), seeds=1),
    "rating": Kind(records_tasks.rating, ("clothing_reviews",), (10.0,), seeds=1),
}

if __name__ == "__main__":
    run(__doc__, "records", TASKS)
