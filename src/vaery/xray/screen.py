"""A linear screen: which rows have a cell that does not fit the rest, as far as straight lines can tell.

Every column is one or more features (:func:`~vaery.xray.table.regressors`), and these are taken for jointly normal. The
conditional density of one column given all others then needs but the inverse of one covariance matrix, so that every
cell of a large table is looked at within a second or two. It only picks rows; what is said of them, the model says.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vaery.xray.table import Table

RIDGE = 1e-2
ROWS = 20_000  # at a time


def screen(table: Table, names: list[str]) -> NDArray[np.float64]:
    """``[rows]`` the most that a straight line says against a cell of a row, among these columns: nats, as in
    :mod:`~vaery.xray.quick`."""
    x, owners = table.features_of(names)
    worst = np.full(table.rows, -np.inf)
    if x.shape[1] < 2:
        return worst
    middle = x.mean(0)
    gram = np.zeros((x.shape[1], x.shape[1]))
    for start in range(0, table.rows, ROWS):
        part = (x[start : start + ROWS] - middle).astype(np.float64)
        gram += part.T @ part
    cover = gram / table.rows + RIDGE * np.eye(len(gram))
    precision = np.linalg.inv(cover)
    for name in dict.fromkeys(owners):
        own = np.flatnonzero([owner == name for owner in owners])
        inner = precision[np.ix_(own, own)]
        rest, alone = np.linalg.inv(inner), np.linalg.inv(cover[np.ix_(own, own)])
        shift = 0.5 * (np.linalg.slogdet(rest)[1] + np.linalg.slogdet(alone)[1])
        for start in range(0, table.rows, ROWS):
            part = (x[start : start + ROWS] - middle).astype(np.float64)
            given = part @ precision[:, own]
            own_part = part[:, own]
            against = 0.5 * (((given @ rest) * given).sum(1) - ((own_part @ alone) * own_part).sum(1)) + shift
            worst[start : start + ROWS] = np.maximum(worst[start : start + ROWS], against)
    return worst
