"""Networks for pythae's models: the same sizes as ours has. Runs in the peers' environment."""

from __future__ import annotations

import math
from typing import Any

from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from torch import Tensor, nn


class Encoder(BaseEncoder):
    """``body`` and two linear heads."""

    def __init__(self, body: nn.Module, width: int, latent: int) -> None:
        super().__init__()
        self.body, self.latent_dim = body, latent
        self.mean, self.log_variance = nn.Linear(width, latent), nn.Linear(width, latent)

    def forward(self, x: Tensor) -> Any:
        h = self.body(x)
        return ModelOutput(embedding=self.mean(h), log_covariance=self.log_variance(h))


class Decoder(BaseDecoder):
    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, z: Tensor) -> Any:
        return ModelOutput(reconstruction=self.body(z))


class Residual(nn.Module):
    """Two 3×3 convolutions beside a bypass, as in vaery's ``ConvResidual``."""

    def __init__(self, width: int) -> None:
        super().__init__()
        pair = [nn.Conv2d(width, width, 3, padding=1) for _ in range(2)]
        self.body = nn.Sequential(nn.SiLU(), pair[0], nn.SiLU(), pair[1])

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


def mlp(shape: tuple[int, ...], latent: int, width: int = 400) -> tuple[Encoder, Decoder]:
    """Two hidden layers each way."""
    pixels = math.prod(shape)
    down = [nn.Flatten(), nn.Linear(pixels, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()]
    up = [nn.Linear(latent, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, pixels)]
    return Encoder(nn.Sequential(*down), width, latent), Decoder(
        nn.Sequential(*up, nn.Sigmoid(), nn.Unflatten(1, shape))
    )


def conv(shape: tuple[int, ...], latent: int, width: int = 256) -> tuple[Encoder, Decoder]:
    """vaery's ``ConvEncoder`` and ``ConvDecoder`` of one block, layer for layer, for 28 × 28 pixels."""
    c = shape[0]
    down = [nn.Conv2d(c, 32, 4, 2, 1), nn.SiLU(), nn.Conv2d(32, 64, 4, 2, 1), nn.SiLU(), nn.Conv2d(64, 128, 4, 2, 1)]
    down += [Residual(128), nn.SiLU(), nn.Flatten(), nn.Linear(128 * 9, width), nn.SiLU()]
    up = [nn.Linear(latent, width), nn.SiLU(), nn.Linear(width, 128 * 9), nn.SiLU(), nn.Unflatten(1, (128, 3, 3))]
    up += [Residual(128), nn.SiLU(), nn.ConvTranspose2d(128, 64, 4, 2, 1, output_padding=1), nn.SiLU()]
    up += [nn.ConvTranspose2d(64, 32, 4, 2, 1), nn.SiLU(), nn.ConvTranspose2d(32, c, 4, 2, 1), nn.Sigmoid()]
    return Encoder(nn.Sequential(*down), width, latent), Decoder(nn.Sequential(*up))


NETS = {"mlp": mlp, "conv": conv}
