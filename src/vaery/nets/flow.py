"""Normalising flows: invertible maps between a latent and standard normal noise, built on zuko."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Transform

from vaery.core.density import Density, keep_known, masked
from vaery.core.gaussian import LOG_2PI
from vaery.core.random import Random


class SplineFlow(nn.Module):
    """Monotonic rational-quadratic splines, a few layers of them (Durkan, Bekasov, Murray and Papamakarios, 2019).

    Starts as the identity. Splines live on [-5, 5]; outside, the map is the identity.

    Args:
        size: Z, of the latent.
        context: C, of the context.
        transforms: how many layers.
        hidden: width of the two hidden layers of each layer's network.
        passes: the units are in this many groups, and each is mapped given all groups before it. The way from latent to
            noise takes one pass of each layer's network, the way back this many. 2 are coupling layers.
    """

    def __init__(self, size: int, context: int, transforms: int, hidden: int, passes: int) -> None:
        super().__init__()
        from zuko.flows import NSF

        flow = NSF(size, context, transforms=transforms, hidden_features=(hidden, hidden), passes=passes)
        self.transform: Any = flow.transform  # lazy layers, which zuko's types do not tell apart
        self.conditional = context > 0
        for layer in self.transform.transforms:
            alone = size == 1 and not context  # then a layer has free parameters instead of a network
            for p in layer.phi if alone else layer.hyper[-1].parameters():
                nn.init.zeros_(p)

    def forward(self, context: Tensor) -> Transform:
        """``context [..., C]`` → the map from latents ``[..., Z]`` to noise."""
        return self.transform(context if self.conditional else None)


class FlowDensity(Density):
    """The density of ``loc + exp(log_scale) · flow⁻¹(noise)`` for standard normal noise.

    Args:
        flow: the map from latent to noise, both ``[S, B, Z]``: zuko's, with its slope and its inverse.
        loc, log_scale: ``[S, B, Z]``.
        temperature: standard deviation of the noise.
    """

    def __init__(self, flow: Any, loc: Tensor, log_scale: Tensor, temperature: float = 1.0) -> None:
        self.flow, self.loc, self.log_scale, self.temperature = flow, loc, log_scale, temperature

    def log_prob(self, value: Tensor, known: Tensor | None = None) -> Tensor:
        standard = (value - self.loc) * torch.exp(-self.log_scale)
        with torch.autocast(standard.device.type, enabled=False):  # splines need single precision
            noise, log_slope = self.flow.call_and_ladj(standard)
        log_p = -0.5 * ((noise / self.temperature).square() + LOG_2PI) - math.log(self.temperature)
        return masked((log_p - self.log_scale).sum(-1) + log_slope, known)

    def sample(self, rng: Random, value: Tensor | None = None, known: Tensor | None = None) -> Tensor:
        return keep_known(self._push(rng.normal(tuple(self.loc.shape)).to(self.loc.dtype)), value, known, 1)

    def tempered(self, temperature: float = 1.0, top_p: float = 1.0) -> FlowDensity:
        return FlowDensity(self.flow, self.loc, self.log_scale, temperature)

    def mean(self) -> Tensor:
        """An average over 64 fixed draws: no closed form is known, but it is the same each time."""
        rng = Random(0, self.loc.device, share_rows=True)
        total = torch.zeros_like(self.loc)
        for _ in range(32):
            noise = rng.normal((1, *self.loc.shape[1:])).to(self.loc.dtype).expand(self.loc.shape)
            total = total + self._push(noise) + self._push(-noise)
        return total / 64

    def _push(self, noise: Tensor) -> Tensor:
        with torch.autocast(noise.device.type, enabled=False):
            standard: Tensor = self.flow.inv(noise * self.temperature)
        return self.loc + standard * self.log_scale.exp()
