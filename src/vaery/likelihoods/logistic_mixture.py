"""A mixture of logistics: over all numbers, or over the whole numbers of a range (pixels, samples of sound)."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from vaery.core.density import Elementwise, Family, pick
from vaery.core.random import Random
from vaery.core.raw import bounded, full_precision

WIDEST = 3.0  # the largest log-scale, in units of the range


class LogisticMixture(Family):
    """``P(x ≤ v) = Σ_k w_k σ((v − loc_k) / scale_k)``; over whole numbers, each takes the mass of its bin.

    With ``low`` and ``high`` it is the likelihood of PixelCNN++: the bin of x is [x − ½, x + ½], the first and the
    last take the tails, so the probabilities of ``low … high`` sum to one (Salimans et al., 2017). Values stay whole
    numbers in their own unit; locations and log-scales are read on the range scaled to [−1, 1]. A value beyond the
    range counts as its nearest end.

    Raw numbers: K logits, K locations, K log-scales. Zeros give a comb of equal weights over the range (over [−2, 2]
    without one, for standardised numbers).

    Args:
        components: K.
        low, high: the range of whole numbers; ``None``: all real numbers.
        floor: the smallest scale, in the values' own unit. ``None``: a tenth of a whole number, or ``exp(−5)``.

    Raises:
        ValueError: only one end of the range is given, or ``low`` is above ``high``.

    >>> density = LogisticMixture(low=0, high=255)(torch.zeros(15))
    >>> density.log_prob(torch.arange(256.0)).exp().sum()
    tensor(1.0000)
    """

    located = True
    comb: Tensor

    def __init__(
        self, components: int = 5, low: int | None = None, high: int | None = None, floor: float | None = None
    ) -> None:
        super().__init__()
        if (low is None) != (high is None):
            raise ValueError(f"a range needs both ends, got low={low}, high={high}: write both, or neither")
        if low is not None and high is not None and low > high:
            raise ValueError(f"low={low} is above high={high}: write low={high}, high={low}")
        self.size = 3 * components
        if low is None or high is None:
            self.ends, self.middle, self.unit, smallest = None, 0.0, 2.0, math.exp(-5)
        else:
            self.ends, self.middle, self.unit, smallest = (low, high), (low + high) / 2, max((high - low) / 2, 0.5), 0.1
        self.narrowest = math.log((smallest if floor is None else floor) / self.unit)
        self.start = -math.log(components)  # half the distance to the next, which is about its standard deviation
        comb = (2 * torch.arange(components) - (components - 1)) / components
        self.register_buffer("comb", comb, persistent=False)

    def forward(
        self, raw: Tensor, around: tuple[Tensor, Tensor] | None = None
    ) -> LogisticMixtureDensity | DiscretisedDensity:
        logits, loc, log_scale = full_precision(raw).unflatten(-1, (3, -1)).unbind(-2)
        loc, log_scale = loc + self.comb, log_scale + self.start
        if around is None:
            loc = self.middle + self.unit * loc
        else:
            centre, spread = (t[..., None] for t in around)
            loc, log_scale = centre + spread * loc, log_scale + (spread / self.unit).log()
        log_scale = bounded(log_scale, self.narrowest, WIDEST) + math.log(self.unit)
        smooth = LogisticMixtureDensity(logits, loc, log_scale)
        return smooth if self.ends is None else DiscretisedDensity(smooth, *self.ends)


class LogisticMixtureDensity(Elementwise):
    """A mixture of logistics at each position.

    Args:
        logits: unnormalised log-weights ``[..., K]``.
        loc: means, same shape.
        log_scale: logarithms of the scales, same shape.
    """

    def __init__(self, logits: Tensor, loc: Tensor, log_scale: Tensor) -> None:
        self.logits, self.loc, self.log_scale = logits, loc, log_scale
        self.shape = loc.shape[:-1]

    def log_prob(self, value: Tensor) -> Tensor:
        x = self.standard(value)
        return self.mix(F.logsigmoid(x) + F.logsigmoid(-x) - self.log_scale)

    def sample(self, rng: Random) -> Tensor:
        chosen = rng.categorical(self.logits)[..., None]
        loc, log_scale = (t.gather(-1, chosen).squeeze(-1) for t in (self.loc, self.log_scale))
        return loc + log_scale.exp() * torch.logit(rng.uniform(tuple(self.shape)))

    def transport(self, u: Tensor) -> Tensor:
        """First the component, then its own quantile: no search."""
        chosen, left = pick(torch.softmax(self.logits, -1), u)
        shape = (*chosen.shape, self.loc.shape[-1])
        loc, log_scale = (t.expand(shape).gather(-1, chosen[..., None]).squeeze(-1) for t in (self.loc, self.log_scale))
        return loc + log_scale.exp() * torch.logit(left)

    def mean(self) -> Tensor:
        return (torch.softmax(self.logits, -1) * self.loc).sum(-1)

    def mode(self) -> Tensor:
        """The centre of a component with the highest density: near the mode, and at it where components are apart."""
        return _best(self, self.loc)

    def cdf(self, value: Tensor) -> Tensor:
        return (torch.softmax(self.logits, -1) * torch.sigmoid(self.standard(value))).sum(-1)

    def standard(self, value: Tensor) -> Tensor:
        """How many scales ``value`` lies above each location, ``[..., K]``."""
        return (value[..., None] - self.loc) * torch.exp(-self.log_scale)

    def mix(self, log_p: Tensor) -> Tensor:
        """The components' ``log_p [..., K]``, weighted and summed."""
        return torch.logsumexp(self.logits + log_p, -1) - torch.logsumexp(self.logits, -1)


