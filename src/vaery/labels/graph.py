"""Labels spread over a graph of neighbours."""

from __future__ import annotations

import warnings

import torch
import torch.nn.functional as F
from torch import Tensor

STEPS = 60  # of spreading
BLOCK = 1024


def neighbours(x: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Squared distances and numbers ``[N, count]`` of the nearest other rows of ``x [N, F]``."""
    square, far, near = x.square().sum(1), [], []
    for start in range(0, len(x), BLOCK):
        gap = square - 2 * x[start : start + BLOCK] @ x.T
        gap[torch.arange(len(gap)), torch.arange(start, start + len(gap))] = torch.inf
        distance, index = gap.topk(count, largest=False)
        far.append((distance + square[start : start + BLOCK, None]).clamp(min=0))
        near.append(index)
    return torch.cat(far), torch.cat(near)


def spread(x: Tensor, labels: Tensor, classes: int, count: int = 10, reach: float = 0.99) -> Tensor:
    """``[N, K]`` chances of each class by label spreading (Zhou et al., 2004), classes brought to equal mass.

    Args:
        x: features ``[N, F]``.
        labels: ``[N]`` codes, -1 where unknown.
        classes: K.
        count: neighbours of each row.
        reach: how much of what a row says it has from its neighbours.

    >>> x = torch.tensor([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]])
    >>> spread(x, torch.tensor([0, -1, -1, 1, -1, -1]), 2, count=2).argmax(1)
    tensor([0, 0, 0, 1, 1, 1])
    """
    distance, index = neighbours(x, min(count, len(x) - 1))
    weight = torch.exp(-4 * distance / distance[:, -1:].clamp(min=1e-9))
    row = torch.arange(len(x)).repeat_interleave(index.shape[1])
    column, weight = index.flatten(), weight.flatten()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # torch calls its sparse matrices beta
        both = torch.stack([torch.cat([row, column]), torch.cat([column, row])])
        matrix = torch.sparse_coo_tensor(
            both, torch.cat([weight, weight]) / 2, (len(x), len(x)), check_invariants=False
        )
        matrix = matrix.coalesce().to_sparse_csr()
    root = (matrix @ torch.ones(len(x), 1)).clamp(min=1e-9).sqrt()
    known = labels >= 0
    start = torch.zeros(len(x), classes)
    start[known] = F.one_hot(labels[known], classes).float()
    said = start
    for _ in range(STEPS):
        said = reach * (matrix @ (said / root)) / root + (1 - reach) * start
    said = said / said.sum(0).clamp(min=1e-9) + 1e-9
    return said / said.sum(1, keepdim=True)
