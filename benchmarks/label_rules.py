"""What has to be beaten with few labels. Part of ``write.py``; how it is decided is in ``image_bars.py``."""

from __future__ import annotations

from bars import low
from label_data import enough
from table_rules import Means, Rule, at_most

SCRIPT = "labels.py"
MINUTES = (15, 6, 5, 4, 3)  # of a fit; a bar is that of fifteen, the others are shown where they were measured
PEERS = ("logistic regression", "gradient boosting", "self-training")
ERROR = {"mnist": 0.03, "fashion_mnist": 0.22}
TABLES = tuple(f"{name} {share:g} %" for share in (1.0, 5.0) for name in enough(share))


def near_best(of: Means) -> bool:
    """Never two points below the best of the others."""
    return of["vaery"] <= min(of[name] for name in PEERS if name in of) + 0.02


RULES = (
    *(
        Rule("pictures", "error", "100 labels of 60,000, error (lower)", low, f"≤ {most:g}", at_most(most),
             f"{name} {m:g} min", "label spreading")
        for name, most in ERROR.items() for m in MINUTES
    ),
    *(
        Rule("pictures", "ece", "the same, calibration error", low, "≤ .05", at_most(0.05), f"{name} {m:g} min")
        for name in ERROR for m in MINUTES
    ),
    *(Rule("tables", "error", "error (lower; ≥ 60 % of tables)", low, only=name) for name in TABLES),
    *(Rule("tables", "error", "the same, never 2 points below", low, "best + .02", near_best, name) for name in TABLES),
    *(Rule("tables", "ece", "expected calibration error", low, "≤ .05", at_most(0.05), name) for name in TABLES),
    *(Rule("suggest", "error", "120 labels, a regression's error (lower)", low, only=n) for n in ("digits", "adult")),
)  # fmt: skip
DETAILS = {  # task → metrics that are shown
    "pictures": ("error", "ece", "steps", "fit_seconds"),
    "tables": ("error", "ece", "fit_seconds"),
    "suggest": ("error", "labels"),
}
