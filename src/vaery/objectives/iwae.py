"""The importance-weighted bound, with a gradient for the posterior that does not fade as draws grow."""

from __future__ import annotations

from dataclasses import dataclass

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
    total,
)
from vaery.core.random import log_mean_exp
from vaery.core.trace import Trace


@dataclass(frozen=True)
class Iwae(Objective):
    """log p(x) ≥ E[log 1/S Σ_s p(x, z_s) / q(z_s | x)], tighter with every draw (Burda, Grosse and Salakhutdinov,
    2016).

    A label that is visited before the latent is drawn where it is missing, with the multi-sample score function
    of Mnih and Rezende (2016), and its posterior is trained on known ones with weight α.

    Args:
        draws: S, of the latent for each row.
        dreg: the doubly reparameterised gradient (Tucker, Lawson, Gu and Maddison, 2019) for the posterior. The plain
            one has a signal that falls with the number of draws faster than its noise (Rainforth et al., 2018).
        warmup: share of training over which the weight of log p(z) - log q(z) rises linearly from 0.
        alpha: weight of log q(label | x) where the label is known.

    >>> Iwae(draws=50)
    Iwae(draws=50, dreg=True, warmup=0.2, alpha=10.0)
    """

    draws: int = 8
    dreg: bool = True
    warmup: float = 0.2
    alpha: float = 10.0

    def __call__(self, trace: Trace, progress: float = 1.0) -> Loss:
        beta = ramp(progress, self.warmup)
        fit = log_likelihood(trace)
        log_p = fit + beta * total([site.log_prob for site in trace.latents])
        log_q = beta * total([site.log_q for site in trace.latents])
        log_w = log_p - log_q
        surrogate = doubly_reparameterised(trace, log_p, log_q, beta) if self.dreg else log_mean_exp(log_w)
        guess = self.alpha * label_log_prob(trace).mean(0) + score_function(trace, lambda: _gain(log_w)).sum(0)
        parts = {"log_likelihood": fit.mean(), "kl": divergence(trace).mean()}
        return Loss(-(surrogate + guess).mean(), trace.bound, parts)


def _gain(log_w: Tensor) -> Tensor:
    """``[S, B]`` how much each draw raises the bound over what it would be with the others' mean in its place."""
    draws = len(log_w)
    if draws == 1:
        return leave_one_out(log_w)
    others = (log_w.sum(0) - log_w) / (draws - 1)
    swapped = torch.where(torch.eye(draws, dtype=torch.bool, device=log_w.device)[..., None], others, log_w)
    return log_mean_exp(log_w) - log_mean_exp(swapped, 1)


def doubly_reparameterised(trace: Trace, log_p: Tensor, log_q: Tensor, beta: float = 1.0) -> Tensor:
    """``[B]`` the importance-weighted bound, with the doubly reparameterised gradient.

    With w the normalised weights, the model's gradient is Σ w ∂ log p, as ever. The posterior's is
    Σ v (∂ log p - β ∂ log q)/∂z · dz/dφ with q's own parameters held fixed and v = w² (Tucker et al., 2019, eq. 9); for
    β < 1 the same steps lead to v = β w² + (1 - β) w. Here z is all levels together: what a level's value does to later
    levels' draws is in dz/dφ, and must not be in ∂/∂z as well.

    Args:
        trace: its levels were drawn by their posteriors.
        log_p: ``[S, B]`` what the weights have of the model.
        log_q: ``[S, B]`` what they have of the levels' posteriors, times β.
        beta: that weight.
    """
    bound = log_mean_exp(log_p - log_q)
    z = [site.value for site in trace.latents if site.value is not None and site.value.requires_grad]
    if not z or not torch.is_grad_enabled():
        return bound
    w = torch.softmax(log_p - log_q, 0).detach()
    v = beta * w.square() + (1 - beta) * w
    # log p brings its own gradient through z, of weight w: what is wanted replaces it.
    slopes = _partials(((v - w) * log_p - v * log_q).sum(), z)
    through_z = total([(slope * value).sum(-1) for slope, value in zip(slopes, z, strict=True)])
    surrogate = (w * log_p + through_z).sum(0)
    return bound.detach() + surrogate - surrogate.detach()


def _partials(scalar: Tensor, z: list[Tensor]) -> list[Tensor]:
    """The partial derivatives of ``scalar`` by each level's value, with all other levels' values held fixed."""
    slopes = list(torch.autograd.grad(scalar, z, retain_graph=True, allow_unused=True, materialize_grads=True))
    for i in reversed(range(len(z) - 1)):
        later = total([(slope * value).sum() for slope, value in zip(slopes[i + 1 :], z[i + 1 :], strict=True)])
        (echo,) = torch.autograd.grad(later, z[i], retain_graph=True, allow_unused=True, materialize_grads=True)
        slopes[i] = slopes[i] - echo
    return slopes
