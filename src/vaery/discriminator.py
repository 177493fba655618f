"""Whether rows are real: boosted trees that learn, at the end of a fit, to tell made rows from those of the data.

A density gets a little wrong everywhere, and trees find where: a price that is never above another one, a value that
goes with a few others only. A made row is kept as often as the odds that it is real say (discriminator rejection
sampling: Azadi et al., 2019), so that what is kept is nearer to the data than the model alone is. Densities, gaps and
scores are the model's own. Trees see the :meth:`~vaery.core.field.Field.traits` of rows: columns, and descriptors of
molecules.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterable
from types import SimpleNamespace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from vaery.allowance import rounds_within
from vaery.core.evidence import Evidence, Some, concatenate
from vaery.core.field import Field, Tabular
from vaery.core.random import Random
from vaery.inference import batches, known_cells
from vaery.joint import Joint
from vaery.nets.trees import DISCRIMINATOR, Boosted

FEWEST, UNSEEN = 1000, 100  # real rows to learn from, and held-out ones that tell how many rounds are best, at least
ROWS, TIMES = 20_000, 8  # real rows to learn from, at most; made ones for each, at most,
MOST_REAL = 2  # and as few as one for so many
CELLS = 3_000_000  # of all rows that are learned from, at most: a fit takes seconds
SHARE = 0.8  # of the passes that training took, which made rows may take:
WHOLE = 20  # one for each cell of a row, and so many for what is drawn as a whole
A_CELL = 1.5e-8  # seconds that a cell of a row takes in a round, about
ROUNDS, RATE, DEPTH, LEAVES = 1500, 0.1, 6, 16
BOLDEST = 0.99  # the quantile of made rows' odds that is kept each time; what is likelier real is no oftener kept
GUESS = 0.3  # of the share that will be kept, before any was drawn
MOST = 30  # rows are drawn for each that is asked for; then what comes is kept
TOGETHER = 4096  # rows that go through the trees at once

PART = 0.1  # of a fit's time budget

Draw = Callable[[int], Evidence]
Watch = Callable[[float], None]


def worth(joint: Joint, rows: int) -> bool:
    """Whether there is enough to learn from: two traits, and so many rows."""
    return rows >= FEWEST and len(_open(joint, ())) > 1


def learn(
    joint: Joint,
    train: Evidence | Some,
    held_out: Evidence,
    draw: Draw,
    *,
    rng: Random,
    rows: int,
    without: Collection[str] = (),
    seconds: float | None = None,
    watch: Watch | None = None,
) -> tuple[int, int] | None:
    """Give the model trees that tell made rows from real ones, if they can tell any of the held-out rows.

    Args:
        joint: as it was trained; it keeps the trees.
        train, held_out: rows.
        draw: how many → so many made rows, with their gaps.
        rng: of rows and trees.
        rows: that training passed, one after the other.
        without: names of columns that made rows do not keep as they were drawn.
        seconds: to take, at most.
        watch: told the share that is done.

    Returns:
        The rounds and the depth of the trees; ``None``: rows are too few or too plain, or cannot be told apart.
    """
    seen = _open(joint, without)
    if not worth(joint, train.rows) or int(seen.sum()) < 2 or held_out.rows < UNSEEN:
        return None
    real = min(train.rows, ROWS, CELLS // (1 + TIMES) // len(seen))
    made = min(TIMES * real, int(SHARE * rows) // _passes(joint.fields.values()))
    real = min(real, MOST_REAL * made)
    if min(real, made) < FEWEST:
        return None
    begun = time.monotonic()
    some = features(joint, train[rng.permutation(train.rows)[:real].to(train.device)]) * seen
    others = features(joint, held_out[slice(0, real)]) * seen
    x = _made(joint, made, draw, seconds and 0.6 * (seconds - time.monotonic() + begun), watch) * seen
    left = seconds and 0.8 * (seconds - time.monotonic() + begun)
    rounds = rounds_within(left, A_CELL * (len(x) + real) * len(seen), ROUNDS)
    if len(x) < FEWEST or rounds < 1:
        return None
    checked = max(UNSEEN, len(x) // 10)
    trees = _stopped(_fitted(some, x[checked:], rounds, rng), others, x[:checked])
    if trees is None:
        return None
    joint.aside[DISCRIMINATOR] = trees.to(joint.device)
    return trees.rounds, DEPTH


def _made(joint: Joint, rows: int, draw: Draw, seconds: float | None, watch: Watch | None) -> Tensor:
    """``[rows, F]`` of made rows, or as many as the time allows."""
    parts: list[Tensor] = []
    begun = time.monotonic()
    size = TOGETHER if seconds is None else TOGETHER // 8  # a part more is drawn than there is time for
    for start in range(0, rows, size):
        parts.append(features(joint, draw(min(size, rows - start))))
        if watch is not None:
            watch(0.9 * min(1.0, (start + size) / rows))
        if seconds is not None and time.monotonic() - begun > seconds:
            break
    return torch.cat(parts)


def kept(joint: Joint, n: int, draw: Draw, *, rng: Random, watch: Watch | None = None) -> Evidence:
    """``n`` made rows, of which those that the trees find too often made are left out; all, where there are no trees.

    Args:
        joint: a fitted model.
        n: how many.
        draw: how many → so many made rows, with their gaps.
        rng: of who is kept.
        watch: told the share that is done.
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
        if watch is not None:
            watch(min(1.0, have / n))
    return concatenate(parts)[slice(0, n)]


