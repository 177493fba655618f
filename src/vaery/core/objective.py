"""Objectives: what is minimised and what is reported, apart."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from vaery.core.evidence import Evidence
from vaery.core.field import Field
from vaery.core.random import Random
from vaery.core.trace import Trace


@dataclass
class Loss:
    """What an objective says of a trace.

    Attributes:
        minimise: a scalar, the only thing the optimiser sees.
        bound: ``[B]`` a lower bound on log p(known) in nats, the thing people see; higher is better.
        parts: named scalars for the history (``"kl"``, ``"log_likelihood"`` …), in nats.
    """

    minimise: Tensor
    bound: Tensor
    parts: Mapping[str, Tensor] = field(default_factory=dict)


class Objective(ABC):
    """A member of ``objectives``: a frozen dataclass of plain arguments.

    Attributes:
        draws: S, how many draws of the latent it asks for.
    """

    draws: int = 1

    def view(self, evidence: Evidence, fields: Mapping[str, Field], rng: Random) -> Evidence:
        """The part of a training batch this step is about. Here: all of it."""
        return evidence

    @abstractmethod
    def __call__(self, trace: Trace, progress: float = 1.0) -> Loss:
        """Score one walk.

        Args:
            trace: of a batch, its latents chosen by the posterior.
            progress: the share of the planned steps that are done, from 0 to 1; schedules hang on this and not on
                step counts, so that a short run is a short version of a long one.
        """
