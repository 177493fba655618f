"""AdamW with clipping, in one kernel.

``torch.optim.AdamW(fused=True)`` calls this same kernel, after sorting tensors by device and dtype in Python at every
step. For small models that sorting takes half as long as the kernel; here it is not needed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

FOLLOW = 0.01  # of a gradient's length goes into what is usual


class AdamW:
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019), on gradients of bounded length.

    Args:
        parameters: all on one device. One without a gradient stays as it is.
        weight_decay: share of each weight that goes at each step, over the learning rate.
        clip: the longest that all gradients together may be.
        skip: a step whose gradients are more than so many times as long as usual is left out (Child, 2021).
        betas, eps: of Adam.

    >>> weight = torch.ones(1, requires_grad=True)
    >>> optimizer = AdamW([weight], weight_decay=0.0)
    >>> (3 * weight).sum().backward()
    >>> optimizer.step(rate=0.1)
    >>> weight.detach()
    tensor([0.9000])
    """

    def __init__(
        self,
        parameters: Sequence[Tensor],
        weight_decay: float = 1e-2,
        clip: float = 5.0,
        skip: float = math.inf,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        self.parameters = list(parameters)
        self.weight_decay, self.clip, self.skip, self.betas, self.eps = weight_decay, clip, skip, betas, eps
        self.means = [torch.zeros_like(p, requires_grad=False) for p in self.parameters]
        self.squares = [torch.zeros_like(p, requires_grad=False) for p in self.parameters]
        self.steps = [torch.zeros((), device=p.device) for p in self.parameters]
        self.usual = torch.zeros((), device=self.parameters[0].device)  # how long all gradients together mostly are
        self.skipped = torch.zeros_like(self.usual)  # how many steps were left out

    def state(self) -> dict[str, list[Tensor]]:
        """All that changes, by name, in the order of the parameters."""
        lengths = [self.usual, self.skipped]
        return {"means": self.means, "squares": self.squares, "steps": self.steps, "lengths": lengths}

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for p in self.parameters:
            p.grad = None

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """One step at this learning rate."""
        kept = [i for i, p in enumerate(self.parameters) if p.grad is not None]
        parameters, means, squares, steps = (
            [group[i] for i in kept] for group in (self.parameters, self.means, self.squares, self.steps)
        )
        gradients = [p.grad for p in parameters if p.grad is not None]
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
        torch._foreach_add_(steps, 1)
        torch._fused_adamw_(
            parameters, gradients, means, squares, [], steps,
            lr=rate, beta1=self.betas[0], beta2=self.betas[1], weight_decay=self.weight_decay, eps=self.eps,
            amsgrad=False, maximize=False,
            grad_scale=(norm / self.clip).clamp(min=1.0),  # the kernel divides by it as it goes: no pass of its own
            found_inf=self._exploding(norm),
        )  # fmt: skip

    def _exploding(self, norm: Tensor) -> Tensor:
        """1 where a step is to be left out, 0 elsewhere. What is usual follows slowly, so that gradients that stay
        long are taken for usual after a few dozen steps. It is looked up on the device: nothing waits for it."""
        usual = torch.where(self.usual > 0, self.usual, norm)
        longest = self.skip * usual
        found = (norm > longest).to(norm.dtype)
        self.usual.copy_(torch.lerp(usual, torch.fmin(norm, longest), FOLLOW))
        self.skipped.add_(found)
        return found
