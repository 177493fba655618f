"""Whether new rows look like their labels: a reader that learns at the end of a fit, and doubts what no real row was.

A density that is asked for a nine draws some that are rather fours: between classes there is little to be gained by
being exact. Telling classes apart is what a classifier learns first. So rows that are less of their class, to it, than
all but a few real ones are drawn again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from vaery.core.evidence import Evidence, Some
from vaery.core.field import Field
from vaery.core.random import Random
from vaery.inference import batches, sample_conditional
from vaery.joint import Joint
from vaery.labels.find import codes, readable
from vaery.labels.lessons import Lessons, learn
from vaery.labels.reader import JUDGE, Reader

ROWS, FEWEST = 20_000, 1000  # with a label: that it learns from, at most; under which it knows too little
STEPS, EACH = 1600, 5  # of its lessons, at most; and one for so many of the model's own
RATE = 3e-3
TOGETHER = 1000  # rows
ROUNDS = 8  # in which doubted rows are drawn again; what is doubted then stays
DOUBT = 0.05  # the share of real rows that it would doubt
TIE = 1e-3  # log-odds so near are the same: they hang on the batch that a row is in
SURE = 40  # held-out rows of a class from which that is learned for it alone

PART = 0.12  # of a fit's time budget

Make = Callable[[Field, Sequence[Field]], Reader]


def wanted(fields: Collection[Field]) -> bool:
    """Whether there is a label to judge by other fields."""
    return any(readable(field) and read_by(fields, field.name) for field in fields)


def teach(
    joint: Joint,
    train: Evidence | Some,
    make: Make,
    *,
    rng: Random,
    steps: int,
    watch: Callable[[float], None] | None = None,
) -> tuple[str, ...]:
    """Give the model a judge of each label that is known in enough rows.

    It is not the label's own reader (:mod:`vaery.labels.teacher`), which learned from every row there is: what real
    rows are believed is to be told by some that were not learned from.

    Args:
        joint: it keeps the judges.
        train: rows.
        make: label, other fields → a reader that knows nothing.
        rng: of rows and lessons.
        steps: that the training took.
        watch: told the share of each that is done.

    Returns:
        The labels.
    """
    rng = rng.spawn(device="cpu")
    some = train[rng.permutation(train.rows)[:ROWS].to(train.device)].to("cpu")
    found = []
    for name in joint.fields:
        others = read_by(joint.fields.values(), name)
        labels = codes(some, name) if readable(joint.fields[name]) else torch.empty(0)
        if not others or int((labels >= 0).sum()) < FEWEST or steps < EACH:
            continue
        lessons = Lessons(steps=min(STEPS, steps // EACH), labelled=64, others=0, learning_rate=RATE)
        reader = make(joint.fields[name], others)
        learn(reader, some.only(*reader.nets), labels, {f.name: f for f in others}, lessons, rng, watch=watch)
        joint.aside[JUDGE + name] = reader.to(joint.device)
        found.append(name)
    return tuple(found)


def read_by(fields: Iterable[Field], name: str) -> list[Field]:
    """The fields that a judge of this label looks at: whole things (pictures, sounds), and no cells of tables. Their
    densities tell classes apart well enough, and to leave out the twentieth that is least like its class would make
    what other columns tell of it look surer than it is."""
    return [field for field in fields if field.name != name and field.cells is None]


def judge_of(joint: Joint, name: str) -> Reader | None:
    """Who was taught to read this label off the other fields, if anyone was."""
    if JUDGE + name not in joint.aside:
        return None
    found = joint.aside[JUDGE + name]
    assert isinstance(found, Reader)
    return found


@torch.no_grad()
def log_odds(joint: Joint, rows: Evidence, name: str) -> Tensor:
    """``[B]`` logarithm of the odds that the judge gives the label of each row, against all others; NaN where it is not
    known. Odds, since the probabilities of a sure judge are all alike."""
    reader, found = judge_of(joint, name), []
    assert reader is not None
    for part in batches(rows, TOGETHER):
        labels = codes(part, name).to(joint.device)
        said = reader.last(reader.features(part.only(*reader.nets)))
        own = labels.clamp(min=0)[:, None]
        odds = said.gather(1, own)[:, 0] - said.scatter(1, own, -torch.inf).logsumexp(1)
        found.append(torch.where(labels >= 0, odds, torch.nan))
    return torch.cat(found)


def least_log_odds(joint: Joint, held_out: Evidence) -> dict[str, list[float]]:
    """Label → for each class, the odds that all but :data:`DOUBT` of held-out rows of that class have at least."""
    found = {}
    for name in joint.fields:
        if name not in held_out or judge_of(joint, name) is None:
            continue
        said, labels = log_odds(joint, held_out, name).cpu(), codes(held_out, name).cpu()
        there = said.isfinite()
        if int(there.sum()) < SURE:
            continue
        field = joint.fields[name]
        assert field.cells is not None
        everyone = float(said[there].quantile(DOUBT))
        of = [said[there & (labels == code)] for code in range(field.cells[0].levels)]
        found[name] = [round(float(x.quantile(DOUBT)) if len(x) >= SURE else everyone, 6) for x in of]
    return found


def doubted(joint: Joint, values: Mapping[str, Tensor], calibration: Mapping[str, Any] | None) -> Tensor:
    """``[n]`` bool: whole drawn rows whose label is not to be believed."""
    rows = Evidence(len(next(iter(values.values()))), values, dict.fromkeys(values))
    out = torch.zeros(rows.rows, dtype=torch.bool, device=joint.device)
    for name, least in ((calibration or {}).get("label_log_odds") or {}).items():
        if judge_of(joint, name) is not None:
            said, labels = log_odds(joint, rows, name), codes(rows, name)
            out |= said < torch.tensor(least, device=said.device, dtype=said.dtype)[labels] - TIE
    return out


@torch.no_grad()
def redraw(
    joint: Joint,
    asked: Evidence,
    values: dict[str, Tensor],
    calibration: Mapping[str, Any] | None,
    *,
    rng: Random,
    candidates: int = 4,
) -> dict[str, Tensor]:
    """Drawn rows, with those that are :func:`doubted` drawn again, for the same labels.

    Args:
        asked: a single row, or alternatives: what all rows were drawn given.
        values: of whole rows ``[n, E…]``, by field.
        calibration: :func:`least_log_odds` as ``"label_log_odds"``, if any was found.
        rng: where draws come from.
        candidates: as :func:`~vaery.inference.sample_conditional` has it.
    """
    names = [name for name in (calibration or {}).get("label_log_odds") or {} if judge_of(joint, name) is not None]
    for _ in range(ROUNDS if names else 0):
        wrong = doubted(joint, values, calibration).nonzero()[:, 0]
        if not len(wrong):
            break
        labels = torch.stack([values[name][wrong].flatten(1)[:, 0] for name in names], 1)
        kinds, which = labels.unique(dim=0, return_inverse=True)
        values = {name: value.clone() for name, value in values.items()}
        for kind in range(len(kinds)):
            rows = wrong[which == kind]
            given = _labelled(asked, {name: values[name][rows[:1]] for name in names})
            drawn = sample_conditional(joint, given, len(rows), rng=rng, candidates=candidates).values
            for name, value in drawn.items():
                values[name][rows] = value.to(values[name].dtype)
    return values


def _labelled(asked: Evidence, labels: Mapping[str, Tensor]) -> Evidence:
    """What was asked for, and these labels ``[1, E…]``."""
    values = {name: value.expand(asked.rows, *value.shape[1:]) for name, value in labels.items()}
    return Evidence(
        asked.rows,
        {**asked.values, **values},
        {**asked.known, **dict.fromkeys(labels)},
        {name: region for name, region in asked.regions.items() if name not in labels},
        blind=asked.blind,
    )
