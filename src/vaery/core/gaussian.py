"""The diagonal Gaussian: the one density that prior and posterior share, and whose divergence is known."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vaery.core.density import Density, keep_known
from vaery.core.random import Random

LOG_2PI = math.log(2 * math.pi)


class Gaussian(Density):
    """Independent normals over a latent of size Z; the whole latent is one cell (``M = ()``).

    Args:
        loc: means ``[S, B, Z]``.
        log_scale: logarithms of the standard deviations, same shape.
    """

    def __init__(self, loc: Tensor, log_scale: Tensor) -> None:
        self.loc, self.log_scale = loc, log_scale

    def log_prob(self, value: Tensor, known: Tensor | None = None) -> Tensor:
        standard = (value - self.loc) * torch.exp(-self.log_scale)
        return (-0.5 * (standard.square() + LOG_2PI) - self.log_scale).sum(-1)

    def sample(self, rng: Random, value: Tensor | None = None, known: Tensor | None = None) -> Tensor:
        noise = rng.normal(tuple(self.loc.shape)).to(self.loc.dtype)
        return keep_known(self.loc + noise * self.log_scale.exp(), value, known)

    def mean(self) -> Tensor:
        return self.loc

    def mode(self) -> Tensor:
        return self.loc

    def kl(self, other: Density) -> Tensor | None:
        """KL(self ‖ other) for each unit, ``[S, B, Z]`` in nats; ``None`` where no closed form is known."""
        if not isinstance(other, Gaussian):
            return None
        ratio = 2 * (self.log_scale - other.log_scale)
        shift = (self.loc - other.loc) * torch.exp(-other.log_scale)
        return 0.5 * (ratio.exp() + shift.square() - 1 - ratio)
