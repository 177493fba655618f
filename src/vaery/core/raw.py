"""Reading the raw numbers that a network hands to a likelihood: any real number, in any precision."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def full_precision(raw: Tensor) -> Tensor:
    """The same numbers in single precision at least; what mixed precision left in half is not enough for a density."""
    return raw.to(torch.promote_types(raw.dtype, torch.float32))


def bounded(raw: Tensor, low: float, high: float) -> Tensor:
    """``raw.clamp(low, high)`` that can be left again.

    Inside it is the identity, so a parametrisation can be inverted by hand. Outside, the gradient of a loss that is
    *minimised* passes where it leads back in and is zero where it leads further out: a plain clamp has no gradient
    there at all, and what once strayed out never returns (Ballé et al., 2018, bound the scales of their
    entropy models in this way).

    >>> x = torch.tensor([-9.0, 0.5, 9.0], requires_grad=True)
    >>> bounded(x, -1.0, 1.0)
    tensor([-1.0000,  0.5000,  1.0000], grad_fn=<_BoundedBackward>)
    """
    return _Bounded.apply(raw, low, high)


class _Bounded(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(raw: Tensor, low: float, high: float) -> Tensor:
        return raw.clamp(low, high)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, float, float], output: Tensor) -> None:
        raw, ctx.low, ctx.high = inputs
        ctx.save_for_backward(raw)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (raw,) = ctx.saved_tensors
        outward = ((raw < ctx.low) & (gradient > 0)) | ((raw > ctx.high) & (gradient < 0))
        return gradient.masked_fill(outward, 0.0), None, None
