"""Molecules as pictures, many on one sheet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from vaery.core.errors import DataError
from vaery.kinds.molecule.smiles import allowing, need

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE = 180  # pixels of one molecule
MOST = 100  # molecules on a sheet


def grid(molecules: Any, columns: int | None = None, labels: Sequence[Any] | None = None, side: int = SIDE) -> Image:
    """Molecules side by side on a white sheet, the first hundred of them.

    Args:
        molecules: SMILES.
        columns: molecules in a row; ``None``: as many as make the sheet square.
        labels: a caption for each.
        side: pixels of one.

    Raises:
        DataError: one of them cannot be read.

    >>> grid(["CCO", "c1ccccc1", "CC(=O)O"], columns=2, side=100).size
    (200, 200)
    """
    return _sheet(molecules, columns, labels, side, svg=False)


def svg(molecules: Any, columns: int | None = None, labels: Sequence[Any] | None = None, side: int = SIDE) -> str:
    """As :func:`grid`, as the text of an SVG file."""
    return str(_sheet(molecules, columns, labels, side, svg=True))


def _sheet(molecules: Any, columns: int | None, labels: Sequence[Any] | None, side: int, svg: bool) -> Any:
    need()
    from rdkit.Chem import Draw

    shown = list(molecules)[:MOST]
    columns = columns or max(1, math.ceil(math.sqrt(len(shown))))
    captions = None if labels is None else [str(label) for label in list(labels)[: len(shown)]]
    return Draw.MolsToGridImage(
        _read(shown), molsPerRow=columns, subImgSize=(side, side), legends=captions, useSVG=svg, returnPNG=False
    )


def _read(shown: Sequence[Any]) -> list[Any]:
    chem, _ = need()
    with allowing():
        found = [chem.MolFromSmiles(smiles) if isinstance(smiles, str) else None for smiles in shown]
    for row, (smiles, molecule) in enumerate(zip(shown, found, strict=True)):
        if molecule is None:
            raise DataError(f"molecule {row} is {smiles!r}, which is no SMILES that RDKit can read")
    return found
