"""Whether rows of columns are real: boosted trees that learn, at the end of a fit, to tell made rows from the data.

A density gets a little wrong everywhere, and trees find where: a price that is never above another one, a value that
goes with a few others only. A made row is kept as often as the odds that it is real say (discriminator rejection
sampling: Azadi et al., 2019), so that what is kept is nearer to the data than the model alone is. Densities, gaps and
scores are the model's own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from types import SimpleNamespace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from vaery.core.cells import CellSpec
from vaery.core.evidence import Evidence, Some
from vaery.core.field import Field, Tabular
from vaery.core.random import Random
from vaery.inference import batches, known_cells
from vaery.joint import Joint
from vaery.nets.trees import DISCRIMINATOR, Boosted

FEWEST, UNSEEN = 1000, 100  # real rows to learn from, and held-out ones that tell how many rounds are best, at least
ROWS, TIMES = 20_000, 5  # real rows to learn from, at most; made ones for each
CELLS = 3_000_000  # of all rows that are learned from, at most: a fit takes seconds
SHARE = 0.6  # of the passes that training took, which made rows may take
ROUNDS, RATE, DEPTH, LEAVES = 800, 0.2, 6, 16
BOLDEST = 0.95  # the quantile of made rows' odds that is kept each time; what is likelier real is no oftener kept
GUESS = 0.3  # of the share that will be kept, before any was drawn
MOST = 30  # rows are drawn for each that is asked for; then what comes is kept
TOGETHER = 4096  # rows that go through the trees at once
MISSING = -1e30  # what trees see of a cell that is not there: less than any value

Draw = Callable[[int], Evidence]


def learn(
    joint: Joint,
    train: Evidence | Some,
    held_out: Evidence,
    draw: Draw,
    *,
    rng: Random,
    rows: int,
    watch: Callable[[float], None] | None = None,
) -> tuple[int, int] | None:
    """Give the model trees that tell made rows from real ones, if they can tell any of the held-out rows.

    Args:
        joint: as it was trained; it keeps the trees.
        train, held_out: rows.
        draw: how many → so many made rows, with their gaps.
        rng: of rows and trees.
        rows: that training passed, one after the other.
        watch: told the share that is done.

    Returns:
        The rounds and the depth of the trees; ``None``: rows are too few or too plain, or cannot be told apart.
    """
    columns = sum(len(cells) for _, cells in _blocks(joint.fields.values()))
    if columns < 2 or held_out.rows < UNSEEN:
        return None
    real = min(train.rows, ROWS, CELLS // (1 + TIMES) // columns)
    made = min(TIMES * real, int(SHARE * rows) // columns)
    if min(real, made) < FEWEST:
        return None
    some = train[rng.permutation(train.rows)[:real].to(train.device)]
    parts: list[Tensor] = []
    for start in range(0, made, TOGETHER):
        parts.append(features(joint, draw(min(TOGETHER, made - start))))
        if watch is not None:
            watch(0.9 * min(1.0, (start + TOGETHER) / made))
    checked = max(UNSEEN, made // 10)
    found = _fitted(features(joint, some), torch.cat(parts)[checked:], rng)
    trees = _stopped(found, features(joint, held_out), torch.cat(parts)[:checked])
    if trees is None:
        return None
    joint.aside[DISCRIMINATOR] = trees.to(joint.device)
    return trees.rounds, DEPTH


def kept(joint: Joint, n: int, draw: Draw, *, rng: Random) -> Evidence:
    """``n`` made rows, of which those that the trees find too often made are left out; all, where there are no trees.

    Args:
        joint: a fitted model.
        n: how many.
        draw: how many → so many made rows, with their gaps.
        rng: of who is kept.
    """
    if DISCRIMINATOR not in joint.aside or not n:
        return draw(n)
    parts: list[Evidence] = []
    have = drawn = 0
    while have < n:
        share = max(have, 1) / drawn if drawn else GUESS
        size = min(4 * TOGETHER, max(64, math.ceil(1.1 * (n - have) / share)))
        part = draw(size)
        if drawn < MOST * max(n, 64):
            keep = rng.uniform((size,)).to(part.device).log() < log_odds(joint, part)
            part = part[keep.nonzero()[:, 0]]
        parts, have, drawn = [*parts, part], have + part.rows, drawn + size
    return _together(parts)[slice(0, n)]


@torch.no_grad()
def log_odds(joint: Joint, rows: Evidence) -> Tensor:
    """``[B]`` how much likelier rows are real than made, as a logarithm; from 0 on they are kept each time."""
    trees = joint.aside[DISCRIMINATOR]
    x = features(joint, rows).to(rows.device)
    return torch.cat([trees(part)[:, 1] for part in x.split(TOGETHER)])


def features(joint: Joint, rows: Evidence) -> Tensor:
    """``[B, F]`` what trees see of rows, on the CPU: a number for each cell, as the data would have it.

    Made numbers are rounded as their column is first, or every one of them would give itself away.
    """
    blocks = _blocks(joint.fields.values())
    return torch.cat([
        torch.cat([_numbers(cells, *_settled(joint, part, name)) for name, cells in blocks], 1)
        for part in batches(rows.to("cpu"), TOGETHER)
    ])  # fmt: skip


def _settled(joint: Joint, rows: Evidence, name: str) -> tuple[Tensor, Tensor]:
    """A block of cells, once it went to raw data and back, and which are known."""
    field = joint.fields[name]
    value, known = field.pack(field.unpack(*known_cells(joint, rows, name)))
    return value, torch.ones(value.shape[:-1], dtype=torch.bool) if known is None else known


def _numbers(cells: Iterable[CellSpec], value: Tensor, known: Tensor) -> Tensor:
    """``[B, D]``: the number of each cell, of a level where it lies among the numbers, else its code."""
    out = value[..., 1].clone()
    for i, cell in enumerate(cells):
        code = value[:, i, 0].long()
        if cell.family is None:
            out[:, i] = value[:, i, 0]
        elif cell.positions:
            out[:, i] += torch.tensor([*cell.positions, 0.0])[code.clamp(max=len(cell.positions))]
    return out.masked_fill(~known, MISSING)


def _blocks(fields: Iterable[Field]) -> list[tuple[str, tuple[CellSpec, ...]]]:
    return [(field.name, tuple(field.cells)) for field in fields if isinstance(field, Tabular) and field.cells]


def _fitted(real: Tensor, made: Tensor, rng: Random) -> Boosted:
    """Trees of all rounds; ``start`` is such that their logits are the odds of equally many rows."""
    from sklearn import ensemble
    from threadpoolctl import threadpool_limits

    x = torch.cat([made, real]).double().numpy()
    y = [0] * len(made) + [1] * len(real)
    classifier: Any = ensemble.HistGradientBoostingClassifier
    model = classifier(
        max_iter=ROUNDS,
        learning_rate=RATE,
        max_depth=DEPTH,
        max_leaf_nodes=LEAVES,
        early_stopping=False,
        random_state=rng.seed() % 2**31,
    )
    with threadpool_limits(torch.get_num_threads(), user_api="openmp"):
        model.fit(x, y)
    trees = Boosted(ROUNDS, DEPTH, 2)
    for i, (predictor,) in enumerate(model._predictors):
        trees.trees.take(i, _as_tree(predictor.nodes), lambda value: torch.tensor([float(value)]))
    trees.start[1] = float(model._baseline_prediction.item()) + math.log(len(made) / len(real))
    return trees


def _as_tree(nodes: Any) -> SimpleNamespace:
    """The nodes of a tree of histograms, as those of scikit-learn's other trees are laid out."""
    leaf = nodes["is_leaf"].astype(bool)
    left, right = (nodes[side].astype(int) for side in ("left", "right"))
    left[leaf] = right[leaf] = -1
    return SimpleNamespace(
        children_left=left, children_right=right, feature=nodes["feature_idx"], threshold=nodes["num_threshold"],
        value=nodes["value"],
    )  # fmt: skip


