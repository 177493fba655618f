"""Detect: which rows are odd, how sure that is, and why."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vaery.core.errors import QueryError
from vaery.core.evidence import Evidence, expand_mask
from vaery.core.job import job
from vaery.core.random import Random
from vaery.flags import Flag, flags
from vaery.inference import conditionals, jacobians, known_cells, sliced
from vaery.joint import Joint
from vaery.target import hide, raw_cells
from vaery.typical import Typical

BITS = 1 / math.log(2)  # bits in a nat
TOGETHER = "together"  # what is odd about a row as a whole
TIE = 1e-4  # nats: scores nearer than this are equal, whatever the last bits of a batch say
FEW = 50  # held-out scores under which there is no tail to speak of
HEAVY = 0.2  # the lightest tail that is believed in
ROWS = 2048  # rows whose expected values are worked out at once


@dataclass(frozen=True)
class Shares:
    """Each row's surprise, split up.

    Attributes:
        cells: field → ``[B, M…]`` bits of each cell; zero where it is unknown. A table of columns, a map of pixels.
        together: ``[B]`` bits of the row as a whole: how unlikely the latent is that its cells call for.
        packed: as ``cells``, but of packed values, so that columns of different units can be compared.
    """

    cells: Mapping[str, Tensor]
    together: Tensor
    packed: Mapping[str, Tensor]

    @property
    def total(self) -> Tensor:
        """``[B]`` -log2 p(row) in the data's own units."""
        return sum((_per_row(share) for share in self.cells.values()), self.together)


@job(takes="rows", gives="frame")
@torch.no_grad()
def detect(
    joint: Joint,
    evidence: Evidence,
    *,
    rng: Random,
    calibration: Mapping[str, Any] | None = None,
    fdr: float = 0.05,
    draws: int = 8,
    reasons: int = 3,
    tail: bool = False,
) -> dict[str, Any]:
    """Which rows are odd, how sure that is, and why.

    A row is odd if its surprise -log2 p(row) is unusually large, or if the surprises of its columns are far from what
    is usual for each of them, whichever is further out in standard deviations (:mod:`vaery.typical`). Its p-value is
    the share of held-out rows that are as odd or odder (conformal: exact in any sample size, as long as ordinary rows
    come from where the training rows came from; with n held-out rows none is below 1 / (n + 1), so a few odd rows among
    very many need many held-out ones to stand out).
    Outliers are what Benjamini and Hochberg's rule picks: of the rows it names, a share of ``fdr`` at most is expected
    to be ordinary (with p-values of this kind: Bates et al., 2023).

    Reasons split the surprise up (the chain rule's terms, averaged over orders and latents); see :func:`shares` for all
    of them. Listed are a row's most surprising cells, with what they hold and what the model expected there given the
    rest of the row; and last what is odd about the row as a whole ("together").

    Two things are odd though no density of known cells sees them: a category that was never seen in training (its cell
    counts as unknown), and a cell that is filled where it does not apply, or empty where it always is filled. They come
    first among the reasons, and say ``"why"``. Their bits are not in the row's: they tell how rare such a thing is in
    its column (for new categories the mass that Good and Turing's estimate leaves for them; Good, 1953). The row's
    p-value is at most the share of ordinary rows that have one as odd, which adds as much to the share of false alarms.

    Args:
        fdr: share of false alarms among the outliers that is put up with.
        draws: latents drawn for each row; p-values are exact with the number that scores were calibrated with.
        reasons: how many cells to name for each row; 0 is quicker.
        tail: tell rows apart that are odder than all held-out ones, by a Pareto tail; for few held-out rows.

    Returns:
        Columns ``bits`` (the surprise), ``odd`` (what rows are ranked by), ``p_value``, ``outlier`` and ``reasons`` (a
        list of dicts a row).

    Raises:
        QueryError: ``fdr`` is not a share, or the model was calibrated on no rows.
    """
    if not 0 < fdr < 1:
        raise QueryError(f"fdr={fdr} is not a share; write fdr=0.05 to put up with one false alarm in twenty")
    calibration = calibration or {}
    held_out = [-odd for odd in reversed(calibration["odd"])] if "odd" in calibration else calibration.get("score", ())
    if not len(held_out):
        raise QueryError(
            "this model kept no held-out scores to compare with, so it has no p-values; score_samples() works"
        )
    evidence = evidence.to(joint.device)
    flagged = flags(joint.fields, evidence, calibration)
    found = shares(joint, evidence, rng=rng, draws=draws)
    odd = oddness(joint, evidence, found, calibration)
    p_value = (pareto if tail else conformal)(-odd.cpu(), held_out)
    for flag in flagged:
        p_value[flag.row] = min(float(p_value[flag.row]), flag.p_value)
    why = _reasons(joint, evidence, found, reasons, flagged) if reasons > 0 else [[] for _ in range(evidence.rows)]
    return {"bits": found.total, "odd": odd, "p_value": p_value, "outlier": discoveries(p_value, fdr), "reasons": why}


