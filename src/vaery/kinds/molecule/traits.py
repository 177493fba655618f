"""Numbers that tell what a molecule is like: how big, how greasy, which rings, which atoms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from vaery.core.field import ABSENT
from vaery.kinds.molecule.properties import functions, read
from vaery.kinds.molecule.smiles import allowing

ELEMENTS = (6, 7, 8, 9, 16, 17, 35)  # carbon, nitrogen, oxygen, fluorine, sulphur, chlorine, bromine


def traits(molecules: Sequence[str | None]) -> Tensor:
    """``[B, F]`` descriptors of SMILES by RDKit; :data:`~vaery.core.field.ABSENT` where there is none.

    Those whose distributions are compared where molecules are made (Brown et al., 2019, *GuacaMol*), and counts of
    atoms and rings.
    """
    computed = _functions()
    out = torch.full((len(molecules), len(computed) + len(ELEMENTS) + 3), ABSENT)
    with allowing():
        for row, molecule in enumerate(read(molecules)):
            if molecule is not None:
                out[row] = torch.tensor([*(float(f(molecule)) for f in computed), *_counts(molecule)])
    return out.nan_to_num(ABSENT)


def _functions() -> list[Callable[[Any], float]]:
    from rdkit.Chem import Descriptors, rdMolDescriptors

    descriptors: Any = Descriptors
    counts: Any = rdMolDescriptors
    own = functions()
    return [
        *(own[name] for name in ("logP", "SAS", "weight", "TPSA")),
        descriptors.BertzCT, descriptors.MolMR, counts.CalcFractionCSP3,
        descriptors.NumHAcceptors, descriptors.NumHDonors, descriptors.NumRotatableBonds,
        counts.CalcNumAliphaticRings, counts.CalcNumAromaticRings,
        counts.CalcNumHeterocycles, counts.CalcNumSpiroAtoms,
        counts.CalcNumBridgeheadAtoms, counts.CalcNumAtomStereoCenters,
    ]  # fmt: skip


def _counts(molecule: Any) -> list[float]:
    """Atoms of each element, the charge of all, the smallest and the largest ring (0: none)."""
    atoms = list(molecule.GetAtoms())
    rings = [len(ring) for ring in molecule.GetRingInfo().AtomRings()] or [0]
    found = [atom.GetAtomicNum() for atom in atoms]
    charge = sum(atom.GetFormalCharge() for atom in atoms)
    return [*(float(found.count(element)) for element in ELEMENTS), float(charge), float(min(rings)), float(max(rings))]