def _stopped(trees: Boosted, real: Tensor, made: Tensor) -> Boosted | None:
    """As many rounds as tell rows best that were not learned from, with odds over those of the boldest made row;
    ``None``: no round tells them better than chance, by two standard errors."""
    by_round = [torch.cat([part.cumsum(1) for part in _said(trees, x)]) + trees.start[1] for x in (real, made)]
    losses = [F.softplus(-by_round[0]), F.softplus(by_round[1])]
    best = int((losses[0].mean(0) + losses[1].mean(0)).argmin())
    gains = [math.log(2) - loss[:, best] for loss in losses]
    error = math.sqrt(sum(float(gain.var()) / len(gain) for gain in gains))
    if float(gains[0].mean() + gains[1].mean()) < 2 * error:
        return None
    fewer = Boosted(best + 1, trees.trees.depth, 2)
    fewer.start.copy_(trees.start)
    fewer.start[1] -= float(by_round[1][:, best].quantile(BOLDEST))
    for name, buffer in fewer.trees.named_buffers():
        buffer.copy_(getattr(trees.trees, name)[: best + 1])
    return fewer


def _said(trees: Boosted, x: Tensor) -> list[Tensor]:
    """``[B, rounds]`` of some rows at a time: what each round adds."""
    return [trees.trees.leaves(part)[..., 0] for part in x.split(TOGETHER)]


def _together(parts: list[Evidence]) -> Evidence:
    """Rows of the same fields, one after the other."""
    first = parts[0]

    def joined(of: Callable[[Evidence], Mapping[str, Tensor | None]], name: str) -> Any:
        found = [of(part)[name] for part in parts]
        return None if any(x is None for x in found) else torch.cat([x for x in found if x is not None])

    values = {name: joined(lambda part: part.values, name) for name in first.values}
    known = {name: joined(lambda part: part.known, name) for name in first.known}
    return Evidence(sum(part.rows for part in parts), values, known)
