"""Generate: as many new rows as there are held-out ones, judged as a whole, beside columns drawn one by one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vaery.evaluation import baselines, trees, trends
from vaery.evaluation.bootstrap import MeanArea, PerColumn, Statistic, everything, per_row
from vaery.evaluation.encode import Encoder
from vaery.evaluation.layout import Place, Rows, labels, numbers
from vaery.evaluation.measure import Measure, compared
from vaery.evaluation.setting import Setting
from vaery.evaluation.tested import Tested

Floats = NDArray[np.float64]
LOOSE = "columns one by one"


def generate(setting: Setting) -> Tested | None:
    """Make rows, and see whether they can be told from real ones, and whether as much can be learned from them."""
    made, seconds = setting.made
    loose = one_by_one(setting)
    measures = [apart(setting, made, loose)]
    if len(setting.places) > 1:
        measures.append(pair_trends(setting, made, loose))
    if setting.aim is not None and len(setting.layout.places) + len(setting.layout.images) > 1:
        measures.append(learning(setting, setting.aim, made, loose))
    if setting.places:
        measures.append(marginals(setting, made))
    if setting.train is not None and len(setting.train) >= len(setting.rows):
        measures.append(nearness(setting, setting.train, made))
    columns = [
        {"column": place.label, "measure": "likeness of the column by itself", "best": "high",
         "vaery": trends.similarity(place, setting.rows, made), "others": {}, "verdict": ""}
        for place in setting.places
    ]  # fmt: skip
    where = "the other half of the rows" if setting.train is None else f"{len(setting.train):,} training rows"
    notes = (f"{LOOSE}: each drawn by itself from {where}, so right one by one and wrong together",)
    return Tested("generate", f"{len(made):,} new rows that should look like real ones", tuple(measures), len(made),
                  seconds, tuple(columns), notes=notes)  # fmt: skip


def one_by_one(setting: Setting) -> Rows:
    """As many rows as there are held-out ones, each column drawn by itself, from rows that it is not held against."""
    import pandas as pd

    rng, layout, n = setting.rng("loose"), setting.layout, len(setting.rows)
    parts = [(index, baselines.independent(layout, fit, len(index), rng)) for fit, index in setting.folds]
    back = np.argsort(np.concatenate([index for index, _ in parts]), kind="stable")
    cells = pd.concat([part.cells for _, part in parts], ignore_index=True) if layout.places else setting.rows.cells
    images = {name: np.concatenate([part.images[name] for _, part in parts]) for name in layout.images}
    return Rows(cells if layout.places else pd.DataFrame(index=range(n)), images).take(back)


def apart(setting: Setting, made: Rows, loose: Rows) -> Measure:
    """The classifier two-sample test."""
    ours, theirs = (_area(setting, rows) for rows in (made, loose))
    return compared("how well boosted trees tell made rows from real ones (AUROC)", "low", ours, {LOOSE: theirs},
                    len(made), setting.rng("apart"), beside={"real rows": 0.5},
                    note="0.5: not at all; 1: every time")  # fmt: skip


def _area(setting: Setting, made: Rows) -> MeanArea:
    """Half against half where simple methods learn from the other half: what is told apart was then learned from other
    rows than it is told apart from, by whatever method."""
    before, after, group = np.zeros(len(made)), np.zeros(len(made)), np.zeros(len(made), dtype=np.int64)
    for k, (_, index) in enumerate(setting.folds):
        real, some = setting.rows.take(index), made.take(index)
        before[index], after[index] = trees.told_apart(setting.layout, real, some, setting.seed)
        group[index] = k
    return MeanArea(before, after, group)


def pair_trends(setting: Setting, made: Rows, loose: Rows) -> Measure:
    """How columns hang together, pair by pair."""
    others = [made, loose]
    enough = setting.train is not None and len(setting.train) >= len(setting.rows)
    if enough and setting.train is not None:
        others.append(setting.train.take(everything(len(setting.rows))))
    real, *coded = trends.coded(setting.places, setting.rows, *others)
    pairs = trends.strong_pairs(real)
    found = [trends.PairTrend(real, table, pairs) for table in coded]
    beside = {"real rows": found[2](everything(len(made)))} if enough else {}
    return compared("likeness of pairs of columns that hang together, 1 is best", "high", found[0], {LOOSE: found[1]},
                    len(made), setting.rng("trends"), beside=beside)  # fmt: skip


def marginals(setting: Setting, made: Rows) -> Measure:
    """How each column is spread; for reading, since columns drawn one by one are right in that by their making."""
    mean = lambda rows: float(np.mean([trends.similarity(p, setting.rows, rows) for p in setting.places]))
    beside = {}
    if setting.train is not None:
        beside["real rows"] = mean(setting.train.take(everything(min(len(setting.train), len(setting.rows)))))
    return Measure("likeness of columns, each by itself, 1 is best", "high", mean(made), beside=beside)


# ---------------------------------------------------------------------- what can be learned


@dataclass(frozen=True)
class Learned:
    """The mean area under the ROC curve of a classifier's answers."""

    chances: Floats
    truth: NDArray[np.int64]

    def __call__(self, rows: NDArray[np.int64]) -> float:
        return trees.mean_area(self.chances, self.truth, rows)


