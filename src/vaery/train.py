"""Training: one loop for any joint and any objective. It knows nothing of kinds or jobs.

Rows stay resident in their own dtype; a batch is a slice of a permutation. Nothing in a step waits for a number: the
loss is summed on the device and read once every :data:`CHECK` steps, when a non-finite sum rolls the weights back.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vaery import checkpoint
from vaery.adamw import AdamW
from vaery.core.errors import DataError
from vaery.core.evidence import Evidence, Some
from vaery.core.field import Field
from vaery.core.objective import Objective
from vaery.core.random import Random, isolated, seed_global
from vaery.held_out import evaluate
from vaery.joint import Joint

AVERAGE = 16  # steps between two updates of the averaged weights, after the first few
CHECK = 50  # steps between two looks at the loss
GIVE_UP = 0.5  # the share of a plan after which an empty latent is no more waited for
HALVINGS = 8  # how often the rate may be halved by non-finite steps before fit gives up


@dataclass(frozen=True)
class Plan:
    """How to train. Every default of training is written here, once.

    Attributes:
        steps: planned steps; schedules are shares of these.
        batch: rows a step.
        learning_rate: at its highest; it rises over the first 2 % and falls as a cosine to 2 % of itself.
        weight_decay: of AdamW.
        clip: largest norm of the gradient.
        skip: a step whose gradient is more than so many times as long as usual is left out.
        average: decay of the averaged weights (Polyak); 0: none.
        patience: share of the planned steps without a better held-out bound after which to stop.
        seconds: time budget; the schedule then follows the clock, whichever of steps and seconds is further on.
        precision: "float32", or "bfloat16" for matrix products under autocast.
        evaluations: how often the held-out bound is looked at over the planned steps.
        watched: held-out rows that the bound is looked at on, at most.
        least_kl: nats a row that the latent must carry where half of the plan is done; with less, training is given up.
    """

    steps: int = 4000
    batch: int = 256
    learning_rate: float = 1.5e-3
    weight_decay: float = 1e-2
    clip: float = 5.0
    skip: float = 30.0
    average: float = 0.995
    patience: float = 0.25
    seconds: float | None = None
    precision: str = "float32"
    evaluations: int = 40
    watched: int = 5000
    least_kl: float = 0.0


@dataclass
class Progress:
    """What is told to whoever watches a fit, about once a second."""

    share: float
    seconds_left: float
    step: int
    bound: float  # held-out, nats a row; nan until first looked at


@dataclass
class State:
    """All that changes while training, so that a checkpoint is this and nothing else."""

    step: int = 0
    seconds: float = 0.0
    position: int = 0  # in the current permutation
    rate: float = 1.0  # halved at each non-finite step
    best: float = -math.inf
    best_step: int = 0
    trouble: list[str] = field(default_factory=list)
    left_out: list[int] = field(default_factory=list)  # rows that are not finite at finite weights
    history: list[dict[str, float]] = field(default_factory=list)
    done: bool = False
    empty: bool = False  # given up: the latent carries too little
    interrupted: bool = False  # by who runs it


class Trainer:
    """Fits a joint.

    Args:
        joint: the model; it is changed in place and left with the best weights seen.
        train, held_out: rows.
        objective: what to minimise and report.
        plan: how.
        rng: where all randomness of training comes from.
        folder: to keep checkpoints in; ``None``: none.
        watch: called with :class:`Progress`.
        spare: threads may be given up where the machine turns out to be shared.
    """

    def __init__(
        self,
        joint: Joint,
        train: Evidence | Some,
        held_out: Evidence,
        objective: Objective,
        plan: Plan,
        *,
        rng: Random,
        folder: Path | None = None,
        watch: Callable[[Progress], None] | None = None,
        spare: bool = False,
    ) -> None:
        self.spare, self._fastest, self._slow = spare, math.inf, 0
        self.joint, self.train, self.held_out = joint, train, held_out
        self.objective, self.plan, self.rng, self.watch = objective, plan, rng, watch
        self.checkpoint = folder
        self.device = joint.device
        self.parameters: list[Tensor] = [p for p in joint.parameters() if p.requires_grad]
        self.optimizer = AdamW(self.parameters, plan.weight_decay, plan.clip, plan.skip)
        self.averaged: list[Tensor] = [p.detach().clone() for p in self.parameters] if plan.average else self.parameters
        self.best = [p.detach().clone() for p in self.parameters]
        self.order = rng.permutation(train.rows)
        self.evaluation_seed = rng.seed()
        self.state = State()
        self.started = self._said = time.monotonic()

    # ------------------------------------------------------------------ the loop

    def fit(self) -> State:
        """Train to the end of the plan, to the end of the time, or until the held-out bound stops rising.

        An interrupt (Ctrl-C) ends training early and leaves a usable model.
        """
        self.joint.train()
        every = max(1, self.plan.steps // self.plan.evaluations)
        self._snapshot()
        try:
            with isolated(0):
                while not self.state.done:
                    self._run(min(CHECK, every - self.state.step % every))
                    if self.state.step % every == 0 or self.progress >= 1:
                        self._evaluate()
                        if self.checkpoint is not None:
                            checkpoint.save(self, self.checkpoint)
        except KeyboardInterrupt:
            self.state.interrupted = True
            self.state.trouble.append(f"interrupted at step {self.state.step}; the best weights so far are kept")
            if self.state.best == -math.inf:
                copy(self.averaged, self.best)
        copy(self.best, self.parameters)
        self.joint.eval()
        if skipped := int(self.optimizer.skipped):
            self.state.trouble.append(f"{skipped} steps with exploding gradients were left out")
        return self.state

    def settings(self) -> dict[str, Any]:
        """By what this fit is told from another one, as plain data: a checkpoint goes on with the same only."""
        return asdict(self.plan)

    @property
    def progress(self) -> float:
        """The share of the plan that is done: by steps, or by the clock where that is further on."""
        share = self.state.step / self.plan.steps
        if self.plan.seconds is not None:
            share = max(share, self.seconds / self.plan.seconds)
        return min(1.0, share)

    @property
    def seconds(self) -> float:
        return self.state.seconds + time.monotonic() - self.started

    def _run(self, steps: int) -> None:
        """A few steps, then one look at the loss: kept if finite, rolled back if not."""
        seed_global(self.rng.seed(), self.device)  # dropout draws from the global stream, ours inside fit
        total = torch.zeros((), device=self.device)
        start = time.perf_counter()
        done = 0
        while done < steps and not (done and self.plan.seconds is not None and self.progress >= 1):
            total += self.step(self._batch())
            done += 1
        if self.spare:
            self._mind_threads((time.perf_counter() - start) / done)
        if not math.isfinite(float(total)) or not self._finite():
            self._roll_back()
        else:
            self._snapshot()
        self._tell()

    def _mind_threads(self, a_step: float) -> None:
        """Down to one thread where steps suddenly take several times as long: another program came, and threads that
        wait for one another by spinning lose far more to that than one thread alone."""
        self._fastest = min(self._fastest, a_step)
        self._slow = self._slow + 1 if a_step > 3 * self._fastest else 0
        if self._slow >= 2 and torch.get_num_threads() > 1:
            torch.set_num_threads(1)
            self._slow = 0

    def step(self, batch: Evidence) -> Tensor:
        """One step of the optimiser; the loss, still on the device."""
        loss = self._backward(batch)
        self.optimizer.step(self._rate())
        self.state.step += 1
        if self.plan.average and (self.state.step < AVERAGE or self.state.step % AVERAGE == 0):
            since = 1 if self.state.step < AVERAGE else AVERAGE
            decay = min(self.plan.average, (1 + self.state.step) / (10 + self.state.step)) ** since
            torch._foreach_lerp_(self.averaged, self.parameters, 1 - decay)
        return loss

    def _backward(self, batch: Evidence) -> Tensor:
        """How the gradient of a batch is made: puts it where the optimiser looks, and returns the loss."""
        loss = self._loss(batch)
        self.optimizer.zero_grad()  # as late as this, so that new gradients find the old ones' memory
        loss.backward()
        return loss.detach()

    def _loss(self, batch: Evidence) -> Tensor:
        batch = varied(batch.to(self.device), self.joint.fields, self.rng)
        batch = self.objective.view(batch, self.joint.fields, self.rng)
        with self._autocast():
            how = {"draws": self.objective.draws, "each": self.objective.each}
            trace = self.joint.infer(batch, rng=self.rng, estimate=self.progress, **how)
            return self.objective(trace, self.progress).minimise

    def _autocast(self) -> Any:
        if self.plan.precision == "float32":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)

    def _batch(self) -> Evidence:
        return self.train[self._rows()]

    def _rows(self) -> Tensor:
        """The next slice of the permutation; a new permutation where the old one ends."""
        size = min(self.plan.batch, self.train.rows)
        if self.state.position + size > self.train.rows:
            self.order, self.state.position = self.rng.permutation(self.train.rows), 0
        rows = self.order[self.state.position : self.state.position + size]
        self.state.position += size
        if self.state.left_out:
            rows = rows[~torch.isin(rows.cpu(), torch.tensor(self.state.left_out)).to(rows.device)]
        return rows

    def _rate(self) -> float:
        rate = self.plan.learning_rate * self.state.rate
        rate *= min(1.0, (self.state.step + 1) / max(1, 0.02 * self.plan.steps))
        return rate * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * self.progress)))

    # ------------------------------------------------------------------ held-out rows

    def _evaluate(self) -> None:
        live = [p.detach().clone() for p in self.parameters]
        copy(self.averaged, self.parameters)
        watched = self.held_out[slice(0, self.plan.watched)]
        bound, parts = evaluate(self.joint, watched, self.objective, seed=self.evaluation_seed)
        goal = parts.get("goal", bound)
        if goal > self.state.best or self.state.best == -math.inf:
            self.state.best, self.state.best_step = goal, self.state.step
            copy(self.parameters, self.best)
        copy(live, self.parameters)
        self.state.history.append({"step": self.state.step, "seconds": round(self.seconds, 2), "bound": bound, **parts})
        waited = (self.state.step - self.state.best_step) / self.plan.steps
        over = self.plan.seconds is not None and self.seconds >= self.plan.seconds
        patient = self.plan.seconds is not None or waited < self.plan.patience
        self.state.empty = self.progress >= GIVE_UP and parts.get("kl", math.inf) < self.plan.least_kl
        self.state.done = self.progress >= 1 or over or not patient or self.state.empty

    def _tell(self) -> None:
        now = time.monotonic()
        if self.watch is None or now - self._said < 0.5:
            return
        self._said = now
        share = max(self.progress, 1e-6)
        left = self.seconds * (1 - share) / share
        bound = self.state.history[-1].get("bound", math.nan) if self.state.history else math.nan
        self.watch(Progress(share, left, self.state.step, bound))

    # ------------------------------------------------------------------ non-finite steps

    def _finite(self) -> bool:
        norms = torch._foreach_norm(self.parameters)
        return bool(torch.stack(norms).isfinite().all())

    def _snapshot(self) -> None:
        if not hasattr(self, "_good"):
            self._good: dict[str, Any] = {}
        self._good = {
            "parameters": [p.detach().clone() for p in self.parameters],
            "averaged": [p.detach().clone() for p in self.averaged],
            "optimizer": {k: [t.clone() for t in v] for k, v in self.optimizer.state().items()},
            "rng": self.rng.state(), "step": self.state.step, "position": self.state.position, "order": self.order,
        }  # fmt: skip

    def _roll_back(self) -> None:
        """Back to the last finite weights. Rows that are not finite even there are named and left out from now on;
        where there are none, the step was too long, and the rate is halved."""
        good, failed = self._good, self.state.step
        copy(good["parameters"], self.parameters)
        copy(good["averaged"], self.averaged)
        for name, tensors in self.optimizer.state().items():
            copy(good["optimizer"][name], tensors)
        self.rng.restore(good["rng"])
        self.state.step, self.state.position, self.order = good["step"], good["position"], good["order"]
        bad, what = self._culprits(failed - self.state.step)
        self.state.left_out += bad
        if not bad:
            self.state.rate /= 2
            what = "learning rate halved"
        self.state.trouble.append(
            f"a step before {failed} was not finite; rolled back to step {self.state.step}; {what}"
        )
        self.rng.restore(Random(self.rng.seed()).state())  # other draws than the ones that failed
        if self.state.rate < 0.5**HALVINGS or len(self.state.left_out) > self.train.rows // 2:
            raise DataError(f"training does not stay finite: {self.state.trouble[-1]}")

    @torch.no_grad()
    def _culprits(self, steps: int) -> tuple[list[int], str]:
        """Rows of the last batches that are not finite at weights that still were, and where the trouble sits."""
        found: list[int] = []
        what = ""
        for _ in range(steps):
            rows = self._rows()
            batch = self.train[rows].to(self.device)
            trace = self.joint.infer(batch, rng=self.rng, estimate=1.0)
            bad = (~trace.log_weight.isfinite()).any(0).nonzero()[:, 0].tolist()
            found += [int(rows[i]) for i in bad if int(rows[i]) not in found]
            if bad and not what:
                what = self._largest(batch, bad[0])
        return found, f"{len(found)} row(s) left out, the first for {what}" if found else ""

    def _largest(self, batch: Evidence, row: int) -> str:
        """The cell of a row that is furthest from zero, in words."""
        values = {name: value[row].float().abs().nan_to_num(nan=torch.inf) for name, value in batch.values.items()}
        name = max(values, key=lambda n: float(values[n].max()))
        names, shape = self.joint.fields[name].cell_names, values[name].shape
        cell = int(values[name].argmax()) // max(1, values[name].numel() // max(1, len(names or ())))
        where = f"column {names[cell]!r} of {name}" if names else f"{name} {tuple(shape)}"
        return f"{where}, whose packed value is {float(values[name].max()):.3g}"


@torch.no_grad()
def copy(source: list[Tensor], target: list[Any]) -> None:
    """Tensor by tensor, in place."""
    for a, b in zip(source, target, strict=True):
        b.copy_(a)


def varied(batch: Evidence, fields: Mapping[str, Field], rng: Random) -> Evidence:
    """A batch with each field's values replaced by others that are as good; see :meth:`Field.vary`."""
    found = {n: fields[n].vary(v, batch.known[n], rng) for n, v in batch.values.items() if n in fields}
    values, known = ({name: pair[i] for name, pair in found.items()} for i in (0, 1))
    return replace(batch, values={**batch.values, **values}, known={**batch.known, **known})


def choose_threads(step: Callable[[], Any], most: int, tries: int = 4) -> int:
    """One thread or all of them, whichever a few steps show to be faster. Two can be far slower than one where the
    machine is shared, so this is measured and not assumed."""
    best, fastest = 1, math.inf
    for threads in dict.fromkeys((1, most)):
        torch.set_num_threads(threads)
        step()
        start = time.perf_counter()
        for _ in range(tries):
            step()
        took = time.perf_counter() - start
        if took < 0.9 * fastest:
            best, fastest = threads, took
    return best
