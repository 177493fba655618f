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
from vaery.core.errors import ChoiceError
from vaery.core.gaussian import LOG_2PI
from vaery.core.random import Random

MOST = 60  # components that are fitted
ROUNDS = 15  # of expectation maximisation; thirty were no better than ten
HALVINGS = 3  # of the largest number of components, for the smallest that is tried


class Mixture(nn.Module):
    """p(z) = Σ_k π_k N(z; μ_k, Σ_k), with full covariances; for the top level only.

    It can be trained along with the model, or be fitted to encoded rows afterwards (:meth:`fit_to`), which makes it a
    model of the aggregated posterior (Ghosh et al., 2020). A covariance is held as the Cholesky factor of its inverse,
    so that a density costs one matrix product for all components.

    Args:
        size: Z, of the latent.
        context: must be 0.
        posterior, fields, features: not used here.
        components: K.

    Raises:
        ChoiceError: there is a context, that is, this is not the top level.

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
        if context:
            raise ChoiceError("a mixture prior takes no context: use it at the top level, and 'normal' or 'flow' below")
        self.logits = nn.Parameter(torch.zeros(components))
        self.means = nn.Parameter(0.5 * torch.randn(components, size))  # together about N(0, I): .5² + e^-.29
        self.log_diagonal = nn.Parameter(torch.full((components, size), 0.145))
        self.lower = nn.Parameter(torch.zeros(components, size, size))

    def forward(self, context: Tensor) -> MixtureDensity:
        """``context [S, B, 0]`` → density of ``[S, B, Z]``."""
        factor = torch.tril(self.lower, -1) + torch.diag_embed(self.log_diagonal.exp())
        return MixtureDensity(self.logits.log_softmax(0), self.means, factor, self.log_diagonal, context.shape[:2])

    @torch.no_grad()
    def fit_to(self, z: Tensor, rng: Random, held_out: Tensor | None = None) -> dict[str, Any]:
        """Maximum likelihood on samples, by expectation maximisation from a k-means start.

        Args:
            z: ``[n, Z]``; at most n / 100 components come of it, and at most n / 6Z (a covariance of few rows says
                more of these rows than of others), one at least.
            rng: seeds the start.
            held_out: ``[m, Z]`` that decide on the number of components: it is doubled as long as they gain. None:
                as many as may be.

        Returns:
            How many components are left, as an argument of the class.
        """
        if len(z) < 2:
            return {}  # one row has no covariance
        most = max(1, min(MOST, len(z) // max(100, 6 * z.shape[1])))
        judge = None if held_out is None else held_out.double().cpu().numpy()
        best, kept = -math.inf, None
        for halvings in range(HALVINGS if judge is not None else 0, -1, -1):
            found = _fitted(z, max(1, most >> halvings), rng)
            score = 0.0 if judge is None else float(found.score(judge))
            if score <= best:
                break
            best, kept = score, found
        self._take(kept)
        return {"components": len(self.logits)}

    def _take(self, found: Any) -> None:
        factor = torch.as_tensor(found.precisions_cholesky_).mT.to(self.lower)  # upper triangular there
        self.logits = nn.Parameter(torch.as_tensor(found.weights_).clamp(min=1e-12).log().to(self.logits))
        self.means = nn.Parameter(torch.as_tensor(found.means_).to(self.means))
        self.lower = nn.Parameter(torch.tril(factor, -1))
        self.log_diagonal = nn.Parameter(factor.diagonal(dim1=-2, dim2=-1).log())


def _fitted(z: Tensor, components: int, rng: Random) -> Any:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture
    from threadpoolctl import threadpool_limits

    found = GaussianMixture(components, reg_covar=1e-4, max_iter=ROUNDS, random_state=rng.seed() % 2**32)
    with warnings.catch_warnings(), threadpool_limits(1):  # threads add up in the order they end in
        warnings.simplefilter("ignore", ConvergenceWarning)
        return found.fit(z.detach().double().cpu().numpy())


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
