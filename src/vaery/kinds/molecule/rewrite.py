"""The same molecules written otherwise: begun at another atom, and with branches in another order."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from vaery.core.random import Random
from vaery.kinds.molecule.smiles import allowing, decoded, need, split

if TYPE_CHECKING:
    from vaery.kinds.molecule.field import MoleculeField

SHARE = 0.5  # of the molecules
SEEDS = 2**31


def rewritten(field: MoleculeField, value: Tensor, known: Tensor | None, rng: Random) -> tuple[Tensor, Tensor | None]:
    """Packed molecules, half of those that are known as a whole as one of their other SMILES (Arús-Pous et al., 2019).

    One that then has a symbol which the field does not know, or is too long for it, stays as it is.
    """
    rows = len(value)
    turn, seeds = rng.uniform((rows,)).cpu() < SHARE, rng.integers(1, SEEDS, (rows,)).tolist()
    if known is not None:
        turn &= known.all(1).cpu()
    which = turn.nonzero()[:, 0].tolist()
    with allowing():
        found = {row: field.written(_otherwise(tuple(field.spelled(value[row].tolist())), seeds[row])) for row in which}
    kept = {row: codes for row, codes in found.items() if codes is not None}
    if not kept:
        return value, known
    placed = torch.tensor(list(kept.values()), dtype=value.dtype, device=value.device)
    value = value.clone()
    value[torch.tensor(list(kept), device=value.device)] = placed
    return value, known


def _otherwise(symbols: tuple[str, ...], seed: int) -> list[str]:
    """The symbols of another SELFIES of the same molecule."""
    chem, selfies = need()
    read = _read(symbols)
    if read is None or not read.GetNumAtoms():
        return list(symbols)
    (smiles,) = chem.MolToRandomSmilesVect(read, 1, randomSeed=seed)
    try:
        return split(selfies.encoder(smiles, strict=False))
    except selfies.EncoderError:
        return list(symbols)


@lru_cache(maxsize=1 << 14)
def _read(symbols: tuple[str, ...]) -> Any:
    """The molecule as RDKit has it; ``None``: it cannot read it."""
    chem, _ = need()
    return chem.MolFromSmiles(decoded(list(symbols)))
