"""The flow prior: a normalising flow of the context, for a latent space of any shape."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from vaery.core.encoded import Encoded
from vaery.core.random import Random
from vaery.nets.flow import FlowDensity, SplineFlow

# Groups of units. Four fit as well as Z groups of one (16 units, curved clusters), and draw Z / 4 times faster.
PASSES = 4


class Flow(nn.Module):
    """p(z | context) by a block-autoregressive neural spline flow (Durkan et al., 2019); starts at N(0, I).

    Densities take one pass of the network, draws four. A flow prior does what an inverse autoregressive posterior
    does, and does not slow inference down (Chen et al., 2017).

    Args:
        size: Z, of the latent.
        context: C, of what earlier levels carry.
        posterior, fields, features: not used here.
        transforms: layers of the flow.
        hidden: width of each layer's network.

    >>> Flow(2, 0)(torch.zeros(1, 3, 0)).log_prob(torch.zeros(1, 3, 2)).detach()       # - log(2 π), as N(0, I)
    tensor([[-1.8379, -1.8379, -1.8379]])
    """

    loc: Tensor
    log_scale: Tensor

    def __init__(
        self,
        size: int,
        context: int,
        posterior: nn.Module | None = None,
        fields: int = 1,
        features: int = 1,
        transforms: int = 3,
        hidden: int = 64,
    ) -> None:
        super().__init__()
        self.flow = SplineFlow(size, context, transforms, hidden, passes=PASSES)
        self.register_buffer("loc", torch.zeros(size))
        self.register_buffer("log_scale", torch.zeros(size))

    def forward(self, context: Tensor) -> FlowDensity:
        """``context [S, B, C]`` → density of ``[S, B, Z]``."""
        shape = (*context.shape[:2], len(self.loc))
        return FlowDensity(self.flow(context), self.loc.expand(shape), self.log_scale.expand(shape))

    @torch.enable_grad()
    def fit_to(
        self,
        rows: Encoded,
        rng: Random,
        held_out: Encoded | None = None,
        steps: int = 1000,
        batch: int = 256,
        learning_rate: float = 3e-3,
    ) -> None:
        """Maximum likelihood on rows, by Adam; of what was seen on the way, the weights that held-out ones like best
        are kept.

        Args:
            rows: they are standardised first, and the flow keeps their mean and scale.
            rng: of batches.
            held_out: None: a tenth of the rows.
            steps, batch, learning_rate: of Adam; the rate falls as a cosine.
        """
        rows = rows[rng.permutation(len(rows)).to(rows.z.device)]
        z = rows.z
        self.loc.copy_(z.mean(0))
        self.log_scale.copy_(z.std(0, correction=0).clamp(min=1e-2).log())
        spare = len(rows) // 10 if held_out is None else 0
        train = rows[spare:]
        held_out = held_out if held_out is not None else rows[:spare] if spare else train
        optimizer = torch.optim.Adam(self.flow.parameters(), lr=learning_rate)
        falling = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: 0.5 * (1 + math.cos(math.pi * s / steps)))
        best, kept = self._score(held_out), self._weights()
        for step in range(1, steps + 1):
            some = train[rng.integers(0, len(train), (batch,)).to(z.device)]
            optimizer.zero_grad()
            (-some.log_prob(self).mean()).backward()
            nn.utils.clip_grad_norm_(self.flow.parameters(), 5.0)
            optimizer.step()
            falling.step()
            if step % max(1, steps // 20) == 0 and (score := self._score(held_out)) > best:
                best, kept = score, self._weights()
        optimizer.zero_grad()
        self.flow.load_state_dict(kept)

    @torch.no_grad()
    def _score(self, rows: Encoded) -> float:
        return float(rows.log_prob(self).mean())

    def _weights(self) -> dict[str, Tensor]:
        return {name: weight.detach().clone() for name, weight in self.flow.state_dict().items()}
