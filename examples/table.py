"""A table with gaps: fit, fill, look for odd rows, tell one column from the others.

    python examples/table.py

The data comes with scikit-learn: measurements of three sorts of wine.
"""

import numpy as np
from sklearn.datasets import load_wine

from vaery import VAE

# Any frame will do. Here: 13 numbers and one label, a tenth of the cells empty.
wine = load_wine(as_frame=True).frame.rename(columns={"target": "sort"})
rng = np.random.default_rng(0)
hidden = rng.random(wine.shape) < 0.1
gaps = wine.mask(hidden)

# One model. It finds out by itself that `sort` is a category and the others are numbers.
model = VAE().fit(gaps)

# Best values for the gaps, and an interval that holds nine tenths of what each may be.
filled = model.impute(gaps, interval=0.9)
inside = (wine >= filled["low"]) & (wine <= filled["high"])
numbers = wine.columns.drop("sort")
covered = inside[numbers].to_numpy()[hidden[:, :-1]].mean()
print(f"{covered:.0%} of the hidden numbers lie in their 90 % interval")

# A wine that cannot be: the colour of one sort, the acids of another.
odd = wine.head(5).copy()
odd.loc[0, ["color_intensity", "malic_acid", "flavanoids"]] = [12.5, 5.8, 5.0]
found = model.detect(odd)
print(found[["bits", "p_value", "outlier"]].round(3))
print("why:", [f"{reason['cell']} {reason['bits']:.1f} bits" for reason in found.reasons[0]])

# Any column can be told from the others; the label is one of them.
guess = model.predict(wine.drop(columns="sort"), target="sort")
print(f"{(guess == wine.sort).mean():.0%} of the sorts are told from the measurements (most of them seen in the fit)")

model.save("wine.vaery")
