"""The diagonal Gaussian: the one density that prior and posterior share, and whose divergence is known."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vaery.core.density import Density, keep_known, masked
from vaery.core.random import Random
from vaery.core.raw import full_precision

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
        return masked((-0.5 * (standard.square() + LOG_2PI) - self.log_scale).sum(-1), known)

    def sample(self, rng: Random, value: Tensor | None = None, known: Tensor | None = None) -> Tensor:
        noise = rng.normal(tuple(self.loc.shape)).to(self.loc.dtype)
        return keep_known(self.loc + noise * self.log_scale.exp(), value, known, 1)

    def mean(self) -> Tensor:
        return self.loc

    def mode(self) -> Tensor:
        return self.loc

    def tempered(self, temperature: float = 1.0, top_p: float = 1.0) -> Gaussian:
        return self if temperature == 1 else Gaussian(self.loc, self.log_scale + math.log(temperature))

    def kl(self, other: Density) -> Tensor | None:
        """KL(self ‖ other) for each unit, ``[S, B, Z]`` in nats; ``None`` where no closed form is known."""
        if not isinstance(other, Gaussian):
            return None
        if isinstance(other, Standard):
            return 0.5 * ((2 * self.log_scale).exp() + self.loc.square() - 1) - self.log_scale
        ratio = 2 * (self.log_scale - other.log_scale)
        shift = (self.loc - other.loc) * torch.exp(-other.log_scale)
        return 0.5 * (ratio.exp() + shift.square() - 1 - ratio)


class Standard(Gaussian):
    """N(0, I): the same answers in fewer operations.

    Args:
        context: ``[S, B, C]``, whose leading axes, device and dtype it takes.
        size: Z.
    """

    def __init__(self, context: Tensor, size: int) -> None:
        zero = torch.zeros((), device=context.device, dtype=context.dtype).expand(*context.shape[:-1], size)
        super().__init__(zero, zero)

    def log_prob(self, value: Tensor, known: Tensor | None = None) -> Tensor:
        log_p = -0.5 * (value.square().sum(-1) + LOG_2PI * value.shape[-1])
        return masked(log_p.expand(torch.broadcast_shapes(log_p.shape, self.loc.shape[:-1])), known)


def from_raw(raw: Tensor, low: float = -7.0, high: float = 2.0) -> Gaussian:
    """A network's output ``[..., 2 Z]`` → the Gaussian with these means and log-scales.

    Log-scales are kept inside ``(low, high)`` by ``b tanh(raw / b)``, with ``b`` the bound on that side of zero: the
    identity near zero, and a gradient everywhere, where a hard clamp would leave a runaway unit no way back.

    >>> from_raw(torch.zeros(1, 1, 4)).log_scale
    tensor([[[0., 0.]]])
    """
    loc, log_scale = full_precision(raw).chunk(2, -1)
    bound = torch.where(log_scale < 0, -low, high)
    return Gaussian(loc, bound * torch.tanh(log_scale / bound))
