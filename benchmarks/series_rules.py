"""What has to be beaten on series. Part of ``write.py``; how it is decided is in ``image_bars.py``."""

from __future__ import annotations

from bars import OURS, high, low, near
from table_rules import Means, Rule, between

SCRIPT = "series.py"
MINUTES = (8, 5, 4, 3, 2, 1.5, 1)  # of a fit
MIXED = " - our score was given its form by the labels of two of them"
CHOSEN_ON = ("skab", "smap")  # data sets whose labels decided between forms of our score; see docs/decisions.md
POINTS = "a tenth of the cells hidden, mean absolute error in standard deviations (lower)"
BLOCKS = "half of the cells hidden in stretches of 8 to 24, mean absolute error in standard deviations (lower)"
WITHIN = "below linear, within 5 % of the better of SAITS and BRITS"
GP_VAE = {
    "points": 0.329 / 0.197,
    "blocks": 0.806 / 0.722,
}  # its error over that of linear interpolation on etth1, both
# as published in TSI-Bench (Du et al., 2024; tables 12 and 15); of smd and skab there is none
COVERED = {"points": "hidden points inside intervals of 90 %", "blocks": "hidden stretches inside intervals of 90 %"}
AUC, VUS = "odd steps, AUC-PR, no point adjustment (higher)", "odd steps, VUS-PR, no point adjustment (higher)"


def filled(of: Means) -> bool:
    peers = [of[name] for name in ("SAITS", "BRITS") if name in of]
    return of[OURS] < of["linear"] and bool(peers) and of[OURS] <= 1.05 * min(peers)


def imputed(metric: str, title: str, name: str) -> Rule:
    """Error of fills. Where a GP-VAE's was published it is beyond the line's, so whoever is below the line beats it."""
    published = f" (GP-VAE, published: {GP_VAE[metric]:.2f} times linear)" if name.startswith("etth1") else ""
    return Rule("impute", f"mae_{metric}", title, low, WITHIN + published, filled, name, "linear")


def _of(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{name} {m:g} min" for name in names for m in MINUTES)


def seen(name: str) -> str:
    """What a number on this data set is worth: the form of our score was chosen by the labels of some."""
    return " - the form of our score was chosen on these very labels" if name.startswith(CHOSEN_ON) else ""


FILLED, JUDGED = _of(("etth1", "smd", "skab")), _of(("smd", "smap", "skab", "nab"))
RULES = (
    *(imputed("points", POINTS, name) for name in FILLED),
    *(imputed("blocks", BLOCKS, name) for name in FILLED),
    *(
        Rule("impute", f"covered_{kind}", title, near(0.9), "87 to 93 %", between(0.87, 0.93), name)
        for kind, title in COVERED.items()
        for name in FILLED
    ),
    *(
        Rule(
            "anomaly",
            metric,
            title + MIXED,
            high,
            shown="PCA window",
        )
        for metric, title in (("vus_pr", VUS), ("auc_pr", AUC))
    ),
    *(
        Rule("anomaly", metric, title + seen(name), high, only=name, shown="PCA window")
        for metric, title in (("vus_pr", VUS), ("auc_pr", AUC))
        for name in JUDGED
    ),
)
DETAILS = {  # task → metrics that are shown
    "impute": ("mae_points", "mae_blocks", "covered_points", "covered_blocks", "steps", "epochs"),
    "anomaly": ("vus_pr", "auc_pr", "records", "steps", "seconds"),
}
