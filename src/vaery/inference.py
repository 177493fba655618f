"""Conditional draws: the latent from the posterior, weighted, resampled; then whatever is unknown, given it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from vaery.core.choose import Chooser, from_either, from_prior_given, from_values
from vaery.core.density import Density, masked
from vaery.core.evidence import Evidence
from vaery.core.field import all_known
from vaery.core.job import Points
from vaery.core.random import Random
from vaery.core.stop import Stop
from vaery.core.trace import Site, Trace
from vaery.ensemble import even
from vaery.joint import Joint

BATCH = 2048  # draws × rows that walk through the model at once
POOL = 256  # candidates in a pool that many draws of one row are picked from, at least
MOST = 16  # times as many candidates, at most, where their weights are uneven
POINTS = 128  # points that stand for what a cell may hold
GOLDEN = (5**0.5 - 1) / 2  # whose multiples, modulo one, are spread evenly wherever one begins and ends
POOR = 0.05  # what a pool is worth, as a share of its size, beneath which the prior proposes half of another
FEW = 64  # rows that are worth double precision


@dataclass(frozen=True)
class Draws:
    """Completed rows.

    Attributes:
        values: field → ``[B, E…]``, known cells bit for bit as they were.
        effective_sample_size: how many independent draws they are worth (Kong, 1992), 1 … B.
    """

    values: dict[str, Tensor]
    effective_sample_size: float


def batches(evidence: Evidence, size: int) -> Iterator[Evidence]:
    """The rows in slices of at most ``size``; no rows are one empty slice."""
    for start in range(0, max(1, evidence.rows), max(1, size)):
        yield evidence[slice(start, start + max(1, size))]


def sliced(joint: Joint, evidence: Evidence, rng: Random, draws: int = 1) -> Iterator[tuple[Evidence, Random]]:
    """The rows in slices that walk with ``draws`` draws at once, each slice with the very same noise.

    The noise is shared by the rows, too. So what a job says of a row depends on the row alone, and not on the batch it
    came in (common random numbers).
    """
    stream = rng.spawn(share_rows=True)
    start = stream.state()
    for part in batches(_masks_of_firsts(joint, evidence.to(joint.device)), BATCH // draws):
        stream.restore(start)
        yield part, stream


def exact(joint: Joint, evidence: Evidence) -> tuple[Joint, Evidence]:
    """The same model and rows, in double precision where rows are few.

    Products in single precision are rounded by a row's place in the batch. Nobody sees it among many rows; who asks for
    one row and then for the same among ten would.
    """
    if evidence.rows > FEW or joint.device.type != "cpu":
        return joint, evidence
    return copy.deepcopy(joint).double(), evidence.double()


def firsts(joint: Joint) -> list[str]:
    """The names of the fields that are visited before the latent."""
    return [str(stop.name) for stop in joint.walk if stop.first]


def _masks_of_firsts(joint: Joint, evidence: Evidence) -> Evidence:
    """The same evidence with explicit masks for fields before the latent: whether the walk draws there, and with it
    all the noise that comes after, must not hang on whether *another* row has a gap."""
    masks = {
        name: all_known(joint.fields[name], evidence.rows).to(evidence.device)
        for name in firsts(joint)
        if name in evidence and evidence.known[name] is None
    }
    return replace(evidence, known={**evidence.known, **masks}) if masks else evidence


@torch.no_grad()
def complete(joint: Joint, evidence: Evidence, *, rng: Random, candidates: int = 16) -> dict[str, Tensor]:
    """Draw everything unknown from p(unknown | known, conditions), one draw a row: field → ``[B, E…]``.

    Sampling importance resampling: ``candidates`` latents a row come from the posterior (given the known values),
    are weighted by the trace's ``log_weight`` and one is kept (Rubin, 1988). Nothing is ever rejected. What does not
    weigh on the choice is drawn once at the end, for the latent that was kept.

    Args:
        joint: the model.
        evidence: known values and regions.
        rng: where draws come from.
        candidates: latents a row is picked from; 1 means no weighting at all.
    """
    return completions(joint, evidence, rng=rng, draws=1, candidates=candidates)[0]


@torch.no_grad()
def completions(
    joint: Joint, evidence: Evidence, *, rng: Random, draws: int, candidates: int = 16
) -> list[dict[str, Tensor]]:
    """As :func:`complete`, several draws a row from one pool of candidates, as many as draws at least.

    Weighing candidates is what takes long, and a candidate may serve more than one draw as it may serve a row twice.
    """
    candidates, tables = max(candidates, draws) if draws > 1 else candidates, []
    for part in batches(evidence, BATCH // candidates):
        trace = propose(joint, part, rng=rng, candidates=candidates)
        values, row, made = _decided(joint, part, trace), torch.arange(part.rows, device=joint.device), []
        for _ in range(draws):
            pick = rng.categorical(trace.log_weight.T)
            made.append(_finish(joint, part, {name: value[pick, row] for name, value in values.items()}, rng))
        tables.append(made)
    return [{name: torch.cat([made[i][name] for made in tables]) for name in joint.fields} for i in range(draws)]


@torch.no_grad()
def sample_conditional(
    joint: Joint,
    evidence: Evidence,
    n: int,
    *,
    rng: Random,
    candidates: int = 4,
    watch: Callable[[float], None] | None = None,
) -> Draws:
    """``n`` draws from p(unknown | known, conditions) for a single row, all from one pool of candidates.

    As :func:`complete` for that row ``n`` times, but candidates are shared. Several rows are alternatives that exclude
    one another (a gap of this length, or of that one): what is drawn holds one or the other, each as often as it is
    likely.

    The pool grows until it is worth as many independent draws as there are rows, or is :data:`MOST` times as large as
    at first. Where what is known says so little that hardly a draw from the posterior fits, the prior proposes, too.
    Rows are picked by systematic resampling (Kitagawa, 1996): a candidate that holds a share w of the weight is picked
    n·w times, rounded down or up.

    Args:
        joint: the model.
        evidence: a single row, or alternatives: known values and regions.
        n: how many draws.
        rng: where draws come from.
        candidates: latents a draw, at least.
        watch: told the share that is done.
    """
    tell = watch or (lambda _: None)
    half = lambda share: tell(0.5 * share)
    poor = POOR if set(evidence.values).difference(firsts(joint)) else 0.0
    kept, weights, effective = _pool(joint, evidence, n, rng, candidates, half, poor=poor)
    if effective < poor * len(weights):
        broad = _pool(joint, evidence, n, rng, candidates, half, broad=True)
        better = broad[2] > effective
        kept, weights, effective = broad if better else _pool(joint, evidence, n, rng, candidates, half)
    pick = _systematic(torch.softmax(weights, 0), n, rng)
    kept = {name: value[pick] for name, value in kept.items()}
    given = evidence[pick % evidence.rows] if evidence.rows > 1 else evidence.repeat(n)
    parts = []
    for start, part in zip(range(0, max(1, n), BATCH), batches(given, BATCH), strict=True):
        tell(0.5 + 0.5 * start / max(1, n))
        parts.append(_finish(joint, part, {name: value[start : start + BATCH] for name, value in kept.items()}, rng))
    values = {name: torch.cat([part[name] for part in parts]) for name in joint.fields}
    return Draws(values, min(float(n), effective))


def _pool(
    joint: Joint,
    evidence: Evidence,
    n: int,
    rng: Random,
    candidates: int,
    watch: Callable[[float], None],
    broad: bool = False,
    poor: float = 0.0,
) -> tuple[dict[str, Tensor], Tensor, float]:
    """Candidates ``[M, E…]`` by site, the logarithms of their weights ``[M]``, and what they are worth. It does not
    grow where it is worth less than a share ``poor`` of its size."""
    first = max(POOL, candidates * n)
    pool: list[dict[str, Tensor]] = []
    weights: list[Tensor] = []
    drawn, effective = 0, 0.0
    while drawn < first or (effective < n and drawn < MOST * first):
        size = max(1, min(BATCH, first - drawn if drawn < first else drawn) // evidence.rows)
        trace = propose(joint, evidence, rng=rng, candidates=size, broad=broad)
        weights.append(trace.log_weight.flatten().double())
        pool.append({name: value.flatten(0, 1) for name, value in _decided(joint, evidence, trace).items()})
        drawn, effective = drawn + trace.log_weight.numel(), _effective_sample_size(torch.cat(weights))
        watch(drawn / max(drawn, first, min(MOST * first, drawn * n / effective)))
        if drawn >= first and effective < poor * drawn:
            break
    return {name: torch.cat([part[name] for part in pool]) for name in pool[0]}, torch.cat(weights), effective


def _effective_sample_size(log_weight: Tensor) -> float:
    """What weighted draws ``[M]`` are worth (Kong, 1992)."""
    return float(1 / torch.softmax(log_weight, 0).square().sum())


def _systematic(share: Tensor, n: int, rng: Random) -> Tensor:
    """``[n]`` indices in random order, each as often as its share says, rounded down or up."""
    place = (torch.arange(n, device=share.device, dtype=share.dtype) + rng.number()) / max(1, n)
    pick = torch.searchsorted(share.cumsum(0), place).clamp(max=len(share) - 1)
    return pick[rng.permutation(n).to(pick.device)]


def _decided(joint: Joint, evidence: Evidence, trace: Trace) -> dict[str, Tensor]:
    """The values that a candidate's weight hangs on, ``[S, B, E…]``: latents, fields before them, conditions."""
    decided = {*firsts(joint), *evidence.regions}
    draws = len(trace.log_weight)
    return {
        site.name: site.value.expand(draws, *site.value.shape[1:])
        for site in trace.sites.values()
        if site.value is not None and (site.latent or site.name in decided)
    }


