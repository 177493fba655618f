"""What the latent of the digits has learned, in pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vaery import VAE
from vaery.demo.data import Digits
from vaery.demo.settings import Effort
from vaery.report.page import Picture


def units(model: VAE, test: Digits, folder: Path) -> Picture:
    """What each unit does to one digit."""
    three = int(np.flatnonzero(test.labels == 3)[0])
    drawing = model.traversals({"image": test.images}, around=three, units=4, invert=True)
    return Picture(
        drawing.save(folder / "digits-units.png"),
        "What each number does",
        "One digit in the middle; in each row one of the numbers that describe it is turned down and up, the others "
        "stay. Rows are in the order of how much a number tells; the red picture shows what it changes.",
        f"model.traversals(digits, around={three}, units=4, invert=True)",
    )


def mosaic(model: VAE, rows: Digits, test: Digits, folder: Path, effort: Effort) -> Picture:
    """The map, with the digits themselves as its marks."""
    images = np.concatenate([test.images, rows.images])[: effort.mapped]
    labels = np.concatenate([test.labels, rows.labels])[: effort.mapped]
    drawing = model.map({"image": images}, labels=labels, coordinates="tsne", across=30, invert=True)
    return Picture(
        drawing.save(folder / "digits-mosaic.png"),
        "The same map, with faces",
        f"Of {len(images)} digits, one for each place on the map: written alike, close together. The colour is the "
        "label.",
        'model.map(digits, labels=labels, coordinates="tsne", invert=True)',
        width=760,
    )
