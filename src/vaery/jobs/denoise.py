"""Denoise: what pictures were before noise or blur came over them, and sounds before noise did."""

from __future__ import annotations

import torch

from vaery.core.errors import QueryError
from vaery.core.evidence import Evidence
from vaery.core.job import job
from vaery.core.random import Random
from vaery.corruptions import corruption
from vaery.joint import Joint
from vaery.restore import Restored, drawn, expected


@job(takes="rows", gives="records", rowwise=True)
@torch.no_grad()
def denoise(
    joint: Joint,
    evidence: Evidence,
    *,
    rng: Random,
    noise: str = "gaussian",
    strength: float | None = None,
    draws: int = 0,
) -> Restored | list[Evidence]:
    """Take noise or blur off pictures, or noise off sounds, by what the model knows of clean ones.

    Fit the model to clean pictures or sounds. The answer is the expected clean record given the noisy one: the
    least squared error that can be expected. Pixels that are masked (or NaN) are filled, and what they hold has no
    influence; so are other gaps of the rows, by their likeliest value. The strength that was estimated is in
    ``strength_``.

    Tables have no such noise: a model without pictures reads each cell given the others, as ``reconstruct`` does.

    Args:
        noise: "gaussian" (added to each pixel or sample), "salt" (salt and pepper: some pixels replaced by black or
            white) or "blur" (a Gaussian one); of sounds, "gaussian" alone.
        strength: standard deviation of the noise in the pictures' own unit (of sounds: as a share of full scale), share
            of replaced pixels, or standard deviation of the blur in pixels; left out, it is estimated for each record.
        draws: this many pictures that it may have been instead, drawn at random.

    Returns:
        A :class:`~vaery.restore.Restored` of all fields; with draws, a list of Evidences.

    Raises:
        ChoiceError: no noise is called that.
        QueryError: the strength is none, or draws are asked for without a picture or of a blur.
    """
    what = lambda scale: corruption(noise, strength, scale)
    if not draws:
        return expected(joint, evidence, what, rng=rng)
    if noise == "blur":
        raise QueryError("draws= is for noise; a blur leaves little open: leave draws= out")
    return drawn(joint, evidence, what, rng=rng, draws=draws)
