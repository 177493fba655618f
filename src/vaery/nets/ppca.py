"""A mixture of linear Gaussian models: few numbers tell where a row is, and noise the rest."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vaery.core.gaussian import LOG_2PI
from vaery.core.random import Random, isolated

COARSE = "coarse "  # before the name of a field: what the mixture that sees it from afar is called beside a model
SWEEPS = 3  # in which rows go over to the component that makes them likeliest
SPARE, POWERS = 8, 4  # directions beside those asked for, and products, of the random projection that finds them
EACH = 4  # rows for each factor, at least
TOGETHER = 512  # rows: what is computed of them takes several times their memory
LEAST = 1e-4  # variance along any direction, where values are from 0 to 1


class PPCAMixture(nn.Module):
    """p(x) = Σ_k w_k N(x; μ_k, W_k W_k' + σ_k² I), a mixture of probabilistic principal component analysers (Tipping
    and Bishop, 1999).

    Args:
        size: D, of a row.
        components: K.
        factors: R of each, fewer than D.

    >>> PPCAMixture(3, 2, 1).log_prob(torch.zeros(1, 3))                             # as N(0, I): - 1.5 log(2 π)
    tensor([-2.7568])
    """

    log_weight: Tensor
    mean: Tensor
    axes: Tensor
    variance: Tensor
    rest: Tensor

    def __init__(self, size: int, components: int, factors: int) -> None:
        super().__init__()
        self.register_buffer("log_weight", torch.zeros(components).log_softmax(0))
        self.register_buffer("mean", torch.zeros(components, size))
        self.register_buffer("axes", torch.zeros(components, size, factors))  # orthonormal, or zero where not used
        self.register_buffer("variance", torch.ones(components, factors))  # along each of these
        self.register_buffer("rest", torch.ones(components))  # along every other direction

    def log_prob(self, x: Tensor) -> Tensor:
        """``[B, D]`` → ``[B]`` nats."""
        return (self._each(x) + self.log_weight).logsumexp(1)

    def _each(self, x: Tensor) -> Tensor:
        """``[B, K]``, of each component."""
        return torch.cat([self._some(part) for part in x.split(TOGETHER)])

    def _some(self, x: Tensor) -> Tensor:
        found, (size, factors) = [], self.axes.shape[1:]
        for mean, axes, variance, rest in zip(self.mean, self.axes, self.variance, self.rest, strict=True):
            off = x.to(mean) - mean
            along = (off @ axes).square()
            beside = (off.square().sum(1) - along.sum(1)).clamp(min=0)
            volume = variance.log().sum() + (size - factors) * rest.log() + size * LOG_2PI
            found.append(-0.5 * ((along / variance).sum(1) + beside / rest + volume))
        return torch.stack(found, 1)

    @torch.no_grad()
    def fit_to(self, x: Tensor, part: Tensor, rng: Random) -> None:
        """Maximum likelihood, each row in one component (classification EM; Celeux and Govaert, 1992).

        Args:
            x: rows ``[n, D]``, values from 0 to 1.
            part: ``[n]`` the component of each at first.
            rng: of the projections that find the main directions.
        """
        for sweep in range(SWEEPS):
            for k in range(len(self.mean)):
                self._settle(k, x[part == k], len(x), rng)
            if sweep < SWEEPS - 1:
                part = (self._each(x) + self.log_weight).argmax(1)

    def _settle(self, k: int, x: Tensor, rows: int, rng: Random) -> None:
        """The component's closed form. Where it has too few rows, some of its factors are not used; without rows it has
        no weight."""
        self.log_weight[k] = torch.tensor(len(x) / rows).log()
        if not len(x):
            return
        self.mean[k] = x.mean(0)
        off, (size, most) = x - self.mean[k], self.axes.shape[1:]
        total = off.square().sum() / len(x)
        factors = max(0, min(most, len(x) // EACH))
        variance = off.new_zeros(0)
        self.axes[k] = 0
        if factors:
            with isolated(rng.seed()):
                _, length, axes = torch.svd_lowrank(off, q=min(factors + SPARE, *off.shape), niter=POWERS)
            variance = length[:factors].square() / len(x)
            self.axes[k, :, :factors] = axes[:, :factors]
        free = len(x) / max(1, len(x) - factors - 1)  # directions that were fitted leave less beside them
        rest = ((total - variance.sum()) / (size - factors) * free).clamp(min=LEAST)
        self.rest[k], self.variance[k] = rest, rest
        self.variance[k, :factors] = variance.maximum(rest)
