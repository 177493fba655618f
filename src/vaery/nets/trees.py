"""Decision trees as tensors: every tree is filled up to the same depth, so that its shape hangs on settings alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

DISCRIMINATOR = "discriminator"  # what trees that tell made rows from real ones are called beside a model


class Trees(nn.Module):
    """The sum over trees of what the leaf says that a row falls into.

    Args:
        trees: T.
        depth: D, questions on the way to a leaf.
        said: how many numbers a leaf holds.
    """

    feature: Tensor
    threshold: Tensor
    leaf: Tensor

    def __init__(self, trees: int, depth: int, said: int) -> None:
        super().__init__()
        self.depth = depth
        self.register_buffer("feature", torch.zeros(trees, 2**depth - 1, dtype=torch.long))
        self.register_buffer("threshold", torch.full((trees, 2**depth - 1), torch.inf))
        self.register_buffer("leaf", torch.zeros(trees, 2**depth, said))

    def leaves(self, x: Tensor) -> Tensor:
        """``x [B, F]`` → ``[B, T, said]`` the leaf of each tree."""
        tree = torch.arange(len(self.feature), device=x.device)
        node = torch.zeros(len(x), len(tree), dtype=torch.long, device=x.device)
        for _ in range(self.depth):
            right = x.gather(1, self.feature[tree, node]) > self.threshold[tree, node]
            node = 2 * node + 1 + right
        return self.leaf[tree, node - (2**self.depth - 1)]

    def forward(self, x: Tensor) -> Tensor:
        """``x [B, F]`` → ``[B, said]``."""
        return self.leaves(x).sum(1)

    @torch.no_grad()
    def take(self, i: int, tree: Any, say: Callable[[Any], Tensor]) -> None:
        """Take over a tree of scikit-learn.

        Args:
            i: as which of the T trees.
            tree: its ``tree_``.
            say: the value of one of its nodes → what the leaf is to hold.
        """
        self._fill(i, tree, say, node=0, place=0, depth=0)

    def _fill(self, i: int, tree: Any, say: Callable[[Any], Tensor], node: int, place: int, depth: int) -> None:
        if depth == self.depth:
            self.leaf[i, place - (2**self.depth - 1)] = say(tree.value[node])
            return
        inner = tree.children_left[node] != -1
        if inner:
            self.feature[i, place] = int(tree.feature[node])
            self.threshold[i, place] = _single(float(tree.threshold[node]))
        left, right = (tree.children_left[node], tree.children_right[node]) if inner else (node, node)
        self._fill(i, tree, say, left, 2 * place + 1, depth + 1)
        self._fill(i, tree, say, right, 2 * place + 2, depth + 1)


def _single(threshold: float) -> Tensor:
    """In single precision, and no higher: rounded up it could be the next value that rows hold."""
    near = torch.tensor(threshold, dtype=torch.float32)
    return near if float(near) <= threshold else torch.nextafter(near, torch.tensor(-torch.inf))


class Boosted(nn.Module):
    """Boosted trees (Friedman, 2001): in each round one for each class, or of two classes one for the second.

    Args:
        rounds: of boosting.
        depth: of a tree.
        classes: K.
    """

    start: Tensor

    def __init__(self, rounds: int, depth: int, classes: int) -> None:
        super().__init__()
        self.rounds, self.many = rounds, 1 if classes == 2 else classes
        self.trees = Trees(rounds * self.many, depth, 1)
        self.register_buffer("start", torch.zeros(classes))

    def forward(self, x: Tensor) -> Tensor:
        """``x [B, F]`` → logits ``[B, K]``."""
        said = self.trees.leaves(x).view(len(x), self.rounds, self.many).sum(1)
        return self.start + (torch.cat([torch.zeros_like(said), said], 1) if self.many == 1 else said)
