"""The flow-matching prior: noise that streams to where the data lies in the latent space."""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn

from vaery.core.density import Density, keep_known, masked
from vaery.core.encoded import Encoded
from vaery.core.errors import ChoiceError
from vaery.core.gaussian import LOG_2PI
from vaery.core.random import Random

STEPS = 16  # of the solver, fourth order: twice as many change a density by less than a thousandth of a nat
DECAY = 0.999  # of the averaged weights that are kept


class Matching(nn.Module):
    """p(z): standard normal noise, carried along dz/dt = v(z, t) from t = 0 to 1; for the top level only.

    v is a sum of H planar flows whose gates and places hang on time (Chen, Rubanova, Bettencourt and Duvenaud, 2018):
    its divergence is a sum of H numbers, so the density needs no estimate of a trace. It starts at v = 0, that is, at
    N(0, I), and is fitted to encoded rows by flow matching (Lipman et al., 2023). A density or a draw takes 64 passes
    of the network, where a mixture takes a single product.

    Args:
        size: Z, of the latent.
        context: must be 0.
        posterior, fields, features: not used here.
        hidden: H.

    Raises:
        ChoiceError: there is a context, that is, this is not the top level.

    >>> Matching(2, 0)(torch.zeros(1, 3, 0)).log_prob(torch.zeros(1, 3, 2)).detach()       # - log(2 π), as N(0, I)
    tensor([[-1.8379, -1.8379, -1.8379]])
    """

    loc: Tensor
    factor: Tensor

    def __init__(
        self,
        size: int,
        context: int,
        posterior: nn.Module | None = None,
        fields: int = 1,
        features: int = 1,
        hidden: int = 512,
    ) -> None:
        super().__init__()
        if context:
            raise ChoiceError(
                "a matching prior takes no context: use it at the top level, and 'normal' or 'flow' below"
            )
        self.velocity = Velocity(size, hidden)
        self.register_buffer("loc", torch.zeros(size))
        self.register_buffer("factor", torch.eye(size))  # lower triangular: latents are loc + factor · what streams

    def forward(self, context: Tensor) -> StreamDensity:
        """``context [S, B, 0]`` → density of ``[S, B, Z]``."""
        return StreamDensity(self.velocity, self.loc, self.factor, (context.shape[0], context.shape[1]))

    @torch.enable_grad()
    def fit_to(
        self,
        rows: Encoded,
        rng: Random,
        held_out: Encoded | None = None,
        steps: int = 3000,
        batch: int = 512,
        learning_rate: float = 2e-3,
    ) -> None:
        """Flow matching: v(z_t, t) is what z₁ - z₀ is on average for z_t = (1 - t) z₀ + t z₁, noise z₀ and row z₁.

        Args:
            rows: they are made uncorrelated first.
            rng: of batches, noise and times.
            held_out: not used.
            steps, batch, learning_rate: of Adam; the rate falls as a cosine.
        """
        if len(rows) < 2:
            return
        z = rows.z.detach()
        covariance = z.T.cov(correction=0).reshape(len(self.loc), -1)
        self.loc.copy_(z.mean(0))
        self.factor.copy_(torch.linalg.cholesky(covariance.double() + 1e-4 * torch.eye(len(self.loc), device=z.device)))
        row = torch.linalg.solve_triangular(self.factor, (z - self.loc).T, upper=False).T
        averaged = copy.deepcopy(self.velocity)
        optimizer = torch.optim.Adam(self.velocity.parameters(), lr=learning_rate)
        falling = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: 0.5 * (1 + math.cos(math.pi * s / steps)))
        for step in range(steps):
            end = row[rng.integers(0, len(row), (batch,)).to(z.device)]
            start, t = rng.normal(tuple(end.shape)).to(end), rng.uniform((batch, 1)).to(end)
            optimizer.zero_grad()
            (self.velocity(start + t * (end - start), t)[0] - (end - start)).square().mean().backward()
            optimizer.step()
            falling.step()
            decay = min(DECAY, (1 + step) / (10 + step))
            torch._foreach_lerp_([p.data for p in averaged.parameters()], list(self.velocity.parameters()), 1 - decay)
        optimizer.zero_grad()
        self.velocity.load_state_dict(averaged.state_dict())


