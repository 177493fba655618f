"""Restoring: what pictures were before something happened to them. A query like any other: p(clean | noisy).

What is there is evidence about every clean pixel. The posterior chooses the latent as if it saw the present estimate of
the clean picture; the model then offers each pixel's density, given the latent and the other pixels as they are
estimated; that times the likelihood of what is there is what the pixel was. The first round knows nothing of other
pixels, later ones do: Gibbs sampling where pictures are drawn, its mean field where the expected one is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from vaery.core.density import Density
from vaery.core.errors import QueryError
from vaery.core.evidence import Evidence, concatenate, expand_mask
from vaery.core.job import Points
from vaery.core.random import Random
from vaery.core.scale import Scale
from vaery.corruptions import Corruption
from vaery.inference import BATCH, complete, conditionals, known_cells, sliced
from vaery.joint import Joint

NUMBERS = 1 << 14  # restored at once, each with a table of its own
SWEEPS = 16  # further rounds, for a draw
JUDGED = 2  # rounds in which the strength is estimated
PART = 0.25  # of the pixels that are drawn anew at once: neighbours must not move together
OFFSETS = (
    0.0,
    *(0.003 * 1.6**i for i in range(10)),
)  # of the range: values that are looked at on either side of the likeliest


@dataclass(frozen=True)
class Restored(Points):
    """Points, and what was found out about the corruption.

    Attributes:
        strength: of each row, ``[B]``, in the data's own unit; ``None``: there was no picture.
    """

    strength: Tensor | None = None


@dataclass(frozen=True)
class Drawn(Evidence):
    """Rows with pictures that may have been; ``strength`` as in :class:`Restored`."""

    strength: Tensor | None = None


def expected(joint: Joint, evidence: Evidence, make: Callable[[Scale], Corruption], *, rng: Random) -> Restored:
    """Rows as they are expected to have been: pictures restored, gaps filled, all else as it is.

    Args:
        joint: the model.
        evidence: rows whose pictures something happened to. Without any, each cell is read given the others.
        make: what happened, to pictures of a scale.
        rng: where draws come from.
    """
    whats = _corruptions(joint, evidence, make)
    if not whats:
        points = conditionals(joint, evidence, rng=rng, draws=0, others=True)
        return Restored(points.values, points.weight, "mean")
    clean, strength = _clean(joint, evidence.to(joint.device), whats, rng)
    return Restored(*_with_the_rest(joint, clean, list(whats), rng), "mean", strength)


def drawn(
    joint: Joint, evidence: Evidence, make: Callable[[Scale], Corruption], *, rng: Random, draws: int
) -> list[Evidence]:
    """So many sets of rows that may have been; arguments as those of :func:`expected`.

    Raises:
        QueryError: there are no pictures.
    """
    whats, stream, sets = _corruptions(joint, evidence, make), rng.spawn(share_rows=False), []
    if not whats:
        raise QueryError("draws= is for pictures, and there are none here; impute(draws=) draws tables")
    for _ in range(draws):
        clean, strength = _clean(joint, evidence.to(joint.device), whats, stream, SWEEPS)
        values = clean.values if len(joint.fields) == len(whats) else complete(joint, clean, rng=stream)
        sets.append(Drawn(clean.rows, values, dict.fromkeys(values), {}, strength))
    return sets


def _corruptions(joint: Joint, evidence: Evidence, make: Callable[[Scale], Corruption]) -> dict[str, Corruption]:
    """What happened to each picture."""
    return {name: make(f.scale) for name, f in joint.fields.items() if f.scale is not None and name in evidence}


def _clean(
    joint: Joint, evidence: Evidence, whats: dict[str, Corruption], rng: Random, sweeps: int = 0
) -> tuple[Evidence, Tensor]:
    """The same rows with their pictures restored, and how strong the corruption of the first of them was."""
    most = max(int(torch.tensor(joint.fields[name].event).prod()) for name in whats)
    parts, strengths = [], []
    for part, noise in sliced(joint, evidence, rng, min(BATCH, max(1, BATCH * most // NUMBERS))):
        stream = rng if sweeps else noise
        for i, (name, what) in enumerate(whats.items()):
            value, strength = restore(joint, part, name, what, stream, sweeps)
            part = replace(part, values={**part.values, name: value}, known={**part.known, name: None})
            strengths += [strength] if i == 0 else []
        parts.append(part)
    return concatenate(parts), torch.cat(strengths)


def _with_the_rest(joint: Joint, clean: Evidence, pictures: list[str], rng: Random) -> tuple[dict[str, Tensor], Tensor]:
    """Values and weights of points: the pictures, what else is known, and what is likeliest where nothing is."""
    rest = [name for name in joint.fields if name not in pictures]
    if not rest:
        return {name: clean.values[name][None] for name in pictures}, torch.ones(1, clean.rows, device=clean.device)
    found = conditionals(joint, clean, rng=rng, draws=0, only=rest)
    values = {name: clean.values[name].expand(len(found.weight), *clean.values[name].shape) for name in pictures}
    for name in rest:
        value, known = known_cells(joint, clean, name)
        values[name] = torch.where(
            expand_mask(known, value.dim()), value.to(found.values[name].dtype), found.values[name]
        )
    return {name: values[name] for name in joint.fields}, found.weight


def restore(
    joint: Joint, evidence: Evidence, name: str, what: Corruption, rng: Random, sweeps: int = 0
) -> tuple[Tensor, Tensor]:
    """What the field ``name`` held before: packed ``[B, E…]``, and how strong the corruption was, ``[B]``.

    Args:
        joint: the model.
        evidence: the noisy field, and whatever else is known of the rows.
        name: the field.
        what: happened.
        rng: where draws come from.
        sweeps: Gibbs sampling goes on from there for so many rounds, and the answer is a draw.
    """
    joint = joint.members[0]  # tables of what each number can be are those of one
    noisy, known = known_cells(joint, evidence, name)
    there = expand_mask(known, noisy.dim())
    noisy = estimate = around = _holes_filled(noisy.float(), there)
    strength, seen, blank = what.known_strength(noisy), evidence.known[name], torch.zeros_like(known)
    estimate = noisy if strength is None else what.first(noisy, strength)
    for step in range(what.rounds + sweeps):
        draw, pace = step >= what.rounds, min(step, what.rounds - 1)
        density = _offered(joint, evidence, name, estimate, seen, rng, mean=not draw)
        values, log_p = (t[:, 0] for t in density.table(estimate, None if step else blank, _near(around, what)))
        if strength is None or (len(what.strengths) > 1 and step < JUDGED):
            strength = what.judge(values, log_p, noisy, there, strength)
        around = what.centre(noisy, there, estimate, strength, pace)
        told = what.log_prob(values, around, strength, pace)
        log_p = log_p + torch.where(there, told, torch.zeros_like(told))
        fresh, seen = _chosen(values, log_p, rng if draw else None), None
        if draw:
            fresh = torch.where(rng.uniform((1, 1, *noisy.shape[1:-1], 1))[0] < PART, fresh, estimate)
        estimate = (fresh + estimate) / 2 if what.rounds > step > 1 else fresh  # neighbours moved together overshoot
    assert strength is not None
    return what.finish(noisy, there, estimate), strength


def _offered(
    joint: Joint, evidence: Evidence, name: str, estimate: Tensor, seen: Tensor | None, rng: Random, mean: bool
) -> Density:
    """The density of the pictures, where the posterior chose the latent as if it saw the estimate."""
    rest = evidence.without(name)
    shown = replace(rest, values={**rest.values, name: estimate}, known={**rest.known, name: seen})
    return joint.infer(rest, seen=shown, rng=rng, only=[name], mean=mean)[name].density


def _holes_filled(noisy: Tensor, there: Tensor) -> Tensor:
    """Pixels that are not there as the mean of their picture: whatever they held has no influence."""
    places = tuple(range(1, noisy.dim() - 1))
    mean = torch.where(there, noisy, 0.0).sum(places, keepdim=True) / there.sum(places, keepdim=True).clamp(min=1)
    return torch.where(there, noisy, mean)


def _near(around: Tensor, what: Corruption) -> Tensor:
    """``[N, B, E…]`` values near those that would explain best what is there."""
    low, high = what.scale.ends(around)
    return torch.stack([around + sign * offset * (high - low) for offset in OFFSETS for sign in (-1, 1)][1:])


def _chosen(values: Tensor, log_p: Tensor, rng: Random | None) -> Tensor:
    """The mean of ``values [G, …]`` by their weights, or a draw."""
    share = torch.softmax(log_p, 0)
    if rng is None:
        return (share * values).sum(0)
    u = rng.uniform((1, *log_p.shape[1:]))
    place = (share.cumsum(0) < u).sum(0).clamp(max=len(values) - 1)
    return values.expand_as(log_p).gather(0, place[None])[0]
