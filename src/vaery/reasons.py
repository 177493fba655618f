"""Reasons: which cells make a row odd, what they hold, and what was expected there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from vaery.core.evidence import Evidence, zeroed
from vaery.core.random import Random
from vaery.flags import Flag
from vaery.inference import conditionals, known_cells
from vaery.joint import Joint
from vaery.surprise import Shares, columns, columns_of, given_others, per_row
from vaery.target import hide, raw_cells

TOGETHER = "together"  # what is odd about a row as a whole
ANYTHING = 8  # bits: numbers that may be anything are spread over 256 times the width of their column
ROWS = 2048  # rows whose expected values are worked out at once


def explained(
    joint: Joint,
    evidence: Evidence,
    found: Shares,
    cells: Mapping[str, Tensor],
    count: int,
    flagged: Sequence[Flag],
    calibration: Mapping[str, Any],
) -> list[list[dict[str, Any]]]:
    """The flagged cells of each row, then those that most is against, given the rest of the row.

    Fields whose cells have no names count as a whole (pictures), or as those of their parts that have some (words,
    notes). Where nothing was learned of what is usual, cells are ranked by their packed shares.
    """
    places, bits, rank = _candidates(joint, evidence, found)
    beyond = _against(joint, evidence, cells, calibration)
    if beyond is not None:
        at = [i for i, (_, cell) in enumerate(places) if cell is not None]
        rank[:, at] = torch.where(rank[:, at].isfinite(), beyond, rank[:, at])
    listed, pointed = _flagged(joint, evidence, count, flagged), _named_parts(joint, evidence, found, count)
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
            if some[row] and name in pointed:
                listed[row] += pointed[name][row]
            elif some[row]:
                names = joint.fields[name].cell_names
                label = name if cell is None or names is None else str(names[cell])
                extra = {} if beyond is None or cell is None else {"beyond": float(rank[row, column[row]])}
                listed[row].append({"cell": label, "bits": here[row], **extra, **raw.get(row, {})})
    rest = [{"cell": TOGETHER, "bits": b} for b in found.together.tolist()]
    return [[*cells[:count], last] for cells, last in zip(listed, rest, strict=True)]


def rare(
    joint: Joint,
    evidence: Evidence,
    found: Shares,
    cells: Mapping[str, Tensor],
    which: Tensor,
    calibration: Mapping[str, Any],
) -> list[dict[str, Any] | None]:
    """For rows that are odd by what their cells are, each by itself: the cell that costs most so, beyond the usual of
    its column; ``None`` for the others.

    Args:
        joint, evidence: all rows.
        found: what they cost.
        cells: what their cells cost each by itself.
        which: ``[B]`` bool, of which rows it is asked.
        calibration: what is usual.
    """
    reasons: list[dict[str, Any] | None] = [None] * evidence.rows
    rows = which.nonzero()[:, 0]
    if not len(rows) or "alone" not in calibration:
        return reasons
    part = evidence[rows.to(evidence.device)]
    each = {name: cost[rows.to(cost.device)] for name, cost in cells.items()}
    bits, known = columns(joint, part, each)
    usual = torch.tensor(calibration["alone"])[columns_of(joint, each)]
    most, cell = (bits - usual).masked_fill(~known, -torch.inf).max(1)
    places = [(name, i) for name, cost in each.items() for i in range(cost.shape[1])]
    chosen = [places[i] for i in cell.tolist()]
    raw = _raw_values(joint, part, chosen)
    for i, (row, (name, at)) in enumerate(zip(rows.tolist(), chosen, strict=True)):
        label, share = str((joint.fields[name].cell_names or [name])[at]), float(found.cells[name][row, at])
        reasons[row] = {"cell": label, "bits": share, "beyond": float(most[i]), **raw[i], "why": "rare by itself"}
    return reasons


def _against(
    joint: Joint, evidence: Evidence, cells: Mapping[str, Tensor], calibration: Mapping[str, Any]
) -> Tensor | None:
    """``[B, C]`` bits against each named cell: log2 of how much likelier its value is in a wrong cell than given the
    rest of its row.

    A wrong cell holds what another row holds there, or, as often, anything: :data:`ANYTHING` bits beyond what its
    column usually costs. What is rare in its column is as rare where it is wrong, and that speaks for it.
    """
    if "alone" not in calibration:
        return None
    others = given_others(joint, evidence, rng=Random(0, joint.device, share_rows=True))
    cost, _ = columns(joint, evidence, others)
    swapped, _ = columns(joint, evidence, cells)
    anything = torch.tensor(calibration["alone"])[columns_of(joint, others)] + ANYTHING
    return (cost - 1 + torch.logaddexp2(-swapped, -anything.to(swapped))).float()


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


def _named_parts(joint: Joint, evidence: Evidence, found: Shares, count: int) -> dict[str, list[list[dict[str, Any]]]]:
    """Field → for each row those of its parts that cost most given all else, where parts have names; with what was
    expected in their place."""
    parts = {}
    for name, value in evidence.values.items() if count else ():
        named = joint.fields[name].named_parts(value, evidence.known[name])
        if named is not None:
            parts[name] = named
    others = given_others(joint, evidence, rng=Random(0, joint.device, share_rows=True), names=parts) if parts else {}
    listed = {}
    for name, beyond in others.items():
        costs, shares = (bits.flatten(1).cpu() for bits in (beyond, found.cells[name]))
        most = [_costliest(*about, count) for about in zip(parts[name], costs, shares, strict=True)]
        if not joint.fields[name].parts_tell:
            listed[name] = [[{"cell": cell, **bits} for cell, _, bits in row] for row in most]
            continue
        expected = _expected(joint, evidence, name, [[places for _, places, _ in row] for row in most], count)
        listed[name] = [
            [{"cell": cell, **bits, "expected": instead[i]} for i, (cell, _, bits) in enumerate(row)]
            for row, instead in zip(most, expected, strict=True)
        ]
    return listed


def _costliest(
    parts: list[tuple[str, list[int]]], cost: Tensor, share: Tensor, count: int
) -> list[tuple[str, list[int], dict[str, float]]]:
    """Of one row: the parts that cost most, their places, and their bits."""
    about = [(cell, at, {"bits": float(share[at].sum()), "beyond": float(cost[at].sum())}) for cell, at in parts]
    return sorted(about, key=lambda part: -part[2]["beyond"])[:count]


def _expected(
    joint: Joint, evidence: Evidence, name: str, places: list[list[list[int]]], count: int
) -> list[list[str]]:
    """For each row and each of some groups of its cells, what the model would put in their place."""
    found = []
    for start in range(0, evidence.rows, ROWS):
        part, here = evidence[slice(start, start + ROWS)], places[start : start + ROWS]
        each = [_instead(joint, part, name, [(row + [[]] * count)[i] for row in here]) for i in range(count)]
        found += [list(row) for row in zip(*each, strict=True)]
    return found


def _instead(joint: Joint, evidence: Evidence, name: str, places: list[list[int]]) -> list[str]:
    """For each row, what the model would put where the cells at these places of its mask are."""
    value, known = known_cells(joint, evidence, name)
    shown = known.flatten(1).clone()
    for row, hidden in enumerate(places):
        shown[row, hidden] = False
    shown = shown.view(known.shape)
    rng = Random(0, joint.device, share_rows=True)
    density = joint.infer(evidence.hide({name: shown}), rng=rng, mean=True)[name].density
    filled = density.given(zeroed(value, shown), shown).points(torch.full((1,), 0.5, device=value.device))[0, 0]
    parts = joint.fields[name].named_parts(filled) or []
    return [
        " ".join(label for label, at in row if set(at) & set(hidden)) for row, hidden in zip(parts, places, strict=True)
    ]


def _candidates(joint: Joint, evidence: Evidence, found: Shares) -> tuple[list[tuple[str, int | None]], Tensor, Tensor]:
    """What can be a reason: (field, cell or None), its bits ``[B, C]``, and what it is ranked by (-inf: unknown)."""
    places: list[tuple[str, int | None]] = []
    bits, rank = [], []
    for name, share in found.cells.items():
        named = joint.fields[name].cell_names is not None and share.dim() == 2
        known = known_cells(joint, evidence, name)[1] if named else evidence.present(name)[:, None]
        flat = (lambda t: t) if named else (lambda t: per_row(t)[:, None])
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
