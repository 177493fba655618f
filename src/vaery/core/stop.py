"""Stops: what the walk passes. A level and a field differ only in who else can choose there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from vaery.core.density import Density
from vaery.core.field import Field


class Stop(nn.Module):
    """One stop of the walk.

    Args:
        name: of the site.
        prior: context ``[S, B, C]`` → :class:`~vaery.core.density.Density`. A level's prior, a field's decoder.
        posterior: (features, context) → Density. Every level has one; so has a field visited before the latent.
        latent: a level, not a field.
        carry: value ``[S, B, E…]`` → ``[S, B, c]``, what later stops see of it; ``None``: nothing.
        onward: (context, value) → the context that later stops see, where that is more than one beside the other.
        owner: the field that a level belongs to, and is only visited with; ``None``: all fields hang on it.
    """

    def __init__(
        self,
        name: str,
        prior: nn.Module,
        posterior: nn.Module | None = None,
        latent: bool = False,
        carry: nn.Module | None = None,
        onward: nn.Module | None = None,
        owner: str | None = None,
    ) -> None:
        super().__init__()
        self.name, self.latent = name, latent
        self.prior, self._posterior, self.carry, self.onward = prior, posterior, carry, onward
        self.owner = owner

    @property
    def first(self) -> bool:
        """A field that is visited before the latent."""
        return not self.latent and self.carry is not None

    @property
    def reads(self) -> bool:
        """Whether its posterior reads features; one that reads the evidence by its own means says ``reads = False``."""
        return self._posterior is not None and getattr(self._posterior, "reads", True)

    def forward(self, context: Tensor) -> Density:
        """What the model offers here."""
        return self.prior(context)

    def posterior(self, features: Any, context: Tensor) -> Density:
        """What the encoder makes of the data here."""
        assert self._posterior is not None, f"{self.name} has no posterior"
        return self._posterior(features, context)

    def step(self, context: Tensor, value: Tensor | None) -> Tensor:
        """The context that later stops see."""
        if self.onward is not None:
            return self.onward(context, value)
        if self.carry is None or value is None:
            return context
        carried = self.carry(value)
        if not context.shape[-1]:
            return carried
        return torch.cat([context.expand(len(carried), *context.shape[1:]), carried], -1)


@dataclass(frozen=True)
class Temper:
    """More careful densities at every stop of a walk (or bolder ones); see :meth:`~.density.Density.tempered` and
    :meth:`~.density.Density.hushed`.

    Attributes:
        temperature, top_p: of all stops.
        noise: of fields and of their own levels; ``None``: as each of ``fields`` says.
    """

    temperature: float
    top_p: float
    noise: float | None
    fields: Mapping[str, Field]

    def __call__(self, stop: Stop, density: Density) -> Density:
        """What is offered in place of ``density``."""
        if (self.temperature, self.top_p) != (1.0, 1.0):
            density = density.tempered(self.temperature, self.top_p)
        field = self.fields.get(stop.owner or stop.name)
        if field is None:
            return density
        noise = field.noise if self.noise is None else self.noise
        return density if noise == 1 else density.hushed(noise)


class Same(nn.Module):
    """Carries a latent on as it is."""

    def forward(self, value: Tensor) -> Tensor:
        return value