@torch.no_grad()
def shares(joint: Joint, evidence: Evidence, *, rng: Random, draws: int = 8) -> Shares:
    """Each row's surprise in bits, split up into shares that add up to it.

    A cell's share is the weighted mean over latents of -log2 p(cell | latent, cells before it), every latent with an
    order of its own. The rest belongs to no cell: the latent's own improbability, log q(z) - log p(z).
    """
    parts = [_split(joint, part, noise, draws) for part, noise in sliced(joint, evidence, rng, draws)]
    join = lambda maps: {name: torch.cat([m[name] for m in maps]) for name in maps[0]}  # noqa: E731
    return Shares(
        join([p.cells for p in parts]), torch.cat([p.together for p in parts]), join([p.packed for p in parts])
    )


def oddness(joint: Joint, evidence: Evidence, found: Shares, calibration: Mapping[str, Any]) -> Tensor:
    """``[B]`` what rows are ranked by: :class:`~vaery.typical.Typical`'s standard deviations; where nothing was learned
    of what is usual, the surprise in nats."""
    plain = calibration.get("typical")
    if plain is None:
        return found.total.double() / BITS
    return Typical.from_json(plain).oddness(*columns(joint, evidence, found), found.total)


def columns(joint: Joint, evidence: Evidence, found: Shares) -> tuple[Tensor, Tensor]:
    """Bits of each column that has a name, ``[B, C]``, and whether it is known. A picture has none."""
    bits, known = [torch.zeros(evidence.rows, 0)], [torch.zeros(evidence.rows, 0, dtype=torch.bool)]
    for name, share in found.cells.items():
        if joint.fields[name].cell_names is not None and share.dim() == 2:
            bits.append(share.cpu())
            known.append(known_cells(joint, evidence, name)[1].cpu())
    return torch.cat(bits, 1), torch.cat(known, 1)


def _split(joint: Joint, evidence: Evidence, rng: Random, draws: int) -> Shares:
    trace = joint.infer(evidence, rng=rng, draws=draws)
    packed = {}
    for name in evidence.values:
        _, known = known_cells(joint, evidence, name)
        log_p = torch.where(known, trace[name].log_p, 0.0)
        packed[name] = -BITS * (expand_mask(trace.weight, log_p.dim()) * log_p).sum(0)
    together = -BITS * trace.bound - sum(map(_per_row, packed.values()))
    units = jacobians(joint, evidence)
    cells = {name: share - BITS * units[name] if name in units else share for name, share in packed.items()}
    return Shares(cells, together, packed)


