"""How near some molecules are to others. Part of ``molecules.py``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import entropy, gaussian_kde

CONTINUOUS = ("BertzCT", "MolLogP", "MolWt", "TPSA")
WHOLE = ("NumHAcceptors", "NumHDonors", "NumRotatableBonds", "NumAliphaticRings", "NumAromaticRings")
TINY = 1e-10


def read(smiles: Sequence[str | None]) -> list[str | None]:
    """Canonical SMILES; ``None`` for what is no molecule, or has no atom."""
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        found = [None if text is None else Chem.MolFromSmiles(text) for text in smiles]
    return [Chem.MolToSmiles(mol) if mol is not None and mol.GetNumAtoms() else None for mol in found]


def sound(made: Sequence[str | None], train: set[str]) -> dict[str, float]:
    """The shares that are valid, unique among the valid, and novel among the unique (Brown et al., 2019)."""
    valid = [text for text in read(made) if text is not None]
    unique = set(valid)
    novel = len(unique - train) / max(1, len(unique))
    return {"valid": len(valid) / len(made), "unique": len(unique) / max(1, len(valid)), "novel": novel}


def descriptors(smiles: Sequence[str]) -> dict[str, np.ndarray]:
    """The nine physical and chemical descriptors of GuacaMol (Brown et al., 2019)."""
    from rdkit import Chem
    from rdkit.Chem import Descriptors

    molecules = [Chem.MolFromSmiles(text) for text in smiles]
    return {name: np.array([getattr(Descriptors, name)(mol) for mol in molecules]) for name in (*CONTINUOUS, *WHOLE)}


def kl_score(real: dict[str, np.ndarray], made: dict[str, np.ndarray]) -> float:
    """GuacaMol's mean of exp(−KL(real ‖ made)) over its nine descriptors; its tenth, the similarity of nearest
    neighbours, is left out."""
    return float(np.mean([np.exp(-divergence(real[name], made[name], name in CONTINUOUS)) for name in real]))


def divergence(real: np.ndarray, made: np.ndarray, continuous: bool) -> float:
    """KL(real ‖ made): of kernel densities at a thousand points, or of histograms with ten bins.

    >>> divergence(np.array([1, 1, 2, 3]), np.array([3, 2, 1, 1]), continuous=False)
    0.0
    """
    if continuous:
        both = np.concatenate([real, made])
        at = np.linspace(both.min(), both.max(), 1000)
        return float(entropy(gaussian_kde(real)(at) + TINY, gaussian_kde(made)(at) + TINY))
    p, bins = np.histogram(real, bins=10, density=True)
    q, _ = np.histogram(made, bins=bins, density=True)
    return float(entropy(p + TINY, np.nan_to_num(q) + TINY))  # nan: all are beyond the real ones
