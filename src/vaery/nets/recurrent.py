"""Recurrent networks over sequences: one that goes on from what came before, one that sums up what comes later."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from vaery.nets.gru import gru


def ragged(net: nn.GRU, x: Tensor, ends: Tensor, state: Tensor | None = None) -> Tensor:
    """``x [N, T, size]``, of which row n has ``ends [N]`` cells → ``[N, T, hidden]``; steps beyond the end of a row are
    not taken, which saves more than half of them where lengths differ."""
    some = pack_padded_sequence(x, ends.clamp(min=1).cpu(), batch_first=True, enforce_sorted=False)
    trains = torch.is_grad_enabled() and x.device.type == "cpu"
    read = gru(net, some, state) if trains else net(some, state)[0]
    return pad_packed_sequence(read, batch_first=True, total_length=x.shape[1])[0]


class Recurrent(nn.Module):
    """A gated recurrent network (Cho et al., 2014) that sees the context at its start and at every step.

    Args:
        size: of an input.
        context: C, of what is known from the start.
        hidden: of the state, and of what comes out.
        depth: layers.
        dropout: between layers.
        length: not used here; see :class:`~vaery.nets.transformer.Transformer`.
    """

    def __init__(self, size: int, context: int, hidden: int, depth: int, dropout: float, length: int = 0) -> None:
        super().__init__()
        self.hidden = hidden
        self.start = nn.Linear(max(1, context), depth * hidden)
        self.gru = nn.GRU(size + context, hidden, depth, batch_first=True, dropout=dropout if depth > 1 else 0.0)

    def forward(self, x: Tensor, context: Tensor, ends: Tensor) -> Tensor:
        """Inputs ``[N, T, size]``, of which row n has ``ends [N]``, context ``[N, C]`` → ``[N, T, hidden]``."""
        return ragged(self.gru, self._with(x, context), ends, self._start(context))

    def step(self, x: Tensor, context: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """One input more ``[N, size]`` → ``[N, hidden]``, and the state that the next step is handed."""
        state = self._start(context) if state is None else state
        out, after = self.gru(self._with(x[:, None], context), state)
        return out[:, 0], after

    def _start(self, context: Tensor) -> Tensor:
        seen = context if context.shape[-1] else context.new_zeros(len(context), 1)
        return self.start(seen).tanh().unflatten(-1, (-1, self.hidden)).transpose(0, 1).contiguous()

    def _with(self, x: Tensor, context: Tensor) -> Tensor:
        return torch.cat([x, context[:, None].expand(-1, x.shape[1], -1)], -1) if context.shape[-1] else x


class Backwards(nn.Module):
    """Reads each row from its own end to its beginning.

    Args:
        size: of an input.
        hidden: of the state.
    """

    def __init__(self, size: int, hidden: int) -> None:
        super().__init__()
        self.gru = nn.GRU(size, hidden, batch_first=True)
        self.nothing = nn.Parameter(torch.zeros(hidden))

    def forward(self, x: Tensor, ends: Tensor) -> Tensor:
        """``x [N, T, size]``, of which row n has ``ends [N]`` cells → ``[N, T + 1, hidden]``: at t what the cells t, t
        + 1, … up to the end make together, and a learned ``nothing`` from the end on. The rest of a row is not read."""
        rows, steps = x.shape[:2]
        nothing = self.nothing.expand(rows, 1, -1)
        if steps == 0:
            return nothing
        place = torch.arange(steps + 1, device=x.device)
        back = (ends[:, None] - 1 - place[:-1]).clamp(min=0)
        turned = x.gather(1, back[..., None].expand_as(x))
        read = ragged(self.gru, turned, ends, nothing.transpose(0, 1).contiguous())
        states = torch.cat([nothing, read], 1)  # after 0, 1, 2 … cells from the end
        return states.gather(1, (ends[:, None] - place).clamp(min=0)[..., None].expand_as(states))
