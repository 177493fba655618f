"""Embed: each row as a point in the latent."""

from __future__ import annotations

import torch
from torch import Tensor

from vaery.core.evidence import Evidence
from vaery.core.job import job
from vaery.core.random import Random
from vaery.inference import sliced
from vaery.joint import Joint


@job(takes="rows", gives="array", rowwise=True)
@torch.no_grad()
def embed(joint: Joint, evidence: Evidence, *, rng: Random) -> Tensor:
    """Each row as a point in the latent: the mean of its posterior.

    Nothing is drawn, so the same row is always the same point. Levels stand side by side, the top one first. Of several
    members, the latent is the first one's.

    Returns:
        ``[B, Z]``.
    """
    joint = joint.members[0]
    return torch.cat(
        [joint.infer(part, rng=noise, mean=True, only=[]).latent[0] for part, noise in sliced(joint, evidence, rng)]
    )
