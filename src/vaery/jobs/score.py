"""Score: how probable each row is."""

from __future__ import annotations

import torch
from torch import Tensor

from vaery.core.evidence import Evidence
from vaery.core.job import job
from vaery.core.random import Random, log_mean_exp
from vaery.inference import exact, jacobians, sliced
from vaery.joint import Joint


@job(takes="rows", gives="array", rowwise=True)
@torch.no_grad()
def score(joint: Joint, evidence: Evidence, *, rng: Random, draws: int = 8) -> Tensor:
    """Log-probability of each row: higher is more normal.

    It is log p(known cells) in nats and in the data's own units: the same column in millimetres instead of metres
    moves the score of every row by the same amount. It is the importance-weighted bound (Burda, Grosse and
    Salakhutdinov, 2016): below the truth, and nearer to it with more draws. Rows with gaps are scored for what is
    known of them.

    Args:
        draws: latents drawn for each row; more are slower and nearer to the truth.

    Returns:
        ``[B]``.
    """
    scores = []
    joint, evidence = exact(joint, evidence)
    for part, noise in sliced(joint, evidence, rng, draws):
        total = log_mean_exp(joint.infer(part, rng=noise, draws=draws).log_weight.double())
        for jacobian in jacobians(joint, part).values():
            total = total + jacobian.flatten(1).sum(1) if jacobian.dim() > 1 else total + jacobian
        scores.append(total)
    return torch.cat(scores)
