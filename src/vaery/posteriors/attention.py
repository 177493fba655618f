"""The attention posterior: a reader that looks at whatever fields there are."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vaery.core.gaussian import Gaussian, from_raw


class Attention(nn.Module):
    """q(z | features, context) = N(μ, diag σ²) of what a learned query reads from the present fields (Vaswani et al.,
    2017; for fields of a record: Lee et al., 2019).

    Each field is moved by a map of its own, the fields look at one another once, and the query at all of them. The
    query sees itself too, so that a row of which nothing is known has an answer.

    Args:
        size: Z, of the latent.
        context: C, of what earlier stops carry.
        fields: N, how many fields are encoded.
        features: F, of each field's features.
        heads: that look at different things; less where F cannot be divided by it.
    """

    def __init__(self, size: int, context: int, fields: int = 1, features: int = 1, heads: int = 4) -> None:
        super().__init__()
        self.heads = next(n for n in range(min(heads, features), 0, -1) if features % n == 0)
        self.own = nn.ModuleList(nn.Linear(features, features) for _ in range(fields))
        self.query = nn.Parameter(torch.randn(features) / features**0.5)
        self.look, self.read = nn.Linear(features, 3 * features), nn.Linear(features, features)
        self.norm, self.last = nn.LayerNorm(features), nn.LayerNorm(features)
        self.head = nn.Linear(features + context, 2 * size)

    def forward(self, features: Any, context: Tensor) -> Gaussian:
        """``features.values [B, N, F]``, ``features.present [B, N]``, ``context [S, B, C]`` → density of
        ``[S, B, Z]``."""
        moved = [net(features.values[:, n]) for n, net in enumerate(self.own)]
        x = torch.stack([self.query.expand_as(moved[0]), *moved], 1)
        seen = F.pad(features.present, (1, 0), value=True)[:, None, None]
        q, k, v = (t.unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in self.look(self.norm(x)).chunk(3, -1))
        found = F.scaled_dot_product_attention(q, k, v, attn_mask=seen).transpose(1, 2).flatten(2)
        x = x + self.read(found)
        h = F.silu(self.last(_pooled(x, seen[:, 0, 0])))
        return from_raw(self.head(torch.cat([h.expand(len(context), *h.shape), context], -1)))


def _pooled(x: Tensor, seen: Tensor) -> Tensor:
    """``x [B, N, F]`` summed up over what is ``seen [B, N]``."""
    return (x * seen[..., None]).sum(1)
