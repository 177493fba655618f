"""Sheets: small pictures side by side in rows and columns, with few words around them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vaery.report import style

if TYPE_CHECKING:
    from matplotlib.colors import Colormap


def offsets(count: int, gap: float, breaks: Mapping[int, float] | None = None) -> NDArray[np.float64]:
    """Where ``count`` tiles of size one start when they lie ``gap`` apart; the last entry is where they end.

    Args:
        count: how many.
        gap: between neighbours, in tiles.
        breaks: index of a tile → more room in front of it.

    >>> offsets(3, 0.5).tolist(), offsets(3, 0.0, {2: 1.0}).tolist()
    ([0.0, 1.5, 3.0, 4.0], [0.0, 1.0, 3.0, 4.0])
    """
    extra = np.array([(breaks or {}).get(i, 0.0) for i in range(count)])
    starts = np.arange(count) * (1 + gap) + np.cumsum(extra)
    return np.append(starts, starts[-1] + 1 if count else 0.0)


class Sheet:
    """Rows and columns of tiles of the same size.

    Args:
        rows, columns: how many tiles.
        tile: side of a tile in inches.
        gap: between tiles, in tiles.
        left, top, right, bottom: room for words around them, in inches.
        row_breaks, column_breaks: index of a row or column → more room in front of it, in tiles.
    """

    def __init__(
        self,
        rows: int,
        columns: int,
        *,
        tile: float = 0.62,
        gap: float = 0.1,
        left: float = 0.1,
        top: float = 0.1,
        right: float = 0.1,
        bottom: float = 0.1,
        row_breaks: Mapping[int, float] | None = None,
        column_breaks: Mapping[int, float] | None = None,
    ) -> None:
        self.x, self.y = offsets(columns, gap, column_breaks), offsets(rows, gap, row_breaks)
        self.tile = tile
        width, height = left + self.x[-1] * tile + right, top + self.y[-1] * tile + bottom
        self.figure = style.figure(width, height)
        self.axes = self.figure.add_axes((0.0, 0.0, 1.0, 1.0))
        self.axes.set_xlim(-left / tile, self.x[-1] + right / tile)
        self.axes.set_ylim(self.y[-1] + bottom / tile, -top / tile)
        self.axes.axis("off")

    def image(
        self,
        row: int,
        column: int,
        pixels: NDArray[Any],
        high: float,
        *,
        colours: Colormap | None = None,
        smooth: bool = False,
    ) -> None:
        """A picture ``[H, W]`` with values from 0 to ``high``; masked pixels stay empty."""
        x, y = self.x[column], self.y[row]
        self.axes.imshow(
            np.ma.asarray(pixels), cmap=colours or style.ink(), vmin=0, vmax=high, extent=(x, x + 1, y + 1, y),
            interpolation="bicubic" if smooth else "nearest", aspect="auto", zorder=2,
        )  # fmt: skip

    def veil(self, row: int, column: int, hidden: NDArray[np.bool_]) -> None:
        """Hatch the pixels ``[H, W]`` that are hidden."""
        height, width = hidden.shape
        x, y = self.x[column], self.y[row]
        for top, left, bottom, right in rectangles(hidden):
            self._box(x + left / width, y + top / height, (right - left) / width, (bottom - top) / height,
                      facecolor="#eef1f4", edgecolor="#c3cbd4", hatch="////", linewidth=0.0, zorder=3)  # fmt: skip

    def frame(self, row: int, column: int, colour: str = style.LINE, width: float = 0.8) -> None:
        """A line around a tile."""
        self._box(self.x[column], self.y[row], 1, 1, fill=False, edgecolor=colour, linewidth=width, zorder=4)

    def row_words(self, row: int, text: str, **options: Any) -> None:
        """Words to the left of a row."""
        self._text(-0.25, self.y[row] + 0.5, text, {"ha": "right", "va": "center"} | options)

    def column_words(self, column: int, text: str, **options: Any) -> None:
        """Words above a column."""
        self._text(self.x[column] + 0.5, -0.18, text, {"ha": "center", "va": "bottom"} | options)

    def words_over(self, first: int, last: int, text: str, **options: Any) -> None:
        """Words above several columns, in their middle."""
        self._text((self.x[first] + self.x[last] + 1) / 2, -0.18, text, {"ha": "center", "va": "bottom"} | options)

    def words_right(self, row: int, text: str, **options: Any) -> None:
        """Words to the right of a row."""
        self._text(self.x[-1] + 0.2, self.y[row] + 0.5, text, {"ha": "left", "va": "center"} | options)

    def words_below(self, row: int, column: int, text: str, **options: Any) -> None:
        """Words under a tile."""
        self._text(self.x[column] + 0.5, self.y[row] + 1.08, text, {"ha": "center", "va": "top"} | options)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it as PNG."""
        return style.save(self.figure, path)

    def _text(self, x: float, y: float, text: str, options: dict[str, Any]) -> None:
        self.axes.text(x, y, text, **({"color": style.INK, "fontsize": style.PLAIN} | options))

    def _box(self, x: float, y: float, width: float, height: float, **options: Any) -> None:
        from matplotlib.patches import Rectangle

        self.axes.add_patch(Rectangle((x, y), width, height, **options))


def rectangles(mask: NDArray[np.bool_]) -> list[tuple[int, int, int, int]]:
    """The true cells of ``mask [H, W]`` as few rectangles (top, left, bottom, right), ends excluded: runs of each row,
    joined with equal runs of the row below.

    >>> rectangles(np.array([[False, True], [False, True], [True, True]]))
    [(0, 1, 2, 2), (2, 0, 3, 2)]
    """
    done: list[tuple[int, int, int, int]] = []
    open_runs: dict[tuple[int, int], int] = {}
    for row in range(len(mask) + 1):
        runs = set(_runs(mask[row])) if row < len(mask) else set()
        for run in [run for run in open_runs if run not in runs]:
            done.append((open_runs.pop(run), run[0], row, run[1]))
        for run in runs:
            open_runs.setdefault(run, row)
    return sorted(done)


def _runs(line: NDArray[np.bool_]) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], line.astype(int), [0]])))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
