"""After training: a prior fitted to where the posterior really puts the data.

The aggregated posterior, the mean of q(z | x) over the data, is the best prior there is for a fixed encoder and
decoder (Hoffman and Johnson, 2016); N(0, I) is not it. A prior fitted to encoded rows is kept where held-out rows say
so; of several, the one they like best.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from vaery.core.choose import from_posterior
from vaery.core.density import Density
from vaery.core.encoded import Encoded
from vaery.core.errors import ChoiceError
from vaery.core.evidence import Evidence, Some
from vaery.core.members import member, members
from vaery.core.random import Random, isolated
from vaery.core.stop import Stop
from vaery.core.trace import Site
from vaery.inference import batches
from vaery.joint import Joint
from vaery.train import varied

ROWS = 10_000  # that a prior is fitted to, …
DRAWS = 40_000  # … or so many, or so many draws of fewer rows, …
TIMES = 16  # … not more for each, unless rows are few and training varies them, …
EACH_STEP = 5  # … where the training had that many steps for each: a prior takes a small part of its time
FEW = 400  # … (so few); then held-out rows, too, are drawn several times, as training varies them, …
UNSEEN = 1000  # … so many in all: twenty say little of a mixture
USUAL = ("mixture",)  # a flow or a stream takes minutes, and gains a tenth of a nat on digits
LEAST = 0.01  # nats a row that a new prior must gain


@torch.no_grad()
def refine(
    joint: Joint, train: Evidence | Some, held_out: Evidence, *, rng: Random, names: Sequence[str], steps: int
) -> tuple[dict[str, Any] | None, float]:
    """Replace the top level's prior by the member of ``names`` that held-out rows like best, if any raises their bound.

    Args:
        joint: as it was trained.
        train, held_out: rows.
        rng: of draws.
        names: of priors.
        steps: that the training took.

    Returns:
        The new prior, by name and options, and by how many nats a row the held-out bound rose; ``None`` and 0.0 if the
        old prior was kept. A prior that takes no context is not tried where the latent hangs on a label before it.
    """
    top = next(stop for stop in joint.stops if stop.latent)
    draws = min(DRAWS, EACH_STEP * steps)
    some = train[rng.permutation(train.rows)[: max(ROWS, draws)].to(train.device)]
    few = train.rows < FEW and any(field.varies for field in joint.fields.values())
    rows = aggregated(joint, some, rng, draws if few else min(draws, TIMES * some.rows))
    unseen = aggregated(joint, held_out, rng, UNSEEN if few else held_out.rows)
    score = lambda prior: float(unseen.log_prob(prior).mean())
    old = best = score(top)
    winner = None
    for name in names:
        try:
            with isolated(0):  # what of it is not fitted is the same each time
                prior = member("priors", name)(size=rows.z.shape[1], context=rows.context.shape[1]).to(joint.device)
        except ChoiceError:
            continue
        options = prior.fit_to(rows, rng, unseen) or {}
        prior.eval()
        if (found := score(prior)) > max(best, old + LEAST):
            winner, best, top.prior = {"name": name, **options}, found, prior
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
def aggregated(joint: Joint, evidence: Evidence, rng: Random, draws: int) -> Encoded:
    """About so many draws of the top level, one for each row at least; rows as training varies them.

    One draw of each of few rows shows neither how wide the posterior is nor, in many dimensions, where rows lie.
    """
    passes = max(1, draws // evidence.rows)
    others = (varied(evidence, joint.fields, rng) for _ in range(passes - 1))
    return Encoded.cat([encoded(joint, rows, rng) for rows in (evidence, *others)])


@torch.no_grad()
def encoded(joint: Joint, evidence: Evidence, rng: Random) -> Encoded:
    """A draw of the top level for each row, and what was visited before it."""
    return Encoded.cat([_encoded(joint, part.to(joint.device), rng) for part in batches(evidence, 4096)])


def _encoded(joint: Joint, evidence: Evidence, rng: Random) -> Encoded:
    by_posterior = from_posterior(joint.encode(evidence), evidence, rng)
    before = {}

    def choose(stop: Stop, density: Density, context: Tensor) -> Site:
        before[stop.name] = context
        return by_posterior(stop, density, context)

    top = joint.latents[0]
    z = joint.trace(evidence.rows, choose, only=[])[top].chosen
    return Encoded(z[0], before[top][0])
