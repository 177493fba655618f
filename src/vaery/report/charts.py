"""Charts: a map of points, two histograms, bars split into parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vaery.report import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def medoids(points: NDArray[np.float64], groups: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """For each of ``count`` groups, the index of the point nearest to the group's median; -1 for an empty group.

    >>> medoids(np.array([[0.0, 0], [1, 0], [9, 0], [5, 5]]), np.array([0, 0, 0, 1]), 3)
    array([ 1,  3, -1])
    """
    found = np.full(count, -1)
    for group in range(count):
        members = np.flatnonzero(groups == group)
        if len(members):
            apart = points[members] - np.median(points[members], axis=0)
            found[group] = members[np.square(apart).sum(1).argmin()]
    return found


def scatter(points: ArrayLike, groups: ArrayLike, names: Sequence[str], size: float = 7.0) -> Figure:
    """A map: points ``[N, 2]`` coloured by group ``[N]``, each group's name written at its middle."""
    where, group = np.asarray(points, dtype=np.float64), np.asarray(groups)
    figure = style.figure(size, size)
    axes = figure.add_axes((0.02, 0.02, 0.96, 0.96))
    axes.axis("off")
    axes.set_aspect("equal", adjustable="datalim")
    for i in range(len(names)):
        here = where[group == i]
        axes.scatter(here[:, 0], here[:, 1], s=16, color=style.COLOURS[i % 10], alpha=0.75, linewidths=0)
    for i, at in enumerate(medoids(where, group, len(names))):
        if at >= 0:
            _badge(axes, where[at, 0], where[at, 1], names[i], style.COLOURS[i % 10])
    return figure


def _badge(axes: Axes, x: float, y: float, text: str, colour: str) -> None:
    box = {"boxstyle": "circle,pad=0.25", "facecolor": "white", "edgecolor": colour, "linewidth": 2.2}
    axes.text(x, y, text, ha="center", va="center", color=style.INK, fontsize=15, fontweight="bold", bbox=box)


def matrix(
    axes: Axes, values: ArrayLike, row_names: Sequence[str], column_names: Sequence[str], high: float | None = None
) -> None:
    """Values ``[R, C]`` from 0 as squares, white to dark red, with names at the left and, slanted, on top.

    Args:
        high: the value of the darkest red; ``None``: the highest of all.
    """
    array = np.asarray(values, dtype=np.float64)
    axes.imshow(array, cmap=style.heat(), vmin=0, vmax=high or max(float(array.max()), 1e-9), aspect="auto")
    axes.set_xticks(np.arange(len(column_names)), column_names, rotation=50, ha="left", rotation_mode="anchor")
    axes.set_yticks(np.arange(len(row_names)), row_names)
    axes.xaxis.tick_top()
    axes.tick_params(length=0, labelsize=style.PLAIN, labelcolor=style.INK)
    axes.tick_params(axis="x", labelsize=style.SMALL, labelcolor=style.SOFT)
    for edge in np.arange(len(row_names) + 1) - 0.5:
        axes.axhline(edge, color="white", linewidth=3.0)
    for edge in np.arange(len(column_names) + 1) - 0.5:
        axes.axvline(edge, color="white", linewidth=1.5)
    axes.spines[:].set_visible(False)


def number(value: float, digits: int = 3) -> str:
    """A number to this many digits that count, never in powers of ten.

    >>> number(3432.1), number(0.18402), number(7.0)
    ('3430', '0.184', '7')
    """
    return np.format_float_positional(value, precision=digits, fractional=False, trim="-")


def histograms(
    axes: Axes, samples: Sequence[ArrayLike], names: Sequence[str], colours: Sequence[str], bins: int = 24
) -> None:
    """Counts of several samples over shared bins, drawn over one another."""
    arrays = [np.asarray(sample, dtype=np.float64) for sample in samples]
    edges = np.histogram_bin_edges(np.concatenate(arrays), bins).tolist()
    for array, name, colour in zip(arrays, names, colours, strict=True):
        axes.hist(array, edges, color=colour, alpha=0.6, label=name, edgecolor="white", linewidth=0.6)
    style.plain(axes)
    axes.legend(frameon=False, fontsize=style.PLAIN, labelcolor=style.INK, handlelength=1.0)
