"""Upscale: small pictures in the size of those the model knows."""

from __future__ import annotations

import torch

from vaery.core.errors import QueryError
from vaery.core.evidence import Evidence
from vaery.core.job import job
from vaery.core.random import Random
from vaery.corruptions import Shrink
from vaery.joint import Joint
from vaery.restore import Restored, expected


@job(takes="rows", gives="records", rowwise=True, smaller="factor")
@torch.no_grad()
def upscale(joint: Joint, evidence: Evidence, *, rng: Random, factor: int = 2) -> Restored:
    """Make small pictures as large as those of the fit, by what the model knows of these.

    Each pixel that comes in is taken for the mean of a block of ``factor × factor`` pixels (at the lower and the right
    edge of fewer, where the factor does not divide the size), and blocks of the result have these means again, up to
    rounding. The answer is the expected large picture given the small one; what is fine in it comes from the model.
    Other gaps of the rows are filled by their likeliest value.

    Args:
        factor: how many times larger the pictures become, in height and in width: 28 × 28 were fitted, and 14 × 14 come
            in with factor=2.

    Returns:
        A :class:`~vaery.restore.Restored` of all fields.

    Raises:
        QueryError: the model has no pictures, or the factor is below 2.
        DataError: the pictures are of another size.
    """
    if all(field.scale is None for field in joint.fields.values()):
        raise QueryError("upscale() is for pictures, and this model has none")
    return expected(joint, evidence, lambda scale: Shrink(scale, factor), rng=rng)
