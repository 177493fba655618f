"""Canaries: rows that nobody could guess, planted into the data to see how far a model gives them away."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaery.audit import intervals
from vaery.audit.result import Part
from vaery.audit.rows import some
from vaery.constraints.sheets import Sheets
from vaery.core.errors import ChoiceError, DataError
from vaery.core.random import Random
from vaery.schema import Schema, read, stack

REFERENCES = 1000  # rows of the canaries' sort that were not planted; an exposure is at most log2 of one more
TRIES = 20


def plant(frame: Any, k: int = 10, *, seed: int = 0, times: int = 1) -> tuple[Any, Any]:
    """Put ``k`` unique rows into a table before a fit, to measure afterwards how far the model gives them away.

    A canary takes each cell from a row of its own, so that every value is ordinary and the row is not: nothing but this
    very row tells that it is there. Fit on what is returned, and hand the canaries to :meth:`vaery.VAE.audit`. They are
    invented: take them out of whatever else the table is for.

    Args:
        frame: a table: a frame, an array, a list of records, or a path.
        k: how many.
        seed: another seed gives other canaries.
        times: how often each is planted.

    Returns:
        ``(planted, canaries)``: the table with them at its end, and they alone; both of the type of ``frame``.

    Raises:
        ChoiceError: ``k`` or ``times`` is less than one.
        DataError: the table's values do not go together in so many new ways.

    >>> import pandas as pd
    >>> people = pd.DataFrame({"age": range(20, 70), "town": list("abcde") * 10})
    >>> planted, canaries = plant(people, 3)
    >>> len(planted), len(canaries), len(planted.merge(canaries))
    (53, 3, 3)
    """
    if k < 1 or times < 1:
        raise ChoiceError(f"k={k} canaries, each {times} times: both are at least 1")
    frame = read(frame)
    schema, raw = Schema.describe(frame)
    canaries = mixed(schema, raw, k, Random(seed))
    planted = stack([raw, *[canaries] * times])
    return _renumbered(planted), _renumbered(canaries)


def mixed(schema: Schema, raw: Any, k: int, rng: Random) -> Any:
    """``k`` rows, all different, that take each cell from a random row of ``raw`` and are no row of it."""
    sheets = Sheets(schema, raw)
    if len(sheets.open) != 1 or schema.wrapped:
        raise DataError("canaries are planted into one table: give the frame by itself")
    columns = sheets.columns(sheets.home)
    keys = {name: column.tolist() for name, column in columns.items()}
    taken = set(zip(*keys.values(), strict=True))
    found: list[list[int]] = []
    for _ in range(TRIES):
        picks = rng.integers(0, sheets.rows, (2 * k, len(keys))).tolist()
        for pick in picks:
            row = tuple(keys[name][i] for name, i in zip(keys, pick, strict=True))
            if row not in taken and len(found) < k:
                taken.add(row)
                found.append(pick)
    if len(found) < k:
        raise DataError(
            f"only {len(found)} of {k} canaries could be made: the table's values go together in hardly any way that "
            "it does not hold already; ask for fewer, or leave the audit without canaries"
        )
    return _assembled(schema, raw, list(keys), np.array(found))


def _assembled(schema: Schema, raw: Any, names: list[str], picks: NDArray[np.int64]) -> Any:
    whole, base = Sheets(schema, raw), Sheets(schema, some(raw, np.arange(len(picks)) % Sheets(schema, raw).rows))
    (source,), (target,) = whole.open.values(), base.open.values()
    for i, name in enumerate(names):
        target.splice(name, np.arange(len(picks)), source.picked(name, picks[:, i]))
    return base.close()


def exposure(canaries: NDArray[Any], references: NDArray[Any], *, confidence: float, limit: float, again: int) -> Part:
    """How far canaries stand out from rows of their sort that were never planted (Carlini et al., 2019).

    A canary that r of the R references score above or equal to has an exposure of log2(R + 1) - log2(r + 1) bits.
    Without memory its rank is uniform, the exposure exponential with a mean of 1 / ln 2 = 1.44 bits, and the mean of
    several a gamma variable: the interval is exact (up to the ranks' steps).

    Args:
        canaries, references: scores, higher is more normal to the model.
        confidence: of the interval.
        limit: bits.
        again: canaries that are among the synthetic rows.
    """
    above = (references[None] >= canaries[:, None]).sum(1)
    bits = math.log2(len(references) + 1) - np.log2(above + 1.0)
    found = intervals.exponential_mean(bits, confidence)
    return Part(
        "canaries",
        found.low <= limit and not again,
        found.value,
        found.low,
        found.high,
        1 / math.log(2),
        limit,
        f"a mean exposure of {found.value:.2f} bits ({found.low:.2f} to {found.high:.2f}) of at most "
        f"{math.log2(len(references) + 1):.1f}, {again} of {len(canaries)} among the synthetic rows; chance is 1.44 "
        f"bits, the limit {limit:g} and none",
        {
            "bits": bits.tolist(),
            "references": len(references),
            "synthetic": again,
            "above_chance": found.low > 1 / math.log(2),
        },
    )


def _renumbered(raw: Any) -> Any:
    return raw.reset_index(drop=True) if hasattr(raw, "iloc") else raw
