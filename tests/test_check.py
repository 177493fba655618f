"""The public checks must fail where a contract is broken, and say how."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from vaery.core.check import check_family
from vaery.core.density import Family
from vaery.likelihoods.categorical import Categorical
from vaery.likelihoods.normal import Normal
from vaery.likelihoods.poisson import Poisson


class Broken(Family):
    """A sound family with one method of its densities replaced."""

    def __init__(self, sound: Family, method: str, replacement: Callable[..., Any]) -> None:
        super().__init__()
        self.sound, self.method, self.replacement = sound, method, replacement
        self.size = sound.size

    def forward(self, raw: Tensor) -> Any:
        density = self.sound(raw)
        original = getattr(density, self.method)
        setattr(density, self.method, lambda *args: self.replacement(density, original, *args))
        return density


class Collapsed(Normal):
    """Starts at the floor."""

    def forward(self, raw: Tensor) -> Any:
        return super().forward(raw - 40)


@pytest.mark.parametrize(
    ("family", "message"),
    [
        (Collapsed(), "broad"),
        (Broken(Normal(), "mean", lambda d, f: f()[:1]), "mean must have the shape"),
        (Broken(Normal(), "log_prob", lambda d, f, x: f(x).sum(-1)), "log_prob of values"),
        (Broken(Normal(), "sample", lambda d, f, rng: f(rng).double()), "single precision"),
        (Broken(Normal(), "cdf", lambda d, f, x: 1 - f(x)), "cdf"),
        (Broken(Normal(), "log_prob", lambda d, f, x: f(x) + 0.1), "integrate to the cdf"),
        (Broken(Normal(), "sample", lambda d, f, rng: 1.1 * f(rng)), "follow the cdf"),
        (Broken(Normal(), "sample", lambda d, f, rng: d.loc + d.log_scale.exp() * torch.randn(d.shape)), "same seed"),
        (Broken(Normal(), "mean", lambda d, f: f() + 0.2), "average"),
        (Broken(Normal(), "mode", lambda d, f: f() + 5), "mode"),
        (Broken(Normal(), "log_prob", lambda d, f, x: f(x) - 0 * x.abs().exp()), "finite"),
        (Broken(Poisson(), "log_prob", lambda d, f, x: f(x) + 0.1), "F(k)"),
        (Broken(Poisson(), "sample", lambda d, f, rng: torch.poisson(d.mean(), generator=rng.generator)), "other rows"),
        (Broken(Poisson(), "sample", lambda d, f, rng: f(rng) + 0.25), "whole numbers"),
        (Broken(Categorical(4), "log_probs", lambda d, f: f() - 1), "sum to one"),
        (Broken(Categorical(4), "log_probs", lambda d, f: f().flip(-1)), "what log_probs shows"),
    ],
)
def test_a_broken_family_is_caught(family: Family, message: str) -> None:
    with pytest.raises(AssertionError) as caught:
        check_family(family)
    assert message in str(caught.value)


def test_a_sound_family_passes() -> None:
    for family in (Normal(), Poisson(), Categorical(4)):
        check_family(Broken(family, "mean", lambda d, f: f()))
