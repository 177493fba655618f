"""Steps: which moments of long records are odd, where rows are windows that were cut from them.

A step is looked at in the window in whose middle it is, in two ways: told by the rest of the window, with a stretch
around it hidden; and told by the latent of that rest alone, which keeps to what the whole window is like.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from vaery.core.evidence import Evidence, zeroed
from vaery.core.random import Random, log_mean_exp
from vaery.inference import known_cells, sliced
from vaery.joint import Joint
from vaery.surprise import BITS

UPPER = 0.9  # the quantile whose distance from the median is the unit of oddness
LEAST = 0.5, 0.05  # the smallest such unit, of bits and of distances
PART = 4  # a score is the mean over this part of a window …
FEW = 4  # … and one of what is short over this part of that
KEPT = 2000  # held-out scores that are kept for p-values
HELD = 4000  # held-out windows that are looked at


@dataclass(frozen=True)
class Looked:
    """Each step of the line that windows were cut from.

    Attributes:
        bits: ``[L, C]`` of each cell, told by the rest of its window; NaN where it is not known.
        apart: how far each number is from what the latent alone tells, in packed units; of levels their bits.
        expected: ``[L, C]`` packed values that the rest of the window tells.
        series: ``[L]`` which record a step is of.
        width: of the moving mean of scores.
    """

    bits: Tensor
    apart: Tensor
    expected: Tensor
    series: Tensor
    width: int


def applies(joint: Joint, evidence: Evidence) -> bool:
    """Whether rows are windows of longer records, and nothing else stands beside them."""
    return evidence.spans is not None and len(joint.fields) == 1


@torch.no_grad()
def look(joint: Joint, evidence: Evidence, *, rng: Random) -> Looked:
    """Both signals of each step, and what was expected there."""
    (name,) = joint.fields
    assert evidence.spans is not None
    order = evidence.spans[:, 0].argsort(stable=True)
    spans, evidence = evidence.spans[order], evidence[order.to(evidence.device)]
    own = owned(spans, joint.fields[name].mask[0])
    found: dict[str, list[Tensor]] = {"rest": [], "apart": [], "expected": []}
    at = 0
    for part, noise in sliced(joint, evidence, rng, 4):
        mine = own[at : at + part.rows].to(part.device)[..., None]
        at += part.rows
        value, known = known_cells(joint, part, name)
        rest = known & ~mine
        hidden = joint.infer(part.hide({name: ~mine.expand_as(known)}), rng=noise, mean=True)
        density = hidden[name].density.given(zeroed(value, rest), rest)
        alone = hidden[name].density.given(torch.zeros_like(value), torch.zeros_like(known))
        bits, surprise = (-BITS * log_mean_exp(told.log_prob(value, known)) for told in (density, alone))
        numbers = joint.fields[name].remote(known) >= 0
        off = torch.where(numbers, (value - alone.mean().mean(0)).abs(), surprise)
        for signal, found_here in (("rest", bits), ("apart", off)):
            found[signal].append(found_here.masked_fill(~known, torch.nan).cpu())
        found["expected"].append(density.mode()[0].cpu())
    line = {signal: on_line(torch.cat(parts), spans, own) for signal, parts in found.items()}
    width = max(1, joint.fields[name].mask[0] // PART)
    return Looked(line["rest"], line["apart"], line["expected"], records(spans), width)


def owned(spans: Tensor, steps: int) -> Tensor:
    """``[W, T]`` bool: the steps that each of these windows, sorted by where they begin, answers for: those in whose
    middle it is.

    >>> owned(torch.tensor([[0, 4], [2, 6]]), 4).int().tolist()
    [[1, 1, 1, 0], [0, 1, 1, 1]]
    """
    start, end = spans.unbind(1)
    edge = torch.where(start[1:] < end[:-1], (start[:-1] + end[1:] + 1) // 2, end[:-1])
    low = torch.cat([start[:1], torch.where(start[1:] < end[:-1], edge, start[1:])])
    high = torch.cat([edge, end[-1:]])
    place = start[:, None] + torch.arange(steps)
    return (place >= low[:, None]) & (place < high[:, None])


def on_line(windows: Tensor, spans: Tensor, own: Tensor) -> Tensor:
    """``[W, T, …]`` → ``[L, …]``, each step from the window that answers for it; NaN where there is none."""
    place = (spans[:, :1] + torch.arange(own.shape[1]))[own]
    out = windows.new_full((int(spans.max()) if len(spans) else 0, *windows.shape[2:]), torch.nan)
    out[place] = windows[own]
    return out


def records(spans: Tensor) -> Tensor:
    """``[L]`` the number of the record that each step of the line is of: windows of one record overlap."""
    first = torch.zeros(int(spans.max()) if len(spans) else 0, dtype=torch.long)
    new = torch.cat([torch.ones(1, dtype=torch.bool), spans[1:, 0] >= spans[:-1, 1]])
    first[spans[new, 0]] = 1
    return first.cumsum(0)


def oddness(looked: Looked, usual: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
    """``[L]`` how odd each step is, and ``[L, C]`` how odd each channel is there, in units of what is usual.

    Told by the latent alone, since a stretch that is odd as a whole tells its own steps well; by distances and not by
    bits, since a density that expects to be wrong somewhere forgives what is odd there. Two moving means are looked at,
    of all channels and of the oddest one; each counts by how far it is beyond its usual, on a logarithmic scale.
    """
    cells, *scores = _scores(looked, usual["channels"])
    parts = [torch.asinh((s - middle) / unit) for s, (middle, unit) in zip(scores, usual["scores"], strict=True)]
    return parts[0] + parts[1], cells


def _scores(looked: Looked, channels: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Each channel beyond its usual ``[L, C]``; moving means of the largest of these, and of all together, ``[L]``."""
    middle, unit = (torch.tensor(x, dtype=looked.apart.dtype) for x in channels)
    cells = ((looked.apart - middle) / unit).nan_to_num(nan=0.0)
    total = (looked.apart - middle).nan_to_num(nan=0.0).sum(1)
    most, all_ = (smoothed(x, looked.series, looked.width) for x in (cells.amax(1), total))
    return cells, most, all_


