"""The bound with its divergence taken apart, so that what makes units depend on one another can be priced by itself."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from vaery.core.errors import ChoiceError
from vaery.core.gaussian import LOG_2PI, Gaussian, Standard
from vaery.core.objective import Loss, Objective, divergence, log_likelihood, ramp
from vaery.core.trace import Site, Trace


@dataclass(frozen=True)
class Tc(Objective):
    """β-TCVAE: units that are independent of one another (Chen, Li, Grosse and Duvenaud, 2018).

    Over rows n, with q(z) = 1/N Σ q(z | x_n) the aggregated posterior, the mean divergence is a sum of three parts::

        E KL(q(z | x_n) ‖ p(z)) =  E log q(z | x_n) / q(z)            mutual information of row and code
                                 + E log q(z) / Π_j q(z_j)            total correlation of the units
                                 + Σ_j KL(q(z_j) ‖ p(z_j))            each unit's distance from its prior

    Minimised is ``-log_likelihood + α (first) + β (second) + γ (third)``; for α = β = γ = 1 that is the ELBO, and the
    ELBO is what is reported, whatever the weights. The divergence as a whole stays in closed form, only what is priced
    beyond it is estimated: q(z) by minibatch-stratified sampling, averaged over which of the batch's other rows stands
    for the rows outside it. (The authors' code picks that row, and weighs the row itself as if it were another.)

    Asks for one level, ``prior="normal"`` and a posterior of independent Gaussians.

    Args:
        beta: β; 1 to 10.
        alpha, gamma: the weights of the other two.
        warmup: share of training over which all three rise linearly from 0.
        rows: N, rows of the data; ``fit`` fills it in. ``None``: the batch is all there is.
        draws: of the latent for each row.

    Raises:
        ChoiceError: the model has several levels, another prior or another posterior.

    >>> Tc(beta=4.0).sized(1000)
    Tc(beta=4.0, alpha=1.0, gamma=1.0, warmup=0.2, rows=1000, draws=1)
    """

    beta: float = 6.0
    alpha: float = 1.0
    gamma: float = 1.0
    warmup: float = 0.2
    rows: int | None = None
    draws: int = 1

    def sized(self, rows: int) -> Tc:
        """The same for data of so many rows, unless that was said."""
        return replace(self, rows=rows) if self.rows is None else self

    def __call__(self, trace: Trace, progress: float = 1.0) -> Loss:
        site, posterior = _only_level(trace)
        fit, kl = log_likelihood(trace), divergence(trace)
        joint, marginal = aggregated(posterior, site.chosen, self.rows)
        information, correlation = (site.log_q - joint).mean(), (joint - marginal).mean()
        cost = self.gamma * kl.mean()
        cost = cost + (self.alpha - self.gamma) * information + (self.beta - self.gamma) * correlation
        parts = {
            "log_likelihood": fit.mean(),
            "kl": kl.mean(),
            "mutual_information": information,
            "total_correlation": correlation,
            "dimension_wise_kl": (marginal - site.log_prob).mean(),
        }
        minimise = ramp(progress, self.warmup) * cost - fit.mean()
        return Loss(minimise, (fit - kl).mean(0), parts, goal=(cost - fit.mean()).neg().expand(fit.shape[1]))


def aggregated(posterior: Gaussian, z: Tensor, rows: int | None = None) -> tuple[Tensor, Tensor]:
    """Estimates of log q(z) and of Σ_j log q(z_j), ``[S, B]`` each, in nats, from a batch.

    Each is the logarithm of an unbiased estimate: on average over the batches that a row comes in, it is the mixture
    over all rows (Chen et al., 2018, appendix C.2). With the whole data as the batch, it is exact. The logarithm makes
    estimates low where few posteriors of a batch overlap, that of log q(z) most: a total correlation estimated from
    small batches may be below zero.

    Args:
        posterior: of the batch, ``[S, B, Z]``.
        z: a draw from it, ``[S, B, Z]``.
        rows: N; ``None``: B.
    """
    loc, log_scale = torch.broadcast_tensors(posterior.loc, posterior.log_scale)
    loc, log_scale = (part.expand_as(z)[:, None] for part in (loc, log_scale))
    standard = (z[:, :, None] - loc) * torch.exp(-log_scale)
    unit = -0.5 * (standard.square() + LOG_2PI) - log_scale  # [S, B of z, B of q, Z]
    share = log_shares(z.shape[1], rows).to(z)
    joint = torch.logsumexp(unit.sum(-1) + share, 2)
    return joint, torch.logsumexp(unit + share[..., None], 2).sum(-1)


def log_shares(batch: int, rows: int | None = None) -> Tensor:
    """``[B, B]``: the logarithm of how much of q(z) each row of a batch stands for, seen from the row that z is of.

    A row is one of N and stands for itself; the other B - 1 stand for the other N - 1.

    >>> log_shares(3, rows=5).exp()
    tensor([[0.2000, 0.4000, 0.4000],
            [0.4000, 0.2000, 0.4000],
            [0.4000, 0.4000, 0.2000]])
    """
    if batch == 1:
        return torch.zeros(1, 1)
    n = max(batch, rows or batch)
    shares = torch.full((batch, batch), math.log((n - 1) / (n * (batch - 1))))
    return shares.fill_diagonal_(-math.log(n))


def _only_level(trace: Trace) -> tuple[Site, Gaussian]:
    """The latent of a model that this objective is for, and its posterior."""
    latents = trace.latents
    if len(latents) != 1:
        raise _not_this(f"{len(latents)} levels")
    (site,) = latents
    if not isinstance(site.posterior, Gaussian):
        raise _not_this(f"the posterior {type(site.posterior).__name__}")
    if not _one_for_all(site.density):
        raise _not_this("a prior that is another one or hangs on a field before it (first=)")
    return site, site.posterior


def _one_for_all(prior: object) -> bool:
    """Whether a prior is of independent units and the same for every row."""
    if isinstance(prior, Standard):
        return True
    return isinstance(prior, Gaussian) and all(
        bool((part == part[:, :1]).all()) for part in (prior.loc, prior.log_scale)
    )


def _not_this(what: str) -> ChoiceError:
    return ChoiceError(
        f"objective='tc' takes apart the divergence of one level of independent Gaussians, and this model has {what}; "
        "write VAE(objective='tc', latent=10, prior='normal', posterior='gaussian')"
    )
