"""Copies: whether synthetic rows lie nearer to training rows than rows of the same source do by chance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from vaery.audit import intervals
from vaery.audit.distance import EQUAL, Nearest
from vaery.audit.intervals import Estimate
from vaery.audit.result import Part

LISTED = 20  # copies that are named


def closer(train: Nearest, test: Nearest, confidence: float, limit: float) -> Part:
    """The share of synthetic rows whose nearest row is a training row, among as many training as held-out rows.

    Ties count half. Many synthetic rows may have the same neighbour, so they are not independent: which of the
    neighbours is a training row is a fair coin for each *neighbour*, and n rows with w_r of them at neighbour r are
    worth n² / Σ w_r² coins.

    Args:
        train, test: nearest training and held-out rows of each synthetic row; of both as many count (``leading``).
        confidence: of the interval.
        limit: as in :func:`vaery.audit.audit`.
    """
    gap = train.leading - test.leading
    tied = gap.abs() <= EQUAL
    nearer, others, n = int((gap[~tied] < 0).sum()), int((~tied).sum()), len(gap)
    worth = effective(train, test)
    inner = intervals.wilson(nearer / max(1, others), worth, confidence)
    share, low, high = ((others * v + 0.5 * (n - others)) / n for v in (inner.value, inner.low, inner.high))
    passed = low <= limit
    return Part(
        "closer",
        passed,
        share,
        low,
        high,
        0.5,
        limit,
        f"{share:.3f} of the synthetic rows ({low:.3f} to {high:.3f}) lie nearer to a training row than to any of as "
        f"many held-out rows; chance is 0.5, the limit {limit:g}",
        {"ties": n - others, "effective_rows": worth},
    )


def effective(train: Nearest, test: Nearest) -> float:
    """How many independent rows the synthetic rows are worth (ties left out)."""
    gap = train.leading - test.leading
    tied = gap.abs() <= EQUAL
    neighbour = torch.where(gap < 0, train.leading_which, test.leading_which + len(train.back))[~tied]
    weight = torch.unique(neighbour, return_counts=True)[1].double()
    return float(weight.sum() ** 2 / (weight**2).sum()) if len(weight) else 0.0


def ratios(train: Nearest, test: Nearest, confidence: float, limit: float) -> Part:
    """The distance to the closest training row over that to the closest of as many held-out rows; see
    :func:`vaery.audit.intervals.ratio`. ``detail`` holds both distances' medians and 5th percentiles."""
    above, below = train.leading.double().numpy(), test.leading.double().numpy()
    found = intervals.ratio(above, below, max(1.0, effective(train, test)), confidence)
    detail = {}
    for name, share in (("median", 0.5), ("p05", 0.05)):
        one, two = (float(torch.quantile(found_.leading, share)) for found_ in (train, test))
        detail |= {f"{name}_train": one, f"{name}_test": two, f"{name}_ratio": one / two if two > EQUAL else 1.0}
    return Part(
        "distance ratio",
        found.high >= limit,
        found.value,
        found.low,
        found.high,
        1.0,
        limit,
        f"the closest training row is as a rule {found.value:.3f} times as far as the closest held-out row "
        f"({found.low:.3f} to {found.high:.3f}); chance is 1, the limit {limit:g}",
        detail,
    )


def copies(synthetic: Nearest, test: Nearest, confidence: float, limit: float) -> Part:
    """Exact copies of training rows that are there once, beyond those that held-out rows are."""
    return _excess(
        "copies", "exact copies of training rows that are there once", synthetic, test, EQUAL, confidence, limit
    )


def near_copies(synthetic: Nearest, test: Nearest, near: float, confidence: float, limit: float) -> Part:
    """Rows much nearer to one training row than to the next, beyond those among held-out rows."""
    words = f"within {near:g} of the distance to the next training row, so copies of one rare row or nearly so"
    return _excess("near copies", words, synthetic, test, near, confidence, limit)


def _excess(
    name: str, words: str, synthetic: Nearest, test: Nearest, near: float, confidence: float, limit: float
) -> Part:
    shares = [float(rare(found, near).double().mean()) for found in (synthetic, test)]
    n, m = len(synthetic.first), len(test.first)
    found: Estimate = intervals.excess(shares[0], n, shares[1], m, confidence)
    return Part(
        name,
        found.low <= limit,
        found.value,
        found.low,
        found.high,
        0.0,
        limit,
        f"{shares[0]:.2%} of the synthetic rows are {words}; of held-out rows {shares[1]:.2%} are. The excess is "
        f"{found.value:.2%} ({found.low:.2%} to {found.high:.2%}), the limit {limit:.2%}",
        {"synthetic": shares[0], "test": shares[1]},
    )


def rare(found: Nearest, near: float) -> Tensor:
    """``[rows]`` bool: the nearest training row is (nearly) this row, and no other is.

    With ``near`` = :data:`EQUAL`, exact copies; else those whose nearest-neighbour distance ratio is below ``near``.
    Copies of what several training rows hold are nobody's secret, and are not rare.
    """
    alone = found.second > EQUAL
    if near <= EQUAL:
        return alone & (found.first <= EQUAL)
    return alone & ((found.first <= EQUAL) | (found.first < near * found.second))


def listed(synthetic: Nearest, near: float, rows: Tensor, train: Tensor) -> Iterator[dict[str, Any]]:
    """The (nearly) copied rows, nearest first.

    Args:
        synthetic: nearest training rows of the synthetic ones.
        near: as in :func:`rare`.
        rows, train: numbers of the synthetic and the training rows in the data that came in.
    """
    ratio = synthetic.first / synthetic.second.clamp(min=1e-12)
    found = rare(synthetic, near).nonzero()[:, 0]
    for i in found[ratio[found].argsort(stable=True)][:LISTED].tolist():
        first, second = float(synthetic.first[i]), float(synthetic.second[i])
        yield {"row": int(rows[i]), "train": int(train[synthetic.which[i]]), "distance": first, "next": second}
