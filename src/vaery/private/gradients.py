"""The sum of clipped gradients of single rows.

Each row is walked by itself, a batch of one, and so many of these side by side as fit into memory (``torch.func``).
What a walk does that cannot be done side by side is done one row after the other: slower, and the same numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import functional_call, grad, vmap
from torch.overrides import TorchFunctionMode

from vaery.core.evidence import Evidence
from vaery.core.random import Random
from vaery.joint import Joint

MEMORY = 1 << 28  # bytes of gradients held at once: more is not faster
UNUSUAL = ("offsets", "max_norm", "padding_idx")  # arguments of an embedding bag that are left to torch
TINY = 1e-6  # so that rounding lengthens no gradient beyond the clip


class Single(torch.nn.Module):
    """The loss of one row, as a module, so that its weights can be swapped."""

    def __init__(self, joint: Joint, loss: Callable[[Evidence], Tensor]) -> None:
        super().__init__()
        self.joint, self.loss = joint, loss

    def forward(self, row: Evidence) -> Tensor:
        return self.loss(row)


class RowGradients:
    """Clipped gradients, row by row.

    Args:
        joint: the model.
        loss: of evidence, a scalar. It is only ever shown one row.
        rng: where the loss draws from.
        clip: the longest that one row's gradient may be, over all parameters together.
        together: rows side by side, where that can be done.
    """

    def __init__(
        self, joint: Joint, loss: Callable[[Evidence], Tensor], rng: Random, clip: float, together: bool = True
    ) -> None:
        self.single, self.rng, self.clip, self.together = Single(joint, loss), rng, clip, together
        self.parameters = {f"joint.{name}": p for name, p in joint.named_parameters() if p.requires_grad}
        count = sum(p.numel() for p in self.parameters.values())
        self.rows = max(1, MEMORY // (4 * max(1, count)))

    def sum(self, batch: Evidence) -> list[Tensor]:
        """Σ over rows of g · min(1, clip / ‖g‖), in the order of the parameters. A row whose gradient is not finite
        has no say."""
        total = [torch.zeros_like(p, requires_grad=False) for p in self.parameters.values()]
        for start in range(0, batch.rows, self.rows):
            part = batch[slice(start, start + self.rows)]
            for into, gradients in zip(total, clipped(self._each(part), self.clip), strict=True):
                into += gradients
        return total

    def _each(self, part: Evidence) -> list[Tensor]:
        """``[rows, …]`` each row's gradient, parameter by parameter."""
        if not self.together:
            alone = [self._one(part[slice(i, i + 1)]) for i in range(part.rows)]
            return [torch.stack(each) for each in zip(*alone, strict=True)]
        before = self.rng.state(), _global_streams()
        try:
            return self._side_by_side(part)
        except (RuntimeError, NotImplementedError, ValueError, TypeError):  # something that knows no batches of walks
            self.together = False
            self.rng.restore(before[0])
            _global_streams(before[1])
            return self._each(part)

    def _side_by_side(self, part: Evidence) -> list[Tensor]:
        present = {name: known for name, known in part.known.items() if known is not None}

        def loss(parameters: dict[str, Tensor], *row_of: dict[str, Tensor]) -> Tensor:
            values, known, blind = ({name: value[None] for name, value in part.items()} for part in row_of)
            row = Evidence(1, values, {name: known.get(name) for name in values}, blind=blind)
            return functional_call(self.single, parameters, (row,))

        weights = {name: p.detach() for name, p in self.parameters.items()}
        with Lookup():
            each = vmap(grad(loss), in_dims=(None, 0, 0, 0), randomness="different")
            found = each(weights, dict(part.values), present, dict(part.blind))
        return list(found.values())

    def _one(self, row: Evidence) -> list[Tensor]:
        parameters = list(self.parameters.values())
        return list(torch.autograd.grad(self.single(row), parameters, allow_unused=True, materialize_grads=True))


@torch.no_grad()
def clipped(gradients: list[Tensor], clip: float) -> list[Tensor]:
    """``[rows, …]`` of each parameter → the sum over rows, each made no longer than ``clip`` over all parameters.

    >>> [total.tolist() for total in clipped([torch.tensor([[3.0], [0.3]]), torch.tensor([[4.0], [0.4]])], clip=1.0)]
    [[0.9], [1.2]]
    """
    flat = [g.reshape(len(g), -1) for g in gradients]
    length = torch.stack([torch.linalg.vector_norm(g, dim=1) for g in flat]).square().sum(0).sqrt()
    if not bool((finite := length.isfinite()).all()):
        flat, length = [g[finite] for g in flat], length[finite]
    weight = ((1 - TINY) * clip / length).clamp(max=1.0)
    return [(weight @ g).view(whole.shape[1:]) for g, whole in zip(flat, gradients, strict=True)]


class Lookup(TorchFunctionMode):
    """Inside, a sum of looked-up rows is looked up and summed: torch has no rule for many embedding bags at once."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        plain = kwargs.get("mode") == "sum" and all(kwargs.get(name) is None for name in UNUSUAL)
        if func is F.embedding_bag and plain:
            index, table, *_ = args
            looked_up = F.embedding(index, table)
            weight = kwargs.get("per_sample_weights")
            return (looked_up if weight is None else looked_up * weight[..., None]).sum(-2)
        return func(*args, **kwargs)


def _global_streams(states: list[Tensor] | None = None) -> list[Tensor]:
    """The states of torch's own streams, which dropout draws from; where states are given, back to these."""
    if states is not None:
        torch.set_rng_state(states[0])
        if len(states) > 1:
            torch.cuda.set_rng_state(states[1])
    return [torch.get_rng_state(), *([torch.cuda.get_rng_state()] if torch.cuda.is_initialized() else [])]
