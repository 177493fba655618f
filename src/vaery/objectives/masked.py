"""Training on partly hidden rows, so that the posterior answers for any subset of what may be known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from vaery.core.errors import ChoiceError
from vaery.core.evidence import Evidence
from vaery.core.field import Field
from vaery.core.members import member
from vaery.core.objective import Loss, Objective
from vaery.core.random import Random
from vaery.core.trace import Trace


@dataclass(frozen=True)
class Masked(Objective):
    """Another objective, on the visible part of rows of which a random part was hidden.

    What is maximised is a bound on log p(visible), and the posterior sees the visible part only: over all masks it
    learns p(z | any subset) (Ma et al., 2019; Mattei and Frellsen, 2019), and the decoders lose nothing, since every
    cell is visible often. With several fields, each row either loses random cells of every field, or random fields as
    a whole; never all fields.

    Args:
        objective: the member of ``objectives`` that is delegated to.
        share: the share of batches that are partly hidden; the others are left complete, which is cheaper.
        options: arguments of that objective.

    Raises:
        ChoiceError: there is no such objective, or it is "masked" itself.

    >>> Masked("elbo", options={"draws": 3}).draws
    3
    """

    objective: str = "elbo"
    share: float = 0.5
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.objective == "masked":
            raise ChoiceError("masked is delegated to another objective: write objective='elbo' or objective='iwae'")
        self.inner  # noqa: B018 - an argument that names nothing is told here and not at the first step

    @cached_property
    def inner(self) -> Objective:
        """The objective that is delegated to."""
        return member("objectives", self.objective)(**self.options)

    @property
    def draws(self) -> int:
        return self.inner.draws

    @property
    def each(self) -> bool:
        return self.inner.each

    def sized(self, rows: int) -> Masked:
        """The same for data of so many rows, where the objective inside hangs on that."""
        return self if self.inner.sized(rows) is self.inner else replace(self, options={"rows": rows, **self.options})

    def firmer(self) -> Masked:
        """The same of a firmer objective inside."""
        inner = self.inner.firmer()
        return self if inner is self.inner else replace(self, options=asdict(inner))  # type: ignore[call-overload]

    def __call__(self, trace: Trace, progress: float = 1.0) -> Loss:
        return self.inner(trace, progress)

    def view(self, evidence: Evidence, fields: Mapping[str, Field], rng: Random) -> Evidence:
        """The batch with random cells or fields hidden, or (with probability ``1 - share``) as it is."""
        evidence = self.inner.view(evidence, fields, rng)
        if rng.number() >= self.share:
            return evidence
        here = {name: f for name, f in fields.items() if name in evidence}
        if not here or (len(here) == 1 and not any(f.mask for f in here.values())):
            return evidence
        stays = _fields_that_stay(evidence, list(here), rng)
        by_field = (
            rng.uniform((evidence.rows,)) < 0.5 if len(here) > 1 else torch.zeros(evidence.rows, dtype=torch.bool)
        )
        visible = {}
        for i, (name, f) in enumerate(here.items()):
            if not f.mask:  # one cell: hidden as a field or not at all
                visible[name] = stays[:, i]
                continue
            ones = [1] * len(f.mask)
            which = by_field.to(stays.device).view(-1, *ones)
            visible[name] = torch.where(which, stays[:, i].view(-1, *ones), f.hide(evidence.rows, rng).to(stays.device))
        return evidence.hide(visible)


def _fields_that_stay(evidence: Evidence, names: list[str], rng: Random) -> Tensor:
    """``[B, N]`` bool, a random subset of uniform size of each row's present fields; one at least."""
    present = torch.stack([evidence.present(name) for name in names], 1)
    score = rng.uniform((evidence.rows, len(names))).to(present.device).masked_fill(~present, 2.0)
    many = present.sum(1)
    stay = 1 + (rng.uniform((evidence.rows,)).to(present.device) * many).floor()
    return score.argsort(1).argsort(1) < stay.clamp(max=many.clamp(min=1))[:, None]
