"""Mixtures of diagonal Gaussians: several opinions about a latent, of which one or the other holds."""

from __future__ import annotations

import torch
from torch import Tensor

from vaery.core.density import Density, keep_known, masked
from vaery.core.gaussian import Gaussian
from vaery.core.random import Random


class GaussianMixture(Density):
    """Σ_k w_k N(z; μ_k, diag σ_k²) over a latent of size Z, for each row its own; the whole latent is one cell.

    Args:
        loc: means ``[S, B, K, Z]``.
        log_scale: logarithms of the standard deviations, same shape.
        log_weights: ``[B, K]``, normalised; -inf leaves a component out. Draws have no gradient with respect to these.
    """

    def __init__(self, loc: Tensor, log_scale: Tensor, log_weights: Tensor) -> None:
        self.parts = Gaussian(loc, log_scale)
        self.log_weights = log_weights.to(loc.dtype).expand(loc.shape[:-1])

    def log_prob(self, value: Tensor, known: Tensor | None = None) -> Tensor:
        each = self.parts.log_prob(value.unsqueeze(-2))
        return masked(torch.logsumexp(each + self.log_weights, -1), known)

    def sample(self, rng: Random, value: Tensor | None = None, known: Tensor | None = None) -> Tensor:
        loc = self.parts.loc
        at = rng.categorical(self.log_weights)[..., None, None].expand(*loc.shape[:2], 1, loc.shape[-1])
        mean, log_scale = (t.gather(2, at).squeeze(2) for t in (loc, self.parts.log_scale))
        noise = rng.normal(tuple(mean.shape)).to(mean.dtype)
        return keep_known(mean + noise * log_scale.exp(), value, known, 1)

    def mean(self) -> Tensor:
        return (self.log_weights.exp()[..., None] * self.parts.loc).sum(2)

    def mode(self) -> Tensor:
        """The middle of the component that is highest there."""
        best = (self.log_weights - self.parts.log_scale.sum(-1)).argmax(-1)[..., None, None]
        return self.parts.loc.gather(2, best.expand(*best.shape[:3], self.parts.loc.shape[-1])).squeeze(2)

    def tempered(self, temperature: float = 1.0, top_p: float = 1.0) -> GaussianMixture:
        """Each component less (or more) spread out about its own middle."""
        parts = self.parts.tempered(temperature, top_p)
        return GaussianMixture(parts.loc, parts.log_scale, self.log_weights)
