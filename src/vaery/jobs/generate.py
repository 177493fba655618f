"""Generate: new rows, with whatever is given."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from vaery import discriminator, gaps, labels
from vaery.core.choose import from_prior
from vaery.core.errors import QueryError
from vaery.core.evidence import Evidence
from vaery.core.job import job
from vaery.core.random import Random
from vaery.core.region import Region
from vaery.inference import BATCH, known_cells, sample_conditional
from vaery.joint import Joint

ROUNDS = 8  # of draws for rows in which something does not apply that was asked for


@dataclass(frozen=True)
class Generated(Evidence):
    """New rows; cells are known except where gaps were drawn.

    Attributes:
        effective_sample_size: how many independent draws the rows are worth at most, by the weights of what they were
            picked from (Kong, 1992): from 1 to the number of rows, and just that where nothing was given.
    """

    effective_sample_size: float = math.nan


@job(takes="given", gives="records")
@torch.no_grad()
def generate(
    joint: Joint,
    evidence: Evidence,
    *,
    rng: Random,
    calibration: Mapping[str, Any] | None = None,
    n: int = 1000,
    candidates: int = 4,
    nulls: bool = True,
    temperature: float = 1.0,
    top_p: float = 1.0,
    noise: float | None = None,
    judged: bool = True,
    watch: Callable[[float], None] | None = None,
) -> Generated:
    """New rows from the model, with whatever is given held fixed.

    Given values come back as they are; the rest is drawn from the model given them. Ranges and sets are conditions on
    the draw, and nothing is rejected. Where something is given, all rows are picked by weight from one pool of
    candidates, which grows until it is worth as many independent draws as rows are asked for, or is sixteen times as
    large. How far to trust the result is its effective sample size.

    What a fit learned of made rows at its end is used on them. Where nothing is given, rows of columns are kept as
    often as the odds that they are real say (:mod:`vaery.discriminator`). Where records have a label beside pictures or
    sounds, a row that a classifier finds less like its label than all but one in twenty real ones is drawn again
    (:mod:`vaery.labels.judge`).

    Args:
        n: how many rows.
        candidates: latents in the pool for each row, at least.
        nulls: leave cells empty as they were in the data: never filled where they do not apply, else as often as in
            rows that hold the same, and together; otherwise every row is complete.
        temperature: below 1, rows are drawn nearer to the middle of what the model knows, and differ less; above it,
            they are bolder. It multiplies the spread of the latent, and divides the log-probabilities of tokens.
        top_p: tokens are drawn from the likeliest ones that together have this share of the probability.
        noise: the share of their own spread, given the latent, that loudnesses of sounds are drawn with: 0 are the
            expected ones, 1 all that the model says. Left out, as the kind of data has it (sound: 0).
        judged: whether that is done; without it, rows are draws from the model, whatever they look like. Rows of
            another temperature are not held against real ones.

    Returns:
        A :class:`Generated` of ``n`` rows.

    Raises:
        QueryError: ``temperature`` is not above 0, or ``top_p`` or ``noise`` is no share.
    """
    if not temperature > 0:
        raise QueryError(f"temperature={temperature} must be above 0; write temperature=0.7 for more careful rows")
    if not 0 < top_p <= 1:
        raise QueryError(f"top_p={top_p} is not a share; write top_p=0.9 to leave out what is unlikely")
    if noise is not None and not 0 <= noise <= 1:
        raise QueryError(f"noise={noise} is not a share; write noise=0 for expected values, noise=1 for all there is")
    joint = joint.tempered(temperature, top_p, noise)
    rng = rng.spawn(share_rows=False)
    asked = evidence = evidence.to(joint.device)
    if not evidence.values and not evidence.regions:
        rows = new(joint, n, rng=rng, calibration=calibration, judged=judged and temperature == 1, watch=watch)
        return Generated(n, rows.values, rows.known if nulls else dict.fromkeys(joint.fields), {}, float(n))
    asked = _applying(joint, evidence, calibration)
    draws = sample_conditional(joint, asked, n, rng=rng, candidates=candidates, watch=watch)
    values = draws.values
    if judged:
        values = labels.judge.redraw(joint, asked, values, calibration, rng=rng, candidates=candidates)
    values = _rounded(joint, asked, values, calibration, rng, candidates)
    known = _gaps(joint, evidence, calibration if nulls else None, values, rng)
    return Generated(n, values, known, {}, draws.effective_sample_size)


@torch.no_grad()
def new(
    joint: Joint,
    n: int,
    *,
    rng: Random,
    calibration: Mapping[str, Any] | None,
    judged: bool = True,
    watch: Callable[[float], None] | None = None,
) -> Evidence:
    """``n`` rows where nothing is asked for, with gaps as in the data; arguments as of :func:`generate`."""
    nothing = Evidence(1, {}, {})

    def draw(rows: int) -> Evidence:
        values = _from_prior(joint, rows, rng)
        if judged:
            values = labels.judge.redraw(joint, nothing, values, calibration, rng=rng)
        return Evidence(rows, values, _gaps(joint, nothing, calibration, values, rng))

    return discriminator.kept(joint, n, draw, rng=rng, watch=watch) if judged else draw(n)


def _gaps(
    joint: Joint, given: Evidence, calibration: Mapping[str, Any] | None, values: Mapping[str, Tensor], rng: Random
) -> dict[str, Tensor | None]:
    """Which cells of the new rows are there; what was asked for always is."""
    known: dict[str, Tensor | None] = dict.fromkeys(joint.fields)
    for name, block in gaps.blocks(calibration, joint.fields).items():
        known[name] = block.draw(values[name], _asked(joint, given, name), rng)
    return known


def _asked(joint: Joint, given: Evidence, name: str) -> Tensor:
    """``[1, D]`` bool: the cells of a field that something is asked of."""
    given = given[slice(0, 1)]  # alternatives differ in no table
    asked = known_cells(joint, given, name)[1]
    return asked | given.regions[name].asked if name in given.regions else asked


def _applying(joint: Joint, given: Evidence, calibration: Mapping[str, Any] | None) -> Evidence:
    """The same conditions, and that every cell which is asked for applies."""
    regions = dict(given.regions)
    for name, block in gaps.blocks(calibration, joint.fields).items():
        also, old = block.required(_asked(joint, given, name)), given.regions.get(name)
        if also is None:
            continue
        if old is not None:  # no cell is in both
            mine = also.asked[..., None]
            low, high = (torch.where(mine, a, b) for a, b in ((also.low, old.low), (also.high, old.high)))
            low[..., 1:] = torch.where(mine, 1.0, low[..., 1:])  # of several intervals one is enough
            high[..., 1:] = torch.where(mine, 0.0, high[..., 1:])
            also = Region(also.asked | old.asked, torch.where(mine, also.levels, old.levels), low, high)
        regions[name] = also
    return replace(given, regions=regions)


def _rounded(
    joint: Joint,
    asked: Evidence,
    values: dict[str, Tensor],
    calibration: Mapping[str, Any] | None,
    rng: Random,
    candidates: int,
) -> dict[str, Tensor]:
    """The few rows drawn again in which a number, once rounded, says that what was asked for does not apply."""
    found = [(k, b) for k, b in gaps.blocks(calibration, joint.fields).items() if b.rules]
    for _ in range(ROUNDS):
        wrong = torch.zeros(len(next(iter(values.values()))), dtype=torch.bool, device=joint.device)
        for name, block in found:
            wrong |= (~block.filled_in(values[name]) & _asked(joint, asked, name)).any(1)
        if not bool(wrong.any()) or bool(wrong.all()):  # all: it was given together with what says so
            break
        again = sample_conditional(joint, asked, int(wrong.sum()), rng=rng, candidates=candidates).values
        values = {k: v.index_put((wrong,), again[k]) for k, v in values.items()}
    return values


def _from_prior(joint: Joint, n: int, rng: Random) -> dict[str, Tensor]:
    parts = []
    for start in range(0, max(1, n), BATCH):
        parts.append(joint.trace(min(BATCH, n - start), from_prior(rng)).rows())
    return {name: torch.cat([part[name] for part in parts]) for name in joint.fields}
