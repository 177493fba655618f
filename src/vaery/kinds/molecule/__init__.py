"""Molecules: SMILES in, canonical SMILES out, SELFIES inside, so that all that is drawn is a molecule.

RDKit and selfies are needed: ``pip install 'vaery[molecules]'``.
"""

from __future__ import annotations

import os
from typing import Any

from vaery.kinds.molecule.describe import describe
from vaery.kinds.molecule.field import MoleculeField
from vaery.kinds.molecule.io import SUFFIXES, is_file, read, write
from vaery.kinds.molecule.looks import is_smiles
from vaery.kinds.molecule.nets import decoder, encoder, suggest
from vaery.kinds.molecule.pictures import grid
from vaery.kinds.molecule.properties import properties
from vaery.kinds.molecule.raw import InvalidMoleculeWarning
from vaery.kinds.molecule.smiles import to_selfies

__all__ = [
    "SUFFIXES",
    "InvalidMoleculeWarning",
    "MoleculeField",
    "decoder",
    "describe",
    "encoder",
    "grid",
    "looks_like",
    "picks",
    "properties",
    "read",
    "suggest",
    "to_selfies",
    "write",
]


def looks_like(raw: Any) -> bool:
    """Whether this is molecules: files of them, RDKit's molecules, or a list or column that is nearly all SMILES."""
    if isinstance(raw, str | os.PathLike):
        return is_file(raw)
    module = type(raw).__module__.split(".")[0]
    column = isinstance(raw, list | tuple) or (module in ("numpy", "pandas", "polars") and getattr(raw, "ndim", 1) == 1)
    if not column or len(raw) == 0 or hasattr(raw, "columns"):
        return False
    values = raw if isinstance(raw, list | tuple) else raw.tolist() if hasattr(raw, "tolist") else raw.to_list()
    first = next((value for value in values if value is not None), None)
    return type(first).__module__.startswith("rdkit.") or is_smiles(values)


def picks(values: list[Any]) -> bool:
    """Whether a frame's column of texts is molecules."""
    return is_smiles(values)
