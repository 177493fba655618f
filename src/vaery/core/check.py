"""The contracts of the vocabulary as checks that anyone can run on a member of their own.

A check returns nothing; where the contract is broken it raises an AssertionError that says what was expected.

>>> from vaery.likelihoods.normal import Normal
>>> check_family(Normal())
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from vaery.core.check_job import check_job as check_job
from vaery.core.check_kind import check_kind as check_kind
from vaery.core.check_stops import check_density as check_density
from vaery.core.check_stops import check_objective as check_objective
from vaery.core.check_stops import check_posterior as check_posterior
from vaery.core.check_stops import check_prior as check_prior
from vaery.core.density import Codes, Elementwise, Family, quantile
from vaery.core.expect import expect, near
from vaery.core.random import Random

DRAWS = 4000


def check_family(family: Family) -> None:
    """Whether a likelihood keeps the contract of :class:`~vaery.core.density.Family`.

    Shapes and broadcasting; a broad density where all raw numbers are zero; ``log_prob``, ``cdf``, ``sample``,
    ``mean``, ``mode`` and the generic quantile agree with one another; the same seed gives the same draws, and with
    ``share_rows`` a row's draw depends on that row alone; losses and gradients stay finite for raw numbers up to ±50.
    A family over real numbers may have a point mass at exactly zero, and nowhere else.

    Args:
        family: an instance, with its parameters as they start.

    Raises:
        AssertionError: what was expected, and what came instead.

    A new likelihood is one file; its test is one line::

        check_family(Tweedie())
    """
    expect(
        isinstance(family.size, int) and family.size > 0, f"size must be a whole number above 0, got {family.size!r}"
    )
    rng = Random(0, device=_device(family))
    _check_shapes(family, rng)
    _check_start(family, rng)
    raw = 0.5 * rng.normal((3, family.size))
    with torch.no_grad():
        for density in (family(torch.zeros_like(raw)), family(raw)):
            _check_cdf(density)
            _check_transport(density)
            _check_log_prob(density)
            _check_draws(density, rng)
    _check_rows(family, rng)
    _check_extremes(family, rng)


def _check_shapes(family: Family, rng: Random) -> None:
    shape = (2, 3, 4)  # [S, B, E]
    density = family(rng.normal((*shape, family.size)))
    expect(tuple(density.shape) == shape, f"shape must be that of the positions, {shape}, got {tuple(density.shape)}")
    for name in ("sample", "mean", "mode"):
        got = density.sample(rng) if name == "sample" else getattr(density, name)()
        expect(tuple(got.shape) == shape, f"{name} must have the shape {shape}, got {tuple(got.shape)}")
        expect(got.dtype == torch.float32, f"{name} must be in single precision, got {got.dtype}")
    drawn = density.sample(rng).detach()
    for value in (drawn, drawn[0], drawn[0, 0], drawn.expand(5, *shape)):
        wanted = torch.broadcast_shapes(value.shape, shape)
        for name in ("log_prob", "cdf"):
            got = getattr(density, name)(value)
            expect(
                got.shape == wanted,
                f"{name} of values {tuple(value.shape)} at positions {shape} must have the shape {tuple(wanted)}, got "
                f"{tuple(got.shape)}",
            )
    if isinstance(density, Codes):
        _check_table(density)


def _check_table(density: Codes) -> None:
    table = density.log_probs()
    near(table.exp().sum(-1), 1.0, 1e-4, "the probabilities of all codes must sum to one")
    table = table.detach()
    codes = torch.arange(table.shape[-1], device=table.device, dtype=table.dtype).view(-1, 1, 1, 1)
    near(density.log_prob(codes).movedim(0, -1), table, 1e-3, "log_prob of each code must be what log_probs shows")


def _check_start(family: Family, rng: Random) -> None:
    draws = family(torch.zeros(DRAWS, family.size, device=rng.device)).sample(rng).detach()
    expect(bool(draws.isfinite().all()), "draws at raw zeros must be finite")
    spread = float(draws.std())
    expect(spread > 0.1, f"raw zeros must give a broad density; the draws' standard deviation is {spread:.3g}")


def _check_cdf(density: Elementwise) -> None:
    u = torch.linspace(0.001, 0.999, 99, device=density.mean().device)[:, None]
    value = quantile(density, u)
    at, below = density.cdf(value), density.cdf(_before(density, value))
    expect(bool((value.diff(dim=0) >= 0).all()), "quantiles must rise with the probability asked for: is cdf monotone?")
    expect(bool((at >= u - 1e-4).all() and (below <= u + 1e-4).all()), "quantile must invert cdf")
    for end, wanted in ((-math.inf, 0.0), (math.inf, 1.0)):
        near(density.cdf(torch.full_like(value[0], end)), wanted, 1e-5, f"cdf({end}) must be {wanted}")


def _check_transport(density: Elementwise, count: int = 2000) -> None:
    """Evenly spread numbers must come out spread as the density: as many below any value as the CDF says."""
    u = (torch.arange(count, device=density.mean().device) + 0.5) / count
    points = density.transport(u.view(-1, *([1] * len(density.shape))))
    for edge in (0.1, 0.5, 0.9):
        value = quantile(density, torch.tensor(edge, device=u.device))
        share, wanted = (points <= value).double().mean(0), density.cdf(value).double()
        expect(
            bool(((share - wanted).abs() < 0.02).all()),
            f"transport must spread values as the cdf says: {share} is not {wanted}",
        )


def _check_log_prob(density: Elementwise) -> None:
    """Mass by ``log_prob`` against mass by ``cdf``, over small intervals or single whole numbers."""
    low, high = (quantile(density, torch.tensor(u, device=density.mean().device)) for u in (0.01, 0.99))
    if density.discrete:
        value = low + torch.arange(200, device=low.device)[:, None]
        value = value.minimum(high)
        near(density.log_prob(value).exp(), density.cdf(value) - density.cdf(value - 1), 1e-4, "P(k) = F(k) − F(k − 1)")
        return
    edges = low + (high - low) * torch.linspace(0, 1, 4001, device=low.device)[:, None]
    height = density.log_prob(edges).exp()
    by_log_prob = (edges[1:] - edges[:-1]) * (height[1:] + height[:-1]) / 2
    by_cdf = density.cdf(edges[1:]) - density.cdf(edges[:-1])
    atom = (edges[:-1] <= 0) & (edges[1:] >= 0)  # a point mass may be here
    gap = torch.where(atom, torch.zeros_like(by_cdf), by_log_prob - by_cdf)
    near(gap.cumsum(0), 0.0, 2e-3, "the density must integrate to the cdf")


def _check_draws(density: Elementwise, rng: Random) -> None:
    draws = torch.stack([density.sample(rng) for _ in range(DRAWS)])
    if density.discrete:
        expect(bool((draws == draws.round()).all()), "draws of a discrete family must be whole numbers")
    # What the cdf makes of the draws, spread evenly over each jump, is uniform (Rosenblatt, 1952): by Kolmogorov and
    # Smirnov's distance, whose chance to exceed 2.3 / √n is one in 20,000.
    at, below = density.cdf(draws), density.cdf(_before(density, draws))
    uniform = (below + rng.uniform(tuple(draws.shape)) * (at - below)).sort(0).values
    steps = torch.arange(1, DRAWS + 1, device=draws.device)[:, None] / DRAWS
    distance = float((uniform - steps).abs().max()) * DRAWS**0.5
    expect(
        distance < 2.3, f"draws must follow the cdf: their distance from it is {distance:.2f} / √n, wanted 2.3 at most"
    )
    error = 6 * draws.std(0) / DRAWS**0.5 + 1e-3
    near(density.mean(), draws.mean(0), error + 1e-3 * draws.mean(0).abs(), "the draws' average must be mean()")
    median = density.log_prob(draws).quantile(0.5, dim=0)
    reached = density.log_prob(density.mode())
    expect(bool((reached >= median - 1e-3).all()), "mode() must be likelier than half of the draws are")


def _check_rows(family: Family, rng: Random) -> None:
    raw = rng.normal((4, 6, 5, family.size))
    draw = lambda seed, raw, **how: family(raw).sample(Random(seed, device=rng.device, **how)).detach()
    expect(bool((draw(7, raw) == draw(7, raw)).all()), "the same seed must give the same draws")
    expect(bool((draw(7, raw) != draw(8, raw)).any()), "another seed must give other draws")
    alone, among = draw(7, raw[:, 2:3], share_rows=True), draw(7, raw, share_rows=True)[:, 2:3]
    near(alone, among, 1e-4 * (1 + among.abs()), "with share_rows, a row's draws must not depend on the other rows")


def _check_extremes(family: Family, rng: Random) -> None:
    """Values that one corner of the parameters finds likely, scored at another; and zero, which unknown cells hold."""
    signs = torch.randint(0, 2, (16, family.size), generator=rng.generator, device=rng.device) * 2 - 1
    raw = (50.0 * torch.cat([signs, torch.ones_like(signs[:1]), -torch.ones_like(signs[:1])])).requires_grad_()
    density = family(raw)
    drawn = density.sample(rng).detach()[torch.randperm(len(raw), generator=rng.generator, device=rng.device)]
    values = [drawn, family(torch.zeros_like(raw)).sample(rng).detach(), torch.zeros_like(drawn)]
    if not density.discrete:
        values += [torch.full_like(drawn, far) for far in (1e6, -1e6)]
    for value in values:
        log_p = density.log_prob(value)
        for name, got in (("sample", value), ("log_prob", log_p), ("cdf", density.cdf(value))):
            _finite(got, name)
        wanted: list[Any] = [raw, *family.parameters()]
        for gradient in torch.autograd.grad(-log_p.sum(), wanted, allow_unused=True, retain_graph=True):
            _finite(log_p if gradient is None else gradient, "the gradient of log_prob")
    _finite(density.mean(), "mean")
    _finite(density.mode(), "mode")


def _finite(x: Tensor, name: str) -> None:
    odd = x.detach()[~x.isfinite()]
    if len(odd):
        raise AssertionError(f"{name} must be finite for raw numbers of ±50, got {float(odd[0])}")


def _before(density: Elementwise, value: Tensor) -> Tensor:
    """The value right below."""
    return value - 1 if density.discrete else torch.nextafter(value, torch.full_like(value, -math.inf))


def _device(family: Family) -> torch.device:
    return next((t.device for t in (*family.parameters(), *family.buffers())), torch.device("cpu"))
