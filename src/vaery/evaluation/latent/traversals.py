"""What each unit does, as a picture: rows are units, columns are values of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vaery.core.errors import QueryError
from vaery.evaluation.latent.drawing import Drawing
from vaery.evaluation.latent.tiles import image_field, images_of, tiles
from vaery.report import style
from vaery.report.sheet import Sheet
from vaery.schema import read

if TYPE_CHECKING:
    from vaery.model import VAE

STILL = 1e-6  # an offset that is none


def traversals(
    model: VAE,
    X: Any,
    *,
    units: int,
    steps: int,
    reach: float,
    around: int | None,
    invert: bool,
    field: str | None,
) -> Drawing:
    """See :meth:`vaery.VAE.traversals`."""
    style.figure(1, 1)  # without matplotlib, say so before the work
    name = image_field(model, field)
    report = model.explain(X, steps=steps, reach=reach, around=around, most=units)
    if "traversals" not in report:
        raise QueryError(report["sentence"])
    way = report["traversals"]
    made = way["records"][name] if model.schema_.wrapped else way["records"]
    real = images_of(model, model.schema_.pack(read(X)), name)
    shown, _ = tiles(made, real, invert=invert)  # beside real ones, so that a dark picture is shown dark
    shown = shown.reshape(len(way["units"]), steps, *shown.shape[1:])
    told = {unit["unit"]: unit["kl_bits"] for unit in report["units"]}
    about = {
        "units": way["units"],
        "offsets": way["offsets"],
        "bits": [told[unit] for unit in way["units"]],
        "active": report["active"],
        "around": around,
        "records": made,
    }
    return Drawing(_draw(shown, about), about)


def _draw(shown: NDArray[np.uint8], about: Mapping[str, Any]) -> Any:
    """``shown [U, T, H, W, 3]``, and at the right where each unit changes the picture."""
    units, steps = shown.shape[:2]
    change = spread(shown)
    sheet = Sheet(units, steps + 1, tile=_tile(steps), left=1.15, top=0.62, bottom=0.12, right=0.15,
                  column_breaks={steps: 0.35})  # fmt: skip
    for i in range(units):
        sheet.row_words(i, f"unit {about['units'][i]}\n{about['bits'][i]:.1f} bits", fontsize=style.SMALL)
        for j in range(steps):
            sheet.image(i, j, shown[i, j], 255)
            sheet.frame(i, j)
        sheet.image(i, steps, change[i], max(float(change.max()), 1.0), colours=style.heat())
        sheet.frame(i, steps)
    for j, offset in enumerate(about["offsets"]):
        middle = abs(offset) < STILL
        sheet.column_words(j, _offset(offset), fontsize=style.SMALL, color=style.INK if middle else style.SOFT,
                           fontweight="bold" if middle else "normal")  # fmt: skip
    sheet.column_words(steps, "changes", fontsize=style.SMALL, color=style.RED)
    whole = "the middle of all rows" if about["around"] is None else f"row {about['around']}"
    sheet.words_over(0, steps - 1, f"one unit moved, in standard deviations from {whole}\n", color=style.BLUE,
                     fontweight="bold", fontsize=style.PLAIN)  # fmt: skip
    return sheet.figure


def spread(shown: NDArray[Any]) -> NDArray[np.float64]:
    """``[U, T, H, W, 3]`` → ``[U, H, W]``: between what bounds each pixel moves along the way.

    >>> spread(np.array([0, 9, 3], dtype=np.uint8).reshape(1, 3, 1, 1, 1)).tolist()
    [[[9.0]]]
    """
    bright = shown.astype(np.float64).mean(-1)
    return bright.max(1) - bright.min(1)


def _tile(steps: int) -> float:
    """The side of a tile in inches, so that a row fits a page."""
    return float(np.clip(8.6 / (steps + 1), 0.34, 0.82))


def _offset(offset: float) -> str:
    """How far from the start, in standard deviations.

    >>> _offset(-1.3333), _offset(0.0), _offset(2.0)
    ('−1.33', '0', '+2')
    """
    return "0" if abs(offset) < STILL else f"{offset:+.3g}".replace("-", "−")
