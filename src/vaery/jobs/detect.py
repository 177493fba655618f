"""Detect: which rows are odd, how sure that is, and why."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from vaery import steps
from vaery.core.errors import QueryError
from vaery.core.evidence import Evidence
from vaery.core.job import job
from vaery.core.random import Random
from vaery.flags import flags
from vaery.joint import Joint
from vaery.misfit import unfit
from vaery.oddness import misfitting, odd_alone, oddness, signals, standardised
from vaery.reasons import explained, rare
from vaery.surprise import BITS, alone, shares

TIE = 1e-4  # scores nearer than this are equal, whatever the last bits of a batch say
FEW = 50  # held-out scores under which there is no tail to speak of
HEAVY = 0.2  # the lightest tail that is believed in


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
    by: str = "row",
) -> dict[str, Any]:
    """Which rows are odd, how sure that is, and why.

    A row is as odd as its surprise -log2 p(row) is large. Its p-value is the share of held-out rows that are as odd or
    odder (conformal: exact in any sample size, as long as ordinary rows come from where the training rows came from;
    with n held-out rows none is below 1 / (n + 1), so a few odd rows among very many need many held-out ones to stand
    out). Outliers are what Benjamini and Hochberg's rule picks: of the rows it names, a share of ``fdr`` at most is
    expected to be ordinary (with p-values of this kind: Bates et al., 2023).

    Pictures are odd in three ways, and the largest counts: as they look from afar, small and a little out of focus,
    since strokes and textures are the same in what is odd; and, for half as much, by their surprise and by their
    surprise beyond what a plain code makes of them, since densities find simple pictures likely, whatever is on them
    (:mod:`vaery.oddness`).

    Rows of several named cells are also odd by what these are each by itself: a model that learned from odd rows finds
    more of them likely, but their values are as rare as before. The bits of each cell where nothing else is known,
    beyond their usual sum, count as those of the surprise do. The first reason then is the rarest cell, and says
    ``"why"``; its ``"beyond"`` are its bits by itself, beyond the usual of its column.

    Where a record has several fields, a row is also odd whose fields do not go together: by the bits that a field
    costs more beside the others than by itself (:mod:`vaery.misfit`). The first reason then names the field, and says
    ``"why"``.

    Reasons split the surprise up (the chain rule's terms, averaged over orders and latents); see :func:`shares` for all
    of them. Listed are the cells of a row that most is against: ``"beyond"`` is log2 of how much likelier its value is
    in a wrong cell (which holds what another row holds there, or anything) than given the rest of the row. With their
    shares, what they hold and what the model expected there; and last what is odd about the row as a whole
    ("together").

    Of series it is the steps that are odd: there is a row for each time step. Its bits are those of its cells, told by
    the rest of its window with a stretch around it hidden; ``oddness``, by which steps are best ranked, is how far a
    moving mean of what the latent alone tells is beyond the usual (:mod:`vaery.steps`). Its p-value is of the odder
    of both, its oddness or its bits; ``event`` numbers runs of outliers.
    Neighbouring steps are alike, so false alarms are counted by stretches, roughly, and p-values always have a tail.

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
        by: what makes a row odd. ``"row"``: anything about it; ``"fields"``: that its fields do not go together (the
            picture of one thing beside the sound of another), however odd each is in itself. A row of which only one
            field is known has a p-value of one then, and no oddness.

    Returns:
        Columns ``bits``; ``oddness``, by which rows are ranked (also beyond the smallest p-value): 0 as the middle one
        of held-out rows, 1 as their upper tenth; ``p_value``; ``outlier``; ``reasons`` (a list of dicts a row).

    Raises:
        QueryError: ``fdr`` is not a share, the model was calibrated on no rows, or there are no fields to compare.
    """
    if by not in ("row", "fields"):
        raise QueryError(f"by={by!r} is not what makes a row odd; write by='row' or by='fields'")
    if not 0 < fdr < 1:
        raise QueryError(f"fdr={fdr} is not a share; write fdr=0.05 to put up with one false alarm in twenty")
    calibration = calibration or {}
    held_out, odd = calibration.get("score", ()), calibration.get("odd")
    if not len(held_out):
        raise QueryError(
            "this model kept no held-out scores to compare with, so it has no p-values; score_samples() works"
        )
    evidence = evidence.to(joint.device)
    if by == "row" and "steps" in calibration and steps.applies(joint, evidence):
        return _steps(joint, evidence, rng, calibration["steps"], fdr)
    flagged = flags(joint.fields, evidence, calibration)
    found = shares(joint, evidence, rng=rng, draws=draws)
    scores, other, cells = -found.total.cpu() / BITS, None, alone(joint, evidence)
    if odd:
        other = signals(joint, evidence, found.total, cells, rng=rng)
    if odd and other is not None:
        scores, held_out = -oddness(other, odd), odd["score"]
    if by == "fields":
        scores, held_out, flagged = *_together(other, odd), []
    p_value = (pareto if tail else conformal)(scores, held_out)
    for flag in flagged:
        p_value[flag.row] = min(float(p_value[flag.row]), flag.p_value)
    why: list[list[dict[str, Any]]] = [[] for _ in range(evidence.rows)]
    if reasons > 0:
        why = explained(joint, evidence, found, cells, reasons, flagged, calibration)
        if odd and other is not None:
            _put_first(why, unfit(other, odd), reasons)
        if odd and other is not None and by == "row":
            _put_first(why, rare(joint, evidence, found, cells, odd_alone(other, odd), calibration), reasons)
    rank = standardised(-scores.double(), -torch.tensor(held_out, dtype=torch.float64))
    rank = rank.masked_fill(rank.isinf(), torch.nan)  # nothing was asked of the row
    outlier = discoveries(p_value, fdr)
    return {"bits": found.total, "oddness": rank, "p_value": p_value, "outlier": outlier, "reasons": why}


def _together(found: Mapping[str, Tensor] | None, odd: Mapping[str, Any] | None) -> tuple[Tensor, Sequence[float]]:
    """How well fields go together, as scores (higher is more ordinary), and those of held-out rows."""
    fields, odd = misfitting(found or {}), odd or {}
    if not fields or not odd.get("together"):
        raise QueryError("by='fields' asks whether fields go together, and rows with several are needed; leave by= out")
    return -oddness(fields, odd), odd["together"]


def _put_first(why: list[list[dict[str, Any]]], first: Sequence[dict[str, Any] | None], most: int) -> None:
    """A reason for each row before its others, but behind those that say why already."""
    for listed, reason in zip(why, first, strict=True):
        cells = listed[:-1]
        if reason is None or any("why" in other for other in cells if other["cell"] == reason["cell"]):
            continue
        said = [other for other in cells if "why" in other]
        rest = [other for other in cells if "why" not in other and other["cell"] != reason["cell"]]
        listed[:-1] = [*said, reason, *rest][:most]


def _steps(joint: Joint, evidence: Evidence, rng: Random, learned: Mapping[str, Any], fdr: float) -> dict[str, Any]:
    """Odd steps of long records: see :mod:`vaery.steps`. Their scores are moving means, so that held-out steps are
    worth fewer than they are; beyond them a Pareto tail goes on, always."""
    looked = steps.look(joint, evidence, rng=rng)
    odd, rank = steps.oddness(looked, learned["usual"])
    near = steps.surprise(looked, learned["rest"]["channels"])
    either = torch.minimum(pareto(-odd, learned["score"]), pareto(-near, learned["rest"]["score"]))
    p_value = (2 * either).clamp(max=1)  # two ways to be odd (Bonferroni)
    outlier = _stretches(p_value, fdr, looked.width)
    cells = looked.bits.nan_to_num(nan=0.0)
    columns = {"bits": cells.sum(1), "oddness": odd, "p_value": p_value, "outlier": outlier}
    columns["event"] = steps.events(outlier, looked.series, looked.width)
    return {"steps": {**columns, "cells": cells, "rank": rank, "expected": looked.expected}}


def _stretches(p_value: Tensor, fdr: float, width: int) -> Tensor:
    """``[L]`` bool: as :func:`discoveries`, of stretches of ``width`` steps, each by its smallest p-value: neighbours
    are alike, and do not count one by one. Odd are all steps that are as odd as the least odd stretch picked."""
    lowest = F.pad(p_value, (0, -len(p_value) % width), value=1.0).view(-1, width).amin(1)
    picked = discoveries(lowest, fdr)
    return p_value <= lowest[picked].max() if bool(picked.any()) else torch.zeros_like(p_value, dtype=torch.bool)


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