class Velocity(nn.Module):
    """v(z, t) = Σ_h g_h(t) a_h tanh(b_h · z + c_h(t)), and its divergence Σ_h g_h(t) (a_h · b_h) tanh′(…).

    Args:
        size: Z.
        hidden: H.
    """

    def __init__(self, size: int, hidden: int) -> None:
        super().__init__()
        self.inside = nn.Parameter(torch.randn(hidden, size) / math.sqrt(size))
        self.outside = nn.Parameter(torch.randn(size, hidden) / math.sqrt(hidden))
        first, second, last = nn.Linear(1, 64), nn.Linear(64, 64), nn.Linear(64, 2 * hidden)
        self.time = nn.Sequential(first, nn.SiLU(), second, nn.SiLU(), last)
        with torch.no_grad():
            last.weight[:hidden].zero_()
            last.bias[:hidden].zero_()
            nn.init.normal_(last.bias[hidden:])

    def forward(self, z: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """``z [..., Z]``, ``t [..., 1]`` → velocity ``[..., Z]`` and its divergence ``[...]``."""
        gate, place = self.time(2 * t - 1).chunk(2, -1)
        bend = torch.tanh(z @ self.inside.T + place)
        slope = (self.inside * self.outside.T).sum(-1)
        return (gate * bend) @ self.outside.T, (gate * (1 - bend.square()) * slope).sum(-1)


class StreamDensity(Density):
    """Where standard normal noise is at t = 1, times ``factor``, plus ``loc``.

    Args:
        velocity: of the stream.
        loc: ``[Z]``.
        factor: ``[Z, Z]`` lower triangular.
        rows: ``(S, B)``.
        temperature: standard deviation of the noise.
    """

    def __init__(
        self, velocity: Velocity, loc: Tensor, factor: Tensor, rows: tuple[int, int], temperature: float = 1.0
    ) -> None:
        self.velocity, self.loc, self.factor, self.rows = velocity, loc, factor, rows
        self.temperature = temperature

    def log_prob(self, value: Tensor, known: Tensor | None = None) -> Tensor:
        with torch.autocast(value.device.type, enabled=False):
            centred = (value - self.loc).flatten(0, -2).T
            end = torch.linalg.solve_triangular(self.factor.to(centred), centred, upper=False).T.view_as(value)
            start, widening = self._stream(end, 1.0, 0.0)
        log_p = -0.5 * ((start / self.temperature).square() + LOG_2PI).sum(-1) + widening
        log_p = log_p - self.factor.diagonal().log().sum() - len(self.loc) * math.log(self.temperature)
        return masked(log_p.expand(torch.broadcast_shapes(log_p.shape, self.rows)), known)

    def sample(self, rng: Random, value: Tensor | None = None, known: Tensor | None = None) -> Tensor:
        with torch.autocast(self.loc.device.type, enabled=False):
            noise = rng.normal((*self.rows, len(self.loc))).to(self.loc)
            end, _ = self._stream(noise * self.temperature, 0.0, 1.0)
            return keep_known(self.loc + end @ self.factor.T, value, known, 1)

    def tempered(self, temperature: float = 1.0, top_p: float = 1.0) -> StreamDensity:
        return StreamDensity(self.velocity, self.loc, self.factor, self.rows, temperature)

    def mean(self) -> Tensor:
        """Of the rows it was fitted to; before that, zero."""
        return self.loc.expand(*self.rows, -1)

    def _stream(self, z: Tensor, begin: float, end: float) -> tuple[Tensor, Tensor]:
        """Where ``z`` at one time is at another, and the integral of the divergence between the two (Runge and Kutta's
        fourth-order steps)."""
        total, step = z.new_zeros(z.shape[:-1]), (end - begin) / STEPS
        times = begin + step / 2 * torch.arange(2 * STEPS + 1, device=z.device, dtype=z.dtype)[:, None]
        for i in range(0, 2 * STEPS, 2):
            one, a = self.velocity(z, times[i])
            two, b = self.velocity(z + step / 2 * one, times[i + 1])
            three, c = self.velocity(z + step / 2 * two, times[i + 1])
            four, d = self.velocity(z + step * three, times[i + 2])
            z = z + step / 6 * (one + 2 * two + 2 * three + four)
            total = total + step / 6 * (a + 2 * b + 2 * c + d)
        return z, total
