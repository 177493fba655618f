"""The fastest plain loop we know for one network: what any trainer is measured against.

784-400-20-400-784, Bernoulli likelihood. Rows stay resident, a batch is a slice of one shuffle an epoch, the likelihood
works on logits, one layer gives mean and log-variance, Adam is fused, and nothing in a step waits for a number. It has
no clipping, no averaging, no schedule, no held-out rows and no recovery: a bound on what a trainer could cost, not one.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Net(nn.Module):
    """The network; ``forward`` is -ELBO summed over the rows, in nats."""

    def __init__(self, pixels: int = 784, width: int = 400, latent: int = 20) -> None:
        super().__init__()
        self.encode = nn.Sequential(nn.Linear(pixels, width), nn.ReLU(), nn.Linear(width, 2 * latent))
        self.decode = nn.Sequential(nn.Linear(latent, width), nn.ReLU(), nn.Linear(width, pixels))

    def forward(self, x: Tensor) -> Tensor:
        mean, log_variance = self.encode(x).float().chunk(2, 1)
        z = mean + torch.randn_like(mean) * torch.exp(0.5 * log_variance)
        logits = self.decode(z).float()
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum()
        return F.binary_cross_entropy_with_logits(logits, x, reduction="sum") + divergence


class Tuned:
    """The loop around it.

    Args:
        x: ``[N, 784]`` float32 in 0 to 1.
        bf16: matrix products in bfloat16 (autocast).
    """

    def __init__(self, x: Tensor, batch: int = 128, bf16: bool = False, rate: float = 1e-3) -> None:
        self.x, self.batch, self.bf16 = x, batch, bf16
        self.net = Net(x.shape[1])
        self.optimizer = torch.optim.Adam(self.net.parameters(), rate, fused=True)
        self.shuffled = torch.empty_like(x)

    def epoch(self) -> int:
        """One pass; the rows trained on."""
        torch.index_select(self.x, 0, torch.randperm(len(self.x)), out=self.shuffled)
        steps = len(self.x) // self.batch
        total = torch.zeros(())
        for i in range(steps):
            rows = self.shuffled[i * self.batch : (i + 1) * self.batch]
            with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
                loss = self.net(rows)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            total += loss.detach()
        return steps * self.batch

    @torch.no_grad()
    def bound(self, x: Tensor) -> float:
        """Mean ELBO of these rows, one draw, divergence in closed form."""
        return -float(self.net(x)) / len(x)
