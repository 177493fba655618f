"""A quick model of a table: is a cell less plausible in its row than in its column?

The evidence against a cell is ``log p(value) - log p(value | rest of its row)``. Were the model true, its exponential
would be an e-value: its mean over good cells is one, so that it exceeds t with a probability of 1 / t at most (Vovk and
Wang, 2021). That holds however heavy the tails of a column are: a value that is odd anywhere is odd in both terms.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vaery.advice import advise, pick_objective, settle
from vaery.build import build
from vaery.core.evidence import Evidence
from vaery.core.random import Random
from vaery.inference import conditionals, known_cells, offer
from vaery.joint import Joint
from vaery.marginal import marginal
from vaery.model import VAE
from vaery.progress import watcher
from vaery.schema import Schema
from vaery.train import Plan, Trainer
from vaery.xray.column import Seen
from vaery.xray.table import Table

FITTED, STOPPED, TRIED = 8000, 300, 1000  # rows it is fitted to, rows that say when to stop, rows it is tried on
STEPS, SECONDS = 800, 20.0  # of fitting, at most
CELLS = 10_000  # in a batch, at most
LEVELS = 100  # levels of a column that the model knows; others count as not known
COLUMNS = 60
PARTS = 4  # a row's cells are judged a quarter at a time, given the other three
BATCH = 512
DRAWS = 8  # of the latent, where nothing is known


@dataclass(frozen=True)
class Quick:
    """A quick model.

    Attributes:
        joint: it.
        columns: what it knows of, in its order.
        raw: the table as it sees it.
        schema: how rows of it are packed.
        tried: rows that it has not seen.
        gain, doubt: ``[columns]`` by how many nats a cell of these is better told by the rest of its row than by its
            column alone, and the standard error of that.
    """

    joint: Joint
    columns: tuple[Seen, ...]
    raw: Any
    schema: Schema
    tried: NDArray[np.int64]
    gain: NDArray[np.float64]
    doubt: NDArray[np.float64]

    def evidence(self, rows: NDArray[np.int64]) -> Evidence:
        """Some rows, packed."""
        return self.schema.pack(self.raw.iloc[rows])

    @property
    def useful(self) -> NDArray[np.bool_]:
        """``[columns]`` where the rest of the row tells something, beyond doubt."""
        return self.gain > np.maximum(0.05, 3 * self.doubt)


def fit_quick(table: Table) -> Quick | None:
    """Fit a small model to some rows for a few seconds, and try it on others. ``None``: there is too little to fit."""
    columns = tuple(c for c in table if suits(c))[:COLUMNS]
    if len(columns) < 2 or table.rows < 200:
        return None
    rng = np.random.default_rng(0)
    order = rng.permutation(table.rows)
    held = min(TRIED, table.rows // 5)
    tried, fitted = order[:held], order[held : held + FITTED + STOPPED]
    frame = as_frame(columns, fitted)
    sort = {c.name: "numeric" for c in columns if c.x is not None and not c.few}
    schema, sample = Schema.describe(frame.iloc[fitted], columns=sort)
    joint = _train(schema, schema.pack(sample))
    gain, doubt = measure(joint, schema.pack(frame.iloc[tried]))
    return Quick(joint, columns, frame, schema, tried, gain, doubt)


def _train(schema: Schema, rows: Evidence) -> Joint:
    stopped = min(STOPPED, rows.rows // 5)
    held_out, train = rows[slice(0, stopped)], rows[slice(stopped, rows.rows)]
    rng = Random(0)
    model = VAE(width=96, depth=2, dropout=0.0)
    advice = advise(model, schema.fields, train.rows)
    joint = build(schema.fields, settle(model, schema.fields, advice), seed=rng.seed())
    cells = len(schema.fields[0].cell_names or ())
    steps, batch = min(STEPS, 300 + train.rows // 10), max(32, min(512, CELLS // cells, train.rows // 8))
    plan = Plan(steps=steps, batch=batch, learning_rate=4e-3, average=0.98, seconds=SECONDS, evaluations=5)
    with watcher() as watch:
        objective = pick_objective("auto", schema.fields, advice, train.rows)
        Trainer(joint, train, held_out, objective, plan, rng=rng.spawn(), watch=watch).fit()
    return joint.eval()


def suits(column: Seen) -> bool:
    """Columns that tell of rows and that rows tell of."""
    if column.role in ("number", "date"):
        return column.known.sum() >= 50
    return column.role == "category" and column.known.sum() >= 5 * column.distinct


def as_frame(columns: tuple[Seen, ...], fitted: NDArray[np.int64]) -> Any:
    """The columns as the model sees them: numbers without codes for "missing", levels that it has seen."""
    import pandas as pd

    made: dict[str, Any] = {}
    for c in columns:
        if c.x is not None:
            made[c.name] = c.clean
            continue
        here = np.bincount(c.codes[fitted][c.codes[fitted] >= 0], minlength=c.distinct)
        kept = np.argsort(-here, kind="stable")[:LEVELS]
        texts = np.array([None] * (c.distinct + 1), dtype=object)
        for i in kept[here[kept] > 0]:
            texts[i] = str(c.levels[i])
        made[c.name] = texts[c.codes]
    return pd.DataFrame(made)


def measure(joint: Joint, rows: Evidence) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean gain of each column and its standard error."""
    (name,) = joint.fields
    known = known_cells(joint, rows, name)[1].numpy()
    gain = np.where(known, -np.clip(against(joint, rows), -10, 10), 0.0)
    count = np.maximum(1, known.sum(0))
    mean = gain.sum(0) / count
    return mean, np.sqrt((np.square(gain).sum(0) / count - np.square(mean)).clip(0) / count)


