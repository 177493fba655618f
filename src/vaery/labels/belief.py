"""How far each reader is to be believed, and how sure their mixture may be: learned from answers about unseen rows."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from vaery.core.random import Random
from vaery.labels.reader import cooled, mixed

SPREAD = 0.5  # of a weight about 1 / readers, before anything was seen
CAREFUL = 1.0  # the standard deviation of the logarithm of a temperature, before anything was seen
TEMPERATURES = torch.logspace(-1.0, 1.0, 81)


def weigh(said: Tensor, truth: Tensor, steps: int = 300) -> Tensor:
    """``[R]`` weights, none below zero, of readers whose answers for unseen rows were ``said [R, n, K]`` (logarithms)
    and the truth ``[n]``: those of the likeliest product, all readers alike where nothing tells them apart.

    >>> sure, wrong = torch.tensor([[0.9, 0.1]]).log(), torch.tensor([[0.1, 0.9]]).log()
    >>> weigh(torch.stack([sure, wrong]).expand(2, 100, 2), torch.zeros(100, dtype=torch.long)).argmax()
    tensor(0)
    """
    start = torch.full((len(said),), 1 / len(said))
    weight = start.clone().requires_grad_(True)
    optimiser = torch.optim.Adam([weight], 0.05)
    with torch.enable_grad():
        for _ in range(steps):
            log_p = (said * weight[:, None, None]).sum(0).log_softmax(-1)
            loss = F.nll_loss(log_p, truth, reduction="sum") + 0.5 * ((weight - start) / SPREAD).square().sum()
            optimiser.zero_grad()
            (loss / len(truth)).backward()
            optimiser.step()
            with torch.no_grad():
                weight.clamp_(min=0)
    return weight.detach()


def temper(said: Tensor, weight: Tensor, truth: Tensor) -> Tensor:
    """The temperature that makes the readers' common answers likeliest (Guo et al., 2017); near one where rows are few.

    Args:
        said: ``[R, n, K]`` logarithms, about unseen rows.
        weight: ``[R]``.
        truth: ``[n]`` codes, or ``[n, K]`` chances.
    """
    return _likeliest([mixed(said, weight, temperature) for temperature in TEMPERATURES], truth)


def tempers(said: Tensor, truth: Tensor) -> Tensor:
    """``[R]`` each reader's own temperature, likewise."""
    each = [[cooled(one[None], temperature[None])[0] for temperature in TEMPERATURES] for one in said]
    return torch.stack([_likeliest(answers, truth) for answers in each])


def _likeliest(answers: list[Tensor], truth: Tensor) -> Tensor:
    chances = truth if truth.dim() == 2 else F.one_hot(truth, answers[0].shape[-1]).to(answers[0].dtype)
    losses = torch.stack([-(chances * log_p).sum() for log_p in answers])
    return TEMPERATURES[(losses + 0.5 * (TEMPERATURES.log() / CAREFUL).square()).argmin()]


def folds(truth: Tensor, count: int, rng: Random) -> Tensor:
    """``[n]`` which fold each row is in: every class is spread over all of them.

    >>> folds(torch.tensor([0, 0, 1, 1]), 2, Random(0)).view(2, 2).sum(1)
    tensor([1, 1])
    """
    order = rng.permutation(len(truth)).cpu()
    order = order[truth[order].argsort(stable=True)]
    fold = torch.empty(len(truth), dtype=torch.long)
    fold[order] = torch.arange(len(truth)) % count
    return fold
