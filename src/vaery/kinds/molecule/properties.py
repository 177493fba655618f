"""Properties of molecules, computed: columns that stand beside them and can be asked for."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vaery.core.errors import DataError
from vaery.kinds.molecule.raw import as_texts
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
    need()
    import pandas as pd

    found = read(molecules)
    return pd.DataFrame(
        {name: measured(name, found) for name in COLUMNS},
        columns=list(COLUMNS),
        index=getattr(molecules, "index", None) if hasattr(molecules, "iloc") else None,
    )


def read(molecules: Any) -> list[Any]:
    """SMILES as RDKit's molecules, ``None`` where there is none."""
    chem, _ = need()
    with allowing():
        found = [None if text is None else chem.MolFromSmiles(text) for text in as_texts(molecules, "molecules")]
    return [one if one is not None and one.GetNumAtoms() else None for one in found]


def measured(name: str, molecules: Iterable[Any]) -> list[float]:
    """One property of RDKit's molecules, NaN where there is none."""
    function = functions()[name]
    with allowing():
        return [math.nan if one is None else float(function(one)) for one in molecules]


def functions() -> dict[str, Callable[[Any], float]]:
    """What computes each property."""
    from rdkit.Chem import QED, Crippen, Descriptors, rdMolDescriptors

    crippen: Any = Crippen  # functions of these two are made at run time: no type checker knows them
    descriptors: Any = Descriptors
    return {
        "logP": crippen.MolLogP,
        "QED": QED.qed,
        "SAS": lambda molecule: _scorer().calculateScore(molecule),
        "weight": descriptors.MolWt,
        "TPSA": rdMolDescriptors.CalcTPSA,
    }


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