@torch.no_grad()
def against(joint: Joint, rows: Evidence) -> NDArray[np.float64]:
    """``[rows, columns]`` nats against each cell, given the parts of its row that it is not in; 0: unknown."""
    (name,) = joint.fields
    width = len(joint.fields[name].cells or ())
    rng = np.random.default_rng(0)
    part = torch.as_tensor(rng.permutation(width) % min(PARTS, width))
    out = []
    for start in range(0, rows.rows, BATCH):
        some = rows[slice(start, start + BATCH)]
        found = marginal(joint, some, name, rng=Random(0))
        for p in range(int(part.max()) + 1):
            found = found - conditional(joint, some, name, (part == p).expand(some.rows, width))
        out.append(found)
    return torch.cat(out).double().numpy()


@torch.no_grad()
def against_alone(joint: Joint, rows: Evidence, cell: NDArray[np.int64]) -> NDArray[np.float64]:
    """``[rows]`` nats against one cell in each row, given all others."""
    (name,) = joint.fields
    hidden = torch.nn.functional.one_hot(torch.as_tensor(cell), len(joint.fields[name].cells or ())).bool()
    out = [torch.zeros(0)]
    for start in range(0, rows.rows, BATCH):
        some, mine = rows[slice(start, start + BATCH)], hidden[start : start + BATCH]
        out.append((marginal(joint, some, name, rng=Random(0)) - conditional(joint, some, name, mine))[mine])
    return torch.cat(out).double().numpy()


@torch.no_grad()
def expected(quick: Quick, rows: NDArray[np.int64], cell: NDArray[np.int64]) -> list[Any]:
    """What one cell in each row is expected to hold, given all others: medians of numbers, likeliest levels."""
    (name,) = quick.joint.fields
    field = quick.joint.fields[name]
    some = quick.evidence(rows)
    hidden = torch.nn.functional.one_hot(torch.as_tensor(cell), len(field.cells or ())).bool()
    points = conditionals(quick.joint, some.hide({name: ~hidden}), rng=Random(0), draws=DRAWS, only=[name])
    frame = quick.schema.summarise(points.values, points.weight, "median", quick.raw.iloc[rows], keep=False)
    return [frame.iloc[i, int(c)] for i, c in enumerate(cell)]


def conditional(joint: Joint, rows: Evidence, name: str, hidden: Tensor) -> Tensor:
    """``[rows, columns]`` log p(cell | cells not hidden, the latent they lead to), each by itself; 0 elsewhere."""
    value, known = known_cells(joint, rows, name)
    some = rows.hide({name: ~hidden})
    latents = joint.infer(some, rng=Random(0), draws=1, only=[], mean=True).latents
    trace = offer(joint, {site.name: site.value for site in latents if site.value is not None}, rows.rows)
    density = trace[name].density.given(*known_cells(joint, some, name))
    return density.log_prob(value[None], known & hidden)[0]
