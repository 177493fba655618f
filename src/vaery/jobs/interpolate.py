"""Interpolate: rows on the way from one to another."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from vaery.core.errors import QueryError
from vaery.core.evidence import Evidence
from vaery.core.job import Points, job
from vaery.core.random import Random
from vaery.core.trace import Site
from vaery.inference import BATCH, conditionals, firsts, known_cells, offer, probabilities
from vaery.joint import Joint

LogProb = Callable[[Tensor], Tensor]
DESCENT = 200  # steps towards the shortest way


@job(takes="two rows", gives="records")
@torch.no_grad()
def interpolate(
    joint: Joint, evidence: tuple[Evidence, Evidence], *, rng: Random, steps: int = 9, how: str = "straight"
) -> Points:
    """Rows on the way from one row to another, through the latent.

    The first and the last are the reconstructions of the two. All rows between share their noise, so that neighbours
    differ by their place on the way alone; cells on which the two rows agree (of music: time
    steps) stay as they are.

    Args:
        steps: rows on each way, both ends included.
        how: the way: "straight"; "spherical" (an arc, which keeps the distance from the middle of the latent); or
            "dense", through where the model expects rows to be (``score`` tells how likely each step is).

    Returns:
        Points of ``B × steps`` rows: all steps of the first pair, then those of the second.

    Raises:
        QueryError: the two sets of rows differ in number, there are fewer than two steps, or ``how`` is none of these.
    """
    a, b = (e.to(joint.device) for e in evidence)
    if a.rows != b.rows:
        raise QueryError(
            f"interpolate() goes from row to row: {a.rows} rows came to start from, and {b.rows} to end at"
        )
    if steps < 2:
        raise QueryError(f"steps={steps}: a way has two ends, so at least steps=2")
    if how not in WAYS:
        raise QueryError(
            f"how={how!r} is not a way through the latent; write how='straight', how='spherical' or how='dense'"
        )
    joint, stream = joint.members[0], rng.spawn(share_rows=True)
    start, size, parts = stream.state(), max(1, BATCH // steps), []
    for first in range(0, max(1, a.rows), size):
        stream.restore(start)
        rows = slice(first, first + size)
        parts.append(_ways(joint, a[rows], b[rows], stream, torch.linspace(0, 1, steps, device=joint.device), how))
    values = {name: torch.cat([part[name] for part in parts], 1) for name in joint.fields}
    some = max(values.values(), key=len)
    return Points(values, torch.full(some.shape[:2], 1 / len(some), device=some.device), "mean")


def _ways(joint: Joint, a: Evidence, b: Evidence, rng: Random, t: Tensor, how: str) -> dict[str, Tensor]:
    """Field → ``[Q, B · T, E…]``."""
    ends = [joint.infer(e, rng=rng.spawn(), mean=True, only=[]) for e in (a, b)]
    path = {}
    for name, start in ends[0].sites.items():
        z = start.value, ends[1][name].value
        assert z[0] is not None
        assert z[1] is not None
        way = _nearest if name in firsts(joint) else WAYS[how]
        top = _top_density(joint) if name == joint.latents[0] else None
        path[name] = way(z[0][0], z[1][0], t, top).flatten(0, 1)[None]
    sites = offer(joint, path, a.rows * len(t))
    kept = [conditionals(joint, e, rng=rng.spawn(), draws=0, others=True).values for e in (a, b)]
    values = {}
    for name in joint.fields:
        between = _between(joint, sites[name], name, a, b, rng.spawn(), len(t)).unflatten(1, (a.rows, len(t)))
        between = between.clone()
        between[:, :, 0], between[:, :, -1] = kept[0][name], kept[1][name]
        values[name] = between.flatten(1, 2)
    return values


def _between(joint: Joint, site: Site, name: str, a: Evidence, b: Evidence, rng: Random, steps: int) -> Tensor:
    """``[Q, B · T, E…]``: points where cells are independent given the latent, else one draw with shared noise."""
    u = probabilities(joint, draws=0)
    if site.value is not None:  # before the latent
        return site.value.expand(len(u), *site.value.shape[1:])
    (from_, known), (to, also) = known_cells(joint, a, name), known_cells(joint, b, name)
    agree = known & also & joint.fields[name].agree(from_, to)
    value, agree = from_.repeat_interleave(steps, 0), agree.repeat_interleave(steps, 0)
    single = site.density.given(torch.zeros_like(value), torch.zeros_like(agree))
    u = u[:1] if single.whole else u
    if single is site.density:
        return single.points(u).flatten(0, 1)
    return site.density.sample(rng, value, agree).expand(len(u), *value.shape)


def _top_density(joint: Joint) -> LogProb | None:
    """The top level's ``z [N, Z] → log p(z) [N]``; ``None`` where it hangs on what is before it."""
    top = joint.walk[0]
    if not top.latent:
        return None
    return lambda z: top(z.new_zeros(1, len(z), 0)).log_prob(z[None])[0]


def _straight(a: Tensor, b: Tensor, t: Tensor, log_p: LogProb | None = None) -> Tensor:
    """``a, b [B, Z]`` → ``[B, T, Z]``."""
    t = t[:, None]
    return (1 - t) * a[:, None] + t * b[:, None]


def _spherical(a: Tensor, b: Tensor, t: Tensor, log_p: LogProb | None = None) -> Tensor:
    """Along the great circle (Shoemake, 1985): ``(sin((1 - t) ω) a + sin(t ω) b) / sin ω``, ω the angle between."""
    cosine = torch.cosine_similarity(a, b, -1).clamp(-1, 1)
    angle = cosine.arccos()[:, None, None]
    t = t[:, None]
    arc = (((1 - t) * angle).sin() * a[:, None] + (t * angle).sin() * b[:, None]) / angle.sin()
    return torch.where(angle.sin().abs() < 1e-4, _straight(a, b, t[:, 0]), arc)


def _dense(a: Tensor, b: Tensor, t: Tensor, log_p: LogProb | None = None) -> Tensor:
    """The shortest way where a step counts ``|dz| p(z)^(-1/Z)``: long where rows are rare (Hwang, Damelin and Hero,
    2016). Found by descent from the straight way; a level whose prior hangs on others is crossed straight."""
    straight = _straight(a, b, t)
    if log_p is None or len(t) < 3:
        return straight
    size = a.shape[-1]
    with torch.enable_grad():
        inner = straight[:, 1:-1].clone().requires_grad_()
        length = (b - a).norm(dim=-1).clamp(min=1e-6)[:, None]
        optimizer = torch.optim.Adam([inner], lr=0.5 * float(length.mean()) / len(t))
        level = 0.5 * (log_p(a) + log_p(b))[:, None].detach()
        for _ in range(DESCENT):
            way = torch.cat([a[:, None], inner, b[:, None]], 1)
            middle = 0.5 * (way[:, 1:] + way[:, :-1])
            rare = (2 / size * (level - log_p(middle.flatten(0, 1)).view(middle.shape[:2]))).clamp(-20, 20).exp()
            cost = ((way[:, 1:] - way[:, :-1]).square().sum(-1) / length.square() * rare).sum()
            (inner.grad,) = torch.autograd.grad(cost, inner)
            optimizer.step()
    return torch.cat([a[:, None], inner.detach(), b[:, None]], 1)


def _nearest(a: Tensor, b: Tensor, t: Tensor, log_p: LogProb | None = None) -> Tensor:
    """What cannot be blended: the nearer end."""
    return torch.stack([a if x < 0.5 else b for x in t.tolist()], 1)


WAYS = {"straight": _straight, "spherical": _spherical, "dense": _dense}
