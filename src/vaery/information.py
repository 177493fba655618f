"""How much the latent tells of rows: units in use, and mutual information."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from vaery.core.choose import from_posterior
from vaery.core.density import Density
from vaery.core.evidence import Evidence
from vaery.core.random import Random
from vaery.core.stop import Stop
from vaery.core.trace import Site
from vaery.joint import Joint

ACTIVE = 0.01  # variance of a unit's posterior mean over rows, above which it is active (Burda et al., 2016)
MOST = 128  # rows that are held against each other; every pair of them is looked at


@torch.no_grad()
def active_units(joint: Joint, evidence: Evidence, *, rng: Random) -> int:
    """How many latent units have a posterior mean that differs between rows."""
    joint, rows = joint.members[0], some(evidence).to(joint.device)
    mean = joint.infer(rows, rng=rng, mean=True, only=[]).latent[0]
    return int((mean.var(0, correction=0) > ACTIVE).sum())


@torch.no_grad()
def mutual_information(joint: Joint, evidence: Evidence, *, rng: Random) -> float:
    """Nats by which a draw of the latent tells its row from the other rows: ``E log q(z | x_n) / q(z)``.

    The aggregated posterior ``q(z) = 1/N Σ q(z | x_n)`` is that of these rows (Hoffman and Johnson, 2016), so the most
    there can be is log N; a latent that has collapsed tells nothing. Of more rows than 128, so many are looked at. It
    is an estimate from one draw a row: where there is next to nothing it may come out below zero. Of a point posterior,
    which has no density, it is zero.

    Args:
        joint: the levels that all its fields hang on are meant.
        evidence: at least two rows.
        rng: draws one latent for each row.
    """
    joint, rows = joint.members[0], some(evidence).to(joint.device)
    drawn = {site.name: site.chosen for site in joint.infer(rows, rng=rng, only=[]).latents}
    features = joint.encode(rows)
    otherwise = from_posterior(features, rows, rng)

    def each_draw(stop: Stop, density: Density, context: Tensor) -> Site:
        """The draws of all rows (along S) under the posterior of each row."""
        if not stop.latent:
            return otherwise(stop, density, context)
        z = drawn[stop.name][0][:, None].expand(-1, rows.rows, -1)
        return Site(stop.name, density, z, posterior=stop.posterior(features, context), latent=True)

    trace = joint.trace(rows.rows, each_draw, draws=rows.rows, only=[])
    log_q = torch.stack([site.log_q for site in trace.latents]).sum(0).double()  # [draw of row n, row m]
    return float((log_q.diagonal() - log_q.logsumexp(1)).mean()) + math.log(rows.rows)


def some(evidence: Evidence) -> Evidence:
    """At most :data:`MOST` rows, from the first to the last at even distances."""
    if evidence.rows <= MOST:
        return evidence
    return evidence[torch.linspace(0, evidence.rows - 1, MOST).long()]
