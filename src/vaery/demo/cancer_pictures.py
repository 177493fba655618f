"""The tumours in pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vaery import VAE
from vaery.demo import baselines
from vaery.demo.cancer import TARGET, benign, measured
from vaery.report import charts, style
from vaery.report.page import Picture

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

NAMED = 2  # columns that are named for each tumour
KINDS = {"benign": style.BLUE, "malignant": style.RED}


def draw(model: VAE, of_benign: VAE, rows: pd.DataFrame, test: pd.DataFrame, folder: Path) -> list[Picture]:
    """All pictures of the tumours, written to ``folder``."""
    return [ranked(of_benign, rows, test, folder), made(model, rows, folder)]


def ranked(of_benign: VAE, rows: pd.DataFrame, test: pd.DataFrame, folder: Path, count: int = 12) -> Picture:
    """Held-out tumours by how much they surprise a model that has seen benign ones only."""
    surprise = -of_benign.score_samples(measured(test)) / np.log(2)
    usual = column_bits(of_benign, benign(rows)).mean()
    order = np.argsort(-surprise, kind="stable")
    figure = style.figure(11.6, 8.4)
    _spread(figure.add_axes((0.065, 0.805, 0.9, 0.135)), surprise, test[TARGET].to_numpy())
    worst = test.iloc[order[:count]].reset_index(drop=True)
    excess = (column_bits(of_benign, measured(worst)) - usual).clip(lower=0.0)
    _blamed(figure.add_axes((0.105, 0.03, 0.515, 0.5)), worst, excess)
    found = int((test[TARGET].to_numpy()[order[:count]] == "malignant").sum())
    return Picture(
        style.save(figure, folder / "tumours-ranked.png"),
        "The strangest tumours, and the columns to blame",
        f"This model was fitted to the measurements of benign tumours only. Of the {count} held-out tumours that "
        f"surprise it most, {found} are malignant. Each line shows which measurements gave it away: the darker the "
        "red, the further beyond what is usual. The two worst are named, with their values.",
        "model.fit(benign)\nmodel.detect(tumours)    # bits, oddness, p_value, outlier, reasons",
    )


def column_bits(model: VAE, rows: pd.DataFrame) -> pd.DataFrame:
    """Bits of surprise of each cell, as a frame like ``rows``."""
    from vaery.core.random import Random
    from vaery.surprise import shares

    found = shares(model.joint_, model.schema_.pack(rows), rng=Random(0, model.joint_.device, share_rows=True))
    (cells,) = found.cells.values()
    return type(rows)(cells.cpu().numpy().astype(np.float64), columns=rows.columns)


def _spread(axes: Axes, surprise: np.ndarray, kinds: np.ndarray) -> None:
    """Where benign and malignant tumours lie; the farthest are drawn at the edge."""
    low, high = np.quantile(surprise, [0.0, 0.97])
    shown = [np.clip(surprise[kinds == kind], low, high) for kind in KINDS]
    charts.histograms(axes, shown, list(KINDS), list(KINDS.values()), bins=32)
    style.title(axes, "Surprise of all held-out tumours", pad=10)
    axes.set_xlabel("bits; whatever lies further is drawn at the right end", color=style.SOFT, fontsize=style.SMALL)
    axes.set_ylabel("tumours", color=style.SOFT, fontsize=style.SMALL)


def _blamed(axes: Axes, worst: pd.DataFrame, excess: pd.DataFrame) -> None:
    """A line for each tumour: how surprising each column is, and the most surprising by name."""
    charts.matrix(axes, np.sqrt(excess), [f"{i + 1}. {kind}" for i, kind in enumerate(worst[TARGET])], list(excess))
    for row, (label, kind) in enumerate(zip(axes.get_yticklabels(), worst[TARGET], strict=True)):
        label.set_color(KINDS[kind])
        top = excess.columns[np.argsort(-excess.iloc[row].to_numpy(), kind="stable")[:NAMED]]
        words = ",  ".join(f"{name} {charts.number(worst.loc[row, name])}" for name in top)
        axes.text(len(excess.columns), row, words, va="center", color=style.INK, fontsize=style.SMALL)
    style.title(axes, f"The {len(worst)} strangest, and the columns that make them so", pad=108)


def made(model: VAE, rows: pd.DataFrame, folder: Path) -> Picture:
    """Real rows, made rows, and rows with each column drawn by itself."""
    x, y = "mean radius", "mean compactness"
    tables = {
        "real": rows,
        "made by vaery": model.generate(len(rows), seed=0),
        "columns drawn one by one": baselines.independent_columns(rows, len(rows), np.random.default_rng(0)),
    }
    figure = style.figure(10.2, 3.9)
    for i, (name, table) in enumerate(tables.items()):
        axes = figure.add_axes((0.065 + 0.315 * i, 0.145, 0.29, 0.72))
        for kind, colour in KINDS.items():
            some = table[table[TARGET] == kind]
            axes.scatter(some[x], some[y], s=13, color=colour, alpha=0.65, linewidths=0, label=kind)
        style.plain(axes)
        style.title(axes, name, pad=8)
        axes.set_xlim(float(rows[x].to_numpy().min()) - 1, float(rows[x].to_numpy().max()) + 1)
        axes.set_ylim(0, 1.08 * float(rows[y].to_numpy().max()))
        axes.set_xlabel(x, color=style.SOFT, fontsize=style.SMALL)
        if i == 0:
            axes.set_ylabel(y, color=style.SOFT, fontsize=style.SMALL)
            axes.legend(frameon=False, fontsize=style.SMALL, labelcolor=style.INK, handletextpad=0.1, loc="upper right")
        else:
            axes.set_yticklabels([])
    return Picture(
        style.save(figure, folder / "tumours-made.png"),
        "New rows for a table",
        f"{len(rows)} real tumours, as many made ones, and what comes of drawing every column by itself. "
        "Made rows keep how the columns hang together, the diagnosis included.",
        "model.generate(398)",
    )