def learning(setting: Setting, target: Place, made: Rows, loose: Rows) -> Measure:
    """Train on made rows, test on real ones."""
    classes = [] if target.numeric else sorted({t for t in labels(setting.rows[target.label]) if t is not None})
    learn: Callable[[Rows, Rows], Floats] = lambda fit, asked: trees.learned(
        setting.layout, fit, asked, target, classes, setting.seed
    )
    as_many = lambda fit, asked: learn(fit.take(everything(min(len(fit), len(made)))), asked)
    answers = {
        "vaery": learn(made, setting.rows),
        LOOSE: learn(loose, setting.rows),
        "real rows": setting.crossed(as_many),
    }
    found = {who: _judged(setting, target, classes, answer) for who, answer in answers.items()}
    real = found.pop("real rows")(everything(len(made)))
    what = "error, in standard deviations" if target.numeric else "AUROC"
    note = "" if setting.train is not None else "real rows: half as many"
    return compared(f"learn {target.label} from made rows, asked about real ones ({what})",
                    "low" if target.numeric else "high", found.pop("vaery"), found, len(made), setting.rng("learning"),
                    beside={"real rows": real}, note=note)  # fmt: skip


def _judged(setting: Setting, target: Place, classes: list[str], answer: Floats) -> Statistic:
    cells = setting.rows[target.label]
    if target.numeric:
        x = numbers(cells, target.sort)
        loss = per_row(np.square((answer[:, 0] - x) / (np.nanstd(x) or 1.0)))
        return PerColumn(loss.total, loss.count, root=True)
    at = {name: i for i, name in enumerate(classes)}
    return Learned(answer, np.array([-1 if t is None else at[t] for t in labels(cells)]))


# ---------------------------------------------------------------------- copies


def nearness(setting: Setting, train: Rows, made: Rows) -> Measure:
    """Does it repeat what it was trained on? The share of made rows that lie nearer to a training row than to any of
    as many held-out ones; ties count half. A model that knows no row by heart has 0.5."""
    encode = Encoder.of(setting.layout, train)
    x, near = encode(made)[0], []
    for rows in (train.take(everything(len(setting.rows))), setting.rows):
        near.append(baselines.distances(x, encode(rows)[0]).min(1))
    closer = (near[0] < near[1]) + 0.5 * (near[0] == near[1])
    return Measure("share of made rows nearer to training rows than to held-out ones", "low", float(np.mean(closer)),
                   beside={"no row known by heart": 0.5}, note="much above 0.5: it repeats rows")  # fmt: skip
