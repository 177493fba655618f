"""What has to be beaten on music. Part of ``write.py``; how it is decided is in ``image_bars.py``."""

from __future__ import annotations

from bars import high, low
from table_rules import Rule, at_least, at_most

SCRIPT = "music.py"
MINUTES = (10, 8, 7, 6, 5, 2.5)  # of a fit; a bar is that of ten, the others are shown where they were measured
NLL = "chorales, nats a time step, bound with k = 100, ends included (lower; published: FIVO-8 7.40, VHRNN 6.70)"
WRONG = "one note of each bar moved, AUROC among all notes (higher)"
JSB, NOTTINGHAM = (tuple(f"{name}_pianoroll {m:g} min" for m in MINUTES) for name in ("jsb", "nottingham"))
RULES = (
    *(Rule("nll", "nll", NLL, low, "≤ 7.0", at_most(7.0), name, "RNN-NADE") for name in JSB),
    *(
        Rule("wrong", "auroc", WRONG, high, "≥ .90", at_least(0.9), name, "pitch histogram")
        for name in (*JSB, *NOTTINGHAM)
    ),
)
DETAILS = {  # task → metrics that are shown
    "nll": ("nll", "nll_1", "nll_10", "nll_100", "kl", "parameters", "steps"),
    "wrong": ("auroc", "notes", "steps"),
}
