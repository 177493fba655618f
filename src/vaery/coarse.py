"""From afar: what records look like as a whole, by a mixture of linear Gaussian models beside the walk."""

from __future__ import annotations

import torch
from torch import Tensor

from vaery.core.evidence import Evidence, Some
from vaery.core.random import Random
from vaery.joint import Joint
from vaery.nets.ppca import COARSE, PPCAMixture
from vaery.surprise import BITS

ROWS = 4000  # that it is fitted to, at most: numbers of all of them are in memory at once
FEWEST = 20  # rows
EACH = 250  # rows for each component …
COMPONENTS, FACTORS = 16, 16  # … and no more than so many of them, and factors of each

Shape = tuple[int, int, int]


def learn(joint: Joint, train: Evidence | Some, *, rng: Random) -> dict[str, Shape]:
    """Give the model a :class:`~vaery.nets.ppca.PPCAMixture` of each field that can be seen from afar.

    A density with hundreds of numbers to tell spends nearly all of its nats on detail, and little is left of what a
    record shows as a whole. Linear models of blurred pictures, less what a plain code makes of them, find more digits
    of another sort among digits of one than the walk does.

    Args:
        joint: it keeps the mixtures.
        train: rows.
        rng: of rows and mixtures.

    Returns:
        Field → its mixture's size, components and factors.
    """
    some = train[rng.permutation(train.rows)[:ROWS].to(train.device)]
    found: dict[str, Shape] = {}
    for name in joint.fields:
        seen = _seen(joint, some, name)
        if seen is None or len(seen[0]) < FEWEST:
            continue
        x = seen[0].to(joint.device)
        found[name] = shape = x.shape[1], max(1, min(COMPONENTS, len(x) // EACH)), min(FACTORS, x.shape[1] // 4)
        mixture = PPCAMixture(*shape).to(x)
        mixture.fit_to(x, _parts(x, shape[1], rng), rng)
        joint.aside[COARSE + name] = mixture
    return found


def _seen(joint: Joint, evidence: Evidence, name: str) -> tuple[Tensor, Tensor, Tensor] | None:
    """What :meth:`~vaery.core.field.Field.coarse` tells of the rows in which the field is known as a whole, and which
    these are, ``[B]`` bool."""
    if name not in evidence:
        return None
    value, known = evidence.values[name], evidence.known[name]
    whole = torch.ones(len(value), dtype=torch.bool) if known is None else known.flatten(1).all(1).cpu()
    seen = joint.fields[name].coarse(value[whole.to(value.device)])
    return None if seen is None else (*seen, whole)


def _parts(x: Tensor, components: int, rng: Random) -> Tensor:
    from sklearn.cluster import KMeans
    from threadpoolctl import threadpool_limits

    if components == 1:
        return torch.zeros(len(x), dtype=torch.long, device=x.device)
    with threadpool_limits(1):  # threads add up in the order they end in
        start = KMeans(components, random_state=rng.seed() % 2**32, copy_x=False)  # rows are shifted there and back
        part = start.fit_predict(x.cpu().numpy())
    return torch.as_tensor(part, device=x.device).long()


@torch.no_grad()
def bits(joint: Joint, evidence: Evidence) -> Tensor | None:
    """``[B]`` bits by which rows are odder from afar than a plain code makes of them, over all fields that are seen so;
    NaN where one of these is not known as a whole. ``None``: none is."""
    total = None
    for name in joint.fields:
        if COARSE + name not in joint.aside:
            continue
        seen = _seen(joint, evidence, name)
        mine = torch.full((evidence.rows,), torch.nan, dtype=torch.float64)
        if seen is not None:
            x, plain, whole = seen
            mixture = joint.aside[COARSE + name]
            assert isinstance(mixture, PPCAMixture)
            mine[whole] = -BITS * mixture.log_prob(x.to(joint.device)).double().cpu() - plain.cpu()
        total = mine if total is None else total + mine
    return total
