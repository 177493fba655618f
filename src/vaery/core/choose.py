"""Choosers: who decides at each stop of the walk. Which one is passed to ``Joint.trace`` is the job.

A chooser is a function ``(stop, density, context) -> Site``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from vaery.core.density import Density, keep_known
from vaery.core.evidence import Evidence
from vaery.core.random import Random
from vaery.core.trace import ZERO, Site

if TYPE_CHECKING:
    from vaery.core.stop import Stop

Chooser = Callable[["Stop", Density, Tensor], Site]


def from_prior(rng: Random) -> Chooser:
    """The model chooses everything: generate."""

    def choose(stop: Stop, density: Density, context: Tensor) -> Site:
        return Site(stop.name, density, density.sample(rng), latent=stop.latent)

    return choose


def from_values(values: Mapping[str, Tensor], otherwise: Chooser) -> Chooser:
    """These sites have these values (a path, an optimiser, an earlier draw); the rest is left to another chooser."""

    def choose(stop: Stop, density: Density, context: Tensor) -> Site:
        if stop.name in values:
            return Site(stop.name, density, values[stop.name], latent=stop.latent)
        return otherwise(stop, density, context)

    return choose


def from_posterior(
    features: Any,
    evidence: Evidence,
    rng: Random,
    fill: bool = False,
    estimate: float | None = None,
    mean: bool = False,
    each: str | None = None,
) -> Chooser:
    """The data chooses where it is known, the posterior chooses the latent: fit, embed, score, impute, detect.

    Args:
        features: ``joint.encode(...)`` of what the posterior may see.
        evidence: what is scored, and kept.
        fill: draw the unknown cells too (given everything before them).
        estimate: let ordered densities answer with a noisy one-pass estimate, at this share of training (1: its end).
        mean: choose the posterior's mean instead of a draw.
        each: a field before the latent of which, where it is unknown, every value is chosen in turn and none is drawn;
            the number of draws is a multiple of how many there are.
    """

    def choose(stop: Stop, density: Density, context: Tensor) -> Site:
        if stop.latent:
            q = stop.posterior(features, context)
            value = q.mean() if mean else q.sample(rng)
            return Site(stop.name, density, value, posterior=q, latent=True)
        if stop.first and stop.name == each:
            return _each(stop, density, context, features, evidence)
        if stop.first:
            return _first(stop, density, context, features, evidence, rng)
        return _field(stop.name, density, evidence, rng, fill, estimate)

    return choose


def from_either(features: Any, evidence: Evidence, rng: Random) -> Chooser:
    """As :func:`from_posterior`, but each level is drawn from its posterior or from its prior, as a coin says; what it
    is weighed by is the density of the two together (the balance heuristic of Veach and Guibas, 1995).

    Where little is known (a label of a picture), a posterior of one piece is a poor guess of what fits, and weights of
    its draws have no bound; these are at most twice those of the prior's.
    """
    otherwise = from_posterior(features, evidence, rng)

    def choose(stop: Stop, density: Density, context: Tensor) -> Site:
        if not stop.latent:
            return otherwise(stop, density, context)
        either = _Either(stop.posterior(features, context), density)
        return Site(stop.name, density, either.sample(rng), posterior=either, latent=True)

    return choose


class _Either(Density):
    """One density or another, with the same chance."""

    def __init__(self, a: Density, b: Density) -> None:
        self.a, self.b = a, b

    def log_prob(self, value: Tensor, known: Tensor | None = None) -> Tensor:
        return torch.logaddexp(self.a.log_prob(value), self.b.log_prob(value)) - math.log(2)

    def sample(self, rng: Random, value: Tensor | None = None, known: Tensor | None = None) -> Tensor:
        a, b = self.a.sample(rng), self.b.sample(rng)
        coin = rng.uniform((*a.shape[:2], 1)).to(a.device) < 0.5
        return torch.where(coin, a, b)


def from_prior_given(evidence: Evidence, rng: Random, fill: bool = True) -> Chooser:
    """The prior chooses the latent, the data the fields where it is known (weights do the rest).

    A field before the latent is always drawn: all that follows hangs on it.
    """

    def choose(stop: Stop, density: Density, context: Tensor) -> Site:
        if stop.latent:
            return Site(
                stop.name,
                density,
                (z := density.sample(rng)),
                posterior=density,
                latent=True,
                scored=density.log_prob(z),
            )
        return _field(stop.name, density, evidence, rng, fill or stop.first)

    return choose


def _field(
    name: str, density: Density, evidence: Evidence, rng: Random, fill: bool, estimate: float | None = None
) -> Site:
    value, known = evidence.values.get(name), evidence.known.get(name)
    region = evidence.regions.get(name)
    if value is None:
        if region is None:
            return Site(name, density, density.sample(rng) if fill else None, scored=ZERO)
        drawn, log_mass = density.sample_within(rng, None, None, region, rest=fill)
        return Site(name, density, drawn, scored=ZERO, log_mass=log_mass)
    scored = density.log_prob(value, known) if estimate is None else density.estimate(value, known, rng, estimate)
    if region is not None:
        drawn, log_mass = density.sample_within(rng, value, known, region, rest=fill)
        return Site(name, density, drawn, known, scored=scored, log_mass=log_mass)
    complete = density.sample(rng, value, known) if fill and known is not None else value[None]
    return Site(name, density, complete, known, scored=scored)


def _each(stop: Stop, density: Density, context: Tensor, features: Any, evidence: Evidence) -> Site:
    """A field visited before the latent: where it is unknown, every value in turn, so that its sum is exact."""
    q, rows = stop.posterior(features, context), ~evidence.present(stop.name)
    values = density.every()
    assert values is not None, f"the values of {stop.name} cannot be listed"
    draws = len(context) // len(values)
    listed = values.repeat(draws, *[1] * (values.dim() - 1))[:, None].expand(-1, evidence.rows, *values.shape[1:])
    value, known = evidence.values.get(stop.name), evidence.known.get(stop.name)
    if value is not None:
        mask = evidence.present(stop.name) if known is None else known
        listed = keep_known(listed, value.to(listed.dtype), mask, value.dim() - mask.dim())
    listed = _like(listed, context)
    log_q = q.log_prob(listed)
    log_q = log_q.flatten(2).sum(2) if log_q.dim() > 2 else log_q
    share = torch.where(rows, log_q + math.log(len(values)), torch.zeros_like(log_q))
    return Site(stop.name, density, listed, posterior=q, drawn=rows, log_share=share)


def _first(stop: Stop, density: Density, context: Tensor, features: Any, evidence: Evidence, rng: Random) -> Site:
    """A field visited before the latent: where it is unknown it is itself latent, and its posterior chooses.

    No gradient flows through the draw, whatever the field: objectives use the score function.
    """
    name = stop.name
    value, known, region = evidence.values.get(name), evidence.known.get(name), evidence.regions.get(name)
    q, rows = stop.posterior(features, context), ~evidence.present(name)
    if value is not None and known is None:
        return Site(name, density, value[None], posterior=q, drawn=rows)
    if region is None:
        return Site(name, density, _like(q.sample(rng, value, known).detach(), context), posterior=q, drawn=rows)
    drawn, log_mass = q.sample_within(rng, value, known, region)  # a truncated proposal: its density is q / Q(region)
    return Site(name, density, _like(drawn, context), posterior=q, drawn=rows, log_mass=log_mass)


def _like(value: Tensor, context: Tensor) -> Tensor:
    """Tables of chances are in single precision; what is drawn from them is in that of the walk."""
    return value.to(context.dtype) if value.is_floating_point() else value
