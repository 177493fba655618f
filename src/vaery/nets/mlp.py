"""Multilayer perceptrons, plain and residual."""

from __future__ import annotations

import itertools

import torch.nn.functional as F
from torch import Tensor, nn

from vaery.nets.dropout import dropout


class Residual(nn.Module):
    """``x + b(dropout(silu(a(norm(x)))))``: one block of a residual MLP.

    ``b`` starts at zero, so a deep stack starts as the identity.
    """

    def __init__(self, width: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.a, self.b = nn.Linear(width, width), nn.Linear(width, width)
        self.dropout = dropout
        nn.init.zeros_(self.b.weight)
        nn.init.zeros_(self.b.bias)

    def forward(self, x: Tensor) -> Tensor:
        h = F.silu(self.a(self.norm(x)))
        return x + self.b(dropout(h, self.dropout) if self.dropout and self.training else h)


class Trunk(nn.Sequential):
    """``depth`` residual blocks of one width, with a last norm: ``[..., width]`` → ``[..., width]``."""

    def __init__(self, width: int, depth: int, dropout: float = 0.0) -> None:
        super().__init__(*(Residual(width, dropout) for _ in range(depth)), nn.LayerNorm(width), nn.SiLU())


class ResidualMLP(nn.Sequential):
    """A linear map to ``width``, a :class:`Trunk`, a linear map to ``out``."""

    def __init__(self, inputs: int, out: int, width: int, depth: int, dropout: float = 0.0) -> None:
        super().__init__(nn.Linear(inputs, width), Trunk(width, depth, dropout), nn.Linear(width, out))


class MLP(nn.Sequential):
    """Linear layers with ReLU between them: ``inputs → hidden… → out``. No activation after the last.

    >>> MLP(784, 400, 20)
    MLP(
      (0): Linear(in_features=784, out_features=400, bias=True)
      (1): ReLU()
      (2): Linear(in_features=400, out_features=20, bias=True)
    )
    """

    def __init__(self, *sizes: int) -> None:
        layers: list[nn.Module] = []
        for inputs, out in itertools.pairwise(sizes):
            layers += [nn.Linear(inputs, out), nn.ReLU()]
        super().__init__(*layers[:-1])