def surprise(looked: Looked, channels: Any) -> Tensor:
    """``[L]`` how far each step is from what the rest of its window tells: the oddest channel, a mean over a few steps.
    It sees what is short, and odd beside its own neighbours."""
    middle, unit = (torch.tensor(x, dtype=looked.bits.dtype) for x in channels)
    cells = ((looked.bits - middle) / unit).nan_to_num(nan=0.0)
    return smoothed(cells.amax(1), looked.series, max(1, looked.width // FEW))


def smoothed(x: Tensor, series: Tensor, width: int) -> Tensor:
    """A moving mean ``[L]`` over ``width`` steps around each, that stays inside its record.

    >>> smoothed(torch.tensor([0.0, 3.0, 0.0, 9.0]), torch.tensor([1, 1, 1, 2]), 3)
    tensor([1.5000, 1.0000, 1.5000, 9.0000], dtype=torch.float64)
    """
    place = torch.arange(len(x))
    _, counts = torch.unique_consecutive(series, return_counts=True)
    ends = counts.cumsum(0).repeat_interleave(counts)
    starts = ends - counts.repeat_interleave(counts)
    low, high = torch.maximum(place - width // 2, starts), torch.minimum(place + (width + 1) // 2, ends)
    total = torch.cat([torch.zeros(1, dtype=torch.float64), x.double().cumsum(0)])
    return (total[high] - total[low]) / (high - low).clamp(min=1)


def learn(joint: Joint, held_out: Evidence, *, rng: Random) -> dict[str, Any]:
    """What is usual in held-out windows, as plain data: the median and the way up to the upper tenth of each channel,
    and of the scores made of them; and the oddness of steps, sorted, as scores (higher is more ordinary)."""
    looked = look(joint, held_out[slice(0, HELD)], rng=rng)
    here = (looked.series > 0) & looked.apart.isfinite().any(1)
    channels, rest = _usual(looked.apart[here], LEAST[1]), _usual(looked.bits[here], LEAST[0])
    usual: dict[str, Any] = {"channels": channels, "scores": []}
    for score in _scores(looked, channels)[1:]:
        low, high = (float(score[here].quantile(q)) for q in (0.5, UPPER))
        usual["scores"].append([round(low, 5), round(max(high - low, 0.05), 5)])
    score, near = _sorted(-oddness(looked, usual)[0][here]), _sorted(-surprise(looked, rest)[here])
    return {"usual": usual, "score": score, "rest": {"channels": rest, "score": near}}


def _usual(bits: Tensor, least: float) -> list[list[float]]:
    """Of each channel of ``[N, C]`` the median, and the way up to the upper tenth."""
    middle = bits.nanquantile(0.5, 0).nan_to_num(nan=0.0)
    unit = (bits.nanquantile(UPPER, 0).nan_to_num(nan=0.0) - middle).clamp(min=least)
    return [[round(float(v), 5) for v in x] for x in (middle, unit)]


def _sorted(scores: Tensor) -> list[float]:
    picked = scores[torch.linspace(0, len(scores) - 1, min(KEPT, len(scores))).long()]
    return sorted(round(float(s), 6) for s in picked)


def events(outlier: Tensor, series: Tensor, reach: int) -> Tensor:
    """``[L]`` the number of the event that each step is of, from 1; 0: none. Odd steps of one record that are at most
    ``reach`` steps apart are one event, with all between them.

    >>> events(torch.tensor([1, 0, 1, 0, 0, 0, 1]) > 0, torch.ones(7), 2).tolist()
    [1, 1, 1, 0, 0, 0, 2]
    """
    out = torch.zeros(len(outlier), dtype=torch.long)
    number, last = 0, None
    for at in outlier.nonzero()[:, 0].tolist():
        joined = last is not None and at - last <= reach and bool(series[at] == series[last])
        number += not joined
        out[last + 1 if joined and last is not None else at : at + 1] = number
        last = at
    return out