def _finish(joint: Joint, evidence: Evidence, kept: dict[str, Tensor], rng: Random) -> dict[str, Tensor]:
    """The walk on from the values that were kept: everything that did not weigh on the choice is drawn."""
    settled = _settled(joint, evidence, kept)
    chosen = {name: value[None] for name, value in kept.items() if name not in settled.values or name in firsts(joint)}
    trace = joint.trace(evidence.rows, from_values(chosen, from_prior_given(settled, rng)))
    return trace.rows()


def _settled(joint: Joint, evidence: Evidence, kept: dict[str, Tensor]) -> Evidence:
    """The same evidence with every condition met: cells that were asked for are known now, as they were drawn."""
    values, known = dict(evidence.values), dict(evidence.known)
    for name, region in evidence.regions.items():
        if name not in firsts(joint):
            known[name] = known_cells(joint, evidence, name)[1] | region.asked
            values[name] = kept[name]
    return replace(evidence, values=values, known=known, regions={})


def propose(joint: Joint, evidence: Evidence, *, rng: Random, candidates: int, broad: bool = False) -> Trace:
    """Candidates and their weights: from the posterior where anything is known (``broad``: one half of them from the
    prior), else straight from the prior.

    The prior is exact, too, where all that is known is visited before the latent (a label). Fields that nothing is
    known of are not visited.
    """
    if set(evidence.values).difference(firsts(joint)):
        if not broad:
            return joint.infer(evidence, rng=rng, draws=candidates)
        known = [name for name in joint.fields if name in evidence or name in evidence.regions]
        return joint.trace(evidence.rows, from_either(joint.encode(evidence), evidence, rng), candidates, only=known)
    asked = [*evidence.values, *evidence.regions]
    return joint.trace(evidence.rows, from_prior_given(evidence, rng, fill=False), candidates, only=asked)


