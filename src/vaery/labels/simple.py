"""Readers that are fitted in a moment: a regression, trees, and what neighbours say, handed on to a small network."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from vaery.core.random import Random, isolated
from vaery.labels.graph import spread
from vaery.nets.trees import Boosted, Trees

PARTS = 50  # principal directions that neighbours are looked for in
POOL = 12_000  # rows among which labels are spread
NEAR_STEPS, NEAR_BATCH = 600, 256
MOST_FITTED = 20_000  # labelled rows that a reader is fitted to
MOST_SORTED = 2000  # labelled rows times columns, in thousands, beyond which a forest looks at fewer rows


@dataclass(frozen=True)
class Pool:
    """Rows as plain numbers, labelled ones first.

    Attributes:
        x: ``[N, F]``, centred and scaled.
        places: ``[N, ≤ 50]`` where neighbours are near.
    """

    x: Tensor
    places: Tensor

    @classmethod
    def of(cls, x: Tensor) -> Pool:
        """``x [N, F]``; directions are scaled half way to equal spread."""
        if x.shape[1] <= PARTS:
            return cls(x, x)
        with isolated(0):
            _, _, directions = torch.pca_lowrank(x, PARTS, center=False, niter=3)
        places = x @ directions
        return cls(x, places / places.std(0).clamp(min=1e-6).sqrt())


def fit_line(line: nn.Linear, x: Tensor, y: Tensor) -> None:
    """A multinomial regression with a ridge, on ``x [n, F]`` and codes ``y [n]``; the ridge as for unit spread."""
    from sklearn.linear_model import LogisticRegression

    x, y = x[:MOST_FITTED], y[:MOST_FITTED]
    _silence(line)
    classes = y.unique()
    if len(classes) < 2:
        _constant(line, y)
        return
    size = float(x.square().sum(1).mean())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = LogisticRegression(C=max(0.02, min(1.0, 20 / size)), max_iter=300).fit(x.numpy(), y.numpy())
    weight, bias = torch.from_numpy(found.coef_).float(), torch.from_numpy(found.intercept_).float()
    if len(classes) == 2:
        weight, bias = torch.cat([-weight, weight]) / 2, torch.cat([-bias, bias]) / 2
    with torch.no_grad():
        line.weight[classes], line.bias[classes] = weight, bias


def _silence(line: nn.Linear) -> None:
    with torch.no_grad():
        line.weight.zero_()
        line.bias.fill_(-10.0)  # a class that no row has


def _constant(line: nn.Linear, y: Tensor) -> None:
    with torch.no_grad():
        line.bias[int(y[0])] = 0.0


def fit_forest(trees: Trees, x: Tensor, y: Tensor, seed: int) -> None:
    """A random forest; its leaves hold shares of the classes, divided by the number of trees."""
    from sklearn.ensemble import RandomForestClassifier

    x, y = x[:MOST_FITTED], y[:MOST_FITTED]
    found = RandomForestClassifier(
        len(trees.feature), max_depth=trees.depth, min_samples_leaf=2, random_state=seed % 2**31
    ).fit(x.numpy(), y.numpy())
    classes = torch.from_numpy(np.asarray(found.classes_, dtype=int))

    def say(value: np.ndarray) -> Tensor:
        share = torch.from_numpy(value.reshape(-1).astype(np.float32))
        return torch.zeros(trees.leaf.shape[-1]).index_add(0, classes, share / share.sum() / len(trees.feature))

    for i, one in enumerate(found.estimators_):
        trees.take(i, one.tree_, say)


def fit_boosted(boosted: Boosted, x: Tensor, y: Tensor, seed: int) -> None:
    """Boosted trees, a tenth of each; classes that no row has are unlikely."""
    from sklearn.ensemble import GradientBoostingClassifier

    x, y = x[:MOST_FITTED], y[:MOST_FITTED]
    share = torch.bincount(y, minlength=len(boosted.start)) / len(y)
    boosted.start.copy_(share.clamp(min=1e-5).log())
    boosted.trees.leaf.zero_()
    if len(y.unique()) < 2:
        return
    found = GradientBoostingClassifier(
        n_estimators=boosted.rounds, max_depth=boosted.trees.depth, subsample=0.7, random_state=seed % 2**31,
        min_samples_leaf=min(5, max(1, len(y) // 50)), max_features=None if x.shape[1] <= 100 else "sqrt",
    ).fit(x.numpy(), y.numpy())  # fmt: skip
    classes = [int(c) for c in np.asarray(found.classes_)]
    for turn, trees in enumerate(found.estimators_):
        for i, one in enumerate(trees):
            which = classes[i] if len(classes) > 2 else classes[1]
            at = turn * boosted.many + (which if boosted.many > 1 else 0)
            boosted.trees.take(at, one.tree_, _tenth)


def _tenth(value: np.ndarray) -> Tensor:
    return torch.tensor([0.1 * float(value.reshape(-1)[0])])


def fit_near(near: nn.Module, pool: Pool, labels: Tensor, levels: int, rng: Random) -> Tensor:
    """What neighbours say (:mod:`~vaery.labels.graph`), handed on to a small network that answers for new rows.

    Args:
        near: ``[B, F]`` → logits ``[B, K]``.
        pool: rows.
        labels: ``[N]`` codes, -1 where unknown.
        levels: K.
        rng: where draws come from.

    Returns:
        ``[N, K]`` what neighbours say of the pool itself.
    """
    said = spread(pool.places, labels, levels)
    near.train().requires_grad_(True)
    optimiser = torch.optim.AdamW(near.parameters(), 2e-3, weight_decay=1e-2)
    for step in range(NEAR_STEPS):
        for group in optimiser.param_groups:
            group["lr"] = 2e-3 * min(1.0, (NEAR_STEPS - step) / (0.7 * NEAR_STEPS))
        rows = rng.integers(0, len(pool.x), (NEAR_BATCH,)).cpu()
        loss = -(said[rows] * near(pool.x[rows]).log_softmax(1)).sum(1).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    near.eval().requires_grad_(False)
    return said
