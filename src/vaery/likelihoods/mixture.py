"""A mixture of normals: the default for a column of numbers, since it can take any shape."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vaery.core.density import Elementwise, Family, pick
from vaery.core.gaussian import LOG_2PI
from vaery.core.random import Random
from vaery.core.raw import bounded, full_precision

WIDEST = 3.0  # the largest log-scale: 20 standard deviations of standardised data


class Mixture(Family):
    """``p(x) = Σ_k w_k Normal(x; loc_k, scale_k)``, for standardised numbers (Bishop, 1994).

    Raw numbers: K logits, K locations, K log-scales. Zeros give equal weights on a comb over [−2, 2], so that no two
    components start alike.

    Args:
        components: K.
        floor: the smallest scale of a component.

    >>> density = Mixture(components=4)(torch.zeros(12))
    >>> density.loc, density.log_scale.exp()
    (tensor([-1.5000, -0.5000,  0.5000,  1.5000]), tensor([1., 1., 1., 1.]))
    """

    comb: Tensor
    located = True

    def __init__(self, components: int = 8, floor: float = math.exp(-5)) -> None:
        super().__init__()
        self.size = 3 * components
        self.narrowest = math.log(floor)
        spacing = 4 / components
        self.start = math.log(min(1.0, spacing))  # a component starts as wide as its distance to the next
        comb = spacing * (torch.arange(components) - (components - 1) / 2)
        self.register_buffer("comb", comb, persistent=False)

    def forward(self, raw: Tensor, around: tuple[Tensor, Tensor] | None = None) -> MixtureDensity:
        logits, loc, log_scale = full_precision(raw).unflatten(-1, (3, -1)).unbind(-2)
        loc, log_scale = loc + self.comb, log_scale + self.start
        if around is not None:
            centre, spread = (t[..., None] for t in around)
            loc, log_scale = centre + spread * loc, log_scale + spread.log()
        return MixtureDensity(logits, loc, bounded(log_scale, self.narrowest, WIDEST))


class MixtureDensity(Elementwise):
    """A mixture of normals at each position.

    Args:
        logits: unnormalised log-weights ``[..., K]``.
        loc: means, same shape.
        log_scale: logarithms of the standard deviations, same shape.
    """

    def __init__(self, logits: Tensor, loc: Tensor, log_scale: Tensor) -> None:
        self.logits, self.loc, self.log_scale = logits, loc, log_scale
        self.shape = loc.shape[:-1]

    def log_prob(self, value: Tensor) -> Tensor:
        terms = self.logits - self.log_scale - 0.5 * self._standard(value).square()
        return torch.logsumexp(terms, -1) - torch.logsumexp(self.logits, -1) - 0.5 * LOG_2PI

    def sample(self, rng: Random) -> Tensor:
        chosen = rng.categorical(self.logits)[..., None]
        loc, log_scale = (t.gather(-1, chosen).squeeze(-1) for t in (self.loc, self.log_scale))
        return loc + log_scale.exp() * rng.normal(tuple(self.shape))

    def transport(self, u: Tensor) -> Tensor:
        """First the component, then its own quantile: no search."""
        chosen, left = pick(torch.softmax(self.logits, -1), u)
        shape = (*chosen.shape, self.loc.shape[-1])
        loc, log_scale = (t.expand(shape).gather(-1, chosen[..., None]).squeeze(-1) for t in (self.loc, self.log_scale))
        return loc + log_scale.exp() * torch.special.ndtri(left)

    def mean(self) -> Tensor:
        return (torch.softmax(self.logits, -1) * self.loc).sum(-1)

    def mode(self) -> Tensor:
        """The centre of a component with the highest density: near the mode, and at it where components are apart."""
        best = self.log_prob(self.loc.movedim(-1, 0)).argmax(0)
        return self.loc.gather(-1, best[..., None]).squeeze(-1)

    def cdf(self, value: Tensor) -> Tensor:
        return (torch.softmax(self.logits, -1) * torch.special.ndtr(self._standard(value))).sum(-1)

    def _standard(self, value: Tensor) -> Tensor:
        return (value[..., None] - self.loc) * torch.exp(-self.log_scale)
