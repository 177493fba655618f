"""SMILES and SELFIES: reading, canonical writing, and symbols from which every string is a molecule again.

SELFIES (Krenn et al., 2020) reads any string of its symbols as a molecule, given how many bonds each sort of atom may
have. Here these numbers are the most that were seen in the data.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from vaery.core.errors import extra

ANY = "?"  # what SELFIES calls atoms of which nothing else is said
MOST = 20  # more bonds than any atom has
LOCK = threading.RLock()
SYMBOL = re.compile(r"\[[^\]]*\]|\.")


@dataclass(frozen=True, slots=True)
class Molecule:
    """One molecule in the ways it is needed.

    Attributes:
        smiles: canonical (RDKit's).
        selfies: of that.
        bonds: sort of atom (``"C"``, ``"N+1"``) → the most bonds that any of them has, hydrogens included.
    """

    smiles: str
    selfies: str
    bonds: tuple[tuple[str, int], ...] = ()

    @property
    def symbols(self) -> list[str]:
        """The symbols of its SELFIES, in order."""
        return split(self.selfies)


def need() -> tuple[Any, Any]:
    """RDKit's ``Chem`` and ``selfies``.

    Raises:
        MissingExtra: one of them is not installed.
    """
    try:
        import selfies
        from rdkit import Chem
    except ImportError as error:
        raise extra("RDKit and selfies", "molecules", "reading molecules") from error
    return Chem, selfies


def installed() -> bool:
    """Whether RDKit and selfies are there."""
    try:
        need()
    except ImportError:
        return False
    return True


@contextmanager
def allowing(bonds: Mapping[str, int] = MappingProxyType({}), others: int = MOST) -> Iterator[None]:
    """SELFIES with these bonds at most, as it was before afterwards; RDKit keeps its complaints to itself."""
    _, selfies = need()
    from rdkit import rdBase

    with LOCK, rdBase.BlockLogs():
        before = selfies.get_semantic_constraints()
        selfies.set_semantic_constraints({**bonds, ANY: others})
        try:
            yield
        finally:
            selfies.set_semantic_constraints(before)


def molecule(text: str) -> Molecule | str:
    """A SMILES as a :class:`Molecule`, or why it cannot be one. To be called inside of :func:`allowing`.

    What is returned comes back from its SELFIES exactly; where that fails it is refused.
    """
    return _molecule(text)


@lru_cache(maxsize=1 << 18)  # a fit looks at its molecules twice, and a millisecond each is long
def _molecule(text: str) -> Molecule | str:
    chem, selfies = need()
    read = chem.MolFromSmiles(text)
    if read is None:
        return "is no SMILES that RDKit can read"
    smiles = chem.MolToSmiles(read)
    if not smiles:
        return Molecule("", "")
    try:
        written = selfies.encoder(smiles, strict=False)
    except selfies.EncoderError:
        return "cannot be written in SELFIES"
    if canonical(selfies.decoder(written)) != smiles:
        return "does not come back from SELFIES as it was"
    most: dict[str, int] = {}
    for atom in read.GetAtoms():
        charge = atom.GetFormalCharge()
        sort = atom.GetSymbol() + (f"{charge:+d}" if charge else "")
        most[sort] = max(most.get(sort, 1), atom.GetTotalValence())
    return Molecule(smiles, written, _same(tuple(sorted(most.items()))))


@lru_cache(maxsize=1 << 14)
def _same(bonds: tuple[tuple[str, int], ...]) -> tuple[tuple[str, int], ...]:
    """One copy of what many molecules share."""
    return bonds


def split(selfies: str) -> list[str]:
    """The symbols of a SELFIES.

    >>> split("[Na+].[C][O]")
    ['[Na+]', '.', '[C]', '[O]']
    """
    return SYMBOL.findall(selfies)


def canonical(text: str) -> str | None:
    """RDKit's canonical SMILES; ``None`` of what it cannot read."""
    chem, _ = need()
    read = chem.MolFromSmiles(text)
    return None if read is None else chem.MolToSmiles(read)


def filled(text: str) -> str | None:
    """Canonical SMILES of a molecule with hydrogens where electrons are unpaired; ``None`` of what RDKit cannot read.

    An atom that is drawn as one with a side (``[C@@H1]``, with three neighbours where it was learned) may have been
    left with fewer neighbours than it was meant to have.

    >>> filled("C[C@@H]CC")
    'CCCC'
    """
    chem, _ = need()
    read = chem.MolFromSmiles(text)
    if read is None:
        return None
    for atom in read.GetAtoms():
        if left := atom.GetNumRadicalElectrons():
            atom.SetNumRadicalElectrons(0)
            atom.SetNumExplicitHs(atom.GetNumExplicitHs() + left)
    return canonical(chem.MolToSmiles(read))


def decoded(symbols: list[str]) -> str:
    """What SELFIES makes of any symbols, a SMILES that is not canonical. To be called inside of :func:`allowing`."""
    _, selfies = need()
    return selfies.decoder("".join(symbols))


def to_selfies(smiles: str) -> str:
    """The SELFIES of one molecule, of its canonical SMILES; its beginning can be given, see :class:`MoleculeField`.

    Raises:
        ValueError: it cannot be read or written; the message says why.

    >>> to_selfies("OCC")
    '[C][C][O]'
    """
    with allowing():
        found = molecule(smiles)
    if isinstance(found, str):
        raise ValueError(f"{smiles!r} {found}")
    return found.selfies
