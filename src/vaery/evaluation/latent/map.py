"""Where everything lies: a map of the latent, with the pictures themselves as its marks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from vaery.core.errors import DataError, QueryError, choice
from vaery.core.random import Random
from vaery.evaluation.latent.colours import SHADES, Colouring, colouring
from vaery.evaluation.latent.drawing import Drawing
from vaery.evaluation.latent.tiles import image_field, images_of, tiles
from vaery.jobs.embed import embed
from vaery.report import charts, style
from vaery.schema import read

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vaery.core.evidence import Evidence
    from vaery.model import VAE

WIDTH, MARGIN, HEAD, FOOT = 9.0, 0.12, 0.42, 0.3  # inches
SIDE, RING, GAP = 48, 4, 2  # pixels of a tile at least, of the colour around it, of the white around that
WAYS = ("pca", "tsne")


def latent_map(
    model: VAE,
    X: Any,
    *,
    coordinates: str | ArrayLike,
    labels: str | ArrayLike | None,
    across: int,
    most: int,
    invert: bool,
    field: str | None,
    seed: int,
) -> Drawing:
    """See :meth:`vaery.VAE.map`."""
    style.figure(1, 1)  # without matplotlib, say so before the work
    name = image_field(model, field)
    if across < 2:
        raise QueryError(f"across={across}: a map is at least 2 pictures wide")
    raw, marks = told_apart(read(X), labels)
    evidence = model.schema_.pack(raw)
    if evidence.rows < 3:
        raise QueryError(f"a map shows how rows lie to one another: at least 3 are needed, {evidence.rows} came")
    marks = None if marks is None else _one_each(marks, evidence.rows, "labels")
    rows = sample(evidence.rows, most, seed)
    where, axes = placed(model, evidence[torch.as_tensor(rows)], coordinates, rows, evidence.rows, seed)
    cells, size = mosaic(where, across)
    chosen = np.array(sorted(cells.values()))
    (shown,) = tiles(images_of(model, evidence[torch.as_tensor(rows[chosen])], name), invert=invert)
    colours = None if marks is None else colouring(marks[rows])
    figure = _draw(dict(zip(chosen.tolist(), shown, strict=True)), cells, colours, axes)
    about = {"rows": rows, "coordinates": where, "axes": axes, "shown": rows[chosen], "cell": size}
    return Drawing(figure, about)


# ------------------------------------------------------------------ where rows lie


def told_apart(raw: Any, labels: Any) -> tuple[Any, NDArray[Any] | None]:
    """The rows that are placed, and what they are coloured by. A field that colours does not place."""
    if labels is None:
        return raw, None
    if not isinstance(labels, str):
        return raw, np.asarray(labels)
    if not isinstance(raw, Mapping):
        raise QueryError(f"labels={labels!r} names a field, and these rows have none; give labels as an array")
    if labels not in raw:
        raise choice("field of labels", labels, raw)
    return {name: part for name, part in raw.items() if name != labels}, np.asarray(raw[labels])


def sample(rows: int, most: int, seed: int) -> NDArray[np.int64]:
    """The numbers of so many rows at random, in order."""
    if rows <= most:
        return np.arange(rows)
    rng = np.random.default_rng(seed)
    return np.sort(rng.choice(rows, most, replace=False))


def placed(
    model: VAE, some: Evidence, coordinates: Any, rows: NDArray[np.int64], of: int, seed: int
) -> tuple[NDArray[np.float64], list[str]]:
    """``[N, 2]`` and what the axes are."""
    if not isinstance(coordinates, str):
        return _one_each(np.asarray(coordinates, dtype=np.float64), of, "coordinates", (2,))[rows], ["", ""]
    if coordinates not in WAYS:
        raise choice("way to place rows", coordinates, WAYS)
    z = embed(model.joint_, some.to(model.joint_.device), rng=Random(0, model.joint_.device, share_rows=True))
    z = z.double().cpu().numpy()
    return principal(z) if coordinates == "pca" else _neighbours(z, seed)


def principal(z: NDArray[np.float64]) -> tuple[NDArray[np.float64], list[str]]:
    """The two directions in which rows differ most (Pearson, 1901), and their share of all differences.

    >>> principal(np.array([[0.0, 0.0], [4.0, 0.0], [2.0, 1.0]]))[1]
    ['first principal component, 92 % of variance', 'second principal component, 8 % of variance']
    """
    z = np.column_stack([z, np.zeros(len(z))]) if z.shape[1] == 1 else z
    _, size, directions = np.linalg.svd(z - z.mean(0), full_matrices=False)
    two = directions[:2]
    two = two * np.where(two[np.arange(2), np.abs(two).argmax(1)] < 0, -1.0, 1.0)[:, None]  # else free
    share = size**2 / max(float((size**2).sum()), 1e-300)
    words = [f"{name} principal component, {100 * part:.0f} % of variance"
             for name, part in zip(("first", "second"), share, strict=False)]  # fmt: skip
    return (z - z.mean(0)) @ two.T, words


def _neighbours(z: NDArray[np.float64], seed: int) -> tuple[NDArray[np.float64], list[str]]:
    from sklearn.manifold import TSNE

    near = TSNE(init="pca", perplexity=min(30.0, (len(z) - 1) / 3), random_state=seed, max_iter=500)
    return near.fit_transform(z).astype(np.float64), ["placed by t-SNE: near ones are alike, far ones mean little", ""]


def _one_each(array: NDArray[Any], rows: int, what: str, rest: tuple[int, ...] = ()) -> NDArray[Any]:
    if array.shape != (rows, *rest):
        raise DataError(f"{what}= must be {[rows, *rest]}, one for each row; the shape {list(array.shape)} came")
    if array.dtype.kind == "f" and rest and not np.isfinite(array).all():
        raise DataError(f"{what}= of row {int((~np.isfinite(array)).any(1).argmax())} are not finite")
    return array


def mosaic(where: NDArray[np.float64], across: int) -> tuple[dict[tuple[int, int], int], float]:
    """Places cut into square cells, so many along the longer side: (column, row) of each cell in which anything lies →
    the one nearest to its middle; and the side of a cell. Rows count upwards.

    >>> mosaic(np.array([[0.0, 0.0], [0.4, 0.6], [9.0, 1.0], [10.0, 0.0]]), across=10)
    ({(0, 0): 1, (9, 0): 3, (9, 1): 2}, 1.0)
    """
    low = where.min(0)
    size = float((where.max(0) - low).max()) / across or 1.0
    cell = np.minimum(((where - low) / size).astype(np.int64), across - 1)
    off = np.square((where - low) / size - cell - 0.5).sum(1)
    order = np.lexsort((off, cell[:, 1], cell[:, 0]))
    first: dict[tuple[int, int], int] = {}
    for row in order.tolist():
        first.setdefault((int(cell[row, 0]), int(cell[row, 1])), row)
    return first, size


# ------------------------------------------------------------------ the picture


def _draw(
    shown: dict[int, NDArray[np.uint8]],
    cells: dict[tuple[int, int], int],
    colours: Colouring | None,
    axes: list[str],
) -> Figure:
    canvas = _canvas(shown, cells, colours)
    side = FOOT if axes[1] else MARGIN
    inner = WIDTH - side - MARGIN
    tall = inner * canvas.shape[0] / canvas.shape[1]
    if tall > 1.2 * WIDTH:  # a map that is taller than wide
        inner, tall = inner * 1.2 * WIDTH / tall, 1.2 * WIDTH
    head = HEAD if colours is not None else MARGIN
    height = head + tall + FOOT
    figure = style.figure(WIDTH, height)
    left = side + (WIDTH - side - MARGIN - inner) / 2
    plot = figure.add_axes((left / WIDTH, FOOT / height, inner / WIDTH, tall / height))
    plot.imshow(canvas, interpolation="lanczos", aspect="auto")
    plot.axis("off")
    soft = {"color": style.SOFT, "fontsize": style.SMALL}
    middle = (left + inner / 2) / WIDTH
    figure.text(middle, 0.08 / height, f"{axes[0]} →" if axes[1] else axes[0], ha="center", va="bottom", **soft)
    if axes[1]:
        beside = (left - 0.1) / WIDTH
        figure.text(beside, (FOOT + tall / 2) / height, f"{axes[1]} →", rotation=90, ha="right", va="center", **soft)
    if colours is not None:
        _legend(figure, colours, 1 - 0.5 * HEAD / height)
    return figure


def _canvas(
    shown: dict[int, NDArray[np.uint8]], cells: dict[tuple[int, int], int], colours: Colouring | None
) -> NDArray[np.uint8]:
    """All tiles where they belong, with their colour around them, on white."""
    side = len(next(iter(shown.values())))
    scale = max(1, -(-SIDE // side))
    pitch = scale * side + 2 * (RING + GAP)
    columns, rows = (1 + max(cell[axis] for cell in cells) for axis in (0, 1))
    canvas = np.full((rows * pitch, columns * pitch, 3), 255, dtype=np.uint8)
    for (x, y), row in cells.items():
        top, left = (rows - 1 - y) * pitch + GAP, x * pitch + GAP
        box = pitch - 2 * GAP
        canvas[top : top + box, left : left + box] = (213, 219, 226) if colours is None else colours.rgb[row]
        inside = slice(top + RING, top + box - RING), slice(left + RING, left + box - RING)
        canvas[inside] = shown[row].repeat(scale, 0).repeat(scale, 1)
    return canvas


def _legend(figure: Figure, colours: Colouring, y: float) -> None:
    """What colours mean, in one line on top."""
    plain = {"color": style.INK, "fontsize": style.PLAIN, "va": "center"}
    if colours.ends is not None:
        bar = figure.add_axes((0.35, y - 0.006, 0.3, 0.012))
        from matplotlib.colors import LinearSegmentedColormap

        ramp = LinearSegmentedColormap.from_list("shades", SHADES)
        bar.imshow(np.linspace(0, 1, 256)[None], cmap=ramp, aspect="auto")
        bar.axis("off")
        figure.text(0.34, y, charts.number(colours.ends[0]), ha="right", **plain)
        figure.text(0.66, y, charts.number(colours.ends[1]), ha="left", **plain)
        return
    wide = [len(name) + 3.5 for name, _ in colours.names]
    step = min(0.0135, 0.96 / sum(wide))
    x = 0.5 - step * sum(wide) / 2
    for (name, colour), width in zip(colours.names, wide, strict=True):
        figure.text(x, y, "■", color=colour, fontsize=style.LARGE, va="center")
        figure.text(x + 1.7 * step, y, name, **plain)
        x += step * width
