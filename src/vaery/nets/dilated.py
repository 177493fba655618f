"""Networks over time: dilated convolutions that see both sides, and what pools them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vaery.nets.dropout import dropout


class Dilated(nn.Module):
    """``x + b(silu(a(norm(x))))`` on ``[N, W, T]``: a convolution of three taps so many steps apart, and a mixing of
    channels that starts at zero, so that a deep stack starts as the identity (Yu and Koltun, 2016)."""

    def __init__(self, width: int, dilation: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(width, 1))
        self.a = nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation)
        self.b = nn.Conv1d(width, width, 1)
        self.dropout = dropout
        zeroed(self.b)

    def forward(self, x: Tensor) -> Tensor:
        normed = x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-6) * self.gain
        h = F.silu(self.a(normed))
        return x + self.b(dropout(h, self.dropout) if self.dropout and self.training else h)


class Stack(nn.Sequential):
    """Blocks with dilations 1, 2, 4 … (by the ``factor``) until they reach over most of the window; ``rounds`` times.

    Args:
        width: of all blocks.
        steps: T, the length of a window.
        rounds: how often the dilations are gone through.
        factor: from one dilation to the next.
    """

    def __init__(self, width: int, steps: int, rounds: int = 1, dropout: float = 0.0, factor: int = 2) -> None:
        reach = [1]
        while reach[-1] * factor * 4 < steps and len(reach) < 5:
            reach.append(factor * reach[-1])
        super().__init__(*(Dilated(width, dilation, dropout) for _ in range(rounds) for dilation in reach))


class Attend(nn.Module):
    """Self-attention over time with one residual connection, on ``[N, W, T]``; it starts as the identity.

    Which steps look alike is asked of their content, so that what happened a day ago can answer for today
    (Vaswani et al., 2017).
    """

    def __init__(self, width: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor) -> Tensor:
        rows, width, steps = x.shape
        h = self.norm(x.transpose(1, 2))
        q, k, v = self.qkv(h).view(rows, steps, 3, self.heads, -1).permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(rows, steps, width)
        return x + self.out(mixed).transpose(1, 2)


def zeroed(layer: nn.Conv1d) -> None:
    """Let a convolution give nothing, until it learns to."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
