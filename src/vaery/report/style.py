"""One look for every picture: dark on white, few lines, colours that colour-blind readers can tell apart."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from vaery.core.errors import extra

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

INK, SOFT, LINE = "#16202c", "#5b6876", "#d5dbe2"
BLUE, RED = "#3f90da", "#bd1f01"

# Ten colours in an order tested for colour-vision deficiencies (Petroff, 2021, "Accessible color sequences").
COLOURS = (BLUE, "#ffa90e", RED, "#94a4a2", "#832db6", "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd")

SMALL, PLAIN, LARGE = 9.0, 10.5, 13.0  # points
DPI = 160


def figure(width: float, height: float) -> Figure:
    """An empty white figure of this size in inches, with a canvas of its own.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise extra("matplotlib", "plots", "a picture") from error
    made = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(made)
    return made


def save(made: Figure, path: str | os.PathLike[str]) -> Path:
    """Write the figure as PNG, without a date or a version in it: the same picture is the same bytes."""
    made.savefig(Path(path), format="png", metadata={"Software": None}, facecolor="white")
    return Path(path)


def plain(axes: Axes, grid: Literal["x", "y"] | None = None) -> Axes:
    """Axes with a quiet frame: left and bottom line only, small grey ticks.

    Args:
        grid: ``"x"`` or ``"y"``: faint lines across that axis.
    """
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(LINE)
    axes.tick_params(colors=SOFT, labelsize=SMALL, length=0)
    if grid:
        axes.grid(axis=grid, color=LINE, linewidth=0.6)
        axes.set_axisbelow(True)
    return axes


def title(axes: Axes, text: str, **options: Any) -> None:
    """A heading at the left."""
    axes.set_title(text, loc="left", color=INK, fontsize=LARGE, fontweight="bold", **options)


def ink() -> Colormap:
    """White to ink: for pictures of pen on paper."""
    return _ramp("ink", ("#ffffff", "#aab3be", INK))


def heat() -> Colormap:
    """White to dark red: for surprise."""
    return _ramp("heat", ("#ffffff", "#ffd9a0", "#f58a1f", RED, "#5a0f00"))


def _ramp(name: str, colours: tuple[str, ...]) -> Colormap:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list(name, colours)
