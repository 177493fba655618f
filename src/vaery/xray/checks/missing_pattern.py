"""Gaps that the rest of the row tells of."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from vaery.xray.checks.missing_together import groups
from vaery.xray.column import Seen
from vaery.xray.finding import Finding, at
from vaery.xray.table import Table
from vaery.xray.trees import Inputs, halves, inputs
from vaery.xray.words import share

LEAST = 30  # gaps (and values) that a column must have in the rows that are looked at
TOLD = 0.7  # area under the ROC curve, on rows held out, from which gaps follow a pattern
SHORT = 0.02  # of rows: below this share gaps hardly matter
DEPTH = 3


def missing_pattern(table: Table) -> Iterator[Finding]:
    """Columns whose gaps a small tree tells from the rest of the row, on rows it has not seen."""
    together = [group for group in groups(table) if (~table[group[0]].known).mean() >= SHORT]
    if not together:
        return
    seen = inputs(table, gaps=True)
    for group in together:
        gaps = ~table[group[0]].known[seen.rows]
        if min(gaps.sum(), (~gaps).sum()) >= LEAST:
            finding = _finding(table, seen, group, gaps)
            if finding is not None:
                yield finding


def _finding(table: Table, seen: Inputs, group: list[str], gaps: NDArray[np.bool_]) -> Finding | None:
    from sklearn.metrics import roc_auc_score
    from sklearn.tree import DecisionTreeClassifier

    usable = seen.without(*group)
    if not usable.any():
        return None
    x, (train, test) = seen.x[:, usable], halves(len(gaps))
    if len(set(gaps[test])) < 2 or len(set(gaps[train])) < 2:
        return None
    tree = DecisionTreeClassifier(max_depth=DEPTH, min_samples_leaf=10, random_state=0).fit(x[train], gaps[train])
    area = float(roc_auc_score(gaps[test], np.asarray(tree.predict_proba(x[test]))[:, 1]))
    doubt = 1 / np.sqrt(12 * min(gaps[test].sum(), (~gaps[test]).sum()))  # of the area where nothing is told
    if area < max(TOLD, 0.5 + 4 * doubt):
        return None
    best = int(np.argmax(tree.feature_importances_))
    name, of_gaps = np.array(seen.names)[usable][best], np.array(seen.gaps)[usable][best]
    words = _where(table[str(name)], ~table[group[0]].known, bool(of_gaps))
    missing = " and ".join(map(repr, group[:3]))
    return Finding(
        "note",
        (*group, str(name)),
        f"whether {missing} {'is' if len(group) == 1 else 'are'} missing can be told from the rest of the row: {words}",
        "do not drop these rows, nor fill them with a mean: what is left would not stand for all. If a gap means "
        "\"does not apply\", say so in a level of its own",
        {"area under the ROC curve": f"{area:.2f}", "missing": share(float((~table[group[0]].known).mean()))},
        **at(~table[group[0]].known),
    )  # fmt: skip


def _where(other: Seen, gaps: NDArray[np.bool_], of_gaps: bool) -> str:
    """In which rows most gaps are, in words of another column."""
    if of_gaps or (other.x is None and not other.grouped):
        inside, said = ~other.known, f"{other.name!r} is missing, too"
    elif other.x is None or other.few:
        rates = np.array([gaps[other.codes == level].mean() for level in range(other.distinct)])
        enough = other.counts >= max(10, 0.005 * len(gaps))
        level = int(np.where(enough, rates, -1).argmax())
        inside, said = other.codes == level, f"{other.name!r} is {other.levels[level]!r}"
    else:
        x = other.clean
        cuts = np.nanquantile(x, [0.1, 0.25, 0.5, 0.75, 0.9])
        sides = [(x <= cut, f"{other.name!r} is at most {other.show(float(cut))}") for cut in cuts]
        with np.errstate(invalid="ignore"):
            sides += [(x > cut, f"{other.name!r} is above {other.show(float(cut))}") for cut in cuts]
        sides = [side for side in sides if 0 < side[0].mean() < 1]
        inside, said = max(sides, key=lambda side: gaps[side[0]].mean() - gaps[~side[0]].mean())
    return f"{share(float(gaps[inside].mean()))} where {said}, {share(float(gaps[~inside].mean()))} elsewhere"
