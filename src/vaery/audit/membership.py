"""Membership attacks: whether somebody can tell the rows that a model was fitted on from others of the same source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from vaery.audit import intervals
from vaery.audit.result import Part

FALSE = 0.01  # the false-positive rate at which the sure hits of an attack are counted


def attack(
    name: str, members: Any, others: Any, *, confidence: float, auc: float, tpr: float, detail: Any = None
) -> Iterator[Part]:
    """Two parts: how well a score tells members from others over all, and how many it is sure of.

    The first is the area under the ROC curve; the second the true-positive rate at 1 % false positives, since an
    attack that is right about a few people and knows it is an attack (Carlini et al., 2022).

    Args:
        name: of the attack.
        members, others: a score of each row, higher where it rather looks like a member.
        confidence: of the intervals.
        auc, tpr: limits.
        detail: further numbers.
    """
    members, others = (np.asarray(x, dtype=np.float64) for x in (members, others))
    area = intervals.auc(members, others, confidence)
    extra: Mapping[str, Any] = {"above_chance": area.low > 0.5, **(detail or {})}
    yield Part(
        f"attack by {name}",
        area.low <= auc,
        area.value,
        area.low,
        area.high,
        0.5,
        auc,
        f"AUC {area.value:.3f} ({area.low:.3f} to {area.high:.3f}), {_chance(extra['above_chance'])}; chance is 0.5, "
        f"the limit {auc:g}",
        extra,
    )
    sure = intervals.tail(members, others, FALSE, confidence)
    share, above = sure.share, sure.p_value < 1 - confidence
    yield Part(
        f"sure hits by {name}",
        share.low <= tpr,
        share.value,
        share.low,
        share.high,
        FALSE,
        tpr,
        f"{share.value:.2%} of the training rows ({share.low:.2%} to {share.high:.2%}) at {sure.false:.2%} false "
        f"positives, {_chance(above)}; chance is the same, the limit {tpr:.2%}",
        {"above_chance": above, "false_positive_rate": sure.false, "p_value": sure.p_value, **(detail or {})},
    )


def _chance(above: bool) -> str:
    return "above chance" if above else "not above chance"
