"""The VampPrior: a mixture of the posterior itself, at a few learned inputs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from vaery.core.density import Density, keep_known, masked
from vaery.core.errors import ChoiceError
from vaery.core.features import Features
from vaery.core.random import Random, log_mean_exp


class Vamp(nn.Module):
    """p(z) = 1/K Σ_k q(z | u_k) (Tomczak and Welling, 2018); for the top level only.

    The u_k are learned in the space of the encoders' *features* ``[N, F]`` and not in that of the data, so that one
    prior serves every kind of data, discrete ones too, and costs a head and not an encoder.

    Args:
        size: Z, of the latent.
        context: must be 0.
        posterior: the level's posterior module. It belongs to the level and is no parameter of the prior.
        fields, features: N and F.
        components: K.

    Raises:
        ChoiceError: there is a context, that is, this is not the top level; or no posterior.
    """

    _posterior: nn.Module

    def __init__(
        self,
        size: int,
        context: int,
        posterior: nn.Module | None = None,
        fields: int = 1,
        features: int = 1,
        components: int = 100,
    ) -> None:
        super().__init__()
        if context:
            raise ChoiceError("a vamp prior takes no context: use it at the top level, and 'normal' or 'flow' below")
        if posterior is None:
            raise ChoiceError("a vamp prior is a mixture of its level's posterior: pass that as posterior=")
        object.__setattr__(self, "_posterior", posterior)  # past nn.Module, which would register it a second time
        self.size = size
        self.inputs = nn.Parameter(torch.randn(components, fields, features))

    def start_from(self, features: Any) -> None:
        """Start at encoded rows: ``features.values [B, N, F]``, spread evenly over them; repeated if there are few."""
        rows = torch.linspace(0, len(features.values) - 1, len(self.inputs), device=features.values.device)
        with torch.no_grad():
            self.inputs.copy_(features.values[rows.round().long()])

    def forward(self, context: Tensor) -> VampDensity:
        """``context [S, B, 0]`` → density of ``[S, B, Z]``."""
        return VampDensity(self, (context.shape[0], context.shape[1]))

    def component(self, which: Tensor | None = None) -> Density:
        """The posterior at all pseudo-inputs, or at these ``[n]`` of them: a density of ``[1, K or n, Z]``."""
        inputs = self.inputs if which is None else self.inputs[which]
        present = torch.ones(inputs.shape[:2], dtype=torch.bool, device=inputs.device)
        return self._posterior(Features(inputs, present), inputs.new_zeros(1, len(inputs), 0))


class VampDensity(Density):
    """An even mixture of K posteriors, the same for every row.

    Args:
        prior: the module; components are made when they are asked for.
        rows: ``(S, B)``.
        temperature: what the spread of each posterior is multiplied by.
    """

    def __init__(self, prior: Vamp, rows: tuple[int, int], temperature: float = 1.0) -> None:
        self.prior, self.rows, self.temperature = prior, rows, temperature

    def log_prob(self, value: Tensor, known: Tensor | None = None) -> Tensor:
        flat = value.reshape(-1, 1, value.shape[-1]).expand(-1, len(self.prior.inputs), -1)
        log_p = log_mean_exp(self._component().log_prob(flat), -1).view(value.shape[:-1])
        return masked(log_p.expand(torch.broadcast_shapes(self.rows, value.shape[:-1])), known)

    def sample(self, rng: Random, value: Tensor | None = None, known: Tensor | None = None) -> Tensor:
        draws, rows = self.rows
        rows = 1 if rng.share_rows else rows
        alone = rng.spawn(share_rows=False)  # draws are laid out as rows here, and must differ
        uniform = torch.zeros(draws * rows, len(self.prior.inputs), device=rng.device)
        drawn = self._component(alone.categorical(uniform)).sample(alone)
        return keep_known(drawn.view(draws, rows, -1).expand(*self.rows, -1), value, known, 1)

    def mean(self) -> Tensor:
        return self.prior.component().mean().mean(1, keepdim=True).expand(*self.rows, -1)

    def tempered(self, temperature: float = 1.0, top_p: float = 1.0) -> VampDensity:
        return VampDensity(self.prior, self.rows, temperature)

    def _component(self, which: Tensor | None = None) -> Density:
        return self.prior.component(which).tempered(self.temperature)
