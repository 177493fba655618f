"""Logistic regression with a ridge, by Newton's method: small, exact and plain numbers in the end."""

from __future__ import annotations

import torch
from torch import Tensor

STEPS = 50  # of Newton's method; it takes about eight
ENOUGH = 1e-9  # a gain of a step, in nats a row, below which it is over
BASE = 1e-4  # the ridge on the intercept: with it, a rate of zero has an answer


def fit(x: Tensor, y: Tensor, penalty: Tensor) -> Tensor:
    """The weights that minimise ``-Σ log p(y) + ½ Σ penalty · weight²`` (Hosmer and Lemeshow, 2000, for the method).

    Args:
        x: ``[B, F]`` float64.
        y: ``[B]`` zeros and ones.
        penalty: ``[F]`` of each weight; the intercept has next to none.

    Returns:
        ``[F + 1]``, the intercept last.

    >>> y = torch.tensor([0.0, 0.0, 0.0, 1.0]).double()
    >>> round(float(fit(torch.zeros(4, 0).double(), y, torch.zeros(0).double())[-1].sigmoid()), 3)
    0.25
    """
    x = torch.cat([x, torch.ones(len(x), 1, dtype=x.dtype, device=x.device)], 1)
    ridge = torch.cat([penalty, penalty.new_full((1,), BASE)])
    weight, loss = x.new_zeros(x.shape[1]), x.new_tensor(torch.inf)
    step = torch.zeros_like(weight)
    for _ in range(STEPS):
        trial = _loss(x, y, ridge, weight + step)
        for _ in range(STEPS):  # halve a step that leads uphill
            if trial <= loss:
                break
            step = step / 2
            trial = _loss(x, y, ridge, weight + step)
        weight, gain, loss = weight + step, loss - trial, trial
        if gain < ENOUGH * len(y):
            break
        p = (x @ weight).sigmoid()
        hessian = x.T @ (x * (p * (1 - p))[:, None]) + ridge.diag()
        step = torch.linalg.solve(hessian, x.T @ (y - p) - ridge * weight)
    return weight


def log_prob(x: Tensor, y: Tensor, weight: Tensor) -> Tensor:
    """``[B]`` log p(y) in nats."""
    score = x @ weight[:-1] + weight[-1]
    return y * score - torch.nn.functional.softplus(score)


def _loss(x: Tensor, y: Tensor, ridge: Tensor, weight: Tensor) -> Tensor:
    score = x @ weight
    return (torch.nn.functional.softplus(score) - y * score).sum() + 0.5 * (ridge * weight.square()).sum()
