"""What every test shares: one thread, no window, repeatable examples."""

import os

os.environ.setdefault("MPLBACKEND", "Agg")

import torch
from hypothesis import settings

# The order of a sum decides its last bits; one thread gives one order.
torch.set_num_threads(1)

# A first call may be slow (imports, caches), which says nothing about the code under test.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")
