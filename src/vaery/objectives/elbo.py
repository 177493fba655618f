"""The evidence lower bound, with the usual schedules on its divergence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from vaery.core.objective import (
    Loss,
    Objective,
    divergence,
    label_log_prob,
    leave_one_out,
    log_likelihood,
    ramp,
    score_function,
)
from vaery.core.trace import Site, Trace


@dataclass(frozen=True)
class Elbo(Objective):
    """log p(x) ≥ E_q[log p(x | z)] - KL(q(z | x) ‖ p(z)) (Kingma and Welling, 2014).

    The divergence is in closed form where one is known. What is *reported* as the bound is always this; what is
    *minimised* weighs the divergence by β (Higgins et al., 2017) and floors it by free bits (Kingma et al., 2016).
    A label that is visited before the latent is drawn where it is missing (score function), and its posterior is
    trained on known ones with weight α (Kingma, Rezende, Mohamed and Welling, 2014).

    Args:
        beta: weight of the divergence; less than 1 for embeddings, 1 for a bound.
        warmup: share of training over which β rises linearly from 0.
        free_bits: nats a unit may cost, on average over the batch, before the divergence counts.
        draws: of the latent for each row.
        alpha: weight of log q(label | x) where the label is known.
        balance: while β rises, levels pay in proportion to what a unit of theirs costs, so that no level is given up
            because another learned first (Vahdat and Kautz, 2020). Nothing where there is one level.
        each: a missing label is not drawn; the bound is summed over all its levels, weighted by q(label | x), which
            costs as many times as there are levels and has no noise of its own (the same, eq. 7).

    >>> Elbo(beta=0.5)
    Elbo(beta=0.5, warmup=0.2, free_bits=0.0, draws=1, alpha=10.0, balance=True, each=False)
    """

    beta: float = 1.0
    warmup: float = 0.2
    free_bits: float = 0.0
    draws: int = 1
    alpha: float = 10.0
    balance: bool = True
    each: bool = False

    def __call__(self, trace: Trace, progress: float = 1.0) -> Loss:
        rising = ramp(progress, self.warmup)
        beta = self.beta * rising
        fit, kl = log_likelihood(trace), divergence(trace)
        balance = self.balance and rising < 1 and len(trace.latents) > 1
        share = None if trace.log_share is None else trace.log_share.exp()
        known = self.alpha * label_log_prob(trace)
        if share is not None:  # what is drawn here is all there is: the gradient goes through the shares
            fit, kl = share * fit, share * kl
            guess = known
        else:
            guess = known + score_function(trace, lambda: leave_one_out(fit - beta * kl))
        cost = self._costs(trace.latents, balance, share) if self.free_bits or balance else kl.mean()
        minimise = beta * cost - (fit + guess).mean()
        parts = {"log_likelihood": fit.mean(), "kl": kl.mean()}
        goal = None if self.beta == 1 else (fit - self.beta * kl).mean(0)
        return Loss(minimise, (fit - kl).mean(0), parts, goal)

    def _costs(self, sites: Sequence[Site], balance: bool, share: Tensor | None) -> Tensor:
        """What all levels cost."""
        costs = torch.stack([self._cost(site, share) for site in sites])
        if not balance:
            return costs.sum()
        units = costs.new_tensor([1 if site.value is None else site.value.shape[-1] for site in sites])
        share = costs.detach() / units + 1e-3  # a level that costs nothing yet pays little, but not nothing
        return (costs * share / share.mean()).sum()

    def firmer(self) -> Elbo:
        """Free bits twice as high, and a slower warm-up."""
        return replace(self, free_bits=max(0.25, 2 * self.free_bits), warmup=max(0.5, self.warmup))

    def _cost(self, site: Site, share: Tensor | None) -> Tensor:
        """A level's mean divergence a row, each unit's floored by the free bits."""
        unit = (site.kl if share is None else site.kl * share[..., None]).flatten(0, 1).mean(0)
        if site.value is None:
            return unit.sum()
        units = site.value.shape[-1] / len(unit)  # where only a whole level's divergence is known, it counts as Z units
        return unit.clamp(min=self.free_bits * units).sum()