@torch.no_grad()
def conditionals(
    joint: Joint,
    evidence: Evidence,
    *,
    rng: Random,
    draws: int = 16,
    only: list[str] | None = None,
    others: bool = False,
) -> Points:
    """What each single cell may hold, as points evenly spread over p(cell | known, z) for weighted draws of z.

    Cells are to be read one by one: this says nothing of how they go together. How the points are to be summed up is
    the caller's: ``how`` is the mean. Of a field whose density is ``whole`` there is one guess for each latent, and not
    all points with it (a sound is large, and its points are the same).

    Args:
        joint: the model.
        evidence: what is known.
        rng: where draws come from; see :func:`sliced`.
        draws: of the latent; 0: the mean of the posterior, instead.
        only: the fields meant; ``None``: all.
        others: what each cell may hold given the *other* known cells, itself left out.
    """
    names, draws = list(joint.fields) if only is None else only, even(joint, draws)
    u = probabilities(joint, draws)
    values: dict[str, list[Tensor]] = {name: [] for name in names}
    weights = []
    for part, noise in sliced(joint, evidence, rng, max(1, draws)):
        trace = joint.infer(part, rng=noise, draws=max(1, draws), only=list(joint.fields), mean=draws == 0)
        weights.append((trace.weight / len(u)).repeat(len(u), 1))
        for name in names:
            values[name].append(_points(joint, trace[name], part, u, others))
    return Points({name: torch.cat(v, 1) for name, v in values.items()}, torch.cat(weights, 1), "mean")


