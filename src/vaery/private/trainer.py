"""The trainer of private fits: nothing but clipped and noisy sums of gradients is ever read from a row."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from vaery.core.evidence import Evidence
from vaery.private import COVERS, LEAVES_OUT, Private
from vaery.private.accountant import METHOD, multiplier, spent
from vaery.private.gradients import RowGradients
from vaery.private.noise import members, new_key, normal
from vaery.train import Plan, State, Trainer, copy

FEWEST_STEPS, MOST_STEPS, LARGEST = 200, 1000, 512  # of a plan, and its largest batch
FURTHER = 3.0  # times as far as without noise goes each step


@dataclass
class PrivateState(State):
    """What a checkpoint of a private fit holds beside the rest. It is as secret as the data.

    Attributes:
        taken: steps that looked at rows; those that were rolled back count.
        noise: standard deviation of the noise on a sum of gradients, in clipping lengths.
        key: of the noise.
    """

    taken: int = 0
    noise: float = 1.0
    key: list[int] = field(default_factory=list)


class PrivateTrainer(Trainer):
    """Fits a joint by DP-SGD (Abadi et al., 2016), with Adam's steps, which only ever see the noisy gradients.

    There are no held-out rows: no best state is picked and nothing stops early, the averaged weights at the end are
    kept. The noise is found before the first step, so that the planned steps spend ε; fewer steps spend less.

    Args:
        args, options: of :class:`~vaery.train.Trainer`.
        private: the budget.
    """

    state: PrivateState

    def __init__(self, *args: Any, private: Private, **options: Any) -> None:
        super().__init__(*args, **options)
        self.asked, self.private = private, private.settled(self.train.rows + self.held_out.rows)
        self.rate = min(1.0, self.plan.batch / self.train.rows)
        self.state = PrivateState(key=new_key(self.private.seed))
        self.optimizer.clip = self.optimizer.skip = math.inf  # rows were clipped, and their sum needs it no more
        self.gradients = RowGradients(self.joint, self._row_loss, self.rng, self.private.clip)

    def fit(self) -> State:
        if self.state.taken == 0:
            asked = self.private
            self.state.noise = multiplier(asked.epsilon, asked.delta or 0.0, self.rate, self.plan.steps)
        return super().fit()

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "private": asdict(self.asked)}

    def report(self) -> dict[str, Any]:
        """What was promised and what was spent, as plain data."""
        asked, taken = self.private, self.state.taken
        epsilon = spent(self.state.noise, asked.delta or 0.0, self.rate, taken, asked.epsilon)
        return {
            "epsilon": epsilon, "delta": asked.delta, "asked": asked.epsilon, "clip": asked.clip,
            "noise": self.state.noise, "rate": self.rate, "steps": taken, "accountant": METHOD,
            "seeded": asked.seed is not None, "covers": COVERS, "leaves_out": LEAVES_OUT,
        }  # fmt: skip

    # ------------------------------------------------------------------ the gradient of a batch

    def _rows(self) -> Tensor:
        """Each row by a coin of its own, as the accountant takes it; some batches are small, and one may be empty."""
        return members(self.state.key, self.state.taken, self.train.rows, self.rate).to(self.train.device)

    def _backward(self, batch: Evidence) -> Tensor:
        if self.state.taken >= self.plan.steps:  # steps were rolled back, and the budget is spent
            batch = batch[slice(0, 0)]
        step, self.state.taken = self.state.taken, min(self.state.taken + 1, self.plan.steps)  # before a row is read
        batch = self.objective.view(batch.to(self.device), self.joint.fields, self.rng) if batch.rows else batch
        total = self.gradients.sum(batch)
        noise = normal(self.state.key, step, total, self.state.noise * self.private.clip)
        for p, gradient, drawn in zip(self.parameters, total, noise, strict=True):
            p.grad = (gradient + drawn) / (self.rate * self.train.rows)
        return torch.zeros((), device=self.device)  # the loss itself is a number about rows

    def _row_loss(self, row: Evidence) -> Tensor:
        with self._autocast():
            trace = self.joint.infer(row, rng=self.rng, draws=self.objective.draws, estimate=self.progress)
            return self.objective(trace, self.progress).minimise

    # ------------------------------------------------------------------ what would look at rows, and does not

    def _evaluate(self) -> None:
        copy(self.averaged, self.best)
        self.state.history.append({"step": self.state.step, "seconds": round(self.seconds, 2)})
        self.state.done = self.progress >= 1

    def _culprits(self, steps: int) -> tuple[list[int], str]:
        return [], ""


def planned(plan: Plan, rows: int) -> Plan:
    """A plan for noisy gradients: fewer steps, the fewer the fewer rows there are, of larger batches and further. The
    noise of a mean gradient grows with the root of the number of steps, and larger batches do not raise it."""
    steps, batch = min(MOST_STEPS, max(FEWEST_STEPS, rows // 20)), min(LARGEST, max(1, rows // 4))
    return replace(plan, batch=batch, steps=steps, learning_rate=FURTHER * plan.learning_rate)
