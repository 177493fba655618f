"""Objectives: what is minimised and what is reported, apart."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce

import torch
from torch import Tensor

from vaery.core.evidence import Evidence
from vaery.core.field import Field
from vaery.core.random import Random
from vaery.core.trace import ZERO, Trace


@dataclass
class Loss:
    """What an objective says of a trace.

    Attributes:
        minimise: a scalar, the only thing the optimiser sees.
        bound: ``[B]`` a lower bound on log p(known) in nats, the thing people see; higher is better.
        parts: named scalars for the history (``"kl"``, ``"log_likelihood"`` …), in nats.
        goal: ``[B]`` by which weights are kept, higher is better, where that is not the bound: an objective that prices
            parts of it otherwise would be handed back weights from before it had its way. ``None``: the bound.
    """

    minimise: Tensor
    bound: Tensor
    parts: Mapping[str, Tensor] = field(default_factory=dict)
    goal: Tensor | None = None


class Objective(ABC):
    """A member of ``objectives``: a frozen dataclass of plain arguments.

    Attributes:
        draws: S, how many draws of the latent it asks for.
        each: whether all levels of a missing label are gone through, instead of drawing one.
    """

    draws: int = 1
    each: bool = False

    def sized(self, rows: int) -> Objective:
        """The same objective for data of so many training rows. Here: it does not hang on that."""
        return self

    def firmer(self) -> Objective:
        """The same objective, with more that keeps the latent in use: for a fit that was given up because its latent
        stayed empty. Here: there is nothing of the kind."""
        return self

    def view(self, evidence: Evidence, fields: Mapping[str, Field], rng: Random) -> Evidence:
        """The part of a training batch this step is about. Here: all of it."""
        return evidence

    @abstractmethod
    def __call__(self, trace: Trace, progress: float = 1.0) -> Loss:
        """Score one walk.

        Args:
            trace: of a batch, its latents chosen by the posterior.
            progress: the share of the planned steps that are done, from 0 to 1; schedules hang on this and not on
                step counts, so that a short run is a short version of a long one.
        """


def ramp(progress: float, share: float) -> float:
    """Rises linearly from 0 to 1 over the first ``share`` of training, then stays.

    >>> ramp(0.05, share=0.2), ramp(0.5, share=0.2), ramp(0.0, share=0.0)
    (0.25, 1.0, 1.0)
    """
    return min(1.0, progress / share) if share > 0 else 1.0


def log_likelihood(trace: Trace) -> Tensor:
    """``[S, B]`` the fields' part of ``trace.log_weight``: log p of what is known of them, in nats.

    A field before the latent counts log p - log q in the rows where its posterior drew it.
    """
    latent = next(site.value for site in trace.latents if site.value is not None)
    terms = [site.log_prob - site.log_q if site.posterior is not None else site.log_prob for site in trace.fields]
    return total(terms).expand(latent.shape[:2])


def divergence(trace: Trace) -> Tensor:
    """``[S, B]`` what all levels cost beyond their priors, in nats; in closed form where one is known."""
    return total([site.kl.sum(-1) for site in trace.latents])


def total(terms: Sequence[Tensor]) -> Tensor:
    """The sum of tensors that broadcast; zero if there are none."""
    return reduce(torch.add, terms) if terms else ZERO


def label_log_prob(trace: Trace) -> Tensor:
    """``[S or 1, B or 1]`` log q(y | x) where a field before the latent is known, zero elsewhere, in nats.

    Its posterior is drawn from only where the field is unknown; with this term it learns from known labels too
    (Kingma, Rezende, Mohamed and Welling, 2014, eq. 9).
    """
    return total([site.log_q_known for site in trace.fields if site.posterior is not None])


def leave_one_out(signal: Tensor) -> Tensor:
    """``signal [S, B]`` minus what it would be expected to be without this draw: the mean of the row's other draws.

    With one draw, the mean of the other rows; with one draw of one row there is nothing to compare with.

    >>> leave_one_out(torch.tensor([[1.0], [3.0]]))
    tensor([[-2.],
            [ 2.]])
    """
    axis = 0 if signal.shape[0] > 1 else 1
    n = signal.shape[axis]
    return (signal - signal.mean(axis, keepdim=True)) * (n / (n - 1)) if n > 1 else torch.zeros_like(signal)


def score_function(trace: Trace, advantage: Callable[[], Tensor]) -> Tensor:
    """``[S, B]`` zeros (one will do) whose gradient is that of drawing what cannot be reparameterised: labels, say.

    Added to what is maximised, it raises log q of the drawn values that did better than a baseline (Williams, 1992;
    the baseline of Mnih and Rezende, 2016, is :func:`leave_one_out`).

    Args:
        trace: its fields before the latent are the ones meant, in the rows where their posterior drew.
        advantage: gives ``[S, B]``, how much better than its baseline each draw did, in nats; taken as a constant, and
            not asked for where nothing was drawn.
    """
    drawn = [site.log_q - site.log_q.detach() for site in trace.fields if site.posterior is not None]
    return advantage().detach() * total(drawn) if drawn else ZERO