def probabilities(joint: Joint, draws: int) -> Tensor:
    """Evenly spread probabilities ``[Q]``, or ``[Q, draws]``: about :data:`POINTS` points for each cell in all.

    Each latent has its own, so that all together are as fine as their number, and reach as far into the tails. Those of
    latents that follow one another (those of one member, say) are spread as evenly as all are.
    """
    points = max(4, POINTS // max(1, draws))
    if not draws:
        return (torch.arange(points, device=joint.device) + 0.5) / points
    spread = (torch.arange(draws, dtype=torch.float64) * GOLDEN % 1).argsort().argsort()
    order = (spread.float().to(joint.device) + 0.5) / draws
    return (torch.arange(points, device=joint.device)[:, None] + order) / points


def _points(joint: Joint, site: Site, evidence: Evidence, u: Tensor, others: bool) -> Tensor:
    """``[Q · S, B, E…]`` quantiles of each cell at one site."""
    if site.posterior is not None:  # a field before the latent: known, or else what its posterior makes of the rest
        guess = site.posterior.given(*known_cells(joint, evidence, site.name)).points(u)
        value = known_cells(joint, evidence, site.name)[0] if site.value is None else site.value
        drawn = torch.ones_like(evidence.present(site.name)) if site.drawn is None else site.drawn
        return torch.where(drawn.view(-1, *([1] * (value.dim() - 2))), guess, value).flatten(0, 1)
    value, known = known_cells(joint, evidence, site.name)
    cell = (site.density.given_others if others else site.density.given)(value, known)
    return cell.points(u[:1] if cell.whole else u).flatten(0, 1)


def known_cells(joint: Joint, evidence: Evidence, name: str) -> tuple[Tensor, Tensor]:
    """The field's value ``[B, E…]`` and mask ``[B, M…]``, zeros and all false where the evidence has none."""
    field, rows, device = joint.fields[name], evidence.rows, joint.device
    if name not in evidence:
        return torch.zeros(rows, *field.event, device=device), ~all_known(field, rows).to(device)
    known = evidence.known[name]
    return evidence.values[name], all_known(field, rows).to(device) if known is None else known


def jacobians(joint: Joint, evidence: Evidence) -> dict[str, Tensor]:
    """Field → ``[B, M…]`` log |d packed / d raw| of each known cell, zero elsewhere: what is added to a packed
    log-density to have one in the data's own units. Fields where it is zero everywhere are left out."""
    found = {}
    for name in evidence.values:
        jacobian = joint.fields[name].log_jacobian(evidence.values[name])
        if jacobian is not None:
            found[name] = masked(jacobian, evidence.known[name])
    return found


def offer(joint: Joint, values: dict[str, Tensor], rows: int) -> Trace:
    """A walk with these values (``[1, B, E…]``) at the levels: the densities that the fields are offered there.

    Fields before the latent that are not among the values take their likeliest value.
    """

    def leave(stop: Stop, density: Density, context: Tensor) -> Site:
        return Site(stop.name, density, density.mode() if stop.latent or stop.first else None, latent=stop.latent)

    otherwise: Chooser = leave
    return joint.trace(rows, from_values(values, otherwise))
