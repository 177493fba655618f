"""Images of any sort as small pictures of one sort."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vaery.core.errors import QueryError
from vaery.core.members import member

if TYPE_CHECKING:
    from vaery.core.evidence import Evidence
    from vaery.model import VAE


def image_field(model: VAE, asked: str | None = None) -> str:
    """The field that holds pictures: the one asked for, or the first.

    Raises:
        QueryError: there is none of that name, or none at all.
    """
    names = [field.name for field in model.fields_ if field.kind == "image"]
    if not names:
        raise QueryError(
            "this model holds no images, so there is nothing to draw; explain() says what its latent units do"
        )
    if asked is not None and asked not in names:
        raise QueryError(f"field={asked!r} holds no images; those that do: {', '.join(names)}")
    return asked or names[0]


def images_of(model: VAE, rows: Evidence, field: str) -> Any:
    """The images of packed rows as the array that was fitted, whatever they came in.

    Raises:
        QueryError: these rows hold none.
    """
    if field not in rows:
        raise QueryError(f"the pictures of {field!r} are to be drawn, and these rows hold none")
    rows = rows.to("cpu")
    return model.schema_[field].unpack(rows.values[field], rows.known[field])


def tiles(*images: Any, invert: bool = False) -> list[NDArray[np.uint8]]:
    """Sets of images → as many arrays ``[N, side, side, 3]``, all on one scale of brightness. A picture that is not
    square stands in the middle of a white square; pixels that are not known are orange.

    Args:
        images: arrays of one layout and size.
        invert: black for white and white for black.

    >>> [tile.shape for tile in tiles(np.zeros((5, 8, 6)), np.ones((2, 8, 6)))]
    [(5, 8, 8, 3), (2, 8, 8, 3)]
    """
    whole = np.ma.concatenate(images) if any(map(np.ma.isMaskedArray, images)) else np.concatenate(images)
    sheet = np.asarray(member("kinds", "image").grid(whole, columns=1, scale=1, gap=0))
    pixels = sheet.reshape(len(whole), -1, *sheet.shape[1:])
    squares = _square(255 - pixels if invert else pixels)
    return np.split(squares, np.cumsum([len(part) for part in images])[:-1])


def _square(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = pixels.shape[1:3]
    if height == width:
        return pixels
    side = max(height, width)
    out = np.full((len(pixels), side, side, 3), 255, dtype=np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    out[:, top : top + height, left : left + width] = pixels
    return out
