"""Models whose every answer is known in closed form, to test the general machinery against.

:func:`linear_gaussian` walks latent levels and one block of columns, all linear and Gaussian, with missing cells:
p(x), p(z | any known cells) and p(hidden | known) are Gaussians. :class:`Labelled` puts a label before the latent.
Both are joints like any other, and their posteriors are exact, so that every single draw has the weight p(known).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from vaery.core.density import Codes, Density, Elementwise, Factorised
from vaery.core.evidence import Evidence
from vaery.core.features import Features
from vaery.core.field import Field
from vaery.core.random import Random
from vaery.core.stop import Same, Stop
from vaery.joint import Joint
from vaery.priors.normal import Normal as StandardNormal

LOG_2PI = math.log(2 * math.pi)


@dataclass(frozen=True)
class Block(Field):
    """D numbers, each of which may be missing; raw data is a tensor ``[B, D]`` with NaN where missing."""

    kind: ClassVar[str] = "block"
    columns: int = 1

    @property
    def event(self) -> tuple[int, ...]:
        return (self.columns,)

    @property
    def mask(self) -> tuple[int, ...]:
        return (self.columns,)

    def pack(self, raw: Any) -> tuple[Tensor, Tensor | None]:
        known = ~raw.isnan()
        return raw.nan_to_num(), None if bool(known.all()) else known

    def unpack(
        self,
        value: Tensor,
        known: Tensor | None = None,
        like: Any = None,
        keep: bool = False,
        given: Mapping[str, Any] | None = None,
    ) -> Tensor:
        return value if known is None else value.masked_fill(~known, torch.nan)

    def summarise(
        self, value: Tensor, weight: Tensor, how: str | float, like: Any = None, keep: bool = False
    ) -> Tensor:
        assert how == "mean"
        return (weight[..., None] * value).sum(0)


@dataclass(frozen=True)
class Label(Field):
    """One of K codes, as a whole known or not: ``E = M = ()``."""

    kind: ClassVar[str] = "label"
    levels: int = 2

    @property
    def event(self) -> tuple[int, ...]:
        return ()

    @property
    def mask(self) -> tuple[int, ...]:
        return ()

    def pack(self, raw: Any) -> tuple[Tensor, Tensor | None]:
        return raw, None

    def unpack(
        self,
        value: Tensor,
        known: Tensor | None = None,
        like: Any = None,
        keep: bool = False,
        given: Mapping[str, Any] | None = None,
    ) -> Tensor:
        return value

    def summarise(
        self, value: Tensor, weight: Tensor, how: str | float, like: Any = None, keep: bool = False
    ) -> Tensor:
        return (weight * value).sum(0)


class Scalars(Elementwise):
    """Independent normals."""

    def __init__(self, loc: Tensor, scale: Tensor) -> None:
        self.loc, self.scale, self.shape = loc, scale.expand(loc.shape), loc.shape

    def log_prob(self, value: Tensor) -> Tensor:
        return -0.5 * (((value - self.loc) / self.scale).square() + LOG_2PI) - self.scale.log()

    def sample(self, rng: Random) -> Tensor:
        return self.loc + self.scale * rng.normal(tuple(self.shape)).to(self.loc.dtype)

    def mean(self) -> Tensor:
        return self.loc

    def mode(self) -> Tensor:
        return self.loc

    def cdf(self, value: Tensor) -> Tensor:
        return torch.special.ndtr((value - self.loc) / self.scale)


class Table(Codes):
    """Codes with these log-probabilities ``[..., K]``."""

    def __init__(self, logits: Tensor) -> None:
        self.table, self.shape = logits.log_softmax(-1), logits.shape[:-1]

    def log_probs(self) -> Tensor:
        return self.table

    def log_prob(self, value: Tensor) -> Tensor:
        shape = torch.broadcast_shapes(value.shape, self.shape)
        table = self.table.expand(*shape, -1)
        return table.gather(-1, value.long().expand(shape)[..., None]).squeeze(-1)


class FullGaussian(Density):
    """Means ``[S, B, Z]`` and covariances ``[B, Z, Z]`` of a latent."""

    def __init__(self, loc: Tensor, covariance: Tensor) -> None:
        self.loc, self.factor = loc, torch.linalg.cholesky(covariance)

    def log_prob(self, value: Tensor, known: Tensor | None = None) -> Tensor:
        gap = (value - self.loc)[..., None]
        standard = torch.linalg.solve_triangular(self.factor, gap, upper=False).squeeze(-1)
        log_det = self.factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        return -0.5 * (standard.square() + LOG_2PI).sum(-1) - log_det

    def sample(self, rng: Random, value: Tensor | None = None, known: Tensor | None = None) -> Tensor:
        noise = rng.normal(tuple(self.loc.shape)).to(self.loc.dtype)
        return self.loc + (self.factor @ noise[..., None]).squeeze(-1)

    def mean(self) -> Tensor:
        return self.loc


class Affine(nn.Module):
    """context → N(A context + b, diag scale²), as independent scalars of one event."""

    def __init__(self, weight: Tensor, bias: Tensor, scale: Tensor, cells: bool = True) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(weight.clone()), nn.Parameter(bias.clone())
        self.register_buffer("scale", scale)
        self.cells = cells

    def forward(self, context: Tensor) -> Factorised:
        loc = context.to(self.weight.dtype) @ self.weight.T + self.bias
        return Factorised(Scalars(loc, self.scale), 1, 1 if self.cells else 0)  # type: ignore[arg-type]


class Seen(nn.Module):
    """value ``[B, D]``, known → ``[B, 2 D]``: what is known, and which it is."""

    def __init__(self, columns: int) -> None:
        super().__init__()
        self.width = 2 * columns

    def forward(self, value: Tensor, known: Tensor | None = None) -> Tensor:
        seen = torch.ones_like(value) if known is None else known.to(value.dtype)
        return torch.cat([value * seen, seen], -1)


class Exact(nn.Module):
    """p(z_l | known cells, z_1 … z_(l-1)) of a :class:`LinearGaussian`."""

    def __init__(self, model: LinearGaussian, level: int) -> None:
        super().__init__()
        self.model, self.level = (model,), level  # in a tuple: not a submodule

    def forward(self, features: Features, context: Tensor) -> FullGaussian:
        (model,) = self.model
        value, seen = features.values[:, 0].chunk(2, -1)
        mean, covariance = model.posterior(value, seen.bool())
        n, size = sum(model.levels[: self.level]), model.levels[self.level]
        mean = mean.expand(len(context), -1, -1)
        before, here = slice(0, n), slice(n, n + size)
        gain = covariance[:, here, before] @ torch.linalg.inv(covariance[:, before, before])
        shift = (gain @ (context.to(mean.dtype) - mean[..., before])[..., None]).squeeze(-1)
        return FullGaussian(mean[..., here] + shift, covariance[:, here, here] - gain @ covariance[:, before, here])


@dataclass(frozen=True)
class LinearGaussian:
    """z_1 ~ N(0, I), z_2 ~ N(step z_1, step_scale²), …, x ~ N(weight z + bias, diag scale²), in double precision.

    Attributes:
        levels: sizes of the levels.
        weight: ``[D, Z]``, Z being all levels side by side.
        bias, scale: ``[D]``.
        step: ``[Z_2, Z_1]``; only with two levels.
        step_scale: standard deviation of z_2 given z_1.
    """

    levels: tuple[int, ...]
    weight: Tensor
    bias: Tensor
    scale: Tensor
    step: Tensor | None = None
    step_scale: float = 0.7

    def joint(self, posteriors: Sequence[nn.Module] | None = None) -> Joint:
        """The joint; ``posteriors``: one for each level instead of the exact ones, fed with :class:`Seen`."""
        columns = len(self.bias)
        chosen = posteriors or [Exact(self, level) for level in range(len(self.levels))]
        priors: list[nn.Module] = [StandardNormal(self.levels[0], 0)]
        if self.step is not None:
            zero, scale = torch.zeros(len(self.step)), torch.full((len(self.step),), self.step_scale)
            priors.append(Affine(self.step, zero.double(), scale.double(), cells=False))
        stops = [
            Stop(f"z{i + 1}", prior, posterior, latent=True, carry=Same())
            for i, (prior, posterior) in enumerate(zip(priors, chosen, strict=True))
        ]
        stops.append(Stop("x", Affine(self.weight, self.bias, self.scale)))
        return Joint([Block("x", "normal", columns)], stops, {"x": Seen(columns)}).double()

    @property
    def prior_covariance(self) -> Tensor:
        """``[Z, Z]`` of all levels side by side."""
        top = torch.eye(self.levels[0], dtype=torch.double)
        if self.step is None:
            return top
        below = self.step @ self.step.T + self.step_scale**2 * torch.eye(len(self.step), dtype=torch.double)
        return torch.cat([torch.cat([top, self.step.T], 1), torch.cat([self.step, below], 1)])

    @property
    def covariance(self) -> Tensor:
        """``[D, D]`` of x."""
        return self.weight @ self.prior_covariance @ self.weight.T + torch.diag(self.scale.square())

    def posterior(self, x: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        """Mean ``[B, Z]`` and covariance ``[B, Z, Z]`` of z given the known cells of ``x [B, D]``."""
        precision = known / self.scale.square()
        information = torch.einsum("dy,bd,dz->byz", self.weight, precision, self.weight)
        covariance = torch.linalg.inv(torch.linalg.inv(self.prior_covariance) + information)
        pull = (precision * (x - self.bias)) @ self.weight
        return (covariance @ pull[..., None]).squeeze(-1), covariance

    def log_prob(self, x: Tensor, known: Tensor | None = None) -> Tensor:
        """``[B]`` log p(known cells)."""
        known = torch.ones_like(x, dtype=torch.bool) if known is None else known
        gap, marginal = torch.where(known, x - self.bias, torch.zeros_like(x)), self._known_covariance(known)
        distance = (gap * torch.linalg.solve(marginal, gap)).sum(-1)
        return -0.5 * (distance + torch.logdet(marginal) + known.sum(-1) * LOG_2PI)

    def conditional(self, x: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
        """Mean ``[B, D]`` and covariance ``[B, D, D]`` of all cells given the known ones (these vary not at all)."""
        between = self.covariance * known[:, None, :]
        gap = torch.where(known, x - self.bias, torch.zeros_like(x))
        gain = between @ torch.linalg.inv(self._known_covariance(known))
        return self.bias + (gain @ gap[..., None]).squeeze(-1), self.covariance - gain @ between.mT

    def sample(self, rows: int, rng: Random) -> Tensor:
        """``[rows, D]`` draws of x."""
        factor = torch.linalg.cholesky(self.covariance)
        return self.bias + rng.normal((rows, len(self.bias))).double() @ factor.T

    def _known_covariance(self, known: Tensor) -> Tensor:
        """Covariances of the known cells, with ones on the diagonal for the others."""
        both = known[:, :, None] & known[:, None, :]
        return torch.where(both, self.covariance, torch.zeros((), dtype=torch.double)) + torch.diag_embed(
            (~known).double()
        )


def linear_gaussian(columns: int = 4, latent: int = 2, second: int = 0, seed: int = 0) -> LinearGaussian:
    """A random :class:`LinearGaussian`, with a second level if ``second`` is its size."""
    rng = Random(seed)
    draw = lambda *shape: rng.normal(shape).double()
    return LinearGaussian(
        levels=(latent, second) if second else (latent,),
        weight=draw(columns, latent + second),
        bias=draw(columns),
        scale=0.5 + 0.5 * draw(columns).abs(),
        step=draw(second, latent) if second else None,
    )


def evidence(x: Tensor, known: Tensor | None = None) -> Evidence:
    """Evidence of one field ``x``, unknown cells zeroed."""
    return Evidence(len(x), {"x": x if known is None else x * known}, {"x": known})


class Labelled:
    """y ~ Categorical(prior), z ~ N(0, I), x ~ N(weight z + centre_y, scale²), in double precision.

    Args:
        levels: K, how many labels there are.
        guess: q(y | x), logits ``[1, B, K]`` from features and context; ``None``: the exact one.
    """

    def __init__(self, levels: int = 3, columns: int = 2, guess: nn.Module | None = None, seed: int = 0) -> None:
        rng = Random(seed)
        draw = lambda *shape: rng.normal(shape).double()
        self.levels, self.prior = levels, draw(levels).log_softmax(0)
        self.plain = LinearGaussian((1,), draw(columns, 1), torch.zeros(columns).double(), torch.ones(columns).double())
        self.centres = 2 * draw(levels, columns)
        label = Stop("y", _Labels(self.prior), guess or _ExactLabel(self), carry=_OneHot(levels))
        latent = Stop("z", StandardNormal(1, levels), _ExactGivenLabel(self), latent=True, carry=Same())
        block = Stop("x", Affine(torch.cat([self.centres.T, self.plain.weight], 1), self.plain.bias, self.plain.scale))
        self.joint = Joint(
            [Label("y", "categorical", levels), Block("x", "normal", columns)],
            [label, latent, block],
            {"x": Seen(columns)},
        ).double()

    def log_joint(self, x: Tensor) -> Tensor:
        """``[B, K]`` log p(x, y) for each label."""
        return self.prior + torch.stack([self.plain.log_prob(x - centre) for centre in self.centres], -1)

    def sample(self, rows: int, rng: Random) -> tuple[Tensor, Tensor]:
        """Labels ``[rows]`` and blocks ``[rows, D]``."""
        y = rng.categorical(self.prior.expand(rows, -1))
        return y.double(), self.plain.sample(rows, rng) + self.centres[y]


class _Labels(nn.Module):
    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self.logits = nn.Parameter(logits.clone())

    def forward(self, context: Tensor) -> Factorised:
        return Factorised(Table(self.logits.expand(*context.shape[:2], -1)), 0, 0)


class _OneHot(nn.Module):
    def __init__(self, levels: int) -> None:
        super().__init__()
        self.levels = levels

    def forward(self, value: Tensor) -> Tensor:
        return nn.functional.one_hot(value.long(), self.levels).double()


class _ExactLabel(nn.Module):
    def __init__(self, model: Labelled) -> None:
        super().__init__()
        self.model = (model,)

    def forward(self, features: Features, context: Tensor) -> Factorised:
        value, _ = features.values[:, 0].chunk(2, -1)
        logits = self.model[0].log_joint(value)
        return Factorised(Table(logits.expand(len(context), *logits.shape)), 0, 0)


class _ExactGivenLabel(nn.Module):
    def __init__(self, model: Labelled) -> None:
        super().__init__()
        self.model = (model,)

    def forward(self, features: Features, context: Tensor) -> FullGaussian:
        (model,) = self.model
        value, seen = features.values[:, 0].chunk(2, -1)
        gap = value - context.to(value.dtype) @ model.centres
        _, covariance = model.plain.posterior(value, seen.bool())
        pull = (seen / model.plain.scale.square() * gap) @ model.plain.weight
        return FullGaussian((covariance @ pull[..., None]).squeeze(-1), covariance)
