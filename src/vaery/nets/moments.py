"""A latent along time: numbers for each moment, beside those that speak of the whole.

What a sound says goes by in moments, and a few numbers for all of it cannot hold each. But where moments tell all, the
latent that stands above them learns nothing, and nothing new can be made from it. So there are moments or there are
none (a spike at zero beside N(0, I): Mitchell and Beauchamp, 1988): most rows of a batch have to be told by the whole
alone, and a known row has moments. Without them a row is what it is expected to be.

The prior hangs on nothing, so moments after the end of a row cost nothing to pass by; the whole's share of what is
heard is taken off by the posterior and put back by the decoder, which both hear the context.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vaery.core.density import Density, keep_known, masked
from vaery.core.gaussian import Gaussian, Standard, from_raw
from vaery.core.random import Random
from vaery.nets.ladder import Level
from vaery.nets.temporal import NARROW, WIDTH, TimeResidual, there

MAP = "moments"  # the name of the encoder's map
SHARE = 0.25  # of rows that have moments


class SpikeAndSlab(Density):
    """Zero in all units, or drawn from a Gaussian; the whole is one cell (``M = ()``).

    Args:
        slab: ``[S, B, Z]``.
        share: ``[B]``, the probability of the slab.
        noise: what the slab's draws are multiplied by; with 0 all draws are zero.
    """

    def __init__(self, slab: Gaussian, share: Tensor, noise: float = 1.0) -> None:
        self.slab, self.share, self.noise = slab, share, noise

    def log_prob(self, value: Tensor, known: Tensor | None = None) -> Tensor:
        at_zero = (value == 0).all(-1)
        return masked(torch.where(at_zero, (1 - self.share).log(), self.share.log() + self.slab.log_prob(value)), known)

    def sample(self, rng: Random, value: Tensor | None = None, known: Tensor | None = None) -> Tensor:
        made = self.noise * self.slab.sample(rng)
        drawn = rng.uniform(tuple(made.shape[:2])).to(made.device) < self.share
        return keep_known(made * drawn[..., None], value, known, 1)

    def mean(self) -> Tensor:
        return self.share[:, None] * self.slab.mean()

    def mode(self) -> Tensor:
        """Of the likelier part."""
        return (self.share > 0.5)[:, None] * self.slab.mode()

    def tempered(self, temperature: float = 1.0, top_p: float = 1.0) -> SpikeAndSlab:
        return SpikeAndSlab(self.slab.tempered(temperature), self.share, self.noise)

    def hushed(self, noise: float) -> SpikeAndSlab:
        return SpikeAndSlab(self.slab, self.share, noise)

    def kl(self, other: Density) -> Tensor | None:
        """KL(self ‖ other), ``[S, B, Z]`` in nats: that of whether there is anything is shared among the units."""
        each = self.slab.kl(other.slab) if isinstance(other, SpikeAndSlab) else None
        if each is None or not isinstance(other, SpikeAndSlab):
            return None
        there = torch.special.xlogy(self.share, self.share / other.share)
        there = there + torch.special.xlogy(1 - self.share, (1 - self.share) / (1 - other.share))
        return self.share[:, None] * each + there[:, None] / each.shape[-1]


class MomentPrior(nn.Module):
    """p(moments | context): none, or N(0, I).

    Args:
        size: of all moments side by side.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, context: Tensor) -> SpikeAndSlab:
        """``context [S, B, C]`` → density of ``[S, B, size]``."""
        return SpikeAndSlab(Standard(context, self.size), context.new_full(context.shape[1:2], SHARE))


class MomentPosterior(nn.Module):
    """q(moments | context, features of each moment): it starts as the prior, and is it after the end of a row and in
    rows where the field is not known. Others always have moments, but not while the model learns.

    Args:
        prior: of the same level.
        field: whose map it reads.
        count: of moments.
        size: numbers of a moment.
        context: C, of what earlier stops carry.
    """

    def __init__(self, prior: MomentPrior, field: str, count: int, size: int, context: int) -> None:
        super().__init__()
        self._prior = (prior,)  # in a tuple: it is another stop's own
        self.field, self.count, self.size = field, count, size
        self.hear, self.heard = nn.Linear(context, count * NARROW), nn.Linear(NARROW, WIDTH, bias=False)
        self.block = TimeResidual(WIDTH)
        self.out = nn.Linear(WIDTH, 2 * size)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, features: Any, context: Tensor) -> SpikeAndSlab:
        """``features.own[field]``, ``context [S, B, C]`` → density of ``[S, B, count · size]``."""
        own = features.own.get(self.field)
        if own is None:
            return self._prior[0](context)
        maps, present = own
        seen, lengths = maps[MAP]
        many = seen.shape[1]
        hear = F.linear(context, self.hear.weight[: many * NARROW], self.hear.bias[: many * NARROW])
        here = (there(seen, lengths) & present[:, None, None]).to(seen.dtype)
        h = (seen + self.heard(F.silu(hear.unflatten(-1, (many, NARROW))))) * here
        h = self.block(h.flatten(0, 1)).unflatten(0, h.shape[:2])
        change = from_raw(self.out(F.silu(h)) * here)
        beyond = (self.count - many) * self.size
        slab = Gaussian(*(F.pad(t.flatten(-2), (0, beyond)) for t in (change.loc, change.log_scale)))
        share = SHARE if self.training else torch.where(present, 1.0, SHARE).to(context.dtype)
        return SpikeAndSlab(slab, share * context.new_ones(context.shape[1]))


class Beside(nn.Module):
    """The context with the moments laid behind it."""

    def forward(self, context: Tensor, value: Tensor) -> Tensor:
        lead = torch.broadcast_shapes(context.shape[:2], value.shape[:2])
        return torch.cat([context.expand(*lead, -1), value.to(context.dtype).expand(*lead, -1)], -1)


def moments(field: str, count: int, size: int, context: int) -> Level:
    """The level of a field's own that has ``size`` numbers for each of ``count`` moments."""
    prior = MomentPrior(count * size)
    return Level(prior, MomentPosterior(prior, field, count, size, context), Beside())
