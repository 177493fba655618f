"""Several kinds in one record: a picture, a text and a number; any from any other, and what does not go together.

python examples/records.py
"""

import pandas as pd
from sklearn.datasets import load_digits

from vaery import VAE

digits = load_digits()
words = ["nought", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
notes = [f"Somebody wrote a {words[digit]}." for digit in digits.target]
frame = pd.DataFrame({"picture": list(digits.images.astype("uint8")), "note": notes, "ink": digits.images.sum((1, 2))})
model = VAE(kind={"note": "text"}, tokens="words", random_state=0).fit(frame, budget="5m")
print(model.generate(1, given={"note": notes[7]}, seed=0)["picture"][0])
print(model.impute(frame[["picture"]].head(5), draws=1, seed=0)[0])
odd = model.detect(frame.head(10).assign(note=notes[4:14]))
print(odd["p_value"].to_list(), odd["reasons"][0][0])
