"""Molecules by their properties: fit, ask for a range, look at them. The molecules come with RDKit.

python examples/molecules.py
"""

from pathlib import Path

from rdkit import RDConfig

from vaery import VAE, between, read
from vaery.kinds.molecule import grid, properties

smiles = read(Path(RDConfig.RDDataDir) / "NCI" / "first_5K.smi")
model = VAE().fit({"molecule": smiles, "property": properties(smiles)}, budget="3m")
new = model.generate(12, given={"logP": between(2, 3), "QED": between(0.6, 1)}, seed=1)["molecule"]
grid(new, labels=[f"logP {x:.1f}" for x in properties(new)["logP"]]).save("molecules.png")
print("\n".join(new))
