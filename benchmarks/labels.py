"""Few labels: pictures with 100 labels of 60,000, tables with 1 and 5 % labelled, ours beside what is usual.

    python benchmarks/labels.py [--tasks pictures,tables,suggest] [--datasets mnist] [--methods vaery] [--seeds 5]
                                [--minutes 15] [--threads 2]

Every (task, data, method, seed) is one line in ``benchmarks/results/labels.jsonl``; what is there already is not
measured again. ``--minutes`` is the time of our fits of pictures; tables are fitted on defaults. ``--steps`` and
``--quick`` as in ``images.py``.
"""

from __future__ import annotations

import label_tasks
from suite import Kind, run

TABLES = tuple(f"{name} {share:g} %" for share in label_tasks.SHARES for name in label_tasks.enough(share))
TASKS = {
    "pictures": Kind(label_tasks.pictures, ("mnist", "fashion_mnist"), (15.0,), 5),
    "tables": Kind(label_tasks.tables, TABLES, (1.0,), 3),
    "suggest": Kind(label_tasks.suggested, ("digits", "adult"), (1.0,), 3),
}


if __name__ == "__main__":
    run(__doc__, "labels", TASKS)
