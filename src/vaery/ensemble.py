"""Several joints of the same fields as one: a mixture of them with equal weights, through the same walk.

Which member a row is of is a number that nobody knows: the first stop of the walk. Drawn from the prior it is any of
them; a posterior walk goes through all of them, and its weights say how well each fits, so that scores, conditions and
gaps are those of the mixture (deep ensembles: Lakshminarayanan, Pritzel and Blundell, 2017). Jobs about the latent
itself, and denoising, ask :attr:`~vaery.joint.Joint.members` for the first: members share no latent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from vaery.core.by_name import ByName
from vaery.core.density import Density
from vaery.core.evidence import Evidence
from vaery.core.features import Features
from vaery.core.stop import Stop
from vaery.core.switched import InTurn, Places, SomeDraws, Switched, Uniform, joined, places
from vaery.core.trace import Trace
from vaery.joint import Joint

MEMBER = "(member)"  # the name of the first stop


class Ensemble(Joint):
    """The mixture of ``members`` with equal weights.

    Args:
        members: joints of the same fields, with the same stops.
    """

    def __init__(self, members: Sequence[Joint]) -> None:
        nn.Module.__init__(self)
        self.fields, self.temper = members[0].fields, None
        self.encoders, self.aside = ByName(), ByName()  # each member has encoders of its own
        self.joints = nn.ModuleList(members)

    @property
    def members(self) -> list[Joint]:
        return [joint for joint in self.joints if isinstance(joint, Joint)]

    @property
    def walk(self) -> list[Stop]:
        first = Stop(MEMBER, _Chance(len(self.members)), _Chance(len(self.members), InTurn), carry=_Number())
        return [first, *(_Switch(group, self._axes(group[0].name)) for group in zip(*self._walks(), strict=True))]

    def _walks(self) -> list[list[Stop]]:
        return [member.walk for member in self.members]

    def _axes(self, name: str) -> int:
        """How many axes an event of this field or level has."""
        return len(self.fields[name].event) if name in self.fields else 1

    def encode(self, evidence: Evidence) -> Any:
        """Features for each member."""
        return tuple(member.encode(evidence) for member in self.members)

    def infer(self, evidence: Evidence, *, draws: int = 1, **how: Any) -> Trace:
        """As :meth:`vaery.joint.Joint.infer`, with as many more draws as make them as many of each member."""
        return super().infer(evidence, draws=even(self, draws), **how)

    def _listed(self) -> tuple[str | None, int]:
        return self.members[0]._listed()


def even(joint: Joint, draws: int) -> int:
    """So many draws or a few more, as many of each member."""
    count = len(joint.members)
    return -(-draws // count) * count


class _Chance(nn.Module):
    """Which member: any of them.

    Args:
        count: how many there are.
        kind: of density.
    """

    def __init__(self, count: int, kind: type[Uniform] = Uniform) -> None:
        super().__init__()
        self.count, self.kind = count, kind

    def forward(self, *inputs: Any) -> Density:
        context: Tensor = inputs[-1]
        return self.kind(self.count, (context.shape[0], context.shape[1]), context)


class _Number(nn.Module):
    """Carries the member's number on."""

    def forward(self, value: Tensor) -> Tensor:
        return value[..., None]


class _Switch(Stop):
    """The same stop of every member: whose turn it is says the first number of the context.

    Args:
        stops: one of each member.
        axes: of an event.
    """

    def __init__(self, stops: Sequence[Stop], axes: int) -> None:
        one = stops[0]
        super().__init__(one.name, one.prior, one._posterior, one.latent, one.carry, owner=one.owner)
        self.stops, self.axes = nn.ModuleList(stops), axes

    def forward(self, context: Tensor) -> Density:
        return Switched([(at, stop(at.walked(rest))) for _, at, stop, rest in self._turns(context)], self.axes)

    def posterior(self, features: Sequence[Features], context: Tensor) -> Density:
        made = []
        for number, at, stop, rest in self._turns(context):
            assert isinstance(at, SomeDraws), "features are of all rows"
            made.append((at, stop.posterior(features[number], at.walked(rest))))
        return Switched(made, self.axes)

    def step(self, context: Tensor, value: Tensor | None) -> Tensor:
        where, onward = [], []
        for _, at, one, rest in self._turns(context):
            where.append(at)
            onward.append(one.step(at.walked(rest), None if value is None else at.walked(value)))
        rest = joined(where, onward)
        return torch.cat([context[..., :1].expand(*rest.shape[:2], 1).to(rest.dtype), rest], -1)

    def _turns(self, context: Tensor) -> list[tuple[int, Places, Stop, Tensor]]:
        """Of each member that has a turn: its number, where it speaks, its stop, and the context without the number."""
        found = []
        for number, at in places(context[..., 0].long(), len(self.stops)):
            stop = self.stops[number]
            assert isinstance(stop, Stop)
            found.append((number, at, stop, context[..., 1:]))
        return found
