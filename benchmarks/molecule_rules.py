"""What has to be beaten on molecules. Part of ``write.py``; how it is decided is in ``image_bars.py``."""

from __future__ import annotations

from bars import high
from image_rules import above
from table_rules import REAL, Rule, at_least

SCRIPT = "molecules.py"
OTHERS = ("above the others", above("mutations at random", "BO on fingerprints"))
MINUTES = (20, 10, 5)  # of a fit; a bar is that of twenty, the others are shown where they were measured


def rules(name: str) -> tuple[Rule, ...]:
    return (
        Rule("distribution", "valid", "10,000 molecules, valid", high, "1", at_least(1.0), name),
        Rule("distribution", "unique", "the same, unique", high, "≥ .999", at_least(0.999), name),
        Rule("distribution", "novel", "the same, novel", high, "≥ .95", at_least(0.95), name),
        Rule("distribution", "kl_score", "KL score, 9 descriptors (higher)", high, "≥ .95", at_least(0.95), name, REAL),
        Rule(
            *(
                "reconstruction",
                "exact",
                "5,000 test molecules reconstructed (published: GVAE .537, JT-VAE .767)",
                high,
            ),
            *("≥ .60", at_least(0.6), name),
        ),
        Rule(
            *("given", "inside", "asked for logP 2 to 3 and QED ≥ .8, confirmed by RDKit", high),
            *("≥ .60", at_least(0.6), name, REAL, "rejection"),
        ),
        Rule("optimise", "rise", "penalised logP raised near a start, 500 calls (higher)", high, *OTHERS, name),
        Rule("optimise", "success", "the same, QED of .9 reached (higher)", high, *OTHERS, name, beside="qed"),
    )


RULES = tuple(rule for minutes in MINUTES for rule in rules(f"zinc250k {minutes} min"))
DETAILS = {  # task → metrics that are shown
    "distribution": ("valid", "unique", "novel", "kl_score", "parameters", "steps", "sample_seconds"),
    "reconstruction": ("exact", "beyond", "steps"),
    "optimise": ("rise", "least_rise", "success", "qed", "calls", "search_seconds"),
    "given": ("inside", "unchecked", "valid", "unique", "rejection", "sample_seconds"),
}
