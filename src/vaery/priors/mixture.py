"""The Gaussian mixture prior: where the data really lies in the latent space, as a few dozen ellipsoids."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vaery.core.density import Density, keep_known, masked
from vaery.core.encoded import Encoded
from vaery.core.gaussian import LOG_2PI
from vaery.core.random import Random
from vaery.nets.mixture_of_experts import ROUNDS, Experts, fit_experts

MOST = 60  # components that are fitted
HALVINGS = 3  # of the largest number of components, for the smallest that is tried


class Mixture(nn.Module):
    """p(z | context) = Σ_k π_k(context) N(z; μ_k, Σ_k), with full covariances.

    It can be trained along with the model, or be fitted to encoded rows afterwards (:meth:`fit_to`), which makes it a
    model of the aggregated posterior (Ghosh et al., 2020). A covariance is held as the Cholesky factor of its inverse,
    so that a density costs one matrix product for all components. What was visited before (a label) weighs them: a
    mixture of experts whose gate is linear (Jordan and Jacobs, 1994).

    Args:
        size: Z, of the latent.
        context: C, of what was visited before.
        posterior, fields, features: not used here.
        components: K.

    >>> Mixture(2, 0, components=3)(torch.zeros(1, 5, 0)).sample(Random(0)).shape
    torch.Size([1, 5, 2])
    """

    def __init__(
        self,
        size: int,
        context: int,
        posterior: nn.Module | None = None,
        fields: int = 1,
        features: int = 1,
        components: int = 30,
    ) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(components))
        self.gate = nn.Parameter(torch.zeros(components, context)) if context else None
        self.means = nn.Parameter(0.5 * torch.randn(components, size))  # together about N(0, I): .5² + e^-.29
        self.log_diagonal = nn.Parameter(torch.full((components, size), 0.145))
        self.lower = nn.Parameter(torch.zeros(components, size, size))

    def forward(self, context: Tensor) -> MixtureDensity:
        """``context [S, B, C]`` → density of ``[S, B, Z]``."""
        factor = torch.tril(self.lower, -1) + torch.diag_embed(self.log_diagonal.exp())
        logits = self.logits if self.gate is None else F.linear(context, self.gate, self.logits)
        return MixtureDensity(logits.log_softmax(-1), self.means, factor, self.log_diagonal, context.shape[:2])

    @torch.no_grad()
    def fit_to(self, rows: Encoded, rng: Random, held_out: Encoded | None = None) -> dict[str, Any]:
        """Maximum likelihood on rows, by expectation maximisation from a k-means start.

        Args:
            rows: n of them; at most n / 100 components come of it, and at most n / 6Z (a covariance of few rows says
                more of these rows than of others), one at least.
            rng: seeds the start.
            held_out: rows that decide on the number of components: it is doubled as long as they gain. None: as many
                as may be.

        Returns:
            How many components are left, as an argument of the class.
        """
        if len(rows) < 2:
            return {}  # one row has no covariance
        most = max(1, min(MOST, len(rows) // max(100, 6 * rows.z.shape[1])))
        best, kept = -math.inf, None
        for halvings in range(HALVINGS if held_out is not None else 0, -1, -1):
            found = _fitted(rows, max(1, most >> halvings), rng)
            score = 0.0 if held_out is None else float(found.log_prob(held_out.z, held_out.context).mean())
            if score <= best:
                break
            best, kept = score, found
        if kept is not None:
            self._take(kept)
        return {"components": len(self.logits)}

    def _take(self, found: Experts) -> None:
        self.logits = nn.Parameter(found.bias.to(self.logits))
        self.gate = None if self.gate is None else nn.Parameter(found.gate.to(self.gate))
        self.means = nn.Parameter(found.means.to(self.means))
        self.lower = nn.Parameter(torch.tril(found.factor, -1).to(self.lower))
        self.log_diagonal = nn.Parameter(found.factor.diagonal(dim1=-2, dim2=-1).log().to(self.log_diagonal))


def _fitted(rows: Encoded, components: int, rng: Random) -> Experts:
    if rows.context.shape[1]:
        return fit_experts(rows.z.detach(), rows.context.detach(), _parts(rows, components, rng))
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture
    from threadpoolctl import threadpool_limits

    mixture = GaussianMixture(components, reg_covar=1e-4, max_iter=ROUNDS, random_state=rng.seed() % 2**32)
    with warnings.catch_warnings(), threadpool_limits(1):  # threads add up in the order they end in
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture.fit(rows.z.detach().double().cpu().numpy())
    here = lambda x: torch.as_tensor(x, device=rows.z.device)
    weights, factor = here(mixture.weights_), here(mixture.precisions_cholesky_).mT  # upper triangular there
    return Experts(weights.clamp(min=1e-12).log(), weights.new_zeros(len(weights), 0), here(mixture.means_), factor)


def _parts(rows: Encoded, components: int, rng: Random) -> Tensor:
    """``[n]`` to which of so many parts a row belongs at first: near in z and in the context, which weigh the same."""
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    wide = lambda x: (x - x.mean(0)) / x.var(0, correction=0).sum().sqrt().clamp(min=1e-6)
    both = torch.cat([wide(rows.z.double()), wide(rows.context.double())], 1).detach().cpu().numpy()
    with threadpool_limits(1):
        part = KMeans(min(components, len(rows)), random_state=rng.seed() % 2**32).fit_predict(both)
    return torch.as_tensor(part, device=rows.z.device).long()


class MixtureDensity(Density):
    """A mixture of K Gaussians over a latent of size Z, the same for every row.

    Args:
        log_weights: ``[K]``, normalised.
        means: ``[K, Z]``.
        factor: ``[K, Z, Z]`` lower triangular A with A (z - μ) standard normal, that is, A' A is the precision.
        log_diagonal: ``[K, Z]`` logarithms of A's diagonal.
        rows: ``(S, B)``.
    """

    def __init__(
        self, log_weights: Tensor, means: Tensor, factor: Tensor, log_diagonal: Tensor, rows: Sequence[int]
    ) -> None:
        self.log_weights, self.means, self.factor, self.log_diagonal = log_weights, means, factor, log_diagonal
        self.rows = tuple(rows)

    def log_prob(self, value: Tensor, known: Tensor | None = None) -> Tensor:
        with torch.autocast(value.device.type, enabled=False):  # a product in half precision would be far off
            shift = (self.factor @ self.means[..., None]).flatten()
            standard = F.linear(value.to(shift.dtype), self.factor.flatten(0, 1), -shift).unflatten(
                -1, self.means.shape
            )
        log_p = (self.log_diagonal - 0.5 * (standard.square() + LOG_2PI)).sum(-1)
        log_p = torch.logsumexp(log_p + self.log_weights, -1)
        return masked(log_p.expand(torch.broadcast_shapes(self.rows, value.shape[:-1])), known)

    def sample(self, rng: Random, value: Tensor | None = None, known: Tensor | None = None) -> Tensor:
        which = rng.categorical(self.log_weights.expand(*self.rows, -1))
        noise = rng.normal((*self.rows, self.means.shape[-1])).to(self.means.dtype)
        out = torch.empty_like(noise, memory_format=torch.contiguous_format)
        for k in which.unique().tolist():
            here = which == k
            out[here] = self.means[k] + torch.linalg.solve_triangular(self.factor[k], noise[here].mT, upper=False).mT
        return keep_known(out, value, known, 1)

    def tempered(self, temperature: float = 1.0, top_p: float = 1.0) -> MixtureDensity:
        """Each component less (or more) spread out about its own middle."""
        shrunk = self.factor / temperature, self.log_diagonal - math.log(temperature)
        return MixtureDensity(self.log_weights, self.means, *shrunk, self.rows)

    def mean(self) -> Tensor:
        return (self.log_weights.exp() @ self.means).expand(*self.rows, -1)