def conformal(score: Tensor, held_out: Sequence[float]) -> Tensor:
    """p-values ``[B]``: (1 + how many of n held-out scores are as low or lower) / (n + 1) (Vovk et al., 2005).

    Args:
        score: ``[B]``, higher is more normal.
        held_out: n scores, sorted.

    >>> conformal(torch.tensor([-9.0, 0.5]), [-3.0, 0.0, 1.0])
    tensor([0.2500, 0.7500], dtype=torch.float64)
    """
    held = torch.as_tensor(held_out, dtype=torch.float64)
    return (1 + torch.searchsorted(held, score.double().contiguous() + TIE, right=True).double()) / (len(held) + 1)


def pareto(score: Tensor, held_out: Sequence[float]) -> Tensor:
    """As :func:`conformal`, but beyond the lowest held-out score p-values go on falling.

    A generalised Pareto distribution is fitted to the lowest tenth of the held-out scores by probability-weighted
    moments (Hosking and Wallis, 1987), its shape :data:`HEAVY` at least: light tails are taken for heavier than they
    are, so that p-values err on the high side. Where scores are heavier-tailed than they look in a tenth of n, they
    may still be too low: this is no longer exact. Under :data:`FEW` held-out scores nothing is extrapolated.
    """
    p_value, n = conformal(score, held_out), len(held_out)
    if n < FEW:
        return p_value
    surprise = -torch.as_tensor(held_out, dtype=torch.float64).sort().values
    k = math.ceil(n / 10)
    excess = (surprise[:k] - surprise[k]).flip(0)
    plotting = (torch.arange(1, k + 1, dtype=torch.float64) - 0.35) / k
    mean, lower = float(excess.mean()), float(((1 - plotting) * excess).mean())
    if mean <= 0:
        return p_value
    shape = max(HEAVY, 2 - mean / (mean - 2 * lower)) if mean > 2 * lower else HEAVY
    beyond = (-score.double() - surprise[k]).clamp(min=0)
    survival = (1 + shape * beyond / (mean * (1 - min(shape, 0.9)))).pow(-1 / shape)
    return torch.where(-score.double() > surprise[0], p_value.minimum(k / (n + 1) * survival), p_value)


def discoveries(p_value: Tensor, fdr: float) -> Tensor:
    """``[B]`` bool: the rows that Benjamini and Hochberg (1995) reject at this false discovery rate.

    >>> discoveries(torch.tensor([0.001, 0.8, 0.03, 0.04]), fdr=0.06)
    tensor([ True, False,  True,  True])
    """
    ordered = p_value.sort().values
    n = len(ordered)
    passes = (ordered <= fdr * torch.arange(1, n + 1, device=p_value.device) / max(1, n)).nonzero()
    return p_value <= ordered[passes[-1]] if len(passes) else torch.zeros_like(p_value, dtype=torch.bool)


def _reasons(
    joint: Joint, evidence: Evidence, found: Shares, count: int, flagged: Sequence[Flag]
) -> list[list[dict[str, Any]]]:
    """The flagged cells of each row, then the most surprising others. Fields whose cells have no names (pictures) count
    as a whole."""
    places, bits, rank = _candidates(joint, evidence, found)
    listed = _flagged(joint, evidence, count, flagged)
    for flag in flagged:
        rank[flag.row, places.index((flag.field, flag.cell))] = -torch.inf
    for column in rank.topk(min(count, len(places)), 1).indices.T:
        here, some = (
            bits.gather(1, column[:, None])[:, 0].tolist(),
            rank.gather(1, column[:, None])[:, 0].isfinite().tolist(),
        )
        chosen = [places[i] for i in column.tolist()]
        raw = _raw_values(joint, evidence, chosen)
        for row, (name, cell) in enumerate(chosen):
            if some[row]:
                names = joint.fields[name].cell_names
                label = name if cell is None or names is None else str(names[cell])
                listed[row].append({"cell": label, "bits": here[row], **raw.get(row, {})})
    rest = [{"cell": TOGETHER, "bits": b} for b in found.together.tolist()]
    return [[*cells[:count], last] for cells, last in zip(listed, rest, strict=True)]


