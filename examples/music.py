"""Tunes: new ones, one that goes on from a beginning, and a missing bar filled.

    python examples/music.py

The tunes are scales that begin anywhere, made here; `VAE().fit("folder")` takes MIDI files instead, in the same way.
Needs `pip install 'vaery[music]'`.
"""

import numpy as np

from vaery import VAE
from vaery.kinds.music import Piece, grid, write

scale = [0, 2, 4, 5, 7, 9, 11, 12]
rolls = np.zeros((60, 16, 1, 128), np.uint8)  # [tunes, time, instruments, pitch]
for i, roll in enumerate(rolls):
    roll[range(16), 0, 55 + i % 12 + np.array(scale + scale[::-1])] = 1
tunes = [Piece(roll, grid=2) for roll in rolls]

model = VAE().fit(tunes, budget="1m")
new = model.generate(4)
gap = tunes[0].hide(bars=(1, 2))
(whole,) = model.impute([gap])
goes_on = model.generate(1, given={"music": tunes[0][:8]})
write(new, "new.mid")
write(new[:1], "new.wav")
grid([*new, gap, whole, *goes_on], columns=2).save("tunes.png")
print("wrote new.mid, new.wav and tunes.png")