class DiscretisedDensity(Elementwise):
    """A mixture of logistics, rounded to the whole numbers ``low … high``.

    Args:
        smooth: what is rounded, in the same unit.
        low, high: the smallest and the largest value.
    """

    discrete = True

    def __init__(self, smooth: LogisticMixtureDensity, low: int, high: int) -> None:
        self.smooth, self.low, self.high = smooth, low, high
        self.shape = smooth.shape

    def log_prob(self, value: Tensor) -> Tensor:
        """With edges a < b of the bin, in scales: ``log(σ(b) − σ(a)) = log σ(b) + log σ(−a) + log(1 − e^(a − b))``,
        which neither cancels nor overflows. The end bins keep one of the first two terms."""
        value = value.clamp(self.low, self.high)
        zero = torch.zeros((), device=value.device)
        first, last = (value == self.low)[..., None], (value == self.high)[..., None]
        above = torch.where(last, zero, F.logsigmoid(self.smooth.standard(value + 0.5)))
        below = torch.where(first, zero, F.logsigmoid(-self.smooth.standard(value - 0.5)))
        inside = torch.where(first | last, zero, torch.log(-torch.expm1(-torch.exp(-self.smooth.log_scale))))
        return self.smooth.mix(above + below + inside)

    def sample(self, rng: Random) -> Tensor:
        return self.smooth.sample(rng).round().clamp(self.low, self.high)

    def transport(self, u: Tensor) -> Tensor:
        return self.smooth.transport(u).round().clamp(self.low, self.high)

    def mean(self) -> Tensor:
        """Of the mixture cut to the range but not rounded, ``high − ∫ P(x ≤ v) dv``: the cost does not grow with the
        range. It is off by less than half a unit, and by far less unless a component is narrower than a bin."""
        scale = self.smooth.log_scale.exp()
        edges = torch.tensor([float(self.low), float(self.high)], device=scale.device).view(2, *([1] * len(self.shape)))
        to_low, to_high = F.softplus(self.smooth.standard(edges)) * scale
        return self.high - (torch.softmax(self.smooth.logits, -1) * (to_high - to_low)).sum(-1)

    def mode(self) -> Tensor:
        """The likeliest of the components' centres and the two ends, where the tails are."""
        centres = self.smooth.loc.detach().round().clamp(self.low, self.high)
        ends = [torch.full_like(centres[..., :1], end) for end in (self.low, self.high)]
        return _best(self, torch.cat([centres, *ends], -1))

    def cdf(self, value: Tensor) -> Tensor:
        value = value.floor()
        found = self.smooth.cdf(value + 0.5)
        found = torch.where(value < self.low, torch.zeros_like(found), found)
        return torch.where(value >= self.high, torch.ones_like(found), found)


def _best(density: Elementwise, candidates: Tensor) -> Tensor:
    """The likeliest of some values ``[..., C]`` for each position."""
    best = density.log_prob(candidates.movedim(-1, 0)).argmax(0)
    return candidates.gather(-1, best[..., None]).squeeze(-1)
