"""Columns that are next to functions of others, without a formula that anybody could see."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaery.xray.checks.copies import copies
from vaery.xray.checks.dependent import dependent
from vaery.xray.column import Seen
from vaery.xray.finding import Finding
from vaery.xray.table import Table
from vaery.xray.trees import Inputs, halves, inputs
from vaery.xray.words import listed

NEARLY = 0.98  # R² on rows held out
PROMISING = 0.85  # R² of a single tree, from which a better regressor is tried
NAMED = 3
WIDE, COLUMNS = 60, 200  # features that are all looked at, and columns
LEAST = 200


def predictable(table: Table) -> Iterator[Finding]:
    """Numbers that a small regressor tells from other columns on rows it has not seen."""
    seen = inputs(table)
    if len(seen.rows) < LEAST or len(seen.names) < 2:
        return
    explained = {relation.target: set(relation.others) for relation in table.relations}
    known = [finding.columns for check in (copies, dependent) for finding in check(table)]
    found: list[Finding] = []
    for column in table.columns[:COLUMNS]:
        if not column.measured or column.name in explained or column.name not in seen.names:
            continue
        also = {name for columns in known if column.name in columns for name in columns}
        also |= {t for t, others in explained.items() if column.name in others}
        also |= {name for t, others in explained.items() if column.name in others for name in others}
        finding = _finding(seen, column, also)
        if finding is not None:
            found.append(finding)
    said: set[str] = set()
    for finding in sorted(found, key=lambda f: -float(f.evidence["R² on rows held out"])):
        if finding.columns[0] not in said:  # of columns that tell one another, the one that is told best
            said |= set(finding.columns)
            yield finding


def _finding(seen: Inputs, column: Seen, leave: set[str]) -> Finding | None:
    from sklearn.tree import DecisionTreeRegressor

    y = _target(column, seen.rows)
    usable = _likely(seen, seen.without(column.name, *leave), y)
    rows = ~np.isnan(y)
    if not usable.any() or rows.sum() < LEAST:
        return None
    x = seen.x[rows][:, usable]
    train, test = halves(int(rows.sum()))
    tree = DecisionTreeRegressor(max_depth=10, min_samples_leaf=4, random_state=0).fit(x[train], y[rows][train])
    if _r2(y[rows][test], tree.predict(x[test])) < PROMISING:
        return None
    few = np.argsort(-tree.feature_importances_)[:NAMED]
    few = few[tree.feature_importances_[few] > 0.01]
    score = _boosted(x[:, few], y[rows], train, test)
    if score < NEARLY:
        return None
    names = [str(np.array(seen.names)[usable][i]) for i in few]
    return Finding(
        "note",
        (column.name, *names),
        f"{column.name!r} is next to a function of {listed([repr(name) for name in names])}",
        "see whether it is computed from them, or known only after them: such a column gives a model the answer",
        {"R² on rows held out": f"{score:.3f}"},
    )


def _likely(seen: Inputs, usable: NDArray[np.bool_], y: NDArray[np.float64]) -> NDArray[np.bool_]:
    """``[features]`` of very many usable ones, those that go with the target most."""
    if usable.sum() <= WIDE:
        return usable
    x = np.where(np.isnan(seen.x), 0.0, seen.x) * usable
    x = x - x.mean(0)
    target = np.nan_to_num(y - np.nanmean(y))
    alike = np.abs(target @ x) / (np.sqrt(np.square(x).sum(0)) + 1e-12)
    return usable & (alike >= np.sort(alike)[-WIDE // 2])


def _target(column: Seen, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Normal scores, so that a few large values do not decide: ranks do."""
    x = column.clean[rows]
    known = ~np.isnan(x)
    out = np.full(len(x), np.nan)
    out[known] = np.argsort(np.argsort(x[known], kind="stable"), kind="stable") / max(1, known.sum())
    return out


def _boosted(x: NDArray[Any], y: NDArray[Any], train: slice, test: slice) -> float:
    from sklearn.ensemble import HistGradientBoostingRegressor

    model = HistGradientBoostingRegressor(max_iter=120, learning_rate=0.15, early_stopping=False, random_state=0)  # pyright: ignore
    return _r2(y[test], model.fit(x[train], y[train]).predict(x[test]))


def _r2(y: NDArray[Any], guess: NDArray[Any]) -> float:
    return 1 - float(np.square(y - guess).mean() / np.var(y)) if np.var(y) > 0 else 0.0
