"""Sensor series: gaps filled with intervals, odd moments and the channels that did it, what may come next."""

import numpy as np
import pandas as pd

from vaery import VAE

hours = np.arange(2000)
flow = np.sin(2 * np.pi * hours / 24) + 0.1 * np.random.default_rng(0).normal(size=2000)
plant = pd.DataFrame({"flow": flow, "heat": 60 - 5 * flow}, pd.date_range("2024", periods=2000, freq="h"))
plant.iloc[700:710, 0] = np.nan
plant.iloc[1500:1512, 1] += 8
model = VAE().fit(plant, budget="1m")
filled = model.impute(plant, how="median", interval=0.9)
print(pd.concat(filled, axis=1).iloc[698:712].round(2))
print(model.detect(plant).query("event > 0").groupby("event").bits.agg(["size", "sum"]))
