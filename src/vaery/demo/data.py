"""The demo's data: real rows that come with scikit-learn, split into rows to fit and rows held out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

Images = NDArray[Any]
SHADES = 16  # the darkest pixel of scikit-learn's digits
SPLIT = 1  # seed of what is held out; settings were tried on another split
SIDES = ("top", "bottom", "left", "right")


@dataclass(frozen=True)
class Digits:
    """Handwritten digits.

    Attributes:
        images: ``[N, 8, 8]`` uint8, 0 is paper and 16 is ink.
        labels: ``[N]`` which digit it is.
    """

    images: Images
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, rows: Any) -> Digits:
        return Digits(self.images[rows], self.labels[rows])

    @property
    def flat(self) -> NDArray[np.float64]:
        """``[N, 64]``"""
        return self.images.reshape(len(self), -1).astype(np.float64)


def digits() -> tuple[Digits, Digits]:
    """scikit-learn's handwritten digits: 1347 to fit and 450 held out, each class in the same share."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    loaded: Any = load_digits()
    rows = Digits(loaded.images.astype(np.uint8), loaded.target.astype(np.int64))
    fit, test = train_test_split(np.arange(len(rows)), test_size=450, stratify=rows.labels, random_state=SPLIT)
    return rows[fit], rows[test]


def breast_cancer() -> tuple[pd.DataFrame, pd.DataFrame]:
    """scikit-learn's Wisconsin breast cancer table, 30 numbers and ``diagnosis``: 398 rows to fit, 171 held out."""
    from sklearn.datasets import load_breast_cancer
    from sklearn.model_selection import train_test_split

    loaded: Any = load_breast_cancer(as_frame=True)
    frame = loaded.data.assign(diagnosis=loaded.target_names[loaded.target])
    fit, test = train_test_split(np.arange(len(frame)), test_size=171, stratify=frame["diagnosis"], random_state=SPLIT)
    return frame.iloc[fit].reset_index(drop=True), frame.iloc[test].reset_index(drop=True)


def half(side: str, shape: tuple[int, int] = (8, 8)) -> NDArray[np.bool_]:
    """Which pixels of a picture are in this half.

    >>> half("left", (1, 4)).tolist()
    [[True, True, False, False]]
    """
    height, width = shape
    row, column = np.mgrid[:height, :width]
    chosen = {"top": row < height // 2, "bottom": row >= height // 2, "left": column < width // 2}
    return chosen.get(side, column >= width // 2)


def with_halves_hidden(images: Images) -> np.ma.MaskedArray[Any, Any]:
    """The same pictures, of each one half hidden: the top, the bottom, the left, the right, and again."""
    hidden = np.stack([half(SIDES[i % 4]) for i in range(len(images))]) if len(images) else images.astype(bool)
    return np.ma.masked_array(images, hidden)


def with_oddities(test: Digits, rng: np.random.Generator, share: float = 0.1) -> tuple[Digits, NDArray[np.bool_]]:
    """Some of the digits made odd: half of them turned on their side, half glued from two different digits.

    Digits that look the same on their side (0 and 8 nearly do) are not turned.

    Returns:
        The digits, and which of them are odd.
    """
    count = int(share * len(test) / 2)
    turned = rng.permutation(np.flatnonzero(~np.isin(test.labels, (0, 8))))[:count]
    glued = rng.permutation(np.setdiff1d(np.arange(len(test)), turned))[:count]
    images, odd = test.images.copy(), np.zeros(len(test), dtype=bool)
    odd[turned] = odd[glued] = True
    images[turned] = np.rot90(test.images[turned], axes=(1, 2))
    for row in glued:
        other = rng.choice(np.flatnonzero(test.labels != test.labels[row]))
        images[row, 4:] = test.images[other, 4:]
    return replace(test, images=images), odd


def with_gaps(frame: pd.DataFrame, rng: np.random.Generator, share: float = 0.2) -> pd.DataFrame:
    """The same numbers with this share of the cells emptied."""
    return frame.mask(rng.random(frame.shape) < share)
