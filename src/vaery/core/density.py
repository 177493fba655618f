"""Densities: what a site of the walk offers, and the modules that make them.

Two sizes. An :class:`Elementwise` is a density over scalars, one for each position of its parameters, and knows
nothing of rows or masks; a file of ``likelihoods/`` is usually one of these. A :class:`Density` is a density over one
site's whole event, of which any part may be known; :class:`Factorised` makes one from an Elementwise.

>>> import torch
>>> from vaery.likelihoods.normal import Normal
>>> raw = torch.zeros(1, 3, 4, 2)                       # [S, B, E, parameters]
>>> density = Factorised(Normal()(raw), event_dims=1, mask_dims=1)
>>> density.log_prob(torch.zeros(3, 4)).shape           # [S, B, M]
torch.Size([1, 3, 4])
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from vaery.core.errors import QueryError
from vaery.core.evidence import expand_mask
from vaery.core.random import Random
from vaery.core.region import Region


class Elementwise(ABC):
    """A density over scalars: one for each position of its parameters. Shapes broadcast as in torch."""

    discrete = False
    shape: torch.Size  # the positions: the shape of the parameters

    @abstractmethod
    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density (discrete: log-probability) of ``value``, in nats, position by position."""

    @abstractmethod
    def sample(self, rng: Random) -> Tensor:
        """One draw for each position; reparameterised where the family allows it."""

    @abstractmethod
    def mean(self) -> Tensor:
        """The expected value of each position."""

    @abstractmethod
    def mode(self) -> Tensor:
        """The likeliest value of each position (for a mixture: the mode of its heaviest component)."""

    @abstractmethod
    def cdf(self, value: Tensor) -> Tensor:
        """P(X ≤ value), position by position."""

    def transport(self, u: Tensor) -> Tensor:
        """Uniform numbers → draws: if ``u [Q, …]`` is spread evenly over (0, 1), the result is spread as this density.

        Here the quantile. A family for which another map is cheaper (a mixture: first the component, then its own
        quantile) may take that; the order of the results then means nothing.
        """
        return quantile(self, u)


class Codes(Elementwise):
    """A density over the codes 0 … K - 1 that can show its whole table."""

    discrete = True

    @abstractmethod
    def log_probs(self) -> Tensor:
        """The log-probability of every code: ``[..., K]``."""

    def cdf(self, value: Tensor) -> Tensor:
        table = self.log_probs().exp().cumsum(-1)
        table = table / table[..., -1:]  # it must end at exactly one, or the last quantile is never reached
        index = value.floor().clamp(-1, table.shape[-1] - 1)
        return torch.where(index < 0, table.new_zeros(()), look_up(table, index.clamp(min=0)))

    def sample(self, rng: Random) -> Tensor:
        return rng.categorical(self.log_probs()).to(self.log_probs().dtype)

    def transport(self, u: Tensor) -> Tensor:
        return pick(self.log_probs().exp(), u)[0].to(self.log_probs().dtype)

    def mean(self) -> Tensor:
        probs = self.log_probs().exp()
        return (probs * torch.arange(probs.shape[-1], device=probs.device, dtype=probs.dtype)).sum(-1)

    def mode(self) -> Tensor:
        table = self.log_probs()
        return table.argmax(-1).to(table.dtype)


def pick(weights: Tensor, u: Tensor) -> tuple[Tensor, Tensor]:
    """Uniform numbers → (an index into ``weights [..., K]`` with their probabilities, what is left of the number).

    ``u`` broadcasts against the leading axes; what is left is again uniform on (0, 1), given the index.
    """
    cumulative = weights.cumsum(-1)
    cumulative = cumulative / cumulative[..., -1:]
    shape = torch.broadcast_shapes(u.shape, weights.shape[:-1])
    u = u.expand(shape)
    table = cumulative.expand(*shape, cumulative.shape[-1])
    index = (table < u[..., None]).sum(-1).clamp(max=weights.shape[-1] - 1)
    upto = table.gather(-1, index[..., None]).squeeze(-1)
    below = torch.where(
        index > 0, table.gather(-1, (index - 1).clamp(min=0)[..., None]).squeeze(-1), upto.new_zeros(())
    )
    return index, ((u - below) / (upto - below).clamp(min=1e-9)).clamp(1e-6, 1 - 1e-6)


def look_up(table: Tensor, code: Tensor) -> Tensor:
    """The entries of ``table [..., K]`` at ``code [...]``; leading axes broadcast."""
    shape = torch.broadcast_shapes(table.shape[:-1], code.shape)
    index = code.long().expand(shape)[..., None]
    return table.expand(*shape, table.shape[-1]).gather(-1, index).squeeze(-1)


