"""Checks of what stands at a stop of the walk (densities, priors, posteriors), and of objectives.

They are asked for as ``vaery.core.check.check_prior`` and so on.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from vaery.core.density import Density
from vaery.core.encoded import Encoded
from vaery.core.errors import ChoiceError
from vaery.core.evidence import Evidence, expand_mask
from vaery.core.expect import expect, near
from vaery.core.features import Features
from vaery.core.field import Field
from vaery.core.gaussian import Gaussian
from vaery.core.objective import Objective
from vaery.core.random import Random, isolated
from vaery.core.trace import Site, Trace

DRAWS, ROWS = 4000, 5
EXACT = -0.5 * math.log(2)  # log-scale of the toy's exact posterior


def check_density(density: Density, value: Tensor, known: Tensor | None = None) -> None:
    """Whether a density of one site keeps the contract of :class:`~vaery.core.density.Density`.

    Shapes; exact zeros where unknown, whatever unknown cells hold; known cells come back from ``sample`` bit for bit;
    the same seed gives the same draws.

    Args:
        density: at ``[S, B]`` contexts.
        value: ``[B, E…]`` something it can hold.
        known: ``[B, M…]`` bool; ``None``: all known.

    Raises:
        AssertionError: what was expected, and what came instead.

    >>> check_density(Gaussian(torch.zeros(2, 3, 4), torch.zeros(2, 3, 4)), torch.zeros(3, 4))
    """
    drawn = density.sample(Random(0, device=value.device)).detach()
    expect(drawn.shape[1:] == value.shape, f"draws must be [S, *{list(value.shape)}], got {list(drawn.shape)}")
    log_p = density.log_prob(value, known).detach()
    expect(log_p.shape[:2] == drawn.shape[:2], f"log_prob must be [S, B, M…], got {list(log_p.shape)}")
    expect(bool(log_p.isfinite().all()), "log_prob of a possible value must be finite")
    free, other = (density.sample(Random(0, device=value.device)) for _ in range(2))
    expect(torch.equal(free, other), "the same seed must give the same draws")
    if known is None:
        return
    expect(log_p.shape[1:] == known.shape, f"log_prob must be [S, *{list(known.shape)}], got {list(log_p.shape)}")
    expect(bool((log_p[:, ~known] == 0).all()), "log_prob must be exactly zero where unknown")
    kept = density.sample(Random(1, device=value.device), value, known)
    expect(bool((kept[:, known] == value[known]).all()), "known cells must come back from sample bit for bit")
    cells = expand_mask(known, value.dim())
    for held in (torch.zeros_like(value), drawn[0]):
        same = torch.equal(density.log_prob(torch.where(cells, value, held), known), log_p)
        expect(same, "what unknown cells hold must have no influence on log_prob")


def check_prior(make: Callable[..., nn.Module]) -> None:
    """Whether a prior keeps its contract: ``make(size, context, posterior, fields, features)`` is a module
    ``context [S, B, C]`` → Density of ``[S, B, Z]``, with ``log_prob [S, B]``.

    Shapes; it integrates to one, and draws follow it; rows do not mix; seeds; gradients are finite; the posterior it is
    given is not among its parameters; ``fit_to``, if there is one, raises the density of what it is fitted to, follows
    the context, and may say with which options an empty one of its new shape is made. A prior that takes no context
    must raise ChoiceError for one.

    Args:
        make: the class, or a partial of it.

    Raises:
        AssertionError: what was expected, and what came instead.

    >>> from vaery.priors.normal import Normal
    >>> check_prior(Normal)
    """
    for size, context in ((1, 0), (3, 0), (1, 2), (3, 2)):
        posterior = _ToyPosterior(size)
        try:
            with isolated(0):
                prior = make(size, context, posterior=posterior, fields=1, features=2)
        except ChoiceError:
            expect(context > 0, "a prior must take a context of size 0, that of the top level")
            continue
        own = {id(p) for p in prior.parameters()}
        expect(not own & {id(p) for p in posterior.parameters()}, "the posterior must not be a part of the prior")
        _check_conditional(prior, size, context)
        given = Random(6).normal((2, 1, context)).expand(2, ROWS, context)
        shared = prior(given).sample(Random(4, share_rows=True)).detach()
        near(shared, shared[:, :1], 1e-4, "with share_rows, rows of one context must have the same draws")
        if size > 1 and callable(getattr(prior, "fit_to", None)):
            _check_fit(prior, size, context)


def _check_fit(prior: Any, size: int, context: int) -> None:
    side = torch.arange(400).remainder(2)[:, None] * 2.0 - 1  # of the context; rows are on the same side of 3
    rows = Encoded(3 + (side if context else 0) + 0.5 * Random(0).normal((400, size)), side.expand(-1, context))
    score = lambda some: float(some.log_prob(prior).mean().detach())
    before = score(rows)
    options = prior.fit_to(rows, Random(1))
    expect(options is None or isinstance(options, dict), f"fit_to must return options, or nothing; got {options!r}")
    expect(score(rows) > before + 1, "fit_to must raise the density of what it is fitted to")
    if context:
        expect(
            score(rows) > score(Encoded(rows.z, -rows.context)) + 1, "what fit_to makes of it must hang on the context"
        )


def check_posterior(make: Callable[..., nn.Module], normalised: bool = True) -> None:
    """Whether a posterior keeps its contract: ``make(size, context, fields, features)`` is a module
    ``features, context [S, B, C]`` → Density of ``[S, B, Z]``, with ``log_prob [S, B]``.

    ``features`` has ``values [B, N, F]`` and ``present [B, N]``. Checked as in :func:`check_prior`; also, it has a
    mean, and ``kl`` is what a great many draws say it is.

    Args:
        make: the class, or a partial of it.
        normalised: it is a density; False for a point mass.

    Raises:
        AssertionError: what was expected, and what came instead.

    >>> from vaery.posteriors.gaussian import Gaussian
    >>> check_posterior(Gaussian)
    """
    for size, context, fields in ((1, 0, 1), (3, 0, 2), (1, 2, 2), (3, 2, 1)):
        with isolated(0):
            posterior = make(size, context, fields, 4)
        rng = Random(1)
        values, present = rng.normal((ROWS, fields, 4)), rng.uniform((ROWS, fields)) < 0.7
        module = _Given(posterior, Features(values * present[..., None], present))
        _check_conditional(module, size, context, normalised)
        density = module(rng.normal((2, ROWS, context)))
        mean = density.mean()
        expect(mean.shape == (2, ROWS, size), f"mean must be [S, B, Z], got {list(mean.shape)}")
        if normalised:
            _check_kl(module(rng.normal((1, ROWS, context)).expand(DRAWS, ROWS, context)), size, rng)


def check_objective(objective: Objective) -> None:
    """Whether an objective keeps the contract of :class:`~vaery.core.objective.Objective`.

    On a model whose answer is known: with the exact posterior the bound is log p(x) on average, with another it is not
    above it; ``minimise`` is a scalar whose gradient is finite and reaches model and posterior, at the start and at the
    end of training; it can be asked without gradients. ``view`` only ever hides, and repeats itself for a seed.

    Args:
        objective: an instance.

    Raises:
        AssertionError: what was expected, and what came instead.

    >>> from vaery.objectives.elbo import Elbo
    >>> check_objective(Elbo())
    """
    _check_view(objective)
    rng = Random(0)
    x = 2**0.5 * rng.normal((2000, 2))
    log_p = (-0.25 * x.square() - 0.5 * math.log(4 * math.pi)).sum(-1)
    for off in (0.0, 0.5):
        free = [torch.full((2,), start).requires_grad_() for start in (off, EXACT, 0.0)]
        for progress in (0.0, 0.5, 1.0):
            loss = objective(_toy_trace(x, free, objective.draws, rng), progress)
            expect(loss.minimise.dim() == 0, f"minimise must be a scalar, got the shape {list(loss.minimise.shape)}")
            expect(loss.bound.shape == (2000,), f"bound must be [B] = [2000], got {list(loss.bound.shape)}")
            gap = (loss.bound - log_p).detach()
            above, error = float(gap.mean()), 6 * float(gap.std()) / 2000**0.5 + 1e-4
            expect(above < error, f"the bound must not be above log p(x), got {above:.3g} nats more")
            expect(off > 0 or above > -error, f"the exact posterior's bound must be log p(x), got {above:.3g} nats off")
            expect(all(p.dim() == 0 and bool(p.isfinite()) for p in loss.parts.values()), "parts: finite scalars")
            grads = torch.autograd.grad(loss.minimise, free, allow_unused=True)
            good = all(g is not None and bool(g.isfinite().all()) for g in grads)
            expect(good, "a finite gradient must reach both model and posterior")
        with torch.no_grad():
            objective(_toy_trace(x, free, objective.draws, rng))


# ------------------------------------------------------------------ what priors and posteriors have in common


def _check_conditional(module: nn.Module, size: int, context: int, normalised: bool = True) -> None:
    given = Random(2).normal((2, ROWS, context))
    z, again = (module(given).sample(Random(3)).detach() for _ in range(2))
    expect(z.shape == (2, ROWS, size), f"draws must be [S, B, Z] = [2, {ROWS}, {size}], got {list(z.shape)}")
    expect(torch.equal(z, again), "the same seed must give the same draws")
    log_p = module(given).log_prob(z)
    expect(log_p.shape == (2, ROWS), f"log_prob must be [S, B] = [2, {ROWS}], got {list(log_p.shape)}")
    if log_p.requires_grad:
        for g in torch.autograd.grad(log_p.sum(), list(module.parameters()), allow_unused=True):
            expect(g is None or bool(g.isfinite().all()), "the gradient of log_prob must be finite")
    check_density(module(given), z[0], torch.arange(ROWS) % 2 == 0)
    moved = given.clone()
    moved[:, 1] += 1
    rest = module(moved).log_prob(z)[:, 2:]
    near(rest, log_p[:, 2:].detach(), 1e-4, "a row must not depend on other rows' context")
    if size == 1 and normalised:
        _check_integral(module, given[:1])


@torch.no_grad()
def _check_integral(module: nn.Module, given: Tensor) -> None:
    """The density of one unit integrates to one, and draws follow it (Kolmogorov and Smirnov's distance)."""
    grid = torch.linspace(-30, 30, 6001)
    many = lambda n: module(given.expand(n, *given.shape[1:]))
    height = many(len(grid)).log_prob(grid.view(-1, 1, 1).expand(-1, ROWS, 1))[:, 0].exp()
    mass = torch.cat([torch.zeros(1), ((height[1:] + height[:-1]) / 2 * grid.diff()).cumsum(0)])
    near(mass[-1], 1.0, 2e-3, "the density must integrate to one")
    z = many(DRAWS).sample(Random(5))[:, 0, 0].sort().values
    reached = mass[torch.searchsorted(grid, z).clamp(max=len(grid) - 1)]
    distance = float((reached - torch.arange(1, DRAWS + 1) / DRAWS).abs().max()) * DRAWS**0.5
    expect(distance < 2.5, f"draws must follow log_prob: the distance is {distance:.2f} / √n, wanted 2.5 at most")


@torch.no_grad()
def _check_kl(density: Density, size: int, rng: Random) -> None:
    prior = Gaussian(torch.full((DRAWS, ROWS, size), 0.5), torch.full((DRAWS, ROWS, size), 0.2))
    exact = density.kl(prior)
    if exact is None:
        return
    z = density.sample(rng)
    drawn = density.log_prob(z) - prior.log_prob(z)
    error = 6 * drawn.std(0) / DRAWS**0.5 + 1e-4
    near(exact.sum(-1)[0], drawn.mean(0), error, "kl must be the mean of log q - log p over draws of q")


class _Given(nn.Module):
    """A posterior of these features."""

    def __init__(self, posterior: nn.Module, features: Features) -> None:
        super().__init__()
        self.posterior, self.features = posterior, features

    def forward(self, context: Tensor) -> Density:
        return self.posterior(self.features, context)


class _ToyPosterior(nn.Module):
    """One field with two features; a Gaussian about their sum."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(size))

    def forward(self, features: Any, context: Tensor) -> Gaussian:
        loc = features.values.sum((1, 2))[:, None] * self.scale
        loc = loc.expand(len(context), *loc.shape)
        return Gaussian(loc, torch.zeros_like(loc))


# ------------------------------------------------------------------ a model whose answer is known


def _toy_trace(x: Tensor, free: list[Tensor], draws: int, rng: Random) -> Trace:
    """z ~ N(0, I), x ~ N(z + c, I), q(z | x) = N(x / 2 + a, exp(b)²); exact for a = c = 0 and b = log √½."""
    a, b, c = free
    zero = torch.zeros(draws, *x.shape)
    prior, posterior = Gaussian(zero, zero), Gaussian(x / 2 + a + zero, b + zero)
    z = posterior.sample(rng)
    latent = Site("z", prior, z, posterior=posterior, latent=True)
    return Trace({"z": latent, "x": Site("x", Gaussian(z + c, zero), x[None])})


def _check_view(objective: Objective) -> None:
    fields = {"a": _ToyField("a", ""), "b": _ToyField("b", "")}
    values = {name: 1 + Random(0).uniform((50, 3)) for name in fields}
    for seed in range(20):
        known = {"a": Random(seed).uniform((50, 3)) < 0.8, "b": None}
        whole = Evidence(50, {n: v if known[n] is None else v * known[n] for n, v in values.items()}, known)
        part, again = (objective.view(whole, fields, Random(seed)) for _ in range(2))
        for name, value in part.values.items():
            mask, before = part.known[name], known[name]
            seen = torch.ones(50, 3, dtype=torch.bool) if mask is None else mask
            expect(torch.equal(value, again.values[name]), "view must repeat itself for the same seed")
            expect(before is None or not bool((seen & ~before).any()), "view must not make unknown cells known")
            expect(bool((value[seen] == values[name][seen]).all()), "view must leave visible cells as they are")
            expect(bool((value[~seen] == 0).all()), "view must set hidden cells to zero")


@dataclass(frozen=True)
class _ToyField(Field):
    kind: ClassVar[str] = "toy"
    event: ClassVar[tuple[int, ...]] = (3,)
    mask: ClassVar[tuple[int, ...]] = (3,)

    def pack(self, raw: Any) -> tuple[Tensor, Tensor | None]:
        return raw, None

    def unpack(self, value: Tensor, *_: Any, **__: Any) -> Any:
        return value

    def summarise(self, value: Tensor, *_: Any, **__: Any) -> Any:
        return value
