"""One of very many levels (hundreds to hundreds of thousands), coded in two digits."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vaery.core.density import Codes, Family, look_up, quantile
from vaery.core.random import Random
from vaery.core.raw import full_precision

SMOOTHING = 0.01  # the share of the prior that is spread evenly, so that no level starts as impossible
NEVER = -1e9


class Factored(Family):
    """``p(code) = p(high) p(low | high)`` with ``code = high · base + low`` and ``base = ⌊√K⌋ + 1``.

    A softmax over classes and one within the class (Goodman, 2001), so a position costs 2√K numbers and not K. The
    logits of the lower digit are the network's plus a learned row for the higher digit: ``raw_low + table[high]``. Both
    parts start from the levels' frequencies, so zeros give these frequencies (smoothed), or equal probabilities.

    Raw numbers: ``base`` logits of the higher digit, ``base`` of the lower.

    Args:
        levels: K.
        prior: the levels' frequencies; levels beyond its end, and a share of all of them, count as rare.

    Raises:
        ValueError: ``prior`` has more entries than there are levels, a negative one, or only zeros.

    >>> density = Factored(levels=1000)(torch.zeros(64))
    >>> density.log_prob(torch.tensor([0.0, 999.0])).exp().detach()
    tensor([0.0010, 0.0010])
    """

    never: Tensor
    marginal: Tensor

    def __init__(self, levels: int, prior: Sequence[float] | None = None) -> None:
        super().__init__()
        self.levels, self.base = levels, math.isqrt(levels) + 1
        self.size = 2 * self.base
        start = torch.zeros(self.base**2, dtype=torch.float64)
        start[:levels] = _smoothed(levels, prior)
        start = start.view(self.base, self.base)
        never = (torch.arange(self.base**2) >= levels).view(self.base, self.base)
        self.register_buffer("never", never, persistent=False)
        self.register_buffer("marginal", start.sum(1).log().clamp(min=NEVER).float())
        self.table = nn.Parameter(torch.log(start / start.sum(1, keepdim=True)).nan_to_num(0.0, neginf=0.0).float())

    def forward(self, raw: Tensor) -> FactoredDensity:
        high, low = full_precision(raw).unflatten(-1, (2, -1)).unbind(-2)
        return FactoredDensity(high + self.marginal, low, self.table.masked_fill(self.never, NEVER), self.levels)


class FactoredDensity(Codes):
    """One of K codes at each position; only :meth:`log_probs` lays out all of them.

    Args:
        high: logits of the higher digit, ``[..., base]``.
        low: logits of the lower digit, to which a row of the table is added, ``[..., base]``.
        table: ``[base, base]``, that row for each higher digit; very low where there is no such code.
        levels: K.
    """

    def __init__(self, high: Tensor, low: Tensor, table: Tensor, levels: int) -> None:
        self.high, self.low, self.table, self.levels = high, low, table, levels
        self.base = table.shape[-1]
        self.shape = high.shape[:-1]

    def log_prob(self, value: Tensor) -> Tensor:
        high, low = self._digits(value)
        given = self.low + F.embedding(high, self.table)
        log_high = look_up(self.high, high) - torch.logsumexp(self.high, -1)
        return log_high + look_up(given, low) - torch.logsumexp(given, -1)

    def sample(self, rng: Random) -> Tensor:
        high = rng.categorical(self.high)
        return (high * self.base + rng.categorical(self.low + F.embedding(high, self.table))).to(self.high.dtype)

    def transport(self, u: Tensor) -> Tensor:
        return quantile(self, u)  # a search, but without the full table

    def mode(self) -> Tensor:
        """Exact, one row of the table at a time."""
        scores = torch.stack([(low := self.low + row).amax(-1) - torch.logsumexp(low, -1) for row in self.table], -1)
        high = (scores + torch.log_softmax(self.high, -1)).argmax(-1)
        return (high * self.base + (self.low + F.embedding(high, self.table)).argmax(-1)).to(self.high.dtype)

    def cdf(self, value: Tensor) -> Tensor:
        """Digit by digit: ``P(high < h) + P(high = h) P(low ≤ l | high = h)``."""
        inside = value.floor().clamp(0, self.levels - 1)
        high, low = self._digits(inside)
        p_high = torch.softmax(self.high, -1)
        p_low = torch.softmax(self.low + F.embedding(high, self.table), -1).cumsum(-1)
        found = look_up(p_high.cumsum(-1) - p_high, high) + look_up(p_high, high) * look_up(p_low, low)
        found = torch.where(value < 0, torch.zeros_like(found), found)
        return torch.where(value >= self.levels - 1, torch.ones_like(found), found.clamp(max=1))

    def log_probs(self) -> Tensor:
        given = torch.log_softmax(self.low[..., None, :] + self.table, -1)
        return (torch.log_softmax(self.high, -1)[..., None] + given).flatten(-2)[..., : self.levels]

    def _digits(self, code: Tensor) -> tuple[Tensor, Tensor]:
        code = code.long()
        return code // self.base, code % self.base


def _smoothed(levels: int, prior: Sequence[float] | None) -> Tensor:
    """The levels' probabilities, none of them zero."""
    given = torch.tensor(() if prior is None else tuple(prior), dtype=torch.float64)
    if len(given) > levels:
        raise ValueError(f"prior has {len(given)} entries for {levels} levels: give at most one for each")
    out = torch.full((levels,), 1 / levels, dtype=torch.float64)
    if prior is None:
        return out
    if not (bool((given >= 0).all()) and float(given.sum()) > 0):
        raise ValueError("prior must be frequencies: no negative entry, and one above zero at least")
    out[: len(given)] += given / given.sum() * (1 - SMOOTHING) / SMOOTHING
    return out * SMOOTHING
