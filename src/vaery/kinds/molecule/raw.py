"""Molecules as they come: columns of SMILES, with gaps, beginnings, and rows that are none."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from vaery.core.errors import DataError

GAPS = ("nan", "<NA>", "NaT")  # how values that are none look
SHOWN = 3  # rows that a warning names


class InvalidMoleculeWarning(UserWarning):
    """Some rows hold no molecule that can be read; they count as unknown. To have an error instead, write
    ``warnings.simplefilter("error", vaery.kinds.molecule.InvalidMoleculeWarning)``."""


class Opened(str):
    """SELFIES of which some is open: a beginning, or pieces between bars."""


def is_beginning(item: Any) -> bool:
    """Whether this is the beginning of a SELFIES, ``("[C][C]", ...)``."""
    return isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str) and item[1] is ...


def as_texts(raw: Any, name: str) -> list[str | None]:
    """A column of SMILES (or RDKit molecules), from whatever it comes in; ``None`` where there is nothing."""
    items: Sequence[Any] = raw.tolist() if hasattr(raw, "tolist") else list(raw)
    made = []
    for row, item in enumerate(items):
        if type(item).__module__.startswith("rdkit."):
            from rdkit import Chem

            item = Chem.MolToSmiles(item)
        item = Opened(item[0]) if is_beginning(item) else item
        if not (item is None or isinstance(item, str) or str(item) in GAPS):
            raise DataError(f"{name}: row {row} holds {item!r} ({type(item).__name__}); a SMILES was expected")
        made.append(item if isinstance(item, Opened) else item.strip() if isinstance(item, str) else None)
    return made


def warn(name: str, texts: Sequence[str | None], wrong: Mapping[int, str]) -> None:
    """Say which rows hold no molecule."""
    if not wrong:
        return
    some = "; ".join(f"row {row}, {shown(str(texts[row]))}, {why}" for row, why in list(wrong.items())[:SHOWN])
    more = f" and {len(wrong) - SHOWN:,} more" if len(wrong) > SHOWN else ""
    warnings.warn(
        f"{name}: {len(wrong):,} of {len(texts):,} molecules cannot be used and count as unknown: {some}{more}",
        InvalidMoleculeWarning,
        stacklevel=3,
    )


def shown(text: str, most: int = 60) -> str:
    """A SMILES in a message, shortened."""
    return repr(text if len(text) <= most else text[: most - 1] + "…")
