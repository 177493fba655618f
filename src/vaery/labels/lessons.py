"""How the network of a reader learns: from labelled rows, from a teacher, and by agreeing with itself."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from vaery.core.evidence import Evidence
from vaery.core.field import Field
from vaery.core.random import Random, isolated, seed_global
from vaery.labels.reader import Reader

WEAK, STRONG = 0.25, 1.0  # how differently rows are seen
CHECK = 50  # steps between two seedings of dropout


@dataclass(frozen=True)
class Lessons:
    """How to teach.

    Attributes:
        steps: of the optimiser; with ``seconds``, whichever comes first.
        seconds: time, ``None``: as long as the steps take.
        labelled, others: rows a step; without others, it learns from labelled rows alone.
        learning_rate: at its highest.
        decay: of AdamW.
        average: decay of the averaged weights, which are the ones kept.
        alone: the share of the lessons after which the network's own answers begin to count among the targets.
        own: how much they count in the end, beside the teacher's.
        sharp: the power to which targets are raised.
    """

    steps: int = 1500
    seconds: float | None = None
    labelled: int = 32
    others: int = 96
    learning_rate: float = 1e-3
    decay: float = 1e-2
    average: float = 0.99
    alone: float = 0.3
    own: float = 0.6
    sharp: float = 1.5


def learn(
    reader: Reader,
    rows: Evidence,
    labels: Tensor,
    fields: Mapping[str, Field],
    lessons: Lessons,
    rng: Random,
    teacher: Tensor | None = None,
    watch: Callable[[float], None] | None = None,
) -> None:
    """Teach the network of a reader.

    Unlabelled rows are seen twice: as they are by the averaged network, whose answer (mixed with the teacher's) is the
    target, and disturbed by the network that learns (Tarvainen and Valpola, 2017; Sohn et al., 2020; Berthelot et al.,
    2020, for targets that have the classes' frequencies).

    Args:
        reader: it is changed in place.
        rows: all rows, without the label.
        labels: ``[N]`` codes, -1 where unknown.
        fields: the others, by name.
        lessons: how.
        rng: where draws come from.
        teacher: ``[N, K]`` chances of each class for the first N rows; only these are learned from then.
        watch: told the share that is done.
    """
    _Class(reader, rows, labels, fields, lessons, rng, teacher).run(watch)


class _Class:
    def __init__(
        self,
        reader: Reader,
        rows: Evidence,
        labels: Tensor,
        fields: Mapping[str, Field],
        lessons: Lessons,
        rng: Random,
        teacher: Tensor | None,
    ) -> None:
        self.reader, self.rows, self.labels, self.fields = reader, rows, labels, fields
        self.lessons, self.rng, self.teacher = lessons, rng, teacher
        self.known = (labels >= 0).nonzero()[:, 0]
        self.pool = rows.rows if teacher is None else len(teacher)
        self.parameters = _weights(reader)
        for parameter in self.parameters:
            parameter.requires_grad_(True)
        reader.learning = True
        self.average = copy.deepcopy(reader).eval().requires_grad_(False)
        self.kept = _weights(self.average)
        self.optimiser = torch.optim.AdamW(
            self.parameters, lessons.learning_rate, betas=(0.9, 0.99), weight_decay=lessons.decay
        )
        levels = reader.levels
        counts = torch.bincount(labels[self.known], minlength=levels).float() + 1
        self.share = (counts / counts.sum()).log()  # what classes are to occur how often
        self.seen = self.share.exp()  # and how often they do among the targets

    def run(self, watch: Callable[[float], None] | None) -> None:
        self.reader.train()
        start, step, done = time.monotonic(), 0, 0.0
        with isolated(0):
            while done < 1:
                if step % CHECK == 0:
                    seed_global(self.rng.seed(), self.rows.device)
                    if watch is not None:
                        watch(done)
                self._step(step, done)
                step += 1
                done = step / self.lessons.steps
                if self.lessons.seconds is not None:
                    done = max(done, (time.monotonic() - start) / self.lessons.seconds)
        with torch.no_grad():
            torch._foreach_copy_(self.parameters, self.kept)
        self.reader.learning = False
        self.reader.eval()
        for parameter in self.parameters:
            parameter.requires_grad_(False)

    def _step(self, step: int, done: float) -> None:
        lessons, rng = self.lessons, self.rng
        known = self.known[rng.integers(0, len(self.known), (lessons.labelled,)).cpu()]
        other = rng.integers(0, self.pool, (lessons.others,)).cpu()
        plain = self.rows[other]
        target = self._target(plain, other, done) if len(other) else torch.empty(0)
        strength = STRONG if step % 2 else WEAK
        mixed = self._disturbed(torch.cat([known, other]), strength)
        said = self.reader.last(self.reader.features(mixed)).log_softmax(-1)
        taught = F.nll_loss(said[: len(known)], self.labels[known])
        weight = 1.0 if self.teacher is not None else min(1.0, done / 0.2)
        loss = taught if not len(other) else taught - weight * (target * said[len(known) :]).sum(1).mean()
        rate = lessons.learning_rate * min(1.0, (step + 1) / 50) * math.cos(0.48 * math.pi * min(1.0, done))
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, 5.0)
        self.optimiser.step()
        decay = min(lessons.average, (1 + step) / (10 + step))
        torch._foreach_lerp_(self.kept, self.parameters, 1 - decay)

    def _disturbed(self, index: Tensor, strength: float) -> Evidence:
        rows = self.rows[index]
        found = {n: self.fields[n].disturb(v, rows.known[n], self.rng, strength) for n, v in rows.values.items()}
        return replace(rows, values={n: v for n, (v, _) in found.items()}, known={n: k for n, (_, k) in found.items()})

    @torch.no_grad()
    def _target(self, rows: Evidence, index: Tensor, done: float) -> Tensor:
        lessons = self.lessons
        own = 1.0 if self.teacher is None else lessons.own * min(1.0, max(0.0, done - lessons.alone) / 0.3)
        total = torch.zeros((), device=rows.device)
        if own:
            said = self.average.last(self.average.features(rows)).log_softmax(-1)
            self.seen = self.seen.lerp(said.exp().mean(0), 0.02)
            total = total + own * (said + self.share - self.seen.clamp(min=1e-4).log()).log_softmax(-1)
        if self.teacher is not None:
            total = total + (1 - own) * self.teacher[index].clamp(min=1e-6).log()
        return (lessons.sharp * total).softmax(-1)


def _weights(reader: Reader) -> list[Tensor]:
    return [*reader.nets.parameters(), *reader.merge.parameters(), *reader.last.parameters()]
