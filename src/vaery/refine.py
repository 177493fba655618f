"""After training: a prior fitted to where the posterior really puts the data.

The aggregated posterior, the mean of q(z | x) over the data, is the best prior there is for a fixed encoder and
decoder (Hoffman and Johnson, 2016); N(0, I) is not it. A prior fitted to encoded rows is kept where held-out rows say
so; of several, the one they like best.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from vaery.core.errors import ChoiceError
from vaery.core.evidence import Evidence, Some
from vaery.core.members import member, members
from vaery.core.random import Random, isolated
from vaery.inference import batches
from vaery.joint import Joint

MOST = 10_000  # encoded rows a prior is fitted to
USUAL = ("mixture",)  # a flow or a stream takes minutes, and gains a tenth of a nat on digits
LEAST = 0.01  # nats a row that a new prior must gain


@torch.no_grad()
def refine(
    joint: Joint, train: Evidence | Some, held_out: Evidence, *, rng: Random, names: Sequence[str]
) -> tuple[str | None, float]:
    """Replace the top level's prior by the member of ``names`` that held-out rows like best, if any raises their bound.

    Returns:
        The name of the new prior and by how many nats a row the held-out bound rose; ``None`` and 0.0 if the old prior
        was kept (as one is that hangs on a label before it).
    """
    if not joint.stops[0].latent:
        return None, 0.0
    top = next(stop for stop in joint.stops if stop.latent)
    some = rng.permutation(train.rows)[:MOST].to(train.device)
    z, z_held_out = encoded(joint, train[some], rng), encoded(joint, held_out, rng)
    here = torch.zeros(1, len(z_held_out), 0, device=joint.device)
    score = lambda prior: float(prior(here).log_prob(z_held_out[None]).mean())
    old = best = score(top)
    winner = None
    for name in names:
        with isolated(0):  # what of it is not fitted is the same each time
            prior = member("priors", name)(size=z.shape[-1], context=0).to(joint.device)
        prior.fit_to(z, rng)
        prior.eval()
        if (found := score(prior)) > max(best, old + LEAST):
            winner, best, top.prior = name, found, prior
    return winner, best - old


def candidates(asked: bool | str | Sequence[str]) -> tuple[str, ...]:
    """The names of the priors to try: none, the usual one, or those asked for.

    Raises:
        ChoiceError: a name is of no prior, or of one that cannot be fitted to rows.

    >>> candidates(True), candidates(False), candidates("flow")
    (('mixture',), (), ('flow',))
    """
    names = USUAL if asked is True else (asked,) if isinstance(asked, str) else tuple(asked or ())
    for name in names:
        if not hasattr(member("priors", name), "fit_to"):
            able = [other for other in members("priors") if hasattr(member("priors", other), "fit_to")]
            raise ChoiceError(f"refine={name!r}: this prior cannot be fitted to encoded rows; {', '.join(able)} can")
    return names


@torch.no_grad()
def encoded(joint: Joint, evidence: Evidence, rng: Random) -> Tensor:
    """A draw of the top level for each row, ``[B, Z]``."""
    top = joint.latents[0]
    parts = (joint.infer(part.to(joint.device), rng=rng, only=[])[top].value for part in batches(evidence, 4096))
    return torch.cat([value[0] for value in parts if value is not None])
