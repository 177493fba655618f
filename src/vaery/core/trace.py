"""Traces: what a walk through the model visited. Every number that is reported is a sum over one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from vaery.core.density import Density
from vaery.core.random import log_mean_exp

ZERO = torch.zeros(())  # a number without axes goes with tensors on any device


@dataclass
class Site:
    """One stop of the walk.

    Attributes:
        name: of the field or level.
        density: what the model offered.
        value: what was chosen, ``[S or 1, B, E…]``; ``None``: nothing is known of this field, and it was not drawn.
        known: ``[B, M…]`` bool, the cells that count as evidence; ``None``: all of them.
        posterior: where the posterior chose (a part of) the value: the density it chose from.
        drawn: ``[B]`` bool, the rows it chose in; ``None``: all rows, if there is a posterior.
        latent: a level, not a field.
        scored: ``log_p`` where it was already computed (a one-pass estimate, say).
        log_mass: ``[S, B]`` the log-probability of conditions (ranges, sets) the value was drawn inside.
        log_share: ``[S, B]`` where the values are all there are, and none was drawn: log of how much more of them there
            would be among draws from the posterior; zero in rows where the value is known.
    """

    name: str
    density: Density
    value: Tensor | None = None
    known: Tensor | None = None
    posterior: Density | None = None
    drawn: Tensor | None = None
    latent: bool = False
    scored: Tensor | None = None
    log_mass: Tensor | None = None
    log_share: Tensor | None = None

    @property
    def chosen(self) -> Tensor:
        """The value, where the walk is known to have chosen one."""
        assert self.value is not None, f"nothing was chosen at {self.name!r}"
        return self.value

    @cached_property
    def log_p(self) -> Tensor:
        """Each cell's log-probability, ``[S, B, M…]``; zero where nothing is known."""
        if self.scored is not None:
            return self.scored
        if self.value is None:
            return ZERO
        return self.density.log_prob(self.value, self.known)

    @cached_property
    def log_q(self) -> Tensor:
        """``[S, B]`` how likely the posterior was to choose this value; zero where the data or the prior chose."""
        if self.posterior is None or self.value is None:
            return ZERO
        log_q = self._log_posterior
        return log_q if self.drawn is None else torch.where(self.drawn, log_q, torch.zeros_like(log_q))

    @cached_property
    def log_q_known(self) -> Tensor:
        """``[S, B]`` what the posterior would have given the value where the data chose it; zero elsewhere."""
        if self.posterior is None or self.value is None or self.drawn is None:
            return ZERO
        log_q = self._log_posterior
        return torch.where(self.drawn, torch.zeros_like(log_q), log_q)

    @cached_property
    def _log_posterior(self) -> Tensor:
        assert self.posterior is not None
        return _per_row(self.posterior.log_prob(self.chosen))

    @cached_property
    def kl(self) -> Tensor:
        """What the value costs beyond the prior, in nats: ``[S, B, Z]`` for each unit where a closed form is known,
        ``[S, B, 1]`` from the draw otherwise."""
        exact = None if self.posterior is None else self.posterior.kl(self.density)
        if exact is not None:
            return exact
        return (self.log_q - _per_row(self.log_p))[..., None]

    @property
    def log_prob(self) -> Tensor:
        """``[S, B]`` log p of the value (and of the conditions it was drawn inside), summed over cells."""
        total = _per_row(self.log_p)
        return total if self.log_mass is None else total + self.log_mass


class Trace:
    """The sites of one walk, in the order of the walk, by name."""

    def __init__(self, sites: dict[str, Site]) -> None:
        self.sites = sites

    def __getitem__(self, name: str) -> Site:
        return self.sites[name]

    def rows(self) -> dict[str, Tensor]:
        """Field → ``[B, E…]``, of a walk that drew every field once."""
        return {site.name: site.chosen[0] for site in self.fields}

    @property
    def latents(self) -> list[Site]:
        return [site for site in self.sites.values() if site.latent]

    @property
    def fields(self) -> list[Site]:
        return [site for site in self.sites.values() if not site.latent]

    @property
    def latent(self) -> Tensor:
        """All levels side by side, ``[S, B, Z]``."""
        return torch.cat([site.value for site in self.latents if site.value is not None], -1)

    @cached_property
    def log_weight(self) -> Tensor:
        """``[S, B]`` = Σ log p(z) + Σ_known log p(x) − Σ log q(z), in nats.

        Its exponential is an unbiased estimate of p(known), so the log of its mean over draws is a lower bound of
        log p(known) that rises with S (Burda, Grosse and Salakhutdinov, 2016).
        """
        terms = [site.log_prob - site.log_q for site in self.sites.values()]
        terms += [] if self.log_share is None else [self.log_share]
        return torch.stack(torch.broadcast_tensors(*terms)).sum(0)

    @cached_property
    def log_share(self) -> Tensor | None:
        """``[S, B]`` log of what each draw stands for beside the others, where draws go through all values of a field;
        their exponentials have a mean of one. ``None``: all draws are alike."""
        return next((site.log_share for site in self.sites.values() if site.log_share is not None), None)

    @property
    def bound(self) -> Tensor:
        """``[B]`` the importance-weighted bound on log p(known), in nats."""
        return log_mean_exp(self.log_weight)

    @property
    def weight(self) -> Tensor:
        """``[S, B]`` how much each draw counts, summing to one over S."""
        return torch.softmax(self.log_weight, 0)

    @property
    def effective_sample_size(self) -> Tensor:
        """``[B]`` between 1 and S: how many equally good draws these weighted ones are worth (Kong, 1992)."""
        return 1 / self.weight.square().sum(0)


def _per_row(log_p: Tensor) -> Tensor:
    return log_p.flatten(2).sum(2) if log_p.dim() > 2 else log_p
