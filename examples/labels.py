"""Few labels: digits of which one in twenty has a name."""

import numpy as np
from sklearn.datasets import load_digits

from vaery import VAE

digits = load_digits()
label = np.where(np.arange(len(digits.target)) % 20 == 0, digits.target, -1)
data = {"image": digits.images[:600], "label": label[:600]}
model = VAE(target="label").fit(data, budget="15s")
guess = model.predict({"image": digits.images[600:1000]}, target="label")
print("right:", np.mean(guess == digits.target[600:1000]))