class Family(nn.Module, ABC):
    """A parametric family over scalars: turns ``size`` raw numbers a scalar into an :class:`Elementwise`.

    Raw numbers come from a network and may be any real number; zeros must give a sane, broad density, since that is
    where training starts.
    """

    size: int
    located = False  # whether ``forward`` takes ``around=(centre, spread)``, ``[...]`` each: where raw zeros put it

    @abstractmethod
    def forward(self, raw: Tensor) -> Elementwise:
        """``raw [..., size]`` → the density at each leading position."""


class Density(ABC):
    """A density over one site's event, given its context.

    ``value [S or 1, B, E…]`` (or ``[B, E…]``), ``known [B, M…]`` bool, ``log_prob [S, B, M…]`` in nats.

    Attributes:
        whole: its cells cannot be read one by one; all its :meth:`points` are one best guess.
        field: of a level's posterior: the field of whose cells it speaks one by one (see :meth:`log_ratio`); ``None``:
            it speaks of rows as a whole.
    """

    whole = False
    field: str | None = None

    @abstractmethod
    def log_prob(self, value: Tensor, known: Tensor | None = None) -> Tensor:
        """Each known cell's share of the log-probability of all known cells; exactly zero where unknown.

        The shares sum to ``log p(value[known])``. ``known=None``: all is known. What unknown cells hold has no
        influence.
        """

    @abstractmethod
    def sample(self, rng: Random, value: Tensor | None = None, known: Tensor | None = None) -> Tensor:
        """A draw ``[S, B, E…]``. Known cells come back bit for bit, the others are drawn given them."""

    def estimate(self, value: Tensor, known: Tensor | None, rng: Random, progress: float = 1.0) -> Tensor:
        """As :meth:`log_prob`, in one pass of the network: its expectation is right, one draw of it is noisy.

        ``progress``: the share of training that is done. Before its end, a density may say something else that is
        quicker to learn from, so that the latent is learned first.
        """
        return self.log_prob(value, known)

    def given(self, value: Tensor, known: Tensor | None) -> Density:
        """The density of each single cell given the known ones; cells are then independent of one another."""
        return self

    def given_others(self, value: Tensor, known: Tensor | None) -> Density:
        """The density of each single cell given all the *other* known ones: what was expected there."""
        return self

    def tempered(self, temperature: float = 1.0, top_p: float = 1.0) -> Density:
        """A more careful density (or, above a temperature of 1, a bolder one) to draw from; here the same.

        Args:
            temperature: latents: what their spread is multiplied by; tokens: what log-probabilities are divided by.
            top_p: tokens are drawn from the likeliest ones that together have this share of the probability.
        """
        return self

    def hushed(self, noise: float) -> Density:
        """The same density, but its draws of numbers have so small a share of their own spread; here the same.

        What it says of a value does not change: with ``noise`` below 1, draws are no longer spread as they are likely.
        """
        return self

    def quantile(self, u: Tensor) -> Tensor:
        """The value below which lies a share ``u`` of each single cell's probability: ``[Q, S, B, E…]``.

        ``u [Q]``, or ``[Q, S]`` with shares of its own for each draw. For densities whose cells are independent; call
        :meth:`given` first.
        """
        raise QueryError(f"{type(self).__name__} has no quantiles")

    def table(self, value: Tensor, known: Tensor | None, near: Tensor) -> tuple[Tensor, Tensor]:
        """What each single number can be given the *other* known ones, and how likely: ``[G, …]``, ``[G, S, B, E…]``.

        The latter holds logarithms of probabilities that sum to about one over G: whoever knows more of a number (a
        noisy copy of it, say) adds the log-likelihood of that, and normalises.

        Args:
            value: ``[B, E…]``, means in between whole levels included.
            known: which cells are looked at; ``None``: all.
            near: ``[N, B, E…]`` values that shall be among those of continuous numbers.
        """
        raise QueryError(f"{type(self).__name__} has no table of what single numbers can be")

    def points(self, u: Tensor) -> Tensor:
        """``[Q, S, B, E…]`` values that stand for each cell's density, from evenly spread ``u [Q]`` or ``[Q, S]``.

        As :meth:`quantile`, but the cheapest such set: their order means nothing.
        """
        return self.quantile(u)

    def log_ratio(self, value: Tensor, prior: Density) -> Tensor:
        """Of a level's posterior that speaks of the cells of :attr:`field` one by one: log p - log q, in nats, of what
        it says of the first K of them, ``[S, B, K]``; it sums up to that of the whole value."""
        raise QueryError(f"{type(self).__name__} speaks of rows as a whole")

    def every(self) -> Tensor | None:
        """All values that the event can have, ``[K, E…]``, where they can be listed; ``None``: they cannot."""
        return None

    def mean(self) -> Tensor:
        """The expected value, ``[S, B, E…]``."""
        raise QueryError(f"{type(self).__name__} has no mean in closed form")

    def mode(self) -> Tensor:
        """The likeliest value of each cell, ``[S, B, E…]``."""
        raise QueryError(f"{type(self).__name__} has no mode in closed form")

    def kl(self, other: Density) -> Tensor | None:
        """KL(self ‖ other) in nats, ``[S, B, U]`` for each of U units; ``None`` where no closed form is known."""
        return None

    def sample_within(
        self, rng: Random, value: Tensor | None, known: Tensor | None, region: Region, rest: bool = True
    ) -> tuple[Tensor, Tensor]:
        """A draw inside the region, and ``log P(region | known cells)`` along the way, ``[S, B]``.

        Never by rejection: the cost does not depend on how small the region is. ``rest=False``: only the cells with
        conditions are needed, the other unknown ones may be left at zero.
        """
        raise QueryError(f"{type(self).__name__} cannot be asked for ranges or sets, only for values")


