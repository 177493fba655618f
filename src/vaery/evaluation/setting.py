"""The setting every check works in: the model, the rows to try it on, rows for simple methods to learn from."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from vaery.evaluation.layout import Layout, Place, Rows, labels, numbers

if TYPE_CHECKING:
    from vaery.model import VAE

Answer = TypeVar("Answer")
CLASSES = 10  # levels up to which a column is one of classes
IDENTIFIER = 0.5  # distinct texts, as a share of the rows, above which they are names and not categories


@dataclass
class Setting:
    """What a check gets.

    Attributes:
        model: a fitted :class:`~vaery.VAE`.
        layout: where its columns are.
        rows: held-out rows, as many as are asked for.
        train: rows for simple methods to learn from; ``None``: each half of ``rows`` learns from the other.
        target: the column that matters, if one was named.
        seed: of all that is random.
        came_as: the number of each of ``rows`` among the rows that were handed in, from 0.
        kept: results that more than one part looks at.
    """

    model: VAE
    layout: Layout
    rows: Rows
    train: Rows | None
    target: Place | None
    seed: int
    came_as: NDArray[np.int64]
    kept: dict[str, Any] = field(default_factory=dict)

    def rng(self, name: str) -> np.random.Generator:
        """A generator of one's own for whoever is called that."""
        return generator(self.seed, name)

    @property
    def learned_from(self) -> str:
        """Where simple methods learn, in words."""
        if self.train is None:
            return "simple methods learned from the other half of these rows, the model from all it was fitted to"
        return f"simple methods learned from {len(self.train):,} training rows"

    # ------------------------------------------------------------------ columns

    @cached_property
    def places(self) -> list[Place]:
        """The columns worth testing: not constant, not empty, not names of single rows."""
        return [place for place in self.layout.places if not self._left_out(place)]

    def _left_out(self, place: Place) -> bool:
        if place.numeric:
            x = numbers(self.rows[place.label], place.sort)
            return len(np.unique(x[np.isfinite(x)])) < 2
        text = [t for t in labels(self.rows[place.label]) if t is not None]
        return len(set(text)) < 2 or len(set(text)) > max(CLASSES, IDENTIFIER * len(text))

    @property
    def left_out(self) -> list[str]:
        """The columns that are not."""
        return [place.label for place in self.layout.places if place not in self.places]

    @cached_property
    def aim(self) -> Place | None:
        """The target; else the last column of few classes; else none."""
        if self.target is not None:
            return self.target
        few = [
            place
            for place in self.places
            if not place.numeric and len(set(labels(self.rows[place.label])) - {None}) <= CLASSES
        ]
        return few[-1] if few else None

    # ------------------------------------------------------------------ who learns from what

    @cached_property
    def folds(self) -> list[tuple[Rows, NDArray[np.int64]]]:
        """(rows to learn from, numbers of the rows to answer for)."""
        n = len(self.rows)
        if self.train is not None:
            return [(self.train, np.arange(n))]
        order = self.rng("folds").permutation(n)
        a, b = np.sort(order[: n // 2]), np.sort(order[n // 2 :])
        return [(self.rows.take(a), b), (self.rows.take(b), a)]

    def crossed(self, answer: Callable[[Rows, Rows], NDArray[Any]], rows: Rows | None = None) -> NDArray[Any]:
        """What a simple method says of each row, learned from rows that it is not asked about.

        Args:
            answer: (rows to learn from, rows to answer for) → one entry for each of the latter.
            rows: the rows to answer for, if these are not ``self.rows`` themselves but changed, one by one.
        """
        parts = [(index, answer(fit, (rows or self.rows).take(index))) for fit, index in self.folds]
        out = np.empty((len(self.rows), *parts[0][1].shape[1:]), dtype=parts[0][1].dtype)
        for index, part in parts:
            out[index] = part
        return out

    # ------------------------------------------------------------------ the model

    def ask(self, job: str, rows: Rows | None = None, **options: Any) -> tuple[Any, float]:
        """What the model answers, in raw terms, and in how many seconds."""
        raw = [] if rows is None else [self.layout.raw(rows)]
        start = time.perf_counter()
        answer = self.model.run(job, *raw, seed=self.seed, **options)
        return answer, time.perf_counter() - start

    @cached_property
    def made(self) -> tuple[Rows, float]:
        """As many generated rows as there are held-out ones, and the seconds they took."""
        raw, seconds = self.ask("generate", n=len(self.rows))
        return self.layout.open(raw), seconds

    @cached_property
    def detected(self) -> tuple[Any, float]:
        """Bits and p-values of the rows as they are."""
        return self.ask("detect", self.rows, reasons=0)


def generator(seed: int, name: str) -> np.random.Generator:
    """The generator of whoever is called that."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def told(items: list[Answer], start: float, verbose: bool | None) -> Iterator[Answer]:
    """The items, each named on standard error as it begins, once this has taken two seconds."""
    import sys

    from vaery.progress import SILENT, duration

    for i, item in enumerate(items):
        spent = time.perf_counter() - start
        if verbose or (verbose is None and spent > SILENT):
            print(f"evaluate: {item} ({i + 1} of {len(items)}, {duration(spent)} so far)", file=sys.stderr, flush=True)
        yield item
