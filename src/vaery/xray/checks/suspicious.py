"""Cells that do not fit the rest of their row: a husband who was never married, a kitchen larger than its house."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vaery.xray.column import Seen
from vaery.xray.finding import Finding, at
from vaery.xray.quick import Quick, against, against_alone, expected, fit_quick
from vaery.xray.screen import screen
from vaery.xray.table import Table
from vaery.xray.words import listed, number, plural

ROWS = 3000  # rows that are judged, of those that fit worst as far as straight lines can tell
ODD = 4.6  # nats against a cell (a hundred times less plausible) from which it is named
ERRORS = 0.05  # the probability of any false alarm among warnings, as far as the model is true
CELLS, SHOWN = 20, 4  # cells named in all, and in the sentence of a column


@dataclass(frozen=True)
class Odd:
    """Cells that do not fit: ``[cells]`` each."""

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    nats: NDArray[np.float64]
    expected: list[object]


def suspicious(table: Table) -> Iterator[Finding]:
    """Fit a model for a few seconds; where it tells columns from one another on rows it has not seen, ask it for cells
    that are far less plausible in their rows than in their columns."""
    quick = fit_quick(table)
    if quick is None:
        return
    useful = quick.useful
    if not useful.any():
        yield Finding(
            "note",
            (),
            "no cell was compared with the rest of its row: on rows held out, a quick model tells no column from the "
            "others better than from its own distribution",
            "cells may still be wrong; fit a whole model (vaery fit) and ask it (vaery detect)",
            {"rows held out": len(quick.tried)},
        )
        return
    odd = find(table, quick)
    for i in np.unique(odd.columns):
        here = odd.columns == i
        names = [e for e, h in zip(odd.expected, here, strict=True) if h]
        yield _finding(table, quick.columns[i], Odd(odd.rows[here], odd.columns[here], odd.nats[here], names), quick)


def find(table: Table, quick: Quick) -> Odd:
    """The oddest cells, one a row at most, the oddest first."""
    worst = screen(table, [column.name for column in quick.columns])
    rows = np.argsort(-worst, kind="stable")[:ROWS]
    nats = np.where(quick.useful, against(quick.joint, quick.evidence(rows)), -np.inf)
    cell = nats.argmax(1)
    order = np.argsort(-nats.max(1), kind="stable")
    order = order[nats.max(1)[order] > ODD - 1][: 4 * CELLS]
    rows, cell = rows[order], cell[order]
    alone = against_alone(quick.joint, quick.evidence(rows), cell)
    kept = np.argsort(-alone, kind="stable")[:CELLS]
    kept = kept[alone[kept] > ODD]
    rows, cell, alone = rows[kept], cell[kept], alone[kept]
    return Odd(rows, cell, alone, expected(quick, rows, cell) if len(rows) else [])


def _finding(table: Table, column: Seen, odd: Odd, quick: Quick) -> Finding:
    certain = math.log(table.rows * len(quick.columns) / ERRORS)
    sure = bool(((odd.nats > certain) & _ordinary(column, odd.rows)).any())
    times = math.exp(min(float(odd.nats.max()), 13.8))
    cells = [
        f"row {row}: {column.cell(int(row))}, expected {_show(column, value)}"
        for row, value in zip(odd.rows.tolist(), odd.expected, strict=True)
    ]
    marked = np.isin(np.arange(table.rows), odd.rows)
    gain = quick.gain[quick.columns.index(column)]
    one = len(odd.rows) == 1
    fit = "does not fit the rest of its row" if one else "do not fit the rest of their rows"
    return Finding(
        "warning" if sure else "note",
        (column.name,),
        f"{plural(len(odd.rows), 'cell')} of {column.name!r} {fit}: {listed(cells, SHOWN)}",
        "look at these rows: this cell is wrong, or another one in the row is",
        {
            "less plausible than in the column as a whole": f"{number(float(f'{times:.1g}'))} times"
            + (" and more" if odd.nats.max() > 13.8 else "") + ("" if one else ", the first"),
            "what other columns tell of this one": f"{gain / math.log(2):.2f} bits a cell, on rows held out",
        },
        picture=column.histogram(marked) if column.x is not None else None,
        **at(odd.rows),
    )  # fmt: skip


def _ordinary(column: Seen, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
    """``[rows]`` whether the cell would pass in another row. Far out in a tail, a quick model is not to be trusted:
    such cells are the outliers' business."""
    if column.x is None:
        return np.ones(len(rows), dtype=bool)
    low, high = np.nanquantile(column.clean, [0.005, 0.995])
    return (column.clean[rows] >= low) & (column.clean[rows] <= high)


def _show(column: Seen, value: Any) -> str:
    if isinstance(value, str) or column.x is None:
        return repr(value)
    return f"about {column.show(float(value))}"
