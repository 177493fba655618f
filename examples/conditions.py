"""Conditions: values, ranges and sets, rare ones too, and how far to trust the answer.

    python examples/conditions.py

The data is made here: rooms, size and rent of flats in three towns.
"""

import numpy as np
import pandas as pd

from vaery import VAE, between, one_of

rng = np.random.default_rng(0)
town = rng.choice(["Ulm", "Bonn", "Kiel"], 2000, p=[0.6, 0.3, 0.1])
rooms = rng.integers(1, 6, 2000)
size = (20 * rooms + rng.gamma(4, 5, 2000)).round()
rent = (size * np.where(town == "Bonn", 14, 10) * rng.normal(1, 0.1, 2000)).round(2)
flats = pd.DataFrame({"town": town, "rooms": rooms, "size": size, "rent": rent})

model = VAE().fit(flats, budget="30s")

# Whatever is given comes back as it is; the rest is drawn from the model given it.
small = model.generate(500, given={"town": "Kiel", "size": between(25, 45)}, seed=0)
assert (small.town == "Kiel").all()
assert small["size"].between(25, 45).all()
print("small flats in Kiel:")
print(small.describe().loc[["mean", "min", "max"]].round(1))

# The same question of the data has few rows to look at. Of the model it costs what any question costs.
few = flats[(flats.town == "Kiel") & flats["size"].between(25, 45)]
print(f"in the data there are {len(few)} of them; their mean rent is {few.rent.mean():.0f}, "
      f"the model's {small.rent.mean():.0f}")  # fmt: skip
print(f"effective sample size: {model.effective_sample_size_:.0f} of 32 candidates for each row")

# Sets and open ends.
dear = model.generate(500, given={"town": one_of("Bonn", "Ulm"), "rent": between(low=1200)}, seed=0)
print("rooms of dear flats:", dear.rooms.value_counts(normalize=True).sort_index().round(2).to_dict())

# A condition on the answer side: rows with gaps are conditions too, each row its own.
asked = pd.DataFrame({"town": ["Bonn", "Ulm"], "rooms": [3, 3], "size": [75.0, 75.0], "rent": [np.nan, np.nan]})
print(model.impute(asked))
