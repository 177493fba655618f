"""What has to be beaten on texts, and whether it was. Part of ``write.py``."""

from __future__ import annotations

import table_bars
from bars import Bar, high, low
from common import Results
from image_rules import under
from table_rules import Rule, at_least, at_most

SCRIPT = "text.py"
PTB, YELP = "ptb 15 min", "yelp_sentences 15 min"
RULES = (
    Rule("nll", "nll", "nats a sentence, importance-weighted with k = 500 (lower)", low, "≤ 102", at_most(102.0), PTB,
         beside="kl"),
    Rule("nll", "kl", "the same, nats that the latent carries", high, "≥ 5", at_least(5.0), PTB),
    Rule("nll", "active", "the same, active units", high, "all 32", at_least(32.0), PTB),
    Rule("layer", "ratio", "training of a gated recurrent layer, times as fast as torch's", high, "≥ 1", at_least(1.0),
         "ptb"),
    Rule("bits", "bits_per_byte", "bits a byte (lower)", low, "below the language model", under("language model"),
         YELP),
)  # fmt: skip
DETAILS = {
    "nll": ("nll", "nll_1", "nll_5", "nll_error", "kl", "active", "steps", "parameters", "fit_cpu_seconds"),
    "layer": ("ratio", "low", "high", "ours_ms", "torch_ms"),
    "bits": ("bits_per_byte", "kl", "active", "steps", "parameters", "fit_cpu_seconds"),
}


def quality(results: Results) -> list[Bar]:
    """A row for each rule about which anything was measured."""
    found = []
    for rule in RULES:
        every, about = table_bars.collect(results, rule.task, SCRIPT)
        cells = {name: methods for name, methods in every.items() if name == rule.only}
        tables, means = table_bars.averaged(cells, rule.metric)
        if means:
            found.append(table_bars.bar(rule, tables, means, table_bars.beside(cells, rule), about))
    return found


def details(results: Results) -> list[tuple[str, list[str], list[list[str]]]]:
    """Every method on all texts."""
    return [(f"texts: {title}", head, rows) for title, head, rows in table_bars.details(results, DETAILS, SCRIPT)]
