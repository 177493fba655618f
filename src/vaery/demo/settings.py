"""The settings of the demo's models, and how much work it does."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

DIGITS: dict[str, Any] = {
    "columns": {"label": "categorical"},  # a name that happens to be written as a number
    "first": "label",  # everything hangs on it
    "width": 192,
    "dropout": 0.1,
    # With so few pictures a divergence that counts in full from early on leaves most of the latent unused.
    "objective": {"name": "masked", "options": {"warmup": 0.9}},
}
TUMOURS: dict[str, Any] = {
    "latent": 16,
    "learning_rate": 4e-3,
    "objective": {"name": "masked", "options": {"beta": 0.5, "free_bits": 0.05}},
}


# The same bits each time: how many threads are quickest is not measured anew.
SAME: dict[str, Any] = {"random_state": 0, "threads": 1}


def call(settings: dict[str, Any]) -> str:
    """The line of Python that makes such a model.

    >>> print(call({"width": 8}))
    model = VAE(
        width=8,
    )
    """
    body = "".join(f"    {name}={json.dumps(value)},\n" for name, value in settings.items())
    return f"model = VAE(\n{body})"


@dataclass(frozen=True)
class Effort:
    """Counts for every part of the demo.

    Attributes:
        digit_steps, cancer_steps: training steps of each model.
        held_out: digits that jobs are measured on.
        each: new digits of each class that others learn from.
        mapped: digits on the map.
        tables: made tables that are judged, and averaged over.
    """

    digit_steps: int = 3000
    cancer_steps: int = 600
    held_out: int = 450
    each: int = 135
    mapped: int = 1797
    tables: int = 3


FULL = Effort()
QUICK = Effort(digit_steps=60, cancer_steps=60, held_out=60, each=8, mapped=120, tables=1)
