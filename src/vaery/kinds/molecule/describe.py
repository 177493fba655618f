"""Looking at molecules: what a field has to know of them."""

from __future__ import annotations

from collections import Counter
from typing import Any

from vaery.core.errors import DataError, choice
from vaery.core.tokens import FIRST
from vaery.kinds.molecule.field import MoleculeField
from vaery.kinds.molecule.pieces import cut, learn
from vaery.kinds.molecule.raw import as_texts, shown
from vaery.kinds.molecule.smiles import Molecule, allowing, molecule

FEW = 2000  # molecules; so few are written otherwise in training


def describe(
    raw: Any, name: str = "molecule", likelihood: str = "autoregressive", varied: bool | str = "auto"
) -> MoleculeField:
    """Look at molecules: which symbols there are, how long they are and which bonds atoms have.

    Args:
        raw: SMILES.
        name, likelihood: of the field.
        varied: whether training sees half of them written from another atom on; ``"auto"``: where they are few.

    Raises:
        DataError: there is none that can be read; the message says what is wrong with the first.
        MissingExtra: RDKit or selfies is not installed.
        ChoiceError: ``varied`` is neither.
    """
    if varied not in ("auto", True, False):
        raise choice("varied", varied, ("auto", True, False))
    texts = as_texts(raw, name)
    molecules: list[list[str]] = []
    bonds: dict[str, int] = {}
    wrong = ""
    with allowing():
        for row, text in enumerate(texts):
            found = None if text is None else molecule(text)
            if isinstance(found, Molecule):
                molecules.append(found.symbols)
                bonds |= {atom: most for atom, most in found.bonds if most > bonds.get(atom, 0)}
            else:
                wrong = wrong or f": row {row}, {shown(str(text))}, {found or 'is empty'}"
    counts = Counter(symbol for symbols in molecules for symbol in symbols)
    if not counts:
        raise DataError(f"{name}: no molecule can be read{wrong}; SMILES were expected, for instance 'CCO'")
    symbols = tuple(sorted(counts, key=lambda symbol: (-counts[symbol], symbol)))
    code = {symbol: FIRST + i for i, symbol in enumerate(symbols)}
    written = [[code[symbol] for symbol in symbols] for symbols in molecules]
    pairs = learn(written, FIRST + len(symbols))
    longest = max(map(len, cut(written, FIRST + len(symbols), pairs)))
    return MoleculeField(
        name, likelihood, symbols, pairs, longest + longest // 4 + 2, dict(sorted(bonds.items())),
        varied=len(molecules) <= FEW if varied == "auto" else bool(varied),
    )  # fmt: skip
