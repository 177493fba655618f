"""Distances between rows of mixed columns, and nearest rows by exact search.

The distance is Gower's (1971): the mean over columns of a distance between 0 and 1. Numbers and times: the difference
over the range from the 1st to the 99th percentile of the reference rows, 1 at most; beyond that range, values are taken
on a logarithmic axis, so that two outliers are as far apart as their ratio says. Everything else, and an empty cell
beside a filled one: 0 if equal, else 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vaery.core.values import Values
from vaery.progress import tracked

EQUAL = 1e-6  # a distance at which rows are the same: files of text round
EMPTY = -1e6  # where an empty cell lies: a whole 1 from any other
PAIRS = 1 << 20  # distances that are held at once


@dataclass(frozen=True)
class Axis:
    """How one column becomes a coordinate.

    Attributes:
        centre, scale: of numbers and times.
        codes: of all else: value → its number.
    """

    centre: float = 0.0
    scale: float = 0.0
    codes: dict[object, int] | None = None

    @classmethod
    def of(cls, parts: Sequence[Values]) -> Axis:
        """From the reference rows."""
        if not all(part.counted for part in parts):
            return cls(codes={})
        x = np.concatenate([part.x[part.known].astype(np.float64) for part in parts])
        if not len(x):
            return cls()
        low, centre, high = np.percentile(x, [1, 50, 99])
        return cls(float(centre), float(high - low) or float(x.max() - x.min()))

    def place(self, column: Values) -> NDArray[np.float32]:
        """Coordinates; levels that are new get numbers as they come."""
        if self.codes is not None:
            book = self.codes
            out = [EMPTY if v is None else book.setdefault(_plain(v), len(book)) for v in column.tolist()]
            return np.array(out, dtype=np.float32)
        gap = column.x.astype(np.float64) - self.centre
        x = gap / self.scale if self.scale else np.sign(gap) * 2
        size = np.maximum(np.abs(x), 1)
        x = np.where(size > 1, np.sign(x) * (1 + np.log(size)), x)
        return np.where(column.known, x, EMPTY).astype(np.float32)


class Space:
    """Where rows lie.

    Args:
        references: column → values, of each set of reference rows. They count alike, whatever their order.
    """

    def __init__(self, references: Sequence[Mapping[str, Values]]) -> None:
        names = [name for name in references[0] if all(name in part for part in references)]
        self.axes = {name: Axis.of([part[name] for part in references]) for name in names}

    def place(self, columns: Mapping[str, Values]) -> Tensor:
        """Coordinates ``[rows, columns]``."""
        return torch.from_numpy(np.stack([axis.place(columns[name]) for name, axis in self.axes.items()], 1))


@dataclass(frozen=True)
class Nearest:
    """For each of A rows, what is nearest among B others.

    Attributes:
        first, second: ``[A]`` the smallest two distances (infinite where there is one other row only).
        which: ``[A]`` the number of the nearest.
        leading, leading_which: the same among the leading rows of the others only.
        back: ``[B]`` for each of the others, its distance to the nearest of the A rows.
    """

    first: Tensor
    second: Tensor
    which: Tensor
    leading: Tensor
    leading_which: Tensor
    back: Tensor


def nearest(a: Tensor, b: Tensor, leading: int | None = None) -> Nearest:
    """Nearest rows, by looking at all pairs.

    >>> found = nearest(torch.tensor([[0.0], [0.9]]), torch.tensor([[0.1], [0.7], [0.8]]))
    >>> found.first, found.which
    (tensor([0.1000, 0.1000]), tensor([0, 2]))
    """
    back = torch.full((len(b),), torch.inf)
    parts: list[tuple[Tensor, ...]] = []
    size = max(1, PAIRS // max(1, len(b)))
    for start in tracked(range(0, len(a), size), "distances"):
        gap = distances(a[start : start + size], b)
        back = torch.minimum(back, gap.min(0).values)
        lead, lead_which = gap[:, :leading].min(1)
        first, which = gap.min(1)
        second = gap.scatter(1, which[:, None], torch.inf).min(1).values
        parts.append((first, second, which, lead, lead_which))
    first, second, which, lead, lead_which = (torch.cat(column) for column in zip(*parts, strict=True))
    return Nearest(first, second, which, lead, lead_which, back)


def distances(a: Tensor, b: Tensor) -> Tensor:
    """``[A, D], [B, D]`` → ``[A, B]``: the mean over columns of ``min(|a - b|, 1)``."""
    total = torch.zeros(len(a), len(b))
    gap = torch.empty_like(total)
    for x, y in zip(a.T.contiguous(), b.T.contiguous(), strict=True):
        torch.sub(x[:, None], y[None], out=gap)
        total += gap.abs_().clamp_(max=1)
    return total / max(1, a.shape[1])


def _plain(key: object) -> object:
    """Python holds ``True == 1``; as values of a mixed column they differ."""
    return (type(key).__name__, key) if isinstance(key, bool) else key