class Factorised(Density):
    """Independent scalars as one event.

    Args:
        elementwise: density with positions ``[S, B, E…]``.
        event_dims: how many axes ``E…`` has.
        mask_dims: how many of them, from the left, can be missing by themselves; the rest is summed.
    """

    def __init__(self, elementwise: Elementwise, event_dims: int, mask_dims: int) -> None:
        self.elementwise, self.event_dims, self.mask_dims = elementwise, event_dims, mask_dims

    def log_prob(self, value: Tensor, known: Tensor | None = None) -> Tensor:
        log_p = self.elementwise.log_prob(value)
        if summed := self.event_dims - self.mask_dims:
            alone = log_p.shape[-summed:].numel() == 1  # then there is nothing to add up
            log_p = log_p.flatten(-summed).squeeze(-1) if alone else log_p.sum(tuple(range(-summed, 0)))
        return masked(log_p, known)

    def sample(self, rng: Random, value: Tensor | None = None, known: Tensor | None = None) -> Tensor:
        return keep_known(self.elementwise.sample(rng), value, known, self.event_dims - self.mask_dims)

    def every(self) -> Tensor | None:
        if self.event_dims or not isinstance(self.elementwise, Codes):
            return None
        table = self.elementwise.log_probs()
        return torch.arange(table.shape[-1], device=table.device, dtype=table.dtype)

    def mean(self) -> Tensor:
        return self.elementwise.mean()

    def mode(self) -> Tensor:
        return self.elementwise.mode()

    def quantile(self, u: Tensor) -> Tensor:
        return quantile(self.elementwise, expand_mask(u, 1 + len(self.elementwise.shape)))

    def points(self, u: Tensor) -> Tensor:
        return self.elementwise.transport(expand_mask(u, 1 + len(self.elementwise.shape)))


def masked(log_p: Tensor, known: Tensor | None) -> Tensor:
    """``log_p [S, B, M…]`` where known, exactly zero elsewhere."""
    return (
        log_p if known is None else torch.where(known, log_p, torch.zeros((), device=log_p.device, dtype=log_p.dtype))
    )


def keep_known(drawn: Tensor, value: Tensor | None, known: Tensor | None, trailing: int = 0) -> Tensor:
    """``drawn [S, B, E…]`` with the known cells replaced by ``value``, bit for bit.

    ``trailing``: how many axes of E… are not axes of M…. ``known=None`` means that nothing is known where there is no
    ``value``, and all of it where there is one.
    """
    if value is None:
        return drawn
    if known is None:
        return value.expand(drawn.shape)
    return torch.where(expand_mask(known, known.dim() + trailing), value.to(drawn.dtype), drawn)


def quantile(density: Elementwise, u: Tensor, steps: int = 40) -> Tensor:
    """The inverse of ``density.cdf`` by bisection, for any family.

    Args:
        density: positions of any shape.
        u: probabilities in (0, 1), broadcastable against the positions.
        steps: halvings; 40 exhaust single precision.

    Returns:
        The smallest value whose CDF reaches ``u``; whole numbers for a discrete family.
    """
    shape = torch.broadcast_shapes(u.shape, density.shape)
    low = torch.full(shape, -1.0, device=u.device)
    high = torch.full(shape, 1.0, device=u.device)
    for _ in range(60):
        short_low, short_high = density.cdf(low) >= u, density.cdf(high) < u
        if not bool((short_low | short_high).any()):
            break
        low, high = torch.where(short_low, low * 2, low), torch.where(short_high, high * 2, high)
    for _ in range(steps):
        middle = (low + high) / 2
        reached = density.cdf(middle.floor() if density.discrete else middle) >= u
        low, high = torch.where(reached, low, middle), torch.where(reached, middle, high)
    return high.floor() if density.discrete else high
