"""Properties of molecules, computed: columns that stand beside them and can be asked for."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vaery.core.errors import DataError
from vaery.kinds.molecule.field import as_texts
from vaery.kinds.molecule.smiles import allowing, need

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("logP", "QED", "SAS", "weight", "TPSA")


def properties(molecules: Any) -> pd.DataFrame:
    """What chemists ask of a molecule, by RDKit; nulls where there is none that can be read.

    ``logP``: octanol and water, by atoms (Wildman and Crippen, 1999). ``QED``: how like a drug, 0 to 1 (Bickerton et
    al., 2012). ``SAS``: how hard to make, 1 to 10 (Ertl and Schuffenhauer, 2009). ``weight``: of a mole, in grams.
    ``TPSA``: polar surface, in square ångströms (Ertl, Rohde and Selzer, 2000).

    Args:
        molecules: SMILES, a list or a column; a column's index is kept.

    Raises:
        MissingExtra: RDKit or selfies is not installed.

    >>> properties(["CCO", None])["weight"].round(2).tolist()
    [46.07, nan]
    """
    chem, _ = need()
    import pandas as pd

    with allowing():
        read = [None if text is None else chem.MolFromSmiles(text) for text in as_texts(molecules, "molecules")]
        rows = [
            [float("nan")] * len(COLUMNS) if not found or not found.GetNumAtoms() else _row(found) for found in read
        ]
    return pd.DataFrame(
        rows, columns=list(COLUMNS), index=getattr(molecules, "index", None) if hasattr(molecules, "iloc") else None
    )


def _row(molecule: Any) -> list[float]:
    from rdkit.Chem import QED, Crippen, Descriptors, rdMolDescriptors

    crippen: Any = Crippen  # functions of these two are made at run time: no type checker knows them
    descriptors: Any = Descriptors
    return [
        crippen.MolLogP(molecule),
        QED.qed(molecule),
        _scorer().calculateScore(molecule),
        descriptors.MolWt(molecule),
        rdMolDescriptors.CalcTPSA(molecule),
    ]


@cache
def _scorer() -> Any:
    """The module of the synthetic accessibility score, which RDKit's wheel keeps among its contributions."""
    from rdkit import RDConfig

    path = Path(RDConfig.RDContribDir) / "SA_Score" / "sascorer.py"
    found = importlib.util.spec_from_file_location("sascorer", path)
    if found is None or found.loader is None or not path.exists():
        raise DataError(f"this RDKit has no {path}, which SAS is computed with; install RDKit's own wheel from PyPI")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module
