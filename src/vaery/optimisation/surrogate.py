"""Surrogates: what a function may be worth where it was not called yet, from the calls so far.

A surrogate is a function ``(x, y, pool, draws, rng) -> [draws, P]``: from ``x [N, F]`` and ``y [N]``, so many plausible
values of each row of ``pool [P, F]``. Each draw is one function that agrees with the calls; to call next where each of
them is highest is Thompson sampling (Thompson, 1933), which explores by as much as is not known yet.
"""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaery.core.errors import choice, extra
from vaery.core.random import Random, isolated

Surrogate = Callable[[Tensor, Tensor, Tensor, int, Random], Tensor]

TREES, FEW = 100, 5  # of a forest, and those that a draw is the mean of
MOST = 500  # calls that a Gaussian process is fitted to, the best of all, as its cost is cubic
STEPS = 50  # of the optimiser of its length scales


def surrogate_called(name: str) -> tuple[str, Surrogate]:
    """A surrogate by its name; ``"auto"``: the Gaussian process, where BoTorch is installed.

    Raises:
        ChoiceError: none is called that.
        MissingExtra: BoTorch is asked for by name and not installed.
    """
    there = importlib.util.find_spec("botorch") is not None
    name = ("gp" if there else "forest") if name == "auto" else name
    if name not in SURROGATES:
        raise choice("surrogate", name, ["auto", *SURROGATES])
    if name == "gp" and not there:
        raise extra("BoTorch", "optimise", "surrogate='gp'")
    return name, SURROGATES[name]


def gp(x: Tensor, y: Tensor, pool: Tensor, draws: int, rng: Random) -> Tensor:
    """A Gaussian process with a length scale for each feature and a prior that knows how many there are (Hvarfner,
    Hellsten and Nardi, 2024), by BoTorch (Balandat et al., 2020)."""
    best = y.argsort(descending=True, stable=True)[:MOST]
    with warnings.catch_warnings(), isolated(rng.seed() % 2**31):
        warnings.simplefilter("ignore")  # of scales that had no time to settle
        mean, covariance = _posterior(x[best], _standard(y[best]), pool)
    factor, _ = torch.linalg.cholesky_ex(covariance + 1e-6 * torch.eye(len(pool), dtype=covariance.dtype))
    return mean + rng.normal((draws, len(pool))).cpu().double() @ factor.T


def _posterior(x: Tensor, y: Tensor, pool: Tensor) -> tuple[Tensor, Tensor]:
    from botorch import fit_gpytorch_mll
    from botorch.exceptions import ModelFittingError
    from botorch.models import SingleTaskGP
    from gpytorch.mlls import ExactMarginalLogLikelihood

    model = SingleTaskGP(x, y[:, None], outcome_transform=None)
    how = {"options": {"maxiter": STEPS}}
    with suppress(ModelFittingError):  # calls may have been dear: better plain scales than none
        fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model), optimizer_kwargs=how)
    model.eval()
    with torch.no_grad():
        found: Any = model.posterior(pool)
        return found.distribution.mean.clone(), found.distribution.covariance_matrix.clone()


def forest(x: Tensor, y: Tensor, pool: Tensor, draws: int, rng: Random) -> Tensor:
    """A random forest (Breiman, 2001); each draw is the mean of a few of its trees."""
    from sklearn.ensemble import RandomForestRegressor

    made = RandomForestRegressor(TREES, max_features=0.5, random_state=rng.seed() % 2**31)
    made.fit(x.numpy(), _standard(y).numpy())
    trees = torch.as_tensor(np.stack([tree.predict(pool.numpy()) for tree in made.estimators_]))
    few = torch.stack([rng.permutation(TREES)[:FEW].cpu() for _ in range(draws)])
    return trees[few].mean(1)


SURROGATES: dict[str, Surrogate] = {"gp": gp, "forest": forest}


def _standard(y: Tensor) -> Tensor:
    return (y - y.mean()) / y.std(correction=0).clamp(min=1e-12)
