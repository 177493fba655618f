"""Student's t: a bell with heavy tails, for numbers with outliers."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vaery.core.location_scale import LocationScale, LocationScaleDensity
from vaery.core.random import Random
from vaery.core.raw import bounded, full_precision

# The logarithms of the degrees of freedom beyond two: at least 2.05, so that a variance exists; at most 100, where the
# tails are a normal's; ten at the start.
HEAVIEST, START, LIGHTEST = math.log(0.05), math.log(8.0), math.log(98.0)


class Student(LocationScale):
    """``log p(x) = log Γ((ν+1)/2) − log Γ(ν/2) − ½ log(πν) − log s − (ν+1)/2 · log(1 + t²/ν)``, ``t = (x − loc)/s``.

    For standardised numbers; how heavy the tails are is learned (Lange, Little and Taylor, 1989). Raw numbers: loc,
    log-scale, log(ν − 2). Zeros give loc 0, scale 1 and ν = 10.

    Args:
        floor: the smallest scale.
    """

    size = 3

    def forward(self, raw: Tensor, around: tuple[Tensor, Tensor] | None = None) -> StudentDensity:
        loc, log_scale, beyond = full_precision(raw).unbind(-1)
        df = 2 + bounded(beyond + START, HEAVIEST, LIGHTEST).exp()
        return StudentDensity(*self.place(loc, log_scale, around), df)


class StudentDensity(LocationScaleDensity):
    """A Student's t at each position.

    Args:
        loc: means.
        log_scale: logarithms of the scales (not of the standard deviations), same shape.
        df: degrees of freedom ν > 2, same shape.
    """

    def __init__(self, loc: Tensor, log_scale: Tensor, df: Tensor) -> None:
        super().__init__(loc, log_scale)
        self.df = df

    def log_prob(self, value: Tensor) -> Tensor:
        half = 0.5 * (self.df + 1)
        constant = torch.lgamma(half) - torch.lgamma(0.5 * self.df) - 0.5 * torch.log(math.pi * self.df)
        return constant - self.log_scale - half * torch.log1p(self.standard(value).square() / self.df)

    def sample(self, rng: Random) -> Tensor:
        """By the polar method: exact, from two uniform numbers, reparameterised in all three (Bailey, 1994)."""
        radius, angle = rng.uniform(tuple(self.shape)), rng.uniform(tuple(self.shape))
        length = torch.sqrt(self.df * torch.expm1(-2 * radius.log() / self.df))
        return self.placed(length * torch.cos(2 * math.pi * angle))

    def cdf(self, value: Tensor) -> Tensor:
        """By SciPy on the CPU, since torch lacks the incomplete beta function: for queries, without a gradient."""
        from scipy.special import stdtr

        standard = self.standard(value)
        below = stdtr(self.df.detach().double().cpu().numpy(), standard.detach().double().cpu().numpy())
        return torch.as_tensor(below, dtype=standard.dtype, device=standard.device)
