"""Vary: more rows like these."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vaery.core.choose import from_prior_given, from_values
from vaery.core.errors import QueryError
from vaery.core.evidence import Evidence, concatenate
from vaery.core.field import Field
from vaery.core.job import job
from vaery.core.random import Random
from vaery.core.trace import Site
from vaery.inference import BATCH, firsts
from vaery.joint import Joint


@dataclass(frozen=True)
class Varied(Evidence):
    """New rows, and what of the old ones each was drawn given (``held``)."""

    held: Evidence | None = None


@job(takes="rows", gives="records", makes=True)
@torch.no_grad()
def vary(joint: Joint, evidence: Evidence, *, rng: Random, n: int = 10, strength: float = 0.5) -> Varied:
    """Rows like each of these: ten like this one.

    What can be read cell by cell (columns of a table, words, notes) is drawn anew in some of its cells, given the
    others and a latent near the row's own. What cannot (pictures, sounds, series) is drawn anew as a whole, from such a
    latent. Fields before the latent stay as they are; gaps are filled.

    Args:
        n: rows for each of these.
        strength: from 0 (hardly anything changes) to 1: the chance of a cell to be drawn anew. The latent goes twice
            this share as far from the posterior's mean as a draw of it does, so that 0.5 is a plain draw.

    Returns:
        ``B × n`` rows: all like the first, then all like the second. Of long series a row is a window.

    Raises:
        QueryError: ``n`` is below 1, or ``strength`` is no share.

    >>> import numpy as np, vaery
    >>> x = np.random.default_rng(0).normal(size=(200, 3))
    >>> model = vaery.VAE(steps=20, random_state=0).fit(x)
    >>> model.vary(x[:2], n=3, strength=0.3, seed=0).shape
    (6, 3)
    """
    if n < 1:
        raise QueryError(f"n={n}: at least one row like each is wanted; write n=10")
    if not 0 <= strength <= 1:
        raise QueryError(f"strength={strength} is not between 0 (the same) and 1; write strength=0.5")
    joint, evidence = joint.members[0].tempered(1.0, 1.0, None), evidence.to(joint.device)
    rng, size, values, held = rng.spawn(share_rows=False), max(1, BATCH // n), [], []
    for start in range(0, max(1, evidence.rows), size):
        rows = evidence[slice(start, start + size)].repeat(n)
        kept = _kept(joint, rows, rng, strength)
        values.append(_drawn(joint, rows, kept, rng, strength))
        held.append(kept)
    made = {name: torch.cat([part[name] for part in values]) for name in joint.fields}
    return Varied(n * evidence.rows, made, dict.fromkeys(made), held=concatenate(held))


def _kept(joint: Joint, rows: Evidence, rng: Random, strength: float) -> Evidence:
    """What stays of each row."""
    shown, gone, first = {}, [], firsts(joint)
    for name, field in joint.fields.items():
        if name not in rows or name in first:
            continue
        if by_cell(field, rows.values[name][:1]):
            shown[name] = (rng.uniform((rows.rows, *field.mask)) >= strength).to(rows.device)
        else:
            gone.append(name)
    return rows.without(*gone).hide(shown)


def by_cell(field: Field, value: Tensor) -> bool:
    """Whether single cells of the field mean something by themselves."""
    return field.cells is not None or (field.parts_tell and field.named_parts(value.cpu()) is not None)


def _drawn(joint: Joint, rows: Evidence, kept: Evidence, rng: Random, strength: float) -> dict[str, Tensor]:
    """Field → ``[B, E…]``."""
    there, middle = (joint.infer(rows, rng=rng, mean=mean, only=[]) for mean in (False, True))
    without = joint.infer(kept, rng=rng, only=[]) if any(map(_spelled, there.latents)) else there
    places = {}
    for name, site in there.sites.items():
        z, centre = site.chosen, middle[name].chosen
        if _spelled(site):  # near the row's own it would tell just the cells that are to be drawn anew
            places[name] = without[name].chosen
        else:
            places[name] = centre + 2 * strength * (z - centre) if site.latent else z
    return joint.trace(rows.rows, from_values(places, from_prior_given(kept, rng))).rows()


def _spelled(site: Site) -> bool:
    """Whether the latent speaks of single cells."""
    return site.posterior is not None and site.posterior.field is not None
