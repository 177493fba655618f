"""Pictures and their labels in one model: draw, finish, interpolate, classify.

    python examples/images.py

The data comes with scikit-learn: 1,797 handwritten digits of 8 × 8 pixels. Pictures are written to this folder.
"""

import numpy as np
from sklearn.datasets import load_digits

from vaery import VAE
from vaery.kinds.image import grid

digits = load_digits()
order = np.random.default_rng(0).permutation(len(digits.images))
images, labels = digits.images[order].astype(np.uint8), digits.target[order]
images, labels, test, truth = images[:1500], labels[:1500], images[1500:], labels[1500:]

# Two fields. The label is a field like any other: it may be given, or missing.
model = VAE(columns={"label": "categorical"}).fit({"image": images, "label": labels}, budget="1m")

# New digits, asked for by their label.
rows = [model.generate(8, given={"label": label}, seed=label)["image"] for label in range(10)]
grid(np.concatenate(rows), columns=8).save("new.png")

# The lower half is hidden; six ways to finish each digit. What is seen comes back as it was.
seen = np.ma.masked_array(test[:8], np.broadcast_to(np.arange(8)[:, None] >= 4, test[:8].shape))
ways = model.impute({"image": seen}, draws=6)
grid(np.concatenate([way["image"] for way in ways]), columns=8).save("finished.png")
assert all((way["image"][:, :4] == test[:8, :4]).all() for way in ways)

# From one digit to another.
way = model.interpolate({"image": test[:6]}, {"image": test[6:12]}, steps=9)
grid(way["image"], columns=9).save("way.png")

# Digits that were not in the fit, without their label.
guess = model.predict({"image": test}, target="label")
print(f"{np.mean(guess == truth):.0%} of {len(test)} new digits are read correctly")
print("wrote new.png, finished.png and way.png")
