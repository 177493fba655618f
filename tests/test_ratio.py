"""Ratios: whether two sides of a row go together, against densities that are known."""

from __future__ import annotations

import math

import numpy as np
import torch

from vaery.core.random import Random
from vaery.nets.ratio import Pairs, Ratio


def normals(rows: int, correlation: float, seed: int) -> Pairs:
    """Two numbers a row, each N(3, 2²), and a third that says nothing."""
    z = Random(seed).normal((rows, 4))
    a, b = z[:, 0], correlation * z[:, 0] + math.sqrt(1 - correlation**2) * z[:, 1]
    return Pairs(torch.stack([3 + 2 * a, z[:, 2]], 1), torch.stack([3 + 2 * b, z[:, 3]], 1))


def truth(pairs: Pairs, correlation: float) -> torch.Tensor:
    """log p(a, b) - log p(a) - log p(b) of two standard normals."""
    a, b = ((x[:, 0] - 3) / 2 for x in (pairs.a, pairs.b))
    both = (a**2 + b**2 - 2 * correlation * a * b) / (1 - correlation**2)
    return 0.5 * (a**2 + b**2 - both) - 0.5 * math.log(1 - correlation**2)


def test_it_learns_the_ratio_of_densities() -> None:
    ratio, held_out = Ratio(2), normals(1000, 0.8, seed=1)
    assert ratio.fit_to(normals(8000, 0.8, seed=0), held_out, Random(0), steps=400)
    with torch.no_grad():
        found, exact = ratio(held_out.a, held_out.b), truth(held_out, 0.8)
        apart = ratio(held_out.a, held_out.b.roll(1, 0)).double()
    assert np.corrcoef(found, exact)[0, 1] > 0.95
    assert abs(float(found.mean() - exact.mean())) < 0.08, "the mean is the mutual information, .51 nats"
    assert abs(float(apart.exp().mean()) - 1) < 0.15, "pairs of different rows weigh one in the mean"


def test_sides_that_know_nothing_of_one_another_are_told_to() -> None:
    ratio = Ratio(2)
    assert not ratio.fit_to(normals(600, 0.0, seed=0), normals(300, 0.0, seed=1), Random(0), steps=200)


def test_the_same_seed_gives_the_same_weights_whatever_was_drawn_before() -> None:
    made = []
    for _ in range(2):
        ratio = Ratio(2)
        ratio.fit_to(normals(500, 0.8, seed=0), normals(200, 0.8, seed=1), Random(3), steps=30)
        made.append(ratio.state_dict())
    assert all(torch.equal(x, made[1][name]) for name, x in made[0].items())
