"""Mixtures of experts: Gaussians whose weights hang on something else, fitted by expectation maximisation."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from vaery.core.gaussian import LOG_2PI

ROUNDS = 15  # of expectation maximisation; thirty were no better than ten
GATE_STEPS, RIDGE = 20, 1e-5  # of each round's logistic regression; contexts that share no expert would have it grow


@dataclass(frozen=True)
class Experts:
    """``Σ_k softmax(gate c + bias)_k N(z; means_k, (factor_k' factor_k)⁻¹)``, in double precision.

    Attributes:
        bias: ``[K]``.
        gate: ``[K, C]``.
        means: ``[K, Z]``.
        factor: ``[K, Z, Z]`` lower triangular.
    """

    bias: Tensor
    gate: Tensor
    means: Tensor
    factor: Tensor

    def log_each(self, z: Tensor, context: Tensor) -> Tensor:
        """``[n, K]`` log of each expert's share of the density."""
        z, context = z.to(self.means), context.to(self.means)
        each = zip(self.means, self.factor, strict=True)
        far = torch.stack([((z - mean) @ factor.T).square().sum(1) for mean, factor in each], 1)
        height = self.factor.diagonal(dim1=-2, dim2=-1).log().sum(1) - 0.5 * z.shape[1] * LOG_2PI
        return F.linear(context, self.gate, self.bias).log_softmax(1) + height - 0.5 * far

    def log_prob(self, z: Tensor, context: Tensor) -> Tensor:
        """``[n]``, in nats."""
        return self.log_each(z, context).logsumexp(1)


@torch.no_grad()
def fit_experts(z: Tensor, context: Tensor, start: Tensor, rounds: int = ROUNDS) -> Experts:
    """Maximum likelihood of z given the context (Jordan and Jacobs, 1994).

    Args:
        z: ``[n, Z]``.
        context: ``[n, C]``.
        start: ``[n]`` which of 0 … K - 1 each row is of at first.
        rounds: of expectation maximisation.

    >>> side = torch.arange(200)[:, None] % 2 * 2.0 - 1
    >>> found = fit_experts(3 * side + 0.1 * torch.sin(torch.arange(200.0))[:, None], side, (side[:, 0] > 0).long())
    >>> found.means.flatten().round().tolist()
    [-3.0, 3.0]
    """
    z, context = z.double(), context.double()
    middle, spread = context.mean(0), context.std(0, correction=0).clamp(min=1e-6)
    standard = (context - middle) / spread
    share = F.one_hot(start).double()
    gate = torch.zeros(share.shape[1], 1 + context.shape[1], dtype=z.dtype, device=z.device)
    sorts, sort = standard.unique(dim=0, return_inverse=True)  # of a label few
    for _ in range(rounds):
        each = share.new_zeros(len(sorts), share.shape[1]).index_add(0, sort, share) / len(z)
        gate = _gate(sorts, each, gate)
        found = Experts(gate[:, 0], gate[:, 1:], *_gaussians(z, share))
        share = found.log_each(z, standard).softmax(1)
    weight = gate[:, 1:] / spread
    return Experts(gate[:, 0] - weight @ middle, weight, found.means, found.factor)


def _gaussians(z: Tensor, share: Tensor) -> tuple[Tensor, Tensor]:
    """Means and factors of precisions of weighted rows, each as if it had seen one row more that is as wide as all."""
    count = share.sum(0)
    means = share.T @ z / count[:, None].clamp(min=1e-9)
    wide = torch.diag_embed(z.var(0, correction=0) + 1e-4)
    seen = torch.stack([(z - mean).T @ ((z - mean) * part[:, None]) for mean, part in zip(means, share.T, strict=True)])
    covariance = (seen + wide) / (count[:, None, None] + 1) + 1e-4 * torch.eye(z.shape[1]).to(z)
    lower = torch.linalg.cholesky(covariance)
    return means, torch.linalg.solve_triangular(lower, torch.eye(z.shape[1]).to(z).expand_as(lower), upper=False)


def _gate(context: Tensor, share: Tensor, start: Tensor) -> Tensor:
    """``[K, 1 + C]`` of the logistic regression of shares on the context, from where the last round left it.

    Args:
        context: ``[m, C]``.
        share: ``[m, K]`` of each expert in all rows of that context; all of it is one.
        start: ``[K, 1 + C]``.
    """
    weight = start.clone().requires_grad_()
    optimizer = torch.optim.LBFGS([weight], max_iter=GATE_STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        log_p = F.linear(context, weight[:, 1:], weight[:, 0]).log_softmax(1)
        value = -(share * log_p).sum() + RIDGE / 2 * weight[:, 1:].square().sum()
        value.backward()
        return value

    with torch.enable_grad():
        optimizer.step(loss)
    return weight.detach()
