"""The joint density p(x, z) over typed fields, and the one walk through it.

The model offers a density at each stop, somebody else chooses the value; who chooses is the job
(:mod:`vaery.core.choose`). There is no second walk.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from vaery.core.choose import Chooser, from_posterior
from vaery.core.evidence import Evidence
from vaery.core.field import Field
from vaery.core.random import Random
from vaery.core.stop import Stop
from vaery.core.trace import Trace


@dataclass(frozen=True)
class Features:
    """What the encoders make of the evidence.

    Attributes:
        values: ``[B, N, F]`` one row of features for each of N fields; zeros where a field is absent.
        present: ``[B, N]`` bool.
    """

    values: Tensor
    present: Tensor


def side_by_side(parts: list[Tensor]) -> Tensor:
    """``torch.stack(parts, 1)``, without a copy of a single part."""
    return parts[0][:, None] if len(parts) == 1 else torch.stack(parts, 1)


class Joint(nn.Module):
    """p(x, z) = Π over stops of p(stop | the stops before it).

    Args:
        fields: the observed sites, by name.
        stops: levels and fields in the order of the walk.
        encoders: field name → module ``(value [B, E…], known [B, M…] or None) -> [B, F]``, all of one width F.
    """

    def __init__(self, fields: Iterable[Field], stops: Iterable[Stop], encoders: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.fields: dict[str, Field] = {field.name: field for field in fields}
        self.stops = nn.ModuleList(stops)
        self.encoders = nn.ModuleDict(encoders)

    @property
    def walk(self) -> list[Stop]:
        """The stops, in order."""
        return [stop for stop in self.stops if isinstance(stop, Stop)]

    @property
    def latents(self) -> list[str]:
        """The names of the levels, in the order of the walk."""
        return [stop.name for stop in self.walk if stop.latent]

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        return next(self.parameters()).dtype

    def encode(self, evidence: Evidence) -> Features:
        """Features of what is known. What is hidden has no influence."""
        made = {}
        for name, encoder in self.encoders.items():
            if name in evidence:
                made[name] = encoder(evidence.values[name], evidence.known[name])
                if evidence.known[name] is not None:
                    made[name] = made[name] * evidence.present(name)[:, None]
        width = next((f.shape[-1] for f in made.values()), getattr(next(iter(self.encoders.values())), "width", 1))
        absent = torch.zeros(evidence.rows, width, device=evidence.device, dtype=self.dtype)
        values = side_by_side([made.get(name, absent) for name in self.encoders])
        return Features(values, side_by_side([evidence.present(name) for name in self.encoders]))

    def trace(
        self,
        rows: int,
        choose: Chooser,
        draws: int = 1,
        only: Collection[str] | None = None,
        device: torch.device | None = None,
    ) -> Trace:
        """Walk through the model once.

        Args:
            rows: B.
            choose: who decides at each stop.
            draws: S.
            only: fields to visit; levels always are. ``None``: all fields.
            device: where to walk; ``None``: where the model is.
        """
        context = torch.zeros(draws, rows, 0, device=device or self.device, dtype=self.dtype)
        sites = {}
        for stop in self.walk:
            if not (stop.latent or stop.first or only is None or stop.name in only):
                continue
            sites[stop.name] = site = choose(stop, stop(context), context)
            context = stop.step(context, site.value).to(context.dtype)
        return Trace(sites)

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
    ) -> Trace:
        """The walk that most jobs take: the posterior chooses the latent, the data the fields where it is known.

        Args:
            evidence: what is scored.
            rng: where draws come from.
            draws: S.
            seen: what the posterior sees, if that is less than what is scored.
            only, fill, estimate, mean: see :meth:`trace` and :func:`~vaery.core.choose.from_posterior`.
        """
        features = self.encode(evidence if seen is None else seen)
        choose = from_posterior(features, evidence, rng, fill=fill, estimate=estimate, mean=mean)
        known = [name for name in self.fields if name in evidence or name in evidence.regions]
        visit = known if only is None and not fill else only
        return self.trace(evidence.rows, choose, draws, only=visit)
