"""What has to be beaten on music. Part of ``write.py``; how it is decided is in ``image_bars.py``."""

from __future__ import annotations

from bars import high, low
from table_rules import Rule, at_least, at_most

SCRIPT = "music.py"
NLL = "chorales, nats a time step, bound with k = 100, ends included (lower; published: FIVO-8 7.40, VHRNN 6.70)"
WRONG = "one note of each bar moved, AUROC among all notes (higher)"
RULES = (
    Rule("nll", "nll", NLL, low, "≤ 7.0", at_most(7.0), "jsb_pianoroll 10 min", "RNN-NADE"),
    *(
        Rule("wrong", "auroc", WRONG, high, "≥ .90", at_least(0.9), f"{name}_pianoroll 10 min", "pitch histogram")
        for name in ("jsb", "nottingham")
    ),
)
DETAILS = {  # task → metrics that are shown
    "nll": ("nll", "nll_1", "nll_10", "nll_100", "kl", "parameters", "steps"),
    "wrong": ("auroc", "notes", "steps"),
}
