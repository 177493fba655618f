"""What has to be beaten on tables. Part of ``write.py``; how it is decided is in ``table_bars.py``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bars import OURS, high, low, near

Means = Mapping[str, float]  # method → mean over tables


@dataclass(frozen=True)
class Rule:
    """One bar.

    Attributes:
        task, metric: as in the results.
        title: as people read it.
        loss: smaller is better.
        bar: in words.
        passed: whether it was passed; ``None``: ours must be better than the best of the others.
        only: the tables that count, by the end of their names; "": all of the task.
        beside: another metric of ours that is shown with it.
        shown: a method that is shown in any case: the one the bar names, or what real rows give.
        by: which of ours it is about.
    """

    task: str
    metric: str
    title: str
    loss: Callable[[float], float]
    bar: str = "best of the others"
    passed: Callable[[Means], bool] | None = None
    only: str = ""
    shown: str = ""
    beside: str = ""
    by: str = OURS


def at_least(least: float) -> Callable[[Means], bool]:
    return lambda of: of[OURS] >= least


def at_most(most: float) -> Callable[[Means], bool]:
    return lambda of: of[OURS] <= most


def between(least: float, most: float) -> Callable[[Means], bool]:
    return lambda of: least <= of[OURS] <= most


def over(other: str, by: float = 0.0, times: float = 1.0) -> Callable[[Means], bool]:
    """Not below another method's number, times a factor, plus a margin."""
    return lambda of: of[OURS] >= times * of[other] + by


REAL = "real rows"
COVERED = "88 to 92 %"
RULES = (
    Rule("anomaly", "auroc", "anomalies, fitted on ordinary rows, AUROC (higher)", high),
    Rule("anomaly", "auprc", "anomalies, fitted on ordinary rows, AUPRC (higher)", high),
    Rule("anomaly", "auroc", "the same, AUROC", high, "≥ PyOD VAE + .05", over("PyOD VAE", by=0.05), shown="PyOD VAE"),
    Rule("contaminated", "auroc", "anomalies, fitted on everything, AUROC (higher)", high),
    Rule("contaminated", "auprc", "anomalies, fitted on everything, AUPRC (higher)", high),
    Rule("reasons", "top3", "replaced cell among the first three reasons", high, "≥ .85", at_least(0.85)),
    Rule("fdr", "false_share", "false share of outliers named at fdr=.05", low, "≤ .05", at_most(0.05), beside="found"),
    Rule("impute", "rmse", "30 % MCAR, RMSE in standard deviations (lower)", low, only=" MCAR"),
    Rule("impute", "rmse", "30 % MAR, RMSE in standard deviations (lower)", low, only=" MAR"),
    Rule("mixed", "rmse", "mixed tables, 30 % MCAR, RMSE (lower)", low),
    Rule("mixed", "accuracy", "mixed tables, 30 % MCAR, accuracy of categories (higher)", high),
    Rule("impute", "coverage", "coverage of 90 % intervals", near(0.9), COVERED, between(0.88, 0.92)),
    Rule("mixed", "coverage", "coverage of 90 % intervals, mixed tables", near(0.9), COVERED, between(0.88, 0.92)),
    Rule("synthesis", "pairs", "pair trends (higher)", high, "≥ .968", at_least(0.968), shown=REAL),
    Rule("synthesis", "c2st", "C2ST, boosted (.5 is ideal)", near(0.5), "≤ .54", at_most(0.54), "adult", REAL),
    Rule("synthesis", "c2st", "C2ST, boosted (.5 is ideal)", near(0.5), "≤ .57", at_most(0.57), shown=REAL),
    Rule(
        *("synthesis", "downstream_auc", "train on synthetic rows, test on real ones, AUC", high),
        *("within .015 of real rows", over(REAL, by=-0.015)),
        shown=REAL,
    ),
    Rule("synthesis", "closer_to_train", "nearer to train than to held-out", near(0.5), "≤ .53", at_most(0.53)),
    Rule("given", "rows_per_second", "conditions met by one row in a thousand, rows/s", high, "≥ 1000", at_least(1000)),
    Rule("given", "ratio", "the same, distance over that of real samples", low, "≤ 1.2", at_most(1.2)),
    *(
        Rule(
            "augment",
            metric,
            f"a class of 2 %, {what} (higher)",
            high,
            "≥ SMOTE-NC",
            over("SMOTE-NC"),
            shown="SMOTE-NC",
        )
        for metric, what in (("f1", "F1 at one half"), ("average_precision", "average precision"))
    ),
    *(
        Rule("optimise", f"best_{n}", f"a function raised in {n} calls, its best in standard deviations (higher)", high)
        for n in (50, 100, 500)
    ),
    Rule("optimise", "near_500", "the same, 500 calls, the best among those near real rows", high),
    Rule(
        *("speed", "rows_per_cpu_second", "training, rows per CPU second", high),
        *("≥ 2 × TVAE", over("TVAE", times=2.0)),
    ),
    Rule("speed", "first_step_seconds", "CPU seconds before the first step", low, "≤ 1", at_most(1.0)),
    Rule("speed", "default_fit_seconds", "seconds of a default fit", low, "≤ 300", at_most(300.0)),
)

DETAILS = {  # task → metrics that are shown for each table
    "anomaly": ("auroc", "auprc"),
    "contaminated": ("auroc", "auprc"),
    "reasons": ("top3", "top1"),
    "fdr": ("false_share", "found", "clean"),
    "impute": ("rmse", "crps", "coverage"),
    "mixed": ("rmse", "crps", "accuracy", "coverage"),
    "synthesis": ("c2st", "c2st_linear", "shapes", "pairs", "all_pairs", "downstream_auc", "closer_to_train", "copies"),
    "given": ("rows_per_second", "came", "met", "ratio", "effective_sample_size"),
    "augment": ("f1", "average_precision", "auc"),
    "optimise": ("best_50", "best_100", "best_500", "near_50", "near_100", "near_500", "near_share_500"),
    "speed": ("rows_per_cpu_second", "rows_per_second", "first_step_seconds", "default_fit_seconds"),
    "scale": ("peak", "fit_wall", "describe_seconds_per_row", "pack_seconds_per_row", "seconds_per_row_step"),
}
