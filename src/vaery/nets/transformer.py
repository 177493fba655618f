"""A small causal transformer over sequences, with the same face as :class:`~vaery.nets.recurrent.Recurrent`."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

State = list[tuple[Tensor, Tensor]]  # of each layer, the keys and values of all that came before


class Transformer(nn.Module):
    """Pre-norm layers of causal attention (Vaswani et al., 2017; Xiong et al., 2020); the context is added to every
    input and is itself a first cell that all others look at.

    Args:
        size: of an input.
        context: C, of what is known from the start.
        hidden: of the layers, and of what comes out; a multiple of 32.
        depth: layers.
        dropout: in the layers.
        length: the most inputs of a row.
    """

    def __init__(self, size: int, context: int, hidden: int, depth: int, dropout: float, length: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.input = nn.Linear(size, hidden)
        self.memory = nn.Linear(max(1, context), hidden)
        self.add = nn.Linear(max(1, context), hidden)
        self.place = nn.Parameter(0.02 * torch.randn(length + 1, hidden))
        self.layers = nn.ModuleList(_Layer(hidden, max(1, hidden // 32), dropout) for _ in range(depth))
        self.norm = nn.LayerNorm(hidden)

    def forward(self, x: Tensor, context: Tensor, ends: Tensor) -> Tensor:
        """As of :class:`~vaery.nets.recurrent.Recurrent`."""
        return self._run(x, context, None)[0]

    def step(self, x: Tensor, context: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """Likewise; the state are the keys and values so far."""
        out, state = self._run(x[:, None], context, state)
        return out[:, 0], state

    def _run(self, x: Tensor, context: Tensor, state: State | None) -> tuple[Tensor, State]:
        seen = context if context.shape[-1] else context.new_zeros(len(context), 1)
        done = 0 if state is None else state[0][0].shape[-2]
        h = self.input(x) + self.add(seen)[:, None]
        first = state is None
        if first:
            h = torch.cat([self.memory(seen)[:, None], h], 1)
        h = h + self.place[done : done + h.shape[1]]
        kept: State = []
        for i, layer in enumerate(self.layers):
            h, one = layer(h, None if state is None else state[i])
            kept.append(one)
        return self.norm(h[:, 1:] if first else h), kept


class _Layer(nn.Module):
    """Attention to what came before, then an MLP for each cell."""

    def __init__(self, hidden: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, nn.Dropout(dropout)
        self.before, self.after = nn.LayerNorm(hidden), nn.LayerNorm(hidden)
        self.read, self.out = nn.Linear(hidden, 3 * hidden), nn.Linear(hidden, hidden)
        self.mlp = nn.Sequential(nn.Linear(hidden, 4 * hidden), nn.GELU(), nn.Linear(4 * hidden, hidden))

    def forward(self, h: Tensor, past: tuple[Tensor, Tensor] | None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        query, key, value = self.read(self.before(h)).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        if past is not None:
            key, value = torch.cat([past[0], key], -2), torch.cat([past[1], value], -2)
        new, all_ = query.shape[-2], key.shape[-2]
        seen = torch.ones(new, all_, dtype=torch.bool, device=h.device).tril(all_ - new)
        found = F.scaled_dot_product_attention(query, key, value, attn_mask=seen)
        h = h + self.dropout(self.out(found.transpose(1, 2).flatten(-2)))
        return h + self.dropout(self.mlp(self.after(h))), (key, value)
