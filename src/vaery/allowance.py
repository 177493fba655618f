"""How a fit's time budget is shared out: training, and what is learned once it is over."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

AFTER = 0.1  # of a budget: a prior refitted, what jobs ask beside the walk, scores of held-out rows


@dataclass(frozen=True)
class Allowance:
    """The time of a fit.

    Attributes:
        total: seconds in all; ``None``: as long as it takes.
        last: the share of what is learned last.
        more: of what comes between training and that, beyond the usual.
        begun: when the fit began, by ``time.perf_counter()``.

    >>> Allowance(None).training is None, round(Allowance(100.0, last=0.1).training)
    (True, 80)
    """

    total: float | None
    last: float = 0.0
    more: float = 0.0
    begun: float = field(default_factory=time.perf_counter)

    @property
    def training(self) -> float | None:
        """Seconds from the beginning to the end of training."""
        return None if self.total is None else self.total * (1 - self.last - self.more - AFTER)

    def left(self) -> float | None:
        """Seconds for what is learned last: its share, or half of it where others took longer than they should have,
        and all that is left where they did not."""
        if self.total is None:
            return None
        return max(0.5 * self.last * self.total, self.begun + self.total - time.perf_counter())


def rounds_within(seconds: float | None, a_round: float, most: int) -> int:
    """How many rounds of so many seconds each there is time for, ``most`` at most."""
    return most if seconds is None else min(most, math.floor(max(0.0, seconds) / a_round))
