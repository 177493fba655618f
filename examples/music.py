"""Tunes from a folder of MIDI files: new ones, one that goes on from a beginning, and a missing bar.

    python examples/music.py [folder]

Without a folder, the tunes are made here: scales that begin anywhere. Needs `pip install 'vaery[music]'`.
"""

import sys

import numpy as np

from vaery import VAE
from vaery.kinds.music import Piece, grid, read, write

if len(sys.argv) > 1:
    tunes = read(sys.argv[1])
else:
    steps = np.array([0, 2, 4, 5, 7, 9, 11, 12])
    rolls = np.zeros((60, 16, 1, 128), np.uint8)
    for i, roll in enumerate(rolls):
        roll[range(16), 0, 55 + i % 12 + np.concatenate([steps, steps[::-1]])] = 1
    tunes = [Piece(roll, grid=2) for roll in rolls]

model = VAE().fit(tunes, budget="2m")
new = model.generate(4)
(whole,) = model.impute([tunes[0].hide(bars=(1, 2))])
goes_on = model.generate(1, given={"music": tunes[0][:8]})
write(new, "new.mid")
write(new[:1], "new.wav")
grid([*new, tunes[0].hide(bars=(1, 2)), whole, *goes_on], columns=2).save("tunes.png")
print("wrote new.mid, new.wav and tunes.png")
