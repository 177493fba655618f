"""Training of gated recurrent layers on a processor: what :class:`torch.nn.GRU` works out, in less time.

Left to autograd, each step through time adds a gradient of its own to the weights and leaves a dozen small tensors
behind. Here a layer is one function: the factors of the way back are worked out for all steps at once, and the gradient
of the weights is one product at its end.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from vaery.nets.dropout import dropout

WEIGHTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def gru(net: nn.GRU, packed: PackedSequence, state: Tensor | None = None) -> PackedSequence:
    """``net(packed, state)[0]``, of a network that reads in one direction (Cho et al., 2014).

    Args:
        net: whose weights, and whose dropout between layers, are meant.
        packed: rows of different lengths.
        state: ``[layers, N, hidden]`` at the start; ``None``: zeros.
    """
    x, sizes, order, back = packed
    counts = sizes.tolist()
    if state is None:
        start = torch.zeros(net.num_layers, counts[0], net.hidden_size, dtype=x.dtype, device=x.device)
    else:
        start = state if order is None else state.index_select(1, order)
    for layer in range(net.num_layers):
        into, onto, a, b = (getattr(net, f"{name}_l{layer}") for name in WEIGHTS)
        x = _Layer.apply(F.linear(x, into, a), start[layer], onto, b, counts)
        if layer + 1 < net.num_layers:
            x = dropout(x, net.dropout) if net.dropout and net.training else x
    return PackedSequence(x, sizes, order, back)


class _Layer(torch.autograd.Function):
    """The states after all steps, ``[P, H]``, from what the inputs say to the gates (reset, update, new), ``[P, 3 H]``.

    P are the steps of all rows, time by time; rows are sorted, the longest first, so that time t is of the first
    ``counts[t]``.
    """

    @staticmethod
    def forward(ctx: Any, given: Tensor, start: Tensor, weight: Tensor, bias: Tensor, counts: list[int]) -> Tensor:
        size, kind = start.shape[1], _precision_of_products(given)
        given, state, turned, shift = given.to(weight.dtype), start.to(weight.dtype), weight.to(kind).T, bias.to(kind)
        gates, heard = torch.empty_like(given), given.new_empty(len(given), size)
        before, after = torch.empty_like(heard), torch.empty_like(heard)
        both, reset, update, last = slice(2 * size), slice(size), slice(size, 2 * size), slice(2 * size, None)
        for here, rows in _times(counts):
            state = state[:rows]
            before[here] = state
            own, gate, told = torch.addmm(shift, state.to(kind), turned), gates[here], given[here]
            torch.add(told[:, both], own[:, both], out=gate[:, both]).sigmoid_()
            heard[here] = own[:, last]
            new = torch.addcmul(told[:, last], gate[:, reset], heard[here], out=gate[:, last]).tanh_()
            state = torch.lerp(new, state, gate[:, update], out=after[here])
        ctx.save_for_backward(gates, heard, before, weight)
        ctx.counts, ctx.kind = counts, kind
        return after

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, None]:
        gates, heard, before, weight = ctx.saved_tensors
        reset, update, new = gates.chunk(3, 1)
        slope = (1 - update) * (1 - new.square())  # by which a state's gradient is that of "new" before its tanh
        shares = [slope * heard * reset * (1 - reset), (before - new) * update * (1 - update), slope * reset]
        factor, turned = torch.stack(shares, 1), weight.to(ctx.kind).T.contiguous().T
        own, states = torch.empty_like(gates), torch.empty_like(before)  # gradients of what states say, and of states
        grad = before.new_zeros(ctx.counts[0], before.shape[1])
        for here, rows in reversed(_times(ctx.counts)):
            torch.add(grad[:rows], grads[0][here], out=states[here])
            torch.mul(factor[here], states[here][:, None], out=own[here].unflatten(1, (3, -1)))
            torch.addcmul(own[here].to(ctx.kind) @ turned, states[here], update[here], out=grad[:rows])
        given = own.clone()
        torch.mul(states, slope, out=given[:, -before.shape[1] :])
        return given, grad, (own.to(ctx.kind).T @ before.to(ctx.kind)).to(weight.dtype), own.sum(0), None


def _times(counts: list[int]) -> list[tuple[slice, int]]:
    """Where the steps of each time are, and of how many rows."""
    ends = [0]
    for rows in counts:
        ends.append(ends[-1] + rows)
    return [(slice(end - rows, end), rows) for end, rows in zip(ends[1:], counts, strict=True)]


def _precision_of_products(x: Tensor) -> torch.dtype:
    device = x.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else x.dtype
