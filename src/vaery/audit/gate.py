"""The audit: all measures, each held to its limit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from vaery.audit.canaries import REFERENCES, exposure, mixed
from vaery.audit.copies import closer as closer_part
from vaery.audit.copies import copies as copies_part
from vaery.audit.copies import listed, ratios
from vaery.audit.copies import near_copies as near_part
from vaery.audit.distance import EQUAL, Nearest, Space, nearest
from vaery.audit.membership import attack
from vaery.audit.result import Audit, Part
from vaery.audit.rows import columns_of, scorable, some
from vaery.core.errors import DataError
from vaery.core.random import Random
from vaery.core.values import Values
from vaery.schema import Schema, read

if TYPE_CHECKING:
    from vaery.model import VAE

FEWEST = 20  # held-out rows below which nothing can be said


def audit(
    model: VAE,
    train: Any,
    test: Any,
    synthetic: Any = None,
    *,
    canaries: Any = None,
    most: int = 5_000,
    seed: int = 0,
    confidence: float = 0.99,
    closer: float = 0.53,
    ratio: float = 0.9,
    copies: float = 0.001,
    near: float = 0.2,
    near_copies: float = 0.01,
    auc: float = 0.55,
    tpr: float = 0.03,
    exposed: float = 3.0,
) -> Audit:
    """Whether a model, and rows made by it, give away the rows it was fitted on. Passes or fails, with reasons.

    All measures compare training rows with rows of the same source that the model never saw. A part fails where its
    interval lies wholly beyond its limit: where it is sure. With few rows little is sure, so look at the intervals. A
    pass says that these attacks found nothing; it is no proof, and no differential privacy.

    Args:
        model: a fitted :class:`vaery.VAE`.
        train: the rows it was fitted on.
        test: rows of the same source that it was not; a random part of the data, put aside before the fit.
        synthetic: the rows to let go; none: as many as ``train`` are generated.
        canaries: rows planted into ``train`` by :func:`vaery.audit.plant`.
        most: at most so many rows of each sort are compared, all pairs of them; which, is random.
        seed: of that choice, and of the rows that are generated.
        confidence: of all intervals.
        closer: limit of the share of synthetic rows nearer to training than to held-out rows.
        ratio: limit of the distance to the closest training row over that to the closest held-out row.
        copies: limit of the excess of exact copies of training rows that are there once.
        near: a row nearer than this to its nearest training row, over the distance to the next one, is a near copy.
        near_copies: limit of the excess of these.
        auc: limit of a membership attack's area under the ROC curve.
        tpr: limit of its true-positive rate at 1 % false positives.
        exposed: limit of the canaries' mean exposure, in bits.

    Raises:
        DataError: fewer than 20 rows, or rows without the model's columns.
        QueryError: the model has no table among its fields.
    """
    limits = {
        "closer": closer, "ratio": ratio, "copies": copies, "near": near, "near_copies": near_copies, "auc": auc,
        "tpr": tpr, "exposed": exposed,
    }  # fmt: skip
    rng, raw = Random(seed), {"training": read(train), "held_out": read(test)}
    sizes = {name: enough(model.schema_, part, name) for name, part in raw.items()}
    if synthetic is None:
        synthetic = model.generate(min(most, sizes["training"]), seed=seed)
    sets = Sets.of(model.schema_, {**raw, "synthetic": read(synthetic)}, most, rng)
    found = Found.of(sets)
    parts = [
        *by_distance(found, confidence, limits),
        *by_score(model, sets, confidence=confidence, auc=auc, tpr=tpr),
        *attack("distance", -found.to_train.back, -found.to_test.back, confidence=confidence, auc=auc, tpr=tpr),
    ]
    if canaries is not None:
        parts.append(by_canaries(model, sets, read(canaries), rng, confidence=confidence, exposed=exposed))
    return Audit(
        tuple(parts),
        {name: len(rows) for name, rows in sets.rows.items()},
        tuple(listed(found.to_train, near, sets.rows["synthetic"], sets.rows["training"])),
        {"confidence": confidence, "seed": seed, "most": most, **limits},
        getattr(model, "private_", None),
    )


def enough(schema: Schema, raw: Any, name: str) -> int:
    """How many rows there are; an error if they are too few."""
    size = columns_of(schema, raw, name)[0]
    if size < FEWEST:
        raise DataError(f"{size} {name.replace('_', '-')} rows came; an audit needs {FEWEST} at least to say anything")
    return size


@dataclass(frozen=True)
class Sets:
    """The rows that are compared: ``"training"``, ``"held_out"`` and ``"synthetic"``.

    Attributes:
        rows: their numbers in the data that came.
        raw: they themselves.
        columns: what they hold.
    """

    rows: Mapping[str, Tensor]
    raw: Mapping[str, Any]
    columns: Mapping[str, Mapping[str, Values]]

    @classmethod
    def of(cls, schema: Schema, raw: Mapping[str, Any], most: int, rng: Random) -> Sets:
        """At most ``most`` of each, at random."""
        rows = {name: rng.permutation(columns_of(schema, part, name)[0])[:most].cpu() for name, part in raw.items()}
        picked = {name: some(part, rows[name].numpy()) for name, part in raw.items()}
        return cls(rows, picked, {name: columns_of(schema, part, name)[1] for name, part in picked.items()})


@dataclass(frozen=True)
class Found:
    """Nearest rows: of the synthetic among the training and the held-out ones (of which as many lead), and of the
    held-out among the training ones."""

    to_train: Nearest
    to_test: Nearest
    test_to_train: Nearest

    @classmethod
    def of(cls, sets: Sets) -> Found:
        train, test, synthetic = (sets.columns[name] for name in ("training", "held_out", "synthetic"))
        space = Space([train, test, synthetic])
        a, b, c = space.place(train), space.place(test), space.place(synthetic)
        equal = min(len(a), len(b))
        return cls(nearest(c, a, equal), nearest(c, b, equal), nearest(b, a))


def by_distance(found: Found, confidence: float, limits: Mapping[str, float]) -> Iterator[Part]:
    """Whether synthetic rows are nearer to training rows than they should be, and how many are copies of these."""
    yield closer_part(found.to_train, found.to_test, confidence, limits["closer"])
    yield ratios(found.to_train, found.to_test, confidence, limits["ratio"])
    yield copies_part(found.to_train, found.test_to_train, confidence, limits["copies"])
    yield near_part(found.to_train, found.test_to_train, limits["near"], confidence, limits["near_copies"])


def by_score(model: VAE, sets: Sets, *, confidence: float, auc: float, tpr: float) -> Iterator[Part]:
    """The attack by the model's own score (Yeom et al., 2018). Rows with levels that it never saw cannot be scored, and
    are left out."""
    scores, left_out = [], 0
    for name in ("training", "held_out"):
        good = scorable(model.schema_, sets.raw[name])
        left_out += int((~good).sum())
        scores.append(np.asarray(model.score_samples(some(sets.raw[name], np.flatnonzero(good)))))
    yield from attack("score", *scores, confidence=confidence, auc=auc, tpr=tpr, detail={"left_out": left_out})


def by_canaries(model: VAE, sets: Sets, canaries: Any, rng: Random, *, confidence: float, exposed: float) -> Part:
    """How far the canaries are exposed, beside rows that are made like them and were not planted."""
    others = mixed(model.schema_, sets.raw["training"], REFERENCES, rng)
    scores = [np.asarray(model.score_samples(rows)) for rows in (canaries, others)]
    _, planted = columns_of(model.schema_, canaries, "canary")
    space = Space([planted, sets.columns["synthetic"]])
    again = nearest(space.place(planted), space.place(sets.columns["synthetic"])).first <= EQUAL
    return exposure(*scores, confidence=confidence, limit=exposed, again=int(again.sum()))
