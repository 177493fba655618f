"""Ten recipes with the highest yield at a cost below 40, and a function of one's own. The data is made here."""

import numpy as np
import pandas as pd

from vaery import VAE, between

heat, salt = np.random.default_rng(0).normal([60, 5], [10, 2], (1000, 2)).round(2).T
recipes = pd.DataFrame({"heat": heat, "salt": salt, "cost": heat / 4 + 3 * salt})
recipes["yield"] = 80 - (heat - 65) ** 2 / 10 + salt
model = VAE().fit(recipes.round(2), budget="30s")
print(model.optimise("yield", given={"cost": between(0, 40)}, n=10, calls=60).records)
print(model.optimise(lambda rows: 3 * rows["yield"] - rows.cost, calls=60, compare=True))
