"""optimise: molecules near a start, better than it in 500 calls of a function. Part of ``molecules.py``.

Two functions that the literature asks for (Jin, Barzilay and Jaakkola, 2018): penalised logP, from test molecules where
it is lowest, and QED, from test molecules where it is between .7 and .8; always with a Tanimoto similarity of .4 at
least to the start. All search with as many calls, the start's own among them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from common import Clock
from image_task import Asked
from molecule_tasks import Setting, fitted, made
from task import Task

STARTS, CALLS, ROUNDS, POOL, TRIES = 5, 500, 25, 512, 8  # the last three as ours
LEAST, DRUGLIKE = 0.4, 0.9
MEANS, SPREADS = (2.4570953396, -3.0525811293, -0.0485696876), (1.4343244011, 0.8335207025, 0.2860212110)  # of ZINC
TESTED, SYMBOLS = 1000, 20_000  # test molecules that starts are of; training molecules that symbols are read off
GREED = 0.02  # of ranks, as ours: how many of the best count alike as parents


def task(asked: Asked, name: str) -> Task:
    calls, starts = (40, 2) if asked.quick else (CALLS, STARTS)
    methods: dict[str, Callable[[Setting, int], dict[str, Any]]] = {
        "vaery": lambda s, seed: ours(asked, s, calls, starts, seed, learns=True),
        "vaery, learning nothing": lambda s, seed: ours(asked, s, calls, starts, seed, learns=False),
        "mutations at random": lambda s, seed: searched(s, starts, lambda g: at_random(s, g, calls, seed)),
        "BO on fingerprints": lambda s, seed: searched(s, starts, lambda g: bayesian(s, g, calls, seed)),
    }
    return made(asked, name, "optimise", methods, calls=calls, starts=starts, similarity=LEAST)


@dataclass
class Goal:
    """A start, and what is to be raised near it; keeps what was called."""

    start: str
    function: Callable[[list[str]], np.ndarray]
    calls: int = 0

    def __post_init__(self) -> None:
        self.fingerprint = fingerprints([self.start])[0]
        self.first = float(self.function([self.start])[0])
        self.best = self.first

    def __call__(self, molecules: list[str]) -> np.ndarray:
        assert self.near(molecules).all(), "a molecule that is too far was called"
        self.calls += len(molecules)
        found = self.function(molecules)
        self.best = max(self.best, float(found.max(initial=-np.inf)))
        return found

    def near(self, molecules: list[str]) -> np.ndarray:
        from rdkit.DataStructs import BulkTanimotoSimilarity

        return np.array(BulkTanimotoSimilarity(self.fingerprint, fingerprints(molecules))) >= LEAST


def goals(s: Setting, n: int) -> Iterator[tuple[str, Goal]]:
    """The starts: of JT-VAE's test list, which no fit has seen."""
    known = alphabet(s.train["smiles"][:SYMBOLS])
    test = [text for text in s.test[:TESTED] if alphabet([text]) <= known]  # of others, no fit can hold the start
    worst = np.argsort(penalised(test), kind="stable")[:n]
    usual = [text for text, q in zip(test, drugs(test), strict=True) if 0.7 <= q <= 0.8][:n]
    yield from (("penalised", Goal(test[i], penalised)) for i in worst)
    yield from (("qed", Goal(text, drugs)) for text in usual)


def searched(s: Setting, n: int, search: Callable[[Goal], None]) -> dict[str, float]:
    """How far penalised logP rises, and how often QED reaches .9."""
    done: dict[str, list[Goal]] = {"penalised": [], "qed": []}
    with Clock() as clock:
        for what, goal in goals(s, n):
            search(goal)
            done[what].append(goal)
    rises = [goal.best - goal.first for goal in done["penalised"]]
    best = [goal.best for goal in done["qed"]]
    return {
        "rise": float(np.mean(rises)), "least_rise": float(np.min(rises)), "qed": float(np.mean(best)),
        "success": float(np.mean(np.array(best) >= DRUGLIKE)), "search_seconds": clock.wall / (2 * n),
        "calls": float(np.mean([goal.calls for both in done.values() for goal in both])),
    }  # fmt: skip


# ---------------------------------------------------------------------- ours


def ours(asked: Asked, s: Setting, calls: int, starts: int, seed: int, *, learns: bool) -> dict[str, Any]:
    from vaery.kinds.molecule import properties

    model, took = fitted(asked, s, seed)

    def search(goal: Goal) -> None:
        start = {"molecule": [goal.start], "property": properties([goal.start])[["logP", "QED"]]}
        how = {"start": start, "within": lambda _, rows: goal.near(rows["molecule"]), "distinct": "molecule"}
        called = lambda rows: goal(rows["molecule"])
        if learns:
            model.optimise(called, calls=calls, seed=seed, **how)
        else:
            chance(model, called, calls, seed, how)

    return {**took, **searched(s, starts, search)}


def chance(model: Any, called: Callable[[Any], np.ndarray], calls: int, seed: int, how: dict[str, Any]) -> None:
    """As ``optimise``, of which only the search at random is wanted."""
    from vaery.core.random import Random
    from vaery.optimisation.search import at_random as search_at_random
    from vaery.optimisation.space import Space
    from vaery.optimisation.target import Called

    space = Space(model, {}, distinct="molecule")
    begin = space.pool(how["start"])
    space.checks["within"] = lambda pool: how["within"](None, pool.raw)
    search_at_random(space, Called(called, 1.0), calls=calls, rng=Random(seed), start=begin)


# ---------------------------------------------------------------------- others


