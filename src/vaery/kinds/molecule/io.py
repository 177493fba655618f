"""Files of molecules: SMILES, one on a line, and SDF. Tables with a column of SMILES are read as tables."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import IO, Any, cast

from vaery.core.errors import DataError
from vaery.kinds.molecule.smiles import allowing, need

LINES = (".smi", ".smiles")
STRUCTURES = (".sdf", ".sd")
PICTURES = (".png", ".svg")
SUFFIXES = (*LINES, ".csv", *PICTURES)
HEADERS = ("smiles", "canonical_smiles")
COLUMN = "smiles"


def is_file(path: Any) -> bool:
    """Whether this is the path of a file of molecules, by its suffix."""
    return _ending(path) in (*LINES, *STRUCTURES)


def read(path: str | os.PathLike[str]) -> Any:
    """The molecules in a file.

    Args:
        path: ``.smi`` (a SMILES and perhaps a name on each line) or ``.sdf``; also packed (``.gz``).

    Returns:
        A list of SMILES. An SDF file whose records have properties gives a frame: ``smiles``, and a column for each.
        Records that cannot be read are there as what stands in their place, and counted when they are packed.

    Raises:
        DataError: there is no molecule in it.
        MissingExtra: RDKit or selfies is not installed.
        FileNotFoundError: there is no such file.
    """
    need()
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}")
    try:
        found = _lines(path) if _ending(path) in LINES else _structures(path)
    except (UnicodeDecodeError, gzip.BadGzipFile, EOFError) as error:
        raise DataError(f"{path} cannot be read ({error}); a text file was expected") from error
    if len(found) == 0:
        raise DataError(f"{path} is empty; at least one molecule was expected")
    return found


def _lines(path: Path) -> list[str]:
    with _open(path) as file:
        lines = [line.decode("utf-8-sig").split() for line in file]
    first = [line[0] for line in lines if line and not line[0].startswith("#")]
    return first[1:] if first and first[0].lower() in HEADERS else first


def _structures(path: Path) -> Any:
    """A record that RDKit cannot read becomes a text that says where it stands, so that the warning can name it."""
    chem, _ = need()
    smiles, about = [], []
    with allowing(), _open(path) as file:
        for number, record in enumerate(chem.ForwardSDMolSupplier(file)):
            smiles.append(f"record {number} of {path.name}" if record is None else chem.MolToSmiles(record))
            about.append({} if record is None else record.GetPropsAsDict())
    if not any(about):
        return smiles
    import pandas as pd

    return pd.DataFrame({COLUMN: smiles}).join(pd.DataFrame(about).drop(columns=COLUMN, errors="ignore"))


def write(raw: Any, path: str | os.PathLike[str]) -> None:
    """SMILES to a file: one on a line (``.smi``), as a column (``.csv``), or as pictures (``.png``, ``.svg``).

    A path without a suffix gets ``.smi``. Molecules that are not known are blank.
    """
    path = Path(path)
    if path.suffix.lower() in PICTURES:
        from vaery.kinds.molecule.pictures import grid, svg

        known = [smiles for smiles in raw if smiles]
        if path.suffix.lower() == ".png":
            grid(known).save(path)
        else:
            path.write_text(svg(known), encoding="utf-8")
        return
    head = [COLUMN] if path.suffix.lower() == ".csv" else []
    text = "".join(f"{smiles or ''}\n" for smiles in [*head, *raw])
    (path if path.suffix else path.with_suffix(LINES[0])).write_text(text, encoding="utf-8")


def _open(path: Path) -> IO[bytes]:
    return cast("IO[bytes]", gzip.open(path)) if path.suffix.lower() == ".gz" else open(path, "rb")


def _ending(path: Any) -> str:
    return Path(os.fspath(path).lower().removesuffix(".gz")).suffix
