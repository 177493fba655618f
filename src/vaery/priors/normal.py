"""The normal prior: a standard normal at the top of the walk, a diagonal Gaussian of the context below it."""

from __future__ import annotations

from torch import Tensor, nn

from vaery.core.gaussian import Gaussian, Standard, from_raw
from vaery.nets.mlp import ResidualMLP


class Normal(nn.Module):
    """p(z | context) = N(0, I) without context, N(μ(context), diag σ²(context)) with it.

    The network of μ and log σ starts at zero output, so that every level starts as N(0, I).

    Args:
        size: Z, of the latent.
        context: C, of what earlier levels carry; 0 at the top.
        posterior, fields, features: not used here.
        width, depth: of the residual MLP of the context.

    >>> import torch
    >>> prior = Normal(2, 0)
    >>> prior(torch.zeros(1, 3, 0)).log_prob(torch.zeros(1, 3, 2))          # - log(2 π) for two units
    tensor([[-1.8379, -1.8379, -1.8379]])
    """

    def __init__(
        self,
        size: int,
        context: int,
        posterior: nn.Module | None = None,
        fields: int = 1,
        features: int = 1,
        width: int = 64,
        depth: int = 1,
    ) -> None:
        super().__init__()
        self.size = size
        self.net = ResidualMLP(context, 2 * size, width, depth) if context else None
        if self.net is not None:
            last = self.net[-1]
            assert isinstance(last, nn.Linear)
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def forward(self, context: Tensor) -> Gaussian:
        """``context [S, B, C]`` → density of ``[S, B, Z]``."""
        if self.net is not None:
            return from_raw(self.net(context))
        return Standard(context, self.size)
