"""The report card's pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from vaery.report import charts, style
from vaery.report.page import Picture
from vaery.report.sheet import Sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes

REAL, MADE = "#8b97a4", style.BLUE
ACROSS = 4  # columns of small charts
STRETCHES = {  # view → what stands beside the truth, a heading, words
    "fills": (
        "filled in",
        "Stretches that were hidden and filled",
        "Held-out series (grey), what was filled in where a stretch of a channel was hidden (blue), and the interval "
        "that is to hold nine in ten hidden values (pale).",
    ),
    "forecasts": (
        "forecast",
        "Steps to come",
        "Held-out series (grey), what was told of the steps to come (blue), and the interval that is to hold nine in "
        "ten of them (pale).",
    ),
}


def draw(views: Mapping[str, Any], jobs: Mapping[str, Any], folder: Path) -> Iterator[Picture]:
    """All pictures that there is something to show in, written to ``folder``."""
    style.figure(1, 1)  # without matplotlib, say so at once
    if "marginals" in views:
        yield marginals(views["marginals"], folder)
    if "pairs" in views:
        yield pairs(views["pairs"], folder)
    for i, view in enumerate(views.get("images", ())):
        yield images(view, folder / f"images-{i}.png")
    for name, said in STRETCHES.items():
        if name in views:
            yield stretches(views[name], folder / f"{name}.png", *said)
    if "oddest" in views:
        yield surprise(views["oddest"], folder)
    if any(jobs.get(job, {}).get("curve") for job in ("predict", "impute")):
        yield calibration(jobs, folder)
    if "training" in views:
        yield training(views["training"], folder)


# ---------------------------------------------------------------------- columns


def marginals(view: Sequence[Mapping[str, Any]], folder: Path) -> Picture:
    """A small chart for each column."""
    rows = -(-len(view) // ACROSS)
    heights = [_height(view[i * ACROSS : (i + 1) * ACROSS]) for i in range(rows)]
    width, gap, top = 11.4, 0.68, 0.62
    total = sum(heights) + gap * (rows - 1) + top + 0.3
    figure = style.figure(width, total)
    y = total - top
    for i, height in enumerate(heights):
        y -= height
        for j, column in enumerate(view[i * ACROSS : (i + 1) * ACROSS]):
            left = j / ACROSS + 0.012
            indent = 0.0 if "edges" in column else 0.085
            box = (left + indent, y / total, 1 / ACROSS - 0.03 - indent, height / total)
            _marginal(figure.add_axes(box), column)
            figure.text(left, (y + height + 0.09) / total, column["column"], fontsize=style.PLAIN, color=style.INK,
                        fontweight="bold", va="bottom")  # fmt: skip
            figure.text(left + 1 / ACROSS - 0.03, (y + height + 0.09) / total, f"{column['likeness']:.2f}",
                        fontsize=style.SMALL, color=style.SOFT, va="bottom", ha="right")  # fmt: skip
        y -= gap
    for x, name, colour in ((0.012, "■ real", REAL), (0.075, "■ made", MADE)):
        figure.text(x, 1 - 0.12 / total, name, fontsize=style.PLAIN, color=colour, va="top", fontweight="bold")
    return Picture(
        style.save(figure, folder / "marginals.png"),
        "Each column by itself",
        "How often each value comes, among held-out rows (grey) and among made ones (blue). The number is their "
        "likeness: 1 is the same.",
        width=1060,
    )


def _height(columns: Sequence[Mapping[str, Any]]) -> float:
    """Inches; bars of levels need room for their names."""
    return max(1.05, *(0.165 * len(column.get("levels", ())) for column in columns))


def _marginal(axes: Axes, column: Mapping[str, Any]) -> None:
    style.plain(axes)
    if "edges" in column:
        edges = np.asarray(column["edges"])
        axes.stairs(column["real"], edges, fill=True, color=REAL, alpha=0.5, linewidth=0)
        axes.stairs(column["made"], edges, color=MADE, linewidth=1.5)
        axes.set_xlim(edges[0], edges[-1])
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.locator_params(axis="x", nbins=4)
        axes.xaxis.set_major_formatter(_tick if column["sort"] != "datetime" else _date)
        return
    names = [name if len(name) <= 14 else f"{name[:13]}…" for name in column["levels"]]
    at = np.arange(len(names))
    axes.barh(at - 0.2, column["real"], 0.4, color=REAL, alpha=0.75)
    axes.barh(at + 0.2, column["made"], 0.4, color=MADE)
    axes.set_yticks(at, names, fontsize=7.5)
    axes.set_xticks([])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.spines["bottom"].set_visible(False)


def _tick(value: float, _: float) -> str:
    if abs(value) >= 1e6:
        return f"{value / 1e6:g}M"
    return f"{value / 1e3:g}k" if abs(value) >= 1e4 else f"{value:g}"


def _date(value: float, _: float) -> str:
    return str(np.datetime64(0, "D") + np.timedelta64(int(value), "D"))[:7]


def images(view: Mapping[str, Any], path: Path) -> Picture:
    """Real pictures, made ones, and the real ones that surprise most."""
    rows = (("real", view["real"]), ("made", view["made"]), ("oddest", view["odd"]))
    sheet = Sheet(3, max(len(shown) for _, shown in rows), tile=0.86, left=0.85, row_breaks={2: 0.3})
    for i, (name, shown) in enumerate(rows):
        sheet.row_words(i, name, color=MADE if name == "made" else style.SOFT, fontweight="bold")
        for j, pixels in enumerate(shown):
            array = np.asarray(pixels)
            grey = array[..., 0] if array.ndim == 3 and array.shape[-1] == 1 else array
            sheet.image(i, j, grey if grey.ndim == 2 else grey[..., :3], 1.0)
            sheet.frame(i, j)
    return Picture(
        sheet.save(path),
        f"Pictures: {view['field']}",
        "Held-out pictures, pictures that the model made up, and those of the held-out ones that surprise it most.",
        width=1060,
    )


# ---------------------------------------------------------------------- pairs


def pairs(view: Mapping[str, Any], folder: Path) -> Picture:
    """How columns hang together, in real rows, in made ones, and where these differ."""
    names, count = view["columns"], len(view["columns"])
    side = min(3.6, max(2.2, 0.22 * count))
    label = 0.075 * max(map(len, names)) + 0.15
    width, height = label + 3 * side + 2 * 0.25 + 0.55 * label, side + 0.78 * label + 0.45
    figure = style.figure(width, height)
    real, made = np.asarray(view["real"]), np.asarray(view["made"])
    gap = np.abs(made - real)
    for k, (title, table) in enumerate((("real", real), ("made", made), ("difference", gap))):
        axes = figure.add_axes(((label + k * (side + 0.25)) / width, 0.06 / height, side / width, side / height))
        charts.matrix(axes, table, names if k == 0 else [""] * count, names, high=1.0 if k < 2 else 0.5)
        axes.tick_params(labelsize=style.SMALL if count <= 20 else 6.5)
        axes.tick_params(axis="x", labelsize=style.SMALL - 1 if count <= 20 else 6.0)
        figure.text((label + k * (side + 0.25)) / width, 1 - 0.06 / height, title, fontsize=style.LARGE,
                    fontweight="bold", color=style.INK, va="top")  # fmt: skip
    off = gap[~np.eye(count, dtype=bool)]
    i, j = np.unravel_index(np.argmax(gap), gap.shape)
    likeness = np.asarray(view["likeness"])[~np.eye(count, dtype=bool)].mean()
    return Picture(
        style.save(figure, folder / "pairs.png"),
        "How columns hang together",
        "The darker, the more one column tells of the other (Cramér's V, numbers in bins). Good: the first two look "
        f"the same and the third, whose colours are twice as strong, is pale. The mean difference is {off.mean():.3f}, "
        f"the largest {gap[i, j]:.2f} ({names[i]} and {names[j]}); mean likeness of all pairs {likeness:.3f}.",
        width=1060,
    )


# ---------------------------------------------------------------------- the rest


def surprise(view: Mapping[str, Any], folder: Path) -> Picture:
    """How surprising all rows are, and where the oddest lie."""
    bits = np.asarray(view["bits"], dtype=np.float64)
    figure = style.figure(10.2, 2.2)
    axes = style.plain(figure.add_axes((0.05, 0.26, 0.93, 0.68)))
    axes.hist(bits, bins=60, color=REAL, alpha=0.75)
    for row in view["rows"]:
        axes.plot([row["bits"]] * 2, [0, axes.get_ylim()[1] * 0.16], color=style.RED, linewidth=1.6)
    axes.set_xlabel("surprise of a row, in bits; the oddest are marked red", color=style.SOFT, fontsize=style.SMALL)
    axes.set_ylabel("rows", color=style.SOFT, fontsize=style.SMALL)
    return Picture(style.save(figure, folder / "surprise.png"), "All rows by their surprise",
                   "Rows far to the right are unlike the others.", width=900)  # fmt: skip


def stretches(view: Sequence[Mapping[str, Any]], path: Path, told: str, title: str, words: str) -> Picture:
    """Stretches of channels: what they hold, and what was told of what had been hidden."""
    height = 1.75
    whole = height * len(view) + 0.5
    figure = style.figure(11.4, whole)
    for i, channel in enumerate(view):
        axes = style.plain(figure.add_axes((0.06, (whole - 0.25 - height * (i + 1) + 0.42) / whole, 0.93, 1.1 / whole)))
        numbers = {name: np.array(channel[name], dtype=np.float64) for name in ("truth", "fill", "low", "high")}
        hidden = np.array(channel["hidden"], dtype=bool)
        at = channel["first"] + np.arange(len(hidden))
        only = lambda x, where: np.where(where, x, np.nan)
        near = hidden | np.r_[hidden[1:], False] | np.r_[False, hidden[:-1]]  # joined to what is known beside it
        axes.fill_between(at, only(numbers["low"], hidden), only(numbers["high"], hidden), color=MADE, alpha=0.18,
                          linewidth=0, step="mid")  # fmt: skip
        axes.plot(at, numbers["truth"], color=REAL, linewidth=1.1)
        axes.plot(at, only(np.where(hidden, numbers["fill"], numbers["truth"]), near), color=MADE, linewidth=1.5)
        axes.set_xlim(at[0], at[-1])
        axes.locator_params(axis="y", nbins=4)
        axes.set_title(channel["channel"], loc="left", fontsize=style.PLAIN, fontweight="bold", color=style.INK, pad=3)
    for x, name, colour in ((0.74, "■ what was there", REAL), (0.9, f"■ {told}", MADE)):
        figure.text(x, 1 - 0.06 / whole, name, fontsize=style.PLAIN, color=colour, va="top", fontweight="bold")
    return Picture(style.save(figure, path), title, words, width=1060)


def calibration(jobs: Mapping[str, Any], folder: Path) -> Picture:
    """What was said beside what was seen: probabilities of classes, intervals of numbers."""
    panels = [
        ("predict", "predicted classes", "how sure the model was", "how often it was right"),
        ("impute", "intervals of filled numbers", "asked to hold this share", "held this share"),
    ]
    panels = [panel for panel in panels if jobs.get(panel[0], {}).get("curve")]
    figure = style.figure(0.9 + 4.6 * len(panels), 4.3)
    for k, (job, title, x, y) in enumerate(panels):
        whole = 0.9 + 4.6 * len(panels)
        axes = style.plain(figure.add_axes(((0.75 + 4.6 * k) / whole, 0.14, 3.7 / whole, 0.74)))
        curve = jobs[job]["curve"]
        said, seen = ([point[name] for point in curve] for name in ("said", "seen"))
        axes.plot([0, 1], [0, 1], color=style.LINE, linewidth=1.4, zorder=1)
        for point in curve:
            spread = 2 * np.sqrt(max(point["seen"] * (1 - point["seen"]), 1e-4) / point["count"])
            axes.plot([point["said"]] * 2, [max(0, point["seen"] - spread), min(1, point["seen"] + spread)],
                      color=MADE, alpha=0.45, linewidth=2)  # fmt: skip
        axes.plot(said, seen, "o-", color=MADE, markersize=6, linewidth=1.2)
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.02, 1.02)
        axes.set_xlabel(x, color=style.SOFT, fontsize=style.PLAIN)
        axes.set_ylabel(y, color=style.SOFT, fontsize=style.PLAIN)
        style.title(axes, title, pad=8)
    return Picture(
        style.save(figure, folder / "calibration.png"),
        "Does it know how sure it may be?",
        "Below the grey line the model is too sure of itself, above it too careful. Bars show what chance alone does. "
        "Intervals of numbers that many rows share hold more than they must.",
    )


def training(view: Mapping[str, Any], folder: Path) -> Picture:
    """The surprise of held-out rows over the steps."""
    step, bits = np.asarray(view["step"]), np.asarray(view["bits"])
    figure = style.figure(10.2, 3.0)
    axes = style.plain(figure.add_axes((0.075, 0.19, 0.9, 0.74)), grid="y")
    axes.plot(step, bits, "o-", color=MADE, markersize=4, linewidth=1.6)
    best = int(bits.argmin())
    axes.annotate(f"{bits[best]:.2f} bits", (step[best], bits[best]), (0, 12), textcoords="offset points", ha="center",
                  color=style.INK, fontsize=style.PLAIN, fontweight="bold")  # fmt: skip
    axes.set_ylim(top=float(np.quantile(bits, 0.9) + 0.25 * np.ptp(bits)))
    axes.set_xlabel(f"steps ({view['seconds'][-1]:.0f} s in all)", color=style.SOFT, fontsize=style.SMALL)
    axes.set_ylabel("held-out bits a row", color=style.SOFT, fontsize=style.SMALL)
    return Picture(style.save(figure, folder / "training.png"), "Held-out surprise while the model was fitted",
                   "Lower is better. Of values as the model sees them, so not to be compared between data sets.",
                   width=900)  # fmt: skip
