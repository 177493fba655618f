"""optimise: the best row in so many calls of a known function, under conditions. Part of ``tables.py``.

The function is a booster that was fitted to the whole table, so that any row has a value; all methods call that. It is
not to be trusted far from the rows it was fitted to, so beside the best of all calls there is the best among those that
are as near to a real row as nineteen in twenty real rows are to one another.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from common import data
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.neighbors import NearestNeighbors
from task import Asked, Task, fit

# Table → what is raised, and what is held: a value, or a range.
ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "concrete": ("strength_mpa", {"age_days": 28.0, "cement": (None, 350.0)}),
    "wine_quality": ("quality", {"color": "white", "alcohol": (None, 10.5)}),
    "power_plant": ("energy_output_mw", {"temperature_c": (20.0, None)}),
}
TABLES = tuple(ASKED)
CALLS = (50, 100, 500)
ROUNDS = 25  # of Bayesian optimisation, as ours has
Function = Callable[[pd.DataFrame], np.ndarray]


@dataclass(frozen=True)
class Setting:
    """A function to be raised, and what is known.

    Attributes:
        rows: the table without the column that the function stands for.
        held: column → value, or the ends of a range.
        function: rows → values, in standard deviations of the column from its mean.
        near: rows → whether each is as near to a real row as most of these are to one another.
        model: ours, fitted to ``rows``; and what that took.
    """

    rows: pd.DataFrame
    held: dict[str, Any]
    function: Function
    near: Callable[[pd.DataFrame], np.ndarray]
    model: Any
    took: dict[str, float]


def task(asked: Asked, name: str) -> Task:
    calls = (20, 40) if asked.quick else CALLS
    methods = {
        "vaery": lambda s, seed: ours(s, calls, seed, "gp"),
        "vaery, forest": lambda s, seed: ours(s, calls, seed, "forest"),
        "draws of the model": lambda s, seed: draws(s, calls, seed),
        "uniform in the hull": lambda s, seed: judged(s, calls, uniform(s, max(calls), seed)),
        "BoTorch in the hull": lambda s, seed: botorch(s, calls, seed),
    }
    config = {"data": name, "asked": ASKED[name], "calls": calls, "rounds": ROUNDS}
    own = frozenset({"vaery", "vaery, forest"})
    once = frozenset({"BoTorch in the hull"})
    return Task("optimise", config, lambda seed: setting(asked, name, seed), methods, once, own, name)


def setting(asked: Asked, name: str, seed: int) -> Setting:
    table = getattr(data(asked.data), name)()
    target, held = ASKED[name]
    rows, codes = table.drop(columns=target), encoder(table.drop(columns=target))
    booster = HistGradientBoostingRegressor(max_iter=300, random_state=0).fit(codes(rows), table[target])
    mean, sd = float(table[target].mean()), float(table[target].std())
    model, took = fit(asked, rows, seed)
    return Setting(rows, held, lambda x: (booster.predict(codes(x)) - mean) / sd, closeness(codes, rows), model, took)


def encoder(rows: pd.DataFrame) -> Callable[[pd.DataFrame], np.ndarray]:
    """Rows as standardised numbers, texts by their order."""
    levels = {c: sorted(rows[c].unique()) for c in rows if not pd.api.types.is_numeric_dtype(rows[c])}

    def numbers(x: pd.DataFrame) -> np.ndarray:
        x = x[list(rows)]
        return x.assign(**{c: x[c].map(of.index) for c, of in levels.items()}).to_numpy(dtype=float)

    known = numbers(rows)
    mean, sd = known.mean(0), known.std(0)
    return lambda x: (numbers(x) - mean) / sd


def closeness(codes: Callable[[pd.DataFrame], np.ndarray], rows: pd.DataFrame) -> Callable[[pd.DataFrame], np.ndarray]:
    known = np.unique(codes(rows), axis=0)  # copies are near to one another by nature
    found = NearestNeighbors(n_neighbors=2).fit(known)
    limit = float(np.quantile(found.kneighbors(known)[0][:, 1], 0.95))
    return lambda x: found.kneighbors(codes(x), n_neighbors=1)[0][:, 0] <= limit


def judged(s: Setting, calls: tuple[int, ...], tried: pd.DataFrame) -> dict[str, float]:
    """What the first so many rows come to, where one run serves every number of calls."""
    return {name: v for n in calls for name, v in best(s, n, tried.head(n)).items()}


def best(s: Setting, calls: int, tried: pd.DataFrame) -> dict[str, float]:
    """The best of what was called."""
    assert len(tried) <= calls
    held = [tried[c].between(*ends(s, c)) if isinstance(v, tuple) else tried[c] == v for c, v in s.held.items()]
    assert np.logical_and.reduce(held).all(), "a condition was not kept"
    y, near = s.function(tried), s.near(tried)
    return {
        f"best_{calls}": float(y.max()),
        f"near_{calls}": float(y[near].max()) if near.any() else float(s.function(s.rows).min()),
        f"near_share_{calls}": float(near.mean()),
    }


def ends(s: Setting, column: str) -> tuple[float, float]:
    """What a number may be: the range of the data, or what is asked of it."""
    asked = s.held.get(column, (None, None))
    low, high = asked if isinstance(asked, tuple) else (asked, asked)
    x = s.rows[column]
    return (float(x.min()) if low is None else low), (float(x.max()) if high is None else high)


# ---------------------------------------------------------------------- ours


def given(s: Setting) -> dict[str, Any]:
    from vaery import between

    return {c: between(*v) if isinstance(v, tuple) else v for c, v in s.held.items()}


class Calls:
    """The function, and all that it was called with."""

    def __init__(self, s: Setting) -> None:
        self.s, self.rows = s, []

    def __call__(self, rows: pd.DataFrame) -> np.ndarray:
        self.rows.append(rows)
        return self.s.function(rows)


def ours(s: Setting, calls: tuple[int, ...], seed: int, surrogate: str) -> dict[str, float]:
    found = dict(s.took)
    for n in calls:
        target = Calls(s)
        s.model.optimise(target, given=given(s), calls=n, seed=seed, surrogate=surrogate)
        found |= best(s, n, pd.concat(target.rows))
    return found


def draws(s: Setting, calls: tuple[int, ...], seed: int) -> dict[str, float]:
    tried = s.model.generate(4 * max(calls), given=given(s), nulls=False, seed=seed).drop_duplicates()
    return judged(s, calls, tried)


# ---------------------------------------------------------------------- others


def place(s: Setting, u: np.ndarray) -> pd.DataFrame:
    """Points of the unit cube as rows: numbers between their ends, texts as they are held."""
    made = {}
    for c, part in zip(free(s), u.T, strict=True):
        low, high = ends(s, c)
        made[c] = low + part * (high - low)
    return pd.DataFrame({c: made.get(c, s.held.get(c)) for c in s.rows})


def free(s: Setting) -> list[str]:
    return [c for c in s.rows if c not in s.held or isinstance(s.held[c], tuple)]


def uniform(s: Setting, n: int, seed: int) -> pd.DataFrame:
    return place(s, np.random.default_rng(seed).random((n, len(free(s)))))


def botorch(s: Setting, calls: tuple[int, ...], seed: int) -> dict[str, float]:
    """A Gaussian process in the cube of all columns, as many calls at random first as ours has, then batches by
    expected improvement in logarithms (Ament et al., 2023)."""
    found: dict[str, float] = {}
    for n in calls:
        rng = np.random.default_rng(seed)
        x = rng.random((max(5, n // 10), len(free(s))))
        y = s.function(place(s, x))
        while len(x) < n:
            new = proposed(x, y, min(max(4, -(-n // ROUNDS)), n - len(x)), int(rng.integers(2**31)))
            x, y = np.concatenate([x, new]), np.concatenate([y, s.function(place(s, new))])
        found |= best(s, n, place(s, x))
    return found


def proposed(x: np.ndarray, y: np.ndarray, q: int, seed: int) -> np.ndarray:
    import torch
    from botorch import fit_gpytorch_mll
    from botorch.acquisition import qLogExpectedImprovement
    from botorch.models import SingleTaskGP
    from botorch.optim import optimize_acqf
    from gpytorch.mlls import ExactMarginalLogLikelihood

    torch.manual_seed(seed)
    inside, values = torch.as_tensor(x), torch.as_tensor(y)[:, None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = SingleTaskGP(inside, values)
        fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
        score = qLogExpectedImprovement(model, best_f=values.max())
        cube = torch.stack([torch.zeros(x.shape[1]), torch.ones(x.shape[1])]).double()
        options = {"maxiter": 50, "batch_limit": 4}
        new, _ = optimize_acqf(score, cube, q=q, num_restarts=4, raw_samples=64, options=options)
    return new.numpy()