@torch.no_grad()
def log_odds(joint: Joint, rows: Evidence) -> Tensor:
    """``[B]`` how much likelier rows are real than made, as a logarithm; from 0 on they are kept each time."""
    trees = joint.aside[DISCRIMINATOR]
    x = features(joint, rows).to(rows.device)
    return torch.cat([trees(part)[:, 1] for part in x.split(TOGETHER)])


def features(joint: Joint, rows: Evidence) -> Tensor:
    """``[B, F]`` what trees see of rows: traits of all fields, on the CPU."""
    found = [_traits(joint, part) for part in batches(rows.to("cpu"), TOGETHER)]
    return torch.cat([torch.cat(part, 1) if part else torch.empty(0, 0) for part in found])


def _traits(joint: Joint, rows: Evidence) -> list[Tensor]:
    seen = (field.traits(*known_cells(joint, rows, name)) for name, field in joint.fields.items())
    return [x for x in seen if x is not None]


def _open(joint: Joint, without: Collection[str]) -> Tensor:
    """``[F]`` bool: the traits that are no column of these."""
    nothing = Evidence(1, {}, {})
    found = []
    for name, field in joint.fields.items():
        seen = field.traits(*known_cells(joint, nothing, name))
        if seen is not None:
            names = field.cell_names if isinstance(field, Tabular) else [""] * seen.shape[1]
            found += [column not in without for column in names]
    return torch.tensor(found, dtype=torch.bool)


def _passes(fields: Iterable[Field]) -> int:
    """What a made row costs."""
    return sum(WHOLE if field.cells is None else len(field.cells) for field in fields)


def _fitted(real: Tensor, made: Tensor, rounds: int, rng: Random) -> Boosted:
    """Trees of so many rounds; ``start`` is such that their logits are the odds of equally many rows."""
    from sklearn import ensemble
    from threadpoolctl import threadpool_limits

    x = torch.cat([made, real]).double().numpy()
    y = [0] * len(made) + [1] * len(real)
    classifier: Any = ensemble.HistGradientBoostingClassifier
    model = classifier(
        max_iter=rounds,
        learning_rate=RATE,
        max_depth=DEPTH,
        max_leaf_nodes=LEAVES,
        early_stopping=False,
        random_state=rng.seed() % 2**31,
    )
    with threadpool_limits(torch.get_num_threads(), user_api="openmp"):
        model.fit(x, y)
    trees = Boosted(rounds, DEPTH, 2)
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
