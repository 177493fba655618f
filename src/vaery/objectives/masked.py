"""Training on partly hidden rows, so that the posterior answers for any subset of what may be known."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, is_dataclass, replace
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

    A field that is hidden as a whole may be scored all the same (``across``): the latent is then drawn from what the
    *other* fields show, and has to tell this one, too. So what one field says of another is learned, and not only that
    each is told well by itself (Shi et al., 2019; Sutter et al., 2021). It is a bound on log p of the whole row, with a
    posterior that does not see all of it.

    Args:
        objective: the member of ``objectives`` that is delegated to.
        share: the share of batches that are partly hidden; the others are left complete, which is cheaper.
        options: arguments of that objective.
        across: the share of fields' hiding in which hidden fields are scored, by row.

    Raises:
        ChoiceError: there is no such objective, or it is "masked" itself.

    >>> Masked("elbo", options={"draws": 3}).draws
    3
    """

    objective: str = "elbo"
    share: float = 0.5
    options: Mapping[str, Any] = field(default_factory=dict)
    across: float = 0.0

    def __post_init__(self) -> None:
        if self.objective == "masked":
            raise ChoiceError("masked is delegated to another objective: write objective='elbo' or objective='iwae'")
        _ = self.inner  # an argument that names nothing is told here and not at the first step

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
        if inner is self.inner:
            return self
        assert is_dataclass(inner)
        assert not isinstance(inner, type)
        return replace(self, options=asdict(inner))

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
        coin = lambda share: rng.uniform((evidence.rows,)).to(stays.device) < share
        no_row = torch.zeros(evidence.rows, dtype=torch.bool, device=stays.device)
        by_field = coin(0.5) if len(here) > 1 else no_row
        scored = by_field & coin(self.across) if len(here) > 1 and self.across else no_row
        visible = {}
        for i, (name, f) in enumerate(here.items()):
            ones = [1] * len(f.mask)
            left = stays[:, i].view(-1, *ones)
            # a field of one cell is hidden as a field or not at all
            cells = f.hide(evidence.rows, rng).to(stays.device) if f.mask else left
            visible[name] = torch.where(by_field.view(-1, *ones), left | scored.view(-1, *ones), cells)
        hidden = evidence.hide(visible)
        if not bool(scored.any()):
            return hidden
        return replace(hidden, blind={name: scored & ~stays[:, i] for i, name in enumerate(here)})


def _fields_that_stay(evidence: Evidence, names: list[str], rng: Random) -> Tensor:
    """``[B, N]`` bool, a random subset of uniform size of each row's present fields; one at least."""
    present = torch.stack([evidence.present(name) for name in names], 1)
    score = rng.uniform((evidence.rows, len(names))).to(present.device).masked_fill(~present, 2.0)
    many = present.sum(1)
    stay = 1 + (rng.uniform((evidence.rows,)).to(present.device) * many).floor()
    return score.argsort(1).argsort(1) < stay.clamp(max=many.clamp(min=1))[:, None]
