"""Teaching the readers of a model's labels, before the rest of the model is trained."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from vaery.core.evidence import Evidence
from vaery.core.field import Field
from vaery.core.random import Random, isolated
from vaery.joint import Joint
from vaery.labels import simple
from vaery.labels.belief import folds, temper, tempers, weigh
from vaery.labels.find import codes
from vaery.labels.lessons import Lessons, learn
from vaery.labels.reader import LINE, NAMES, NEAR, Reader, cooled, mixed

FOLDS = 4
MOST_CROSSED = 4000  # labelled rows that readers are tried on
SHARE = 0.6  # of the time of a fit, at most, that readers of other things than cells are taught for
QUICK = Lessons(steps=300, labelled=64, others=128, learning_rate=2e-3, sharp=1.2)  # for cells
TRIED = 4000  # unlabelled rows on which the network is compared with its teacher
POOR, GOOD = 0.75, 0.9  # how often it agrees with it, where it does not count and where it counts fully
NET = 0.5  # how much the network counts beside all others, where it was too slow to be tried on rows it had not seen


def readers(joint: Joint) -> dict[str, Reader]:
    """The labels of a model that have a reader, and these."""
    return {str(s.name): s._posterior for s in joint.walk if isinstance(s._posterior, Reader)}


def teach(
    joint: Joint,
    rows: Evidence,
    rng: Random,
    seconds: float | None = None,
    watch: Callable[[float], None] | None = None,
    steps: int = Lessons.steps,
) -> dict[str, dict[str, Any]]:
    """Teach every reader of ``joint``, and settle how far it is to be believed.

    Args:
        joint: its readers are changed in place, and not trained any more after that.
        rows: all rows of the fit.
        rng: where draws come from.
        seconds: the time that there is for this.
        watch: told the share that is done.
        steps: of the model's own training: where no time is set, slow readers are taught for no more than that.

    Returns:
        Label → what was found: ``"labelled"`` rows, the ``"weights"`` of its readers by name, the ``"temperature"``.
    """
    found = {}
    todo = readers(joint)
    for name, reader in todo.items():
        labels = codes(rows, name)
        others = rows.only(*reader.nets)
        fields = {other: joint.fields[other] for other in reader.nets}
        time_left = None if seconds is None else seconds / len(todo)
        device = joint.device
        with isolated(rng.seed()):
            reader.cpu()
            found[name] = _Teacher(reader, others.to("cpu"), labels.cpu(), fields, rng, time_left, watch, steps).teach()
            reader.to(device).requires_grad_(False)
    return found


@dataclass
class _Teacher:
    reader: Reader
    rows: Evidence
    labels: Tensor
    fields: Mapping[str, Field]
    rng: Random
    seconds: float | None
    watch: Callable[[float], None] | None
    steps: int

    def teach(self) -> dict[str, Any]:
        started = time.monotonic()
        known = (self.labels >= 0).nonzero()[:, 0]
        known = known[self.rng.permutation(len(known)).cpu()]
        hidden = (self.labels < 0).nonzero()[:, 0]
        hidden = hidden[self.rng.permutation(len(hidden)).cpu()]
        self.order = torch.cat([known[:MOST_CROSSED], hidden])[: simple.POOL]
        self.known = len(known[:MOST_CROSSED])
        self.truth = self.labels[self.order[: self.known]]
        plain = len(self.reader.plain) == len(self.fields)
        cells = all(field.cells is not None and len(field.cells) <= 1000 for field in self.fields.values())
        if not plain:
            self._alone(started)
        elif cells:
            self._cells()
        else:
            self._with_teacher(started)
        weights = dict(zip(NAMES, self.reader.weight.tolist(), strict=True))
        return {"labelled": len(known), "weights": weights, "temperature": float(self.reader.temperature)}

    # ------------------------------------------------------------------ three ways

    def _cells(self) -> None:
        """Everything is quick: all readers are tried on rows that they had not seen."""
        self._lay_out()
        said = self._crossed(net=True)
        self._settle(said)
        self._fit_simple(self.reader, self.truth, torch.arange(self.known))
        self._lessons(self.reader, self.labels, self._quick())

    def _with_teacher(self, started: float) -> None:
        """The network is slow, and learns from what the others say of unlabelled rows."""
        self._lay_out()
        said = self._crossed(net=False)
        sure = tempers(said, self.truth)
        weight = weigh(cooled(said, sure), self.truth)
        temperature = temper(cooled(said, sure), weight, self.truth)
        near = self._fit_simple(self.reader, self.truth, torch.arange(self.known))
        with torch.no_grad():
            answers = self.reader.simple(self.pool.x)
            answers[NEAR - LINE] = near.log()  # what neighbours say themselves, and not what was learned from them
            teacher = mixed(cooled(torch.stack(answers), sure), weight, temperature).exp()
        lessons = self._allotted()
        if self.seconds is not None:
            left = max(1.0, self.seconds - (time.monotonic() - started))
            lessons = replace(lessons, steps=10**9, seconds=left)
        pool = self.rows[self.order]
        learn(self.reader, pool, self.labels[self.order], self.fields, lessons, self.rng, teacher, self.watch)
        self._believe_net(teacher, weight, sure)

    def _believe_net(self, teacher: Tensor, weight: Tensor, sure: Tensor) -> None:
        """The network counts as much as all others together if it learned what its teacher says, and else less; it and
        all together are as sure as the teacher, on unlabelled rows."""
        self._set(torch.cat([torch.tensor([NET]), (1 - NET) * weight]), torch.ones(()))
        self.reader.sure[LINE : LINE + len(sure)] = sure
        with torch.no_grad():
            rest = self._pool_rows(self.known, min(len(self.order), self.known + TRIED))
            said = torch.cat([self.reader.each(part) for part in rest], 1)
        goal = teacher[self.known : self.known + said.shape[1]]
        agrees = float((said[0].argmax(1) == goal.argmax(1)).float().mean()) if len(goal) else 1.0
        share = NET * min(1.0, max(0.0, (agrees - POOR) / (GOOD - POOR)))
        self._set(torch.cat([torch.tensor([share]), (1 - share) * weight]), torch.ones(()))
        if len(goal):
            self.reader.sure[0] = temper(said[:1], torch.ones(1), goal)
            said[:1] = cooled(said[:1], self.reader.sure[:1])
            self.reader.temperature.copy_(temper(said, self.reader.weight[: len(said)], goal))

    def _allotted(self) -> Lessons:
        """All of them, or as many as the budget of steps leaves."""
        whole = Lessons()
        return replace(whole, steps=min(whole.steps, self.steps))

    def _alone(self, started: float) -> None:
        """Nothing but the network can read the other fields: it is tried on rows that it had not seen in short lessons,
        for its temperature."""
        lessons = self._allotted()
        if self.seconds is not None:
            lessons = replace(lessons, steps=10**9, seconds=0.7 * self.seconds)
        learn(self.reader, self.rows, self.labels, self.fields, lessons, self.rng, None, self.watch)
        fold = folds(self.truth, 2, self.rng)
        short = replace(lessons, steps=min(lessons.steps, 400))
        if lessons.seconds is not None:
            short = replace(short, seconds=0.15 * self.seconds if self.seconds else None)
        said = torch.zeros(1, self.known, self.reader.levels)
        for one in range(2):
            student = copy.deepcopy(self.reader)
            said[0, fold == one] = self._tried_net(student, fold == one, short)
        self._set(torch.tensor([1.0]), temper(said, torch.ones(1), self.truth))

    # ------------------------------------------------------------------ steps

    def _lay_out(self) -> None:
        """The pool as plain numbers, labelled rows first."""
        self.reader.mean.zero_()
        with torch.no_grad():
            x = torch.cat([self.reader.columns(part) for part in self._pool_rows(0, len(self.order))])
        self.reader.mean.copy_(x.mean(0))
        self.pool = simple.Pool.of(x - x.mean(0))

    def _pool_rows(self, start: int, stop: int) -> list[Evidence]:
        """Rows of the pool in slices."""
        return [self.rows[self.order[at : min(stop, at + 1000)]] for at in range(start, stop, 1000)]

    def _fit_simple(self, reader: Reader, truth: Tensor, at: Tensor, for_good: bool = True) -> Tensor:
        """Fit every reader but the network to the rows ``at`` of the pool; what neighbours say of the pool.

        Not ``for_good``: nobody will ask about new rows, so that is not handed on to the network that answers for them.
        """
        x, seed = self.pool.x[at], self.rng.seed()
        simple.fit_line(reader.line, x, truth)
        if reader.forest is not None and reader.boosted is not None:
            simple.fit_forest(reader.forest, x, truth, seed)
            simple.fit_boosted(reader.boosted, x, truth, seed)
        labels = torch.full((len(self.order),), -1)
        labels[at] = truth
        if not for_good:
            return simple.spread(self.pool.places, labels, reader.levels)
        return simple.fit_near(reader.near, self.pool, labels, reader.levels, self.rng)

    def _crossed(self, net: bool) -> Tensor:
        """``[R, n, K]`` what each reader says of labelled rows that it had not seen."""
        count = max(2, min(FOLDS, self.known // 4))
        fold = folds(self.truth, count, self.rng)
        parts = 2 + 2 * (self.reader.forest is not None) + net
        said = torch.zeros(parts, self.known, self.reader.levels)
        for one in range(count):
            student, out = copy.deepcopy(self.reader), fold == one
            inside = (~out).nonzero()[:, 0]
            near = self._fit_simple(student, self.truth[inside], inside, for_good=False)
            with torch.no_grad():
                answers = student.simple(self.pool.x[: self.known][out])
                answers[NEAR - LINE] = near[: self.known][out].log()
            if net:
                answers = [self._tried_net(student, out, self._quick()), *answers]
            said[:, out] = torch.stack(answers)
        return said

    def _tried_net(self, student: Reader, out: Tensor, lessons: Lessons) -> Tensor:
        """What the network says of labelled rows ``out`` after lessons without them."""
        labels = self.labels.clone()
        labels[self.order[: self.known][out]] = -1
        self._lessons(student, labels, lessons)
        with torch.no_grad():
            return student.last(student.features(self.rows[self.order[: self.known][out]])).log_softmax(-1)

    def _lessons(self, reader: Reader, labels: Tensor, lessons: Lessons) -> None:
        learn(reader, self.rows, labels, self.fields, lessons, self.rng, None, None)

    def _quick(self) -> Lessons:
        """Shorter where rows are few."""
        return replace(QUICK, steps=min(QUICK.steps, 100 + self.rows.rows // 10))

    def _settle(self, said: Tensor) -> None:
        sure = tempers(said, self.truth)
        weight = weigh(cooled(said, sure), self.truth)
        self._set(weight, temper(cooled(said, sure), weight, self.truth))
        self.reader.sure[: len(sure)] = sure

    def _set(self, weight: Tensor, temperature: Tensor) -> None:
        self.reader.weight.zero_()
        self.reader.weight[: len(weight)] = weight
        self.reader.temperature.copy_(temperature)
