"""How much work the demo does: the whole, or just enough to see that everything works."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Effort:
    """Counts for every part of the demo.

    Attributes:
        digit_steps, cancer_steps: training steps of each model.
        held_out: digits that jobs are measured on.
        each: new digits of each class that are judged.
        mapped: digits on the map.
        tables: made tables that are judged, and averaged over.
    """

    digit_steps: int = 2000
    cancer_steps: int = 600
    held_out: int = 450
    each: int = 45
    mapped: int = 1797
    tables: int = 3


FULL = Effort()
QUICK = Effort(digit_steps=60, cancer_steps=60, held_out=60, each=4, mapped=120, tables=1)
