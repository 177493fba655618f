"""Levels with an order: a hidden number that falls between thresholds."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from vaery.core.density import Codes, Family, look_up
from vaery.core.raw import bounded, full_precision


class Ordinal(Family):
    """``P(X ≤ k) = σ(scale · (θ_k − loc))`` with thresholds θ_0 < θ_1 < … (McCullagh, 1980).

    Raw numbers: loc, log-scale, and the logarithms of the K − 2 distances between thresholds (relative to where they
    start). Zeros give equal probabilities; loc alone moves the mass along the order, the scale gathers it.

    Args:
        levels: K, at least two.

    Raises:
        ValueError: fewer than two levels.

    >>> density = Ordinal(levels=5)(torch.zeros(5))
    >>> density.log_probs().exp()
    tensor([0.2000, 0.2000, 0.2000, 0.2000, 0.2000])
    """

    first: Tensor
    gaps: Tensor

    def __init__(self, levels: int) -> None:
        super().__init__()
        if levels < 2:
            raise ValueError(f"an order needs at least two levels, got levels={levels}")
        self.size = levels
        start = torch.logit(torch.arange(1, levels, dtype=torch.float64) / levels).float()
        self.register_buffer("first", start[:1], persistent=False)
        self.register_buffer("gaps", start.diff(), persistent=False)

    def forward(self, raw: Tensor) -> OrdinalDensity:
        loc, log_scale, log_gaps = full_precision(raw).split([1, 1, self.size - 2], -1)
        scale = bounded(log_scale, -5.0, 5.0).exp()
        gaps = self.gaps * bounded(log_gaps, -7.0, 5.0).exp()
        thresholds = torch.cat([self.first.expand(loc.shape), self.first + gaps.cumsum(-1)], -1)
        return OrdinalDensity(scale * (thresholds - loc), scale * gaps)


class OrdinalDensity(Codes):
    """One of K ordered codes at each position.

    Args:
        cumulative: logits of P(X ≤ k) for k = 0 … K − 2, ascending.
        gaps: the K − 2 differences between neighbours of these; passed on, since subtracting would lose small ones.
    """

    def __init__(self, cumulative: Tensor, gaps: Tensor) -> None:
        self.cumulative, self.gaps = cumulative, gaps
        self.shape = cumulative.shape[:-1]

    def log_probs(self) -> Tensor:
        """``log(σ(b) − σ(a)) = log σ(b) + log σ(−a) + log(1 − e^(a − b))``, which neither cancels nor overflows."""
        upper = F.pad(F.logsigmoid(self.cumulative), (0, 1))
        lower = F.pad(F.logsigmoid(-self.cumulative), (1, 0))
        return upper + lower + F.pad(torch.log(-torch.expm1(-self.gaps)), (1, 1))

    def log_prob(self, value: Tensor) -> Tensor:
        return look_up(self.log_probs(), value)
