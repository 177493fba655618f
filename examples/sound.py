"""Sounds in a folder for each label: fit, ask for one of them, listen, look. Here tones that rise or fall.

python examples/sound.py
"""

import numpy as np

from vaery import VAE
from vaery.kinds.audio import grid, sounds, write

t, names = np.arange(4000) / 8000, np.array(["up", "down"] * 100)
tones = [np.sin(2 * np.pi * (500 + i) * t + (-1) ** i * 900 * t**2) * np.sin(2 * np.pi * t) for i in range(200)]
write({"sound": sounds(tones, rate=8000), "label": names}, "tones")
model = VAE().fit("tones", budget="2m")
new = model.generate(6, given={"label": "up"}, seed=1)["sound"]
write(new, "up.wav")
grid(new).save("up.png")
print(model.predict({"sound": new}, target="label"))
