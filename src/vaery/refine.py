"""After training: a prior fitted to where the posterior really puts the data.

The aggregated posterior, the mean of q(z | x) over the data, is the best prior there is for a fixed encoder and
decoder (Hoffman and Johnson, 2016); N(0, I) is not it. A mixture fitted to encoded rows is kept where
held-out rows say so.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vaery.core.evidence import Evidence, Some
from vaery.core.members import member
from vaery.core.random import Random, isolated
from vaery.inference import batches
from vaery.joint import Joint

MOST = 10_000  # encoded rows a prior is fitted to


@torch.no_grad()
def refine(joint: Joint, train: Evidence | Some, held_out: Evidence, *, rng: Random, name: str = "mixture") -> float:
    """Replace the top level's prior by the member ``name`` if that raises the held-out bound.

    Returns:
        By how many nats a row the held-out bound rose; 0.0 if the old prior was kept (as one is that hangs on a
        label before it).
    """
    if not joint.stops[0].latent:
        return 0.0
    top = next(stop for stop in joint.stops if stop.latent)
    some = rng.permutation(train.rows)[:MOST].to(train.device)
    z, z_held_out = encoded(joint, train[some], rng), encoded(joint, held_out, rng)
    size = z.shape[-1]
    with isolated(0):  # what of it is not fitted is the same each time
        prior = member("priors", name)(size=size, context=0).to(joint.device)
    prior.fit_to(z, rng)
    prior.eval()
    here = torch.zeros(1, len(z_held_out), 0, device=joint.device)
    gain = prior(here).log_prob(z_held_out[None]) - top(here).log_prob(z_held_out[None])
    if not float(gain.mean()) > 0.01:
        return 0.0
    top.prior = prior
    return float(gain.mean())


@torch.no_grad()
def encoded(joint: Joint, evidence: Evidence, rng: Random) -> Tensor:
    """A draw of the top level for each row, ``[B, Z]``."""
    top = joint.latents[0]
    parts = (joint.infer(part.to(joint.device), rng=rng, only=[])[top].value for part in batches(evidence, 4096))
    return torch.cat([value[0] for value in parts if value is not None])