class Mutations:
    """SELFIES with one to five symbols put in, taken out or changed (as STONED: Nigam et al., 2021), near a start."""

    def __init__(self, s: Setting, goal: Goal, seed: int) -> None:
        import selfies

        self.selfies, self.goal, self.rng = selfies, goal, np.random.default_rng(seed)
        self.alphabet = sorted(alphabet(s.train["smiles"][:2000]))

    def of(self, parents: list[str], seen: set[str]) -> list[str]:
        """One new molecule of each parent, where one is near enough."""
        from molecule_metrics import read

        made = read([self._one(list(self.selfies.split_selfies(self.selfies.encoder(p)))) for p in parents])
        fresh = list(dict.fromkeys(m for m in made if m is not None and m not in seen))
        return [m for m, near in zip(fresh, self.goal.near(fresh), strict=True) if near] if fresh else []

    def _one(self, symbols: list[str]) -> str | None:
        for _ in range(self.rng.integers(1, 6)):
            at, what = int(self.rng.integers(len(symbols) + 1)), int(self.rng.integers(3))
            new = [] if what == 0 else [str(self.rng.choice(self.alphabet))]
            symbols = symbols[:at] + new + symbols[at + (what != 1) :]
            if not symbols:
                return None
        return self.selfies.decoder("".join(symbols))


def at_random(s: Setting, goal: Goal, calls: int, seed: int) -> None:
    """As many different mutations of the start as there are calls."""
    mutations, seen = Mutations(s, goal, seed), {goal.start}
    while len(seen) < calls:
        new = mutations.of([goal.start] * POOL, seen)[: calls - len(seen)]
        if not new:
            return
        goal(new)
        seen |= set(new)


def bayesian(s: Setting, goal: Goal, calls: int, seed: int) -> None:
    """In rounds as ours: mutations of the best so far, picked by Thompson sampling from a Gaussian process on the
    fingerprints, with Tanimoto's kernel (Ralaivola et al., 2005)."""
    mutations, rng = Mutations(s, goal, seed), np.random.default_rng(seed + 1)
    tried, y = [goal.start], np.array([goal.first])
    pool = mutations.of([goal.start] * POOL, {goal.start})[: max(5, calls // 10)]
    while pool and len(tried) < calls:
        y = np.concatenate([y, goal(pool)])
        tried += pool
        weight = 1 / (GREED * len(y) + 1 + (-y).argsort(kind="stable").argsort())
        new: list[str] = []
        for _ in range(TRIES):
            if len(new) >= POOL // 2:
                break
            parents = rng.choice(len(tried), POOL, p=weight / weight.sum())
            new += mutations.of([tried[i] for i in parents], {*tried, *new})
        size = min(max(4, -(-calls // ROUNDS)), calls - len(tried))
        pool = [new[i] for i in thompson(tried, y, new, size, rng)] if len(new) > size else new[:size]


def thompson(tried: list[str], y: np.ndarray, pool: list[str], size: int, rng: np.random.Generator) -> list[int]:
    """Where each of some functions that agree with the calls is highest."""
    y = (y - y.mean()) / (y.std() + 1e-9)
    known, cross, own = kernel(tried, tried), kernel(tried, pool), kernel(pool, pool)
    noise = max((1e-3, 1e-2, 1e-1), key=lambda v: evidence(known + v * np.eye(len(y)), y))
    inverse = np.linalg.inv(known + noise * np.eye(len(y)))
    scale = float(y @ inverse @ y) / len(y)
    mean, covariance = cross.T @ inverse @ y, scale * (own - cross.T @ inverse @ cross)
    root = np.linalg.cholesky(covariance + 1e-6 * scale * np.eye(len(pool)) + 1e-9 * np.eye(len(pool)))
    taken: list[int] = []
    for guess in mean + rng.normal(size=(size, len(pool))) @ root.T:
        guess[taken] = -np.inf
        taken.append(int(guess.argmax()))
    return taken


def evidence(covariance: np.ndarray, y: np.ndarray) -> float:
    """log p(y), but for a constant, at the best scale."""
    return -0.5 * (len(y) * np.log(y @ np.linalg.solve(covariance, y)) + np.linalg.slogdet(covariance)[1])


def kernel(a: list[str], b: list[str]) -> np.ndarray:
    from rdkit.DataStructs import BulkTanimotoSimilarity

    other = fingerprints(b)
    return np.array([BulkTanimotoSimilarity(one, other) for one in fingerprints(a)])


# ---------------------------------------------------------------------- functions


def alphabet(molecules: Iterable[str]) -> set[str]:
    """The symbols of their SELFIES."""
    import selfies

    return {symbol for text in molecules for symbol in selfies.split_selfies(selfies.encoder(text))}


def fingerprints(molecules: list[str]) -> list[Any]:
    """Morgan's, of radius 2, in 2,048 bits."""
    from rdkit import Chem
    from rdkit.Chem import rdFingerprintGenerator

    make = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=2048)
    return [make.GetFingerprint(Chem.MolFromSmiles(text)) for text in molecules]


def drugs(molecules: list[str]) -> np.ndarray:
    from vaery.kinds.molecule import properties

    return properties(molecules)["QED"].to_numpy()


def penalised(molecules: list[str]) -> np.ndarray:
    """logP less the score of synthesis less what rings have beyond six atoms, each in units of ZINC's spread (Jin et
    al., 2018)."""
    from rdkit import Chem

    from vaery.kinds.molecule import properties

    found: pd.DataFrame = properties(molecules)
    read = [Chem.MolFromSmiles(text) for text in molecules]  # kept: their rings are gone with them
    largest = [max(map(len, molecule.GetRingInfo().AtomRings()), default=0) for molecule in read]
    beyond = np.maximum(0, np.array(largest) - 6)
    parts = (found["logP"].to_numpy(), -found["SAS"].to_numpy(), -beyond)
    return np.sum([(part - m) / sd for part, m, sd in zip(parts, MEANS, SPREADS, strict=True)], axis=0)