def _flagged(joint: Joint, evidence: Evidence, count: int, flagged: Sequence[Flag]) -> list[list[dict[str, Any]]]:
    """A reason for each flag, with what was expected there instead; ``None``: nothing."""
    listed: list[list[dict[str, Any]]] = [[] for _ in range(evidence.rows)]
    rounds: dict[int, list[Flag]] = {}  # the first flag of each row, the second of each …
    taken = [0] * evidence.rows
    for flag in flagged:
        rounds.setdefault(taken[flag.row], []).append(flag)
        taken[flag.row] += 1
    for at in range(min(count, len(rounds))):
        part = evidence[torch.tensor([flag.row for flag in rounds[at]], device=joint.device)]
        raw = _raw_values(joint, part, [(flag.field, flag.cell) for flag in rounds[at]])
        for i, flag in enumerate(rounds[at]):
            name = str((joint.fields[flag.field].cell_names or [flag.field])[flag.cell])
            about = {**raw.get(i, {}), **({} if flag.expects else {"expected": None})}
            listed[flag.row].append({"cell": name, "bits": flag.bits, "why": flag.why, **about})
    return listed


def _candidates(joint: Joint, evidence: Evidence, found: Shares) -> tuple[list[tuple[str, int | None]], Tensor, Tensor]:
    """What can be a reason: (field, cell or None), its bits ``[B, C]``, and what it is ranked by (-inf: unknown)."""
    places: list[tuple[str, int | None]] = []
    bits, rank = [], []
    for name, share in found.cells.items():
        named = joint.fields[name].cell_names is not None and share.dim() == 2
        known = known_cells(joint, evidence, name)[1] if named else evidence.present(name)[:, None]
        flat = (lambda t: t) if named else (lambda t: _per_row(t)[:, None])
        places += [(name, i if named else None) for i in range(known.shape[1])]
        bits.append(flat(share))
        rank.append(flat(found.packed[name]).masked_fill(~known, -torch.inf))
    empty = [torch.zeros(evidence.rows, 0)]
    return places, torch.cat(bits or empty, 1).cpu(), torch.cat(rank or empty, 1).cpu()


def _raw_values(joint: Joint, evidence: Evidence, places: list[tuple[str, int | None]]) -> dict[int, dict[str, Any]]:
    """For one cell in each row: what it holds, and what was expected there given the rest of the row."""
    out: dict[int, dict[str, Any]] = {}
    for name in joint.fields:
        chosen = [(row, cell) for row, (where, cell) in enumerate(places) if where == name and cell is not None]
        for start in range(0, len(chosen), ROWS):
            rows, cells = zip(*chosen[start : start + ROWS], strict=True)
            part = evidence[torch.tensor(rows, device=joint.device)]
            held, expected = _held_and_expected(joint, part, name, torch.tensor(cells, device=joint.device))
            columns = {cell: (raw_cells(held, cell), raw_cells(expected, cell)) for cell in set(cells)}
            for i, (row, cell) in enumerate(zip(rows, cells, strict=True)):
                out[row] = {"value": columns[cell][0][i], "expected": columns[cell][1][i]}
    return out


def _held_and_expected(joint: Joint, evidence: Evidence, name: str, cell: Tensor) -> tuple[Any, Any]:
    """Raw records: the rows as they are, and medians of ``cell [B]`` in each, given the rest of the row."""
    field, (value, known) = joint.fields[name], known_cells(joint, evidence, name)
    hidden = hide(joint, evidence, name, cell)
    points = conditionals(joint, hidden, rng=Random(0, joint.device), draws=0, only=[name])
    expected = field.summarise(points.values[name].cpu(), points.weight.cpu(), "median")
    return field.unpack(value.cpu(), known.cpu()), expected


def _per_row(share: Tensor) -> Tensor:
    return share.flatten(1).sum(1) if share.dim() > 1 else share
