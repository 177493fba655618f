"""Dropout whose coins are bytes: on a CPU, drawing them otherwise takes longer than the layers between them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def dropout(x: Tensor, rate: float) -> Tensor:
    """Zero each entry with probability ``rate`` and scale the others up (Srivastava et al., 2014).

    On a CPU the rate is rounded to 256ths, and eight coins are read from each random integer of torch's global stream.

    >>> dropout(torch.ones(1000), 0.5).unique()
    tensor([0., 2.])
    """
    if x.device.type != "cpu":
        return F.dropout(x, rate)
    below = min(255, round(256 * rate))
    integers = torch.empty(x.numel() // 8 + 1, dtype=torch.int64).random_(-(2**63), None)
    coins = integers.view(torch.uint8)[: x.numel()].view(x.shape)
    return x * (coins >= below).to(x.dtype).mul_(256 / (256 - below))


class Dropout(nn.Module):
    """:func:`dropout` in training, and nothing otherwise."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """``x`` of any shape → the same shape."""
        return dropout(x, self.rate) if self.rate and self.training else x
