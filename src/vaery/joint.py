"""The joint density p(x, z) over typed fields, and the one walk through it.

The model offers a density at each stop, somebody else chooses the value; who chooses is the job
(:mod:`vaery.core.choose`). There is no second walk.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterable, Mapping

import torch
from torch import nn

from vaery.core.by_name import ByName
from vaery.core.choose import Chooser, from_posterior
from vaery.core.evidence import Evidence
from vaery.core.features import Features, encode
from vaery.core.field import Field
from vaery.core.random import Random
from vaery.core.stop import Stop, Temper
from vaery.core.trace import Trace


class Joint(nn.Module):
    """p(x, z) = Π over stops of p(stop | the stops before it).

    Args:
        fields: the observed sites, by name.
        stops: levels and fields in the order of the walk.
        encoders: field name → module ``(value [B, E…], known [B, M…] or None) -> [B, F]``, all of one width F; or to
            an object with these as ``values``, and ``maps`` for the field's own levels.
    """

    def __init__(self, fields: Iterable[Field], stops: Iterable[Stop], encoders: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.fields: dict[str, Field] = {field.name: field for field in fields}
        self.stops = nn.ModuleList(stops)
        self.encoders = ByName(encoders)
        self.aside = ByName()  # what a fit learned for jobs and the walk does not pass, by name
        self.temper: Temper | None = None

    @property
    def walk(self) -> list[Stop]:
        """The stops, in order."""
        return [stop for stop in self.stops if isinstance(stop, Stop)]

    @property
    def members(self) -> list[Joint]:
        """The models that this is a mixture of; here itself alone."""
        return [self]

    @property
    def latents(self) -> list[str]:
        """The names of the levels that all fields hang on, in the order of the walk."""
        return [stop.name for stop in self.walk if stop.latent and stop.owner is None]

    def tempered(self, temperature: float = 1.0, top_p: float = 1.0, noise: float | None = None) -> Joint:
        """The same model with more careful densities at every stop; see :class:`~vaery.core.stop.Temper`."""
        other = copy.copy(self)
        other.temper = Temper(temperature, top_p, noise, self.fields)
        return other

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        return next(self.parameters()).dtype

    def encode(self, evidence: Evidence) -> Features:
        """Features of what is known. What is hidden has no influence."""
        return encode(self.encoders, evidence, self.dtype)

    def trace(
        self,
        rows: int,
        choose: Chooser,
        draws: int = 1,
        only: Collection[str] | None = None,
    ) -> Trace:
        """Walk through the model once: ``rows`` B, ``draws`` S.

        Args:
            choose: who decides at each stop.
            only: fields to visit, with their own levels; the levels of all fields always are. ``None``: all fields.
        """
        context = torch.zeros(draws, rows, 0, device=self.device, dtype=self.dtype)
        asked = [stop for stop in self.walk if only is None or (stop.owner or stop.name) in only or self._always(stop)]
        sites = {}
        for stop in asked:
            density = stop(context) if self.temper is None else self.temper(stop, stop(context))
            sites[stop.name] = site = choose(stop, density, context)
            if stop is not asked[-1]:
                context = stop.step(context, site.value).to(context.dtype)
        return Trace(sites)

    def _always(self, stop: Stop) -> bool:
        """Whether all fields hang on it."""
        return stop.first or (stop.latent and stop.owner is None)

    def _listed(self) -> tuple[str | None, int]:
        """The first stop of all, if it is a field whose values can be listed, and how many there are."""
        stop = self.walk[0]
        nothing = torch.zeros(1, 1, 0, device=self.device, dtype=self.dtype)
        values = stop(nothing).every() if stop.first else None
        return (None, 1) if values is None else (stop.name, len(values))

    def infer(
        self,
        evidence: Evidence,
        *,
        rng: Random,
        draws: int = 1,
        seen: Evidence | None = None,
        only: Collection[str] | None = None,
        fill: bool = False,
        estimate: float | None = None,
        mean: bool = False,
        each: bool = False,
    ) -> Trace:
        """The walk that most jobs take: the posterior chooses the latent, the data the fields where it is known.

        Args:
            evidence: what is scored.
            rng: where draws come from.
            draws: S.
            seen: what the posterior sees, if that is less than what is scored.
            only, fill, estimate, mean: see :meth:`trace` and :func:`~vaery.core.choose.from_posterior`.
            each: of a field before all else whose values can be listed (a label) go through all where it is unknown,
                instead of drawing one: ``draws`` of the latent for each, and an exact sum.
        """
        name, count = self._listed() if each else (None, 1)
        features, draws = self.encode(evidence if seen is None else seen), draws * count
        choose = from_posterior(features, evidence, rng, fill=fill, estimate=estimate, mean=mean, each=name)
        known = [name for name in self.fields if name in evidence or name in evidence.regions]
        visit = known if only is None and not fill else only
        return self.trace(evidence.rows, choose, draws, only=visit)
