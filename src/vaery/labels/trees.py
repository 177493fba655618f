"""Decision trees as tensors: every tree is filled up to the same depth, so that its shape hangs on settings alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn


class Trees(nn.Module):
    """The sum over trees of what the leaf says that a row falls into.

    Args:
        trees: T.
        depth: D, questions on the way to a leaf.
        classes: K.
    """

    feature: Tensor
    threshold: Tensor
    leaf: Tensor
    start: Tensor

    def __init__(self, trees: int, depth: int, classes: int) -> None:
        super().__init__()
        self.depth = depth
        self.register_buffer("feature", torch.zeros(trees, 2**depth - 1, dtype=torch.long))
        self.register_buffer("threshold", torch.full((trees, 2**depth - 1), torch.inf))
        self.register_buffer("leaf", torch.zeros(trees, 2**depth, classes))
        self.register_buffer("start", torch.zeros(classes))

    def forward(self, x: Tensor) -> Tensor:
        """``x [B, F]`` → ``[B, K]``."""
        tree = torch.arange(len(self.feature), device=x.device)
        node = torch.zeros(len(x), len(tree), dtype=torch.long, device=x.device)
        for _ in range(self.depth):
            right = x.gather(1, self.feature[tree, node]) > self.threshold[tree, node]
            node = 2 * node + 1 + right
        return self.start + self.leaf[tree, node - (2**self.depth - 1)].sum(1)

    @torch.no_grad()
    def take(self, fitted: list[list[tuple[Any, int, np.ndarray]]], start: np.ndarray) -> None:
        """Take over trees of scikit-learn.

        Args:
            fitted: for each of the T trees, parts ``(tree_, class or -1, classes)``: a part with a class adds its leaf
                to that class alone, one without says something of each of ``classes``.
            start: ``[K]``, what the sum starts from.
        """
        self.start.copy_(torch.from_numpy(start))
        for i, parts in enumerate(fitted):
            for tree, which, classes in parts:
                self._fill(i, tree, which, classes, node=0, place=0, depth=0)

    def _fill(self, i: int, tree: Any, which: int, classes: np.ndarray, node: int, place: int, depth: int) -> None:
        if depth == self.depth:
            said = torch.from_numpy(np.atleast_1d(tree.value[node].squeeze()).astype(np.float32))
            at = place - (2**self.depth - 1)
            if which >= 0:
                self.leaf[i, at, which] = said[0]
            else:
                self.leaf[i, at, torch.from_numpy(classes)] = said
            return
        inner = tree.children_left[node] != -1
        if inner:
            self.feature[i, place] = int(tree.feature[node])
            self.threshold[i, place] = float(tree.threshold[node])
        left, right = (tree.children_left[node], tree.children_right[node]) if inner else (node, node)
        self._fill(i, tree, which, classes, left, 2 * place + 1, depth + 1)
        self._fill(i, tree, which, classes, right, 2 * place + 2, depth + 1)
